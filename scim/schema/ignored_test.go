package schema

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPermissionLevelLooksAsIfThereWereNone(t *testing.T) {
	resource := object(t, `{"id":"1","userName":"a","urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":"Administrator"}}`)
	t.Run("in /Schemas", func(t *testing.T) {
		if text := show(User.Extension(RollcallUserURN).Document()); strings.Contains(text, "permissionLevel") {
			t.Errorf("it is advertised: %s", text)
		}
	})
	t.Run("in schemas, unless there is more under the URN", func(t *testing.T) {
		if urns := Schemas(User, resource); !slices.Equal(urns, []string{UserURN}) {
			t.Errorf("schemas are %q", urns)
		}
		more := object(t, `{"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":"Auditor","defaultRemoteIdentity":"x"}}`)
		if urns := Schemas(User, more); !slices.Equal(urns, []string{UserURN, RollcallUserURN}) {
			t.Errorf("schemas are %q", urns)
		}
	})
	t.Run("in answers, asked for or not", func(t *testing.T) {
		for _, attributes := range [][]string{nil, {"id", "userName", "permissionLevel"}, {"id", "userName", RollcallUserURN}, {"id", "userName", RollcallUserURN + ":permissionLevel.value"}} {
			got := Project(User, resource, names(t, attributes), nil)
			if want := object(t, `{"id":"1","userName":"a"}`); !reflect.DeepEqual(got, want) {
				t.Errorf("attributes=%q shows %s", attributes, show(got))
			}
		}
	})
}

func TestWhatIsRememberedIsShortText(t *testing.T) {
	for _, sent := range []any{
		strings.Repeat("x", 1000), strings.Repeat("ä", 33), "x" + strings.Repeat("\U0001F600", 20), "\xff\xfe", strings.Repeat("\x80", 100),
		strings.Repeat("x", MaxIgnored), []any{strings.Repeat("<", 100)}, map[string]any{"a": 1.5}, true, float64(3),
	} {
		got, ok := remembered(sent).(string)
		if !ok || got == "" || len(got) > MaxIgnored || !utf8.ValidString(got) {
			t.Errorf("%.20v is remembered as %q", sent, got)
		}
		if again := remembered(got); again != got {
			t.Errorf("%q becomes %q", got, again)
		}
	}
}
