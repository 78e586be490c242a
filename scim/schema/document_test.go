package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// find returns the element of that name in a schema document's list.
func find(t *testing.T, list any, name string) map[string]any {
	t.Helper()
	for _, e := range list.([]any) {
		if e := e.(map[string]any); e["name"] == name {
			return e
		}
	}
	t.Fatalf("no attribute %s", name)
	return nil
}

func TestDocuments(t *testing.T) {
	var ids []string
	for _, s := range All() {
		ids = append(ids, s.ID)
	}
	if want := []string{UserURN, GroupURN, EnterpriseUserURN, RollcallUserURN}; !slices.Equal(ids, want) {
		t.Errorf("schemas %q", ids)
	}
	t.Run("fact 19: what Entra ID maps can be derived (RFC 7643 7)", func(t *testing.T) {
		user := User.Core.Document()["attributes"]
		for name, want := range map[string][]any{
			"emails":       {"work", "home", "other"},
			"addresses":    {"work", "home", "other"},
			"phoneNumbers": {"work", "home", "mobile", "fax", "pager", "other"},
		} {
			kind := find(t, find(t, user, name)["subAttributes"], "type")
			if !reflect.DeepEqual(kind["canonicalValues"], want) {
				t.Errorf("%s.type: %v", name, kind["canonicalValues"])
			}
		}
		find(t, user, "externalId")
		find(t, Group.Core.Document()["attributes"], "members")
	})
	t.Run("fact 18: no nulls", func(t *testing.T) {
		for _, s := range All() {
			requireNoNulls(t, s.ID, s.Document())
		}
		for _, rt := range ResourceTypes() {
			requireNoNulls(t, rt.Name, rt.Document())
		}
	})
	t.Run("no password is advertised", func(t *testing.T) {
		b, err := json.Marshal(User.Core.Document())
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := User.Find(Name{Attr: "password"}); ok || slices.Contains(fieldsOf(string(b)), "password") {
			t.Error("password is there")
		}
	})
}

func fieldsOf(s string) []string {
	return slices.Collect(func(yield func(string) bool) {
		start := -1
		for i, c := range s {
			if c != '"' {
				continue
			}
			if start >= 0 && !yield(s[start:i]) {
				return
			}
			start = i + 1
		}
	})
}

func requireNoNulls(t *testing.T, path string, v any) {
	t.Helper()
	switch v := v.(type) {
	case nil:
		t.Errorf("%s is null", path)
	case map[string]any:
		for k, e := range v {
			requireNoNulls(t, path+"."+k, e)
		}
	case []any:
		for i, e := range v {
			requireNoNulls(t, fmt.Sprintf("%s[%d]", path, i), e)
		}
	}
}

// Whatever /Schemas advertises as writable can be written and reads back.
func TestEverythingAdvertisedIsKept(t *testing.T) {
	for _, rt := range ResourceTypes() {
		t.Run("fact 21: "+rt.Name, func(t *testing.T) {
			in := sample(rt.Core.Document()["attributes"])
			for _, e := range rt.Extensions {
				in[e.ID] = sample(e.Document()["attributes"])
			}
			got, err := Decode(rt, in)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, in) {
				t.Errorf("sent %s\nkept %s", show(in), show(got))
			}
		})
	}
}

// sample fills in every writable attribute of a schema document.
func sample(attributes any) map[string]any {
	out := map[string]any{}
	for _, e := range attributes.([]any) {
		a := e.(map[string]any)
		if a["mutability"] == "readOnly" {
			continue
		}
		var v any = "random " + a["name"].(string)
		switch a["type"] {
		case "boolean":
			v = true
		case "complex":
			v = sample(a["subAttributes"])
		}
		if a["multiValued"] == true {
			v = []any{v}
		}
		out[a["name"].(string)] = v
	}
	return out
}
