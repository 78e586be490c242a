package schema

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
)

// genValue makes decoded values that are alike often.
func genValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := 0
		if depth > 0 {
			kind = rapid.IntRange(0, 2).Draw(t, "kind")
		}
		switch kind {
		case 1:
			return rapid.SliceOfN(genValue(depth-1), 0, 2).Draw(t, "list")
		case 2:
			return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "1:a"}), genValue(depth-1), 0, 2).Draw(t, "object")
		default:
			return rapid.SampledFrom([]any{"a", "b", "", "1:a", "a}", "true", true, false, json.Number("1"), json.Number("1.0"), 1.0, 1.5}).Draw(t, "scalar")
		}
	})
}

func TestFingerprintsAreEqualForEqualValuesOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genValue(2).Draw(t, "a"), genValue(2).Draw(t, "b")
		if equal := tree.Fingerprint(a) == tree.Fingerprint(b); equal != reflect.DeepEqual(a, b) {
			t.Fatalf("%q and %q", tree.Fingerprint(a), tree.Fingerprint(b))
		}
	})
}

func TestNormalizeIsStable(t *testing.T) {
	emails := User.Core.Find("emails")
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Custom(func(t *rapid.T) any {
			object := map[string]any{"value": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "value")}
			if kind := rapid.SampledFrom([]string{"", "work", "Work"}).Draw(t, "type"); kind != "" {
				object["type"] = kind
			}
			if rapid.Bool().Draw(t, "has primary") {
				object["primary"] = rapid.Bool().Draw(t, "primary")
			}
			return object
		})
		list := rapid.SliceOfN(value, 0, 6).Draw(t, "list")
		wantPrimary := false
		for _, v := range list {
			wantPrimary = wantPrimary || v.(map[string]any)["primary"] == true
		}
		once, err := emails.Decode(list)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := emails.Decode(once)
		if err != nil || !reflect.DeepEqual(once, twice) {
			t.Fatalf("%v, then %v", once, twice)
		}
		primaries := 0
		values, _ := once.([]any)
		for _, v := range values {
			if v.(map[string]any)["primary"] == true {
				primaries++
			}
		}
		if wantPrimary != (primaries == 1) || primaries > 1 {
			t.Fatalf("%v has %d primary values", once, primaries)
		}
	})
}

func TestObjectsAreBounded(t *testing.T) {
	wide := map[string]any{}
	for i := range MaxAttributes + 1 {
		wide["a"+strconv.Itoa(i)] = "x"
	}
	for _, in := range []map[string]any{
		wide,
		{"userName": "a", "urn:x:1.0:User": wide},
		{"userName": "a", "urn:x:1.0:User": map[string]any{"b": []any{wide}}},
		{"userName": "a", "urn:x:1.0:User:b": wide},
	} {
		var e *Error
		if _, err := Decode(User, in); !errors.As(err, &e) || !strings.Contains(e.Msg, "more than 256 members") {
			t.Errorf("got %v", err)
		}
	}
}
