package order

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

func by(t testing.TB, rt *schema.ResourceType, name string, descending bool) Order {
	t.Helper()
	n, err := schema.ParseName(name)
	if err != nil {
		t.Fatal(err)
	}
	o, err := By(rt, n, descending)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestBy(t *testing.T) {
	for _, tc := range []struct {
		name string
		rt   *schema.ResourceType
		by   string
		want string
	}{
		{"RFC 7644 3.4.2.3: an attribute", schema.User, "USERNAME", "userName ascending"},
		{"RFC 7644 3.4.2.3: a sub-attribute", schema.User, "name.familyname", "name.familyName ascending"},
		{"RFC 7644 3.4.2.3: a multi-valued attribute by its value", schema.User, "emails", "emails.value ascending"},
		{"RFC 7644 3.4.2.3: a sub-attribute of a multi-valued one", schema.User, "emails.type", "emails.type ascending"},
		{"RFC 7644 3.10: a name with the URN of its schema", schema.User, schema.UserURN + ":title", "title ascending"},
		{"RFC 7644 3.10: an attribute of an extension", schema.User, schema.EnterpriseUserURN + ":manager", schema.EnterpriseUserURN + ":manager.value ascending"},
		{"an attribute of an extension without its URN", schema.User, "employeeNumber", schema.EnterpriseUserURN + ":employeeNumber ascending"},
		{"RFC 7643 3.1: common attributes", schema.Group, "externalId", "externalId ascending"},
		{"the id", schema.Group, "ID", "id ascending"},
		{"the time of a change", schema.Group, "meta.lastModified", "meta.lastModified ascending"},
		{"a boolean", schema.User, "active", "active ascending"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := by(t, tc.rt, tc.by, false); got.String() != tc.want || got.ByCreation() {
				t.Errorf("got %q", got)
			}
			if got := by(t, tc.rt, tc.by, true); got.String() != strings.TrimSuffix(tc.want, "ascending")+"descending" {
				t.Errorf("got %q", got)
			}
		})
	}
	if o := (Order{}); o.String() != "" || !o.ByCreation() {
		t.Errorf("the zero value is %q", o)
	}
}

func TestByRefuses(t *testing.T) {
	for _, tc := range []struct {
		rt      *schema.ResourceType
		by, msg string
	}{
		{schema.User, "nickNam", "User has no such attribute to sort by: see /Schemas"},
		{schema.User, "password", "no such attribute"},
		{schema.User, "permissionLevel", "no such attribute"},
		{schema.User, schema.RollcallUserURN + ":permissionLevel.value", "no such attribute"},
		{schema.User, "userName.x", "no such attribute"},
		{schema.Group, "userName", "Group has no such attribute"},
		{schema.User, schema.EnterpriseUserURN, "no such attribute"},
		{schema.User, "urn:a:1.0:User:b", "without a definition"},
		{schema.User, "name", "such as name.formatted"},
		{schema.User, "addresses", "such as addresses.formatted"},
		{schema.User, "meta", "sort by meta.created or meta.lastModified"},
		{schema.User, "meta.version", "sort by meta.created or meta.lastModified"},
		{schema.User, "schemas", "such as userName"},
		{schema.User, "groups.display", "such as userName"},
		{schema.Group, "members", "such as displayName"},
	} {
		t.Run("RFC 7644 3.4.2.3: "+tc.by, func(t *testing.T) {
			n, err := schema.ParseName(tc.by)
			if err != nil {
				t.Fatal(err)
			}
			o, err := By(tc.rt, n, true)
			var e *schema.Error
			if !errors.As(err, &e) || !strings.Contains(e.Msg, tc.msg) || e.Attribute != tc.by {
				t.Errorf("got %v, %v", o, err)
			}
			if !o.ByCreation() {
				t.Errorf("got the order %q with the error", o)
			}
		})
	}
}

func object(t testing.TB, s string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestKey(t *testing.T) {
	user := object(t, `{
		"id": "1", "userName": "BJensen", "externalId": "Bj", "active": false,
		"meta": {"created": "2026-01-01T00:00:00.5Z", "lastModified": "2026-01-02T01:00:00+01:00"},
		"emails": [{"value": "home@x.org", "type": "home"}, {"value": "Work@x.org", "primary": true}],
		"ims": [{"value": "First"}, {"value": "second"}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "M"}}
	}`)
	created := time.Date(2026, 1, 1, 0, 0, 0, 500_000_000, time.UTC).UnixNano()
	for _, tc := range []struct {
		name, by string
		value    string
		missing  bool
	}{
		{name: "RFC 7644 3.4.2.3: without case", by: "userName", value: "bjensen"},
		{name: "RFC 7644 3.4.2.3: with case where it counts", by: "externalId", value: "Bj"},
		{name: "RFC 7644 3.4.2.3: the primary value", by: "emails", value: "work@x.org"},
		{name: "RFC 7644 3.4.2.3: the first value without a primary one", by: "ims.value", value: "first"},
		{name: "the primary value has no such sub-attribute", by: "emails.type", missing: true},
		{name: "dates are instants", by: "meta.lastModified", value: "2026-01-02T00:00:00.000000000"},
		{name: "booleans", by: "active", value: "false"},
		{name: "extensions", by: "manager", value: "M"},
		{name: "no value", by: "title", missing: true},
		{name: "no object to look into", by: "name.givenName", missing: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := Key{Missing: tc.missing, Value: tc.value, Created: created, ID: "1"}
			if got := by(t, schema.User, tc.by, false).Key(user); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	t.Run("the order of creation", func(t *testing.T) {
		if got, want := (Order{}).Key(user), Created(time.Unix(0, created), "1"); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	t.Run("a long value counts by its beginning", func(t *testing.T) {
		user["userName"] = strings.Repeat("é", MaxValue)
		if got := by(t, schema.User, "userName", false).Key(user); got.Value != strings.Repeat("é", MaxValue/2) {
			t.Errorf("got %q", got.Value)
		}
	})
}

func TestNumbersHaveTheOrderOfTheirKeys(t *testing.T) {
	a := &schema.Attribute{Type: schema.Decimal}
	var keys []string
	for _, n := range []string{"-1e300", "-10", "-9.5", "-1", "-1e-300", "0", "1e-300", "1", "2", "10", "1e300"} {
		value, missing := sortable(a, json.Number(n))
		if missing {
			t.Errorf("%s has no key", n)
		}
		keys = append(keys, value)
	}
	if !slices.IsSorted(keys) {
		t.Errorf("got %q", keys)
	}
	if value, missing := sortable(a, json.Number("1e999")); value != "" || !missing {
		t.Errorf("a number that is none has the key %q", value)
	}
}

func TestCompare(t *testing.T) {
	a, b := Key{Value: "a", Created: 2, ID: "2"}, Key{Value: "b", Created: 1, ID: "1"}
	none := Key{Missing: true, Created: 0, ID: "0"}
	ascending, descending := by(t, schema.User, "title", false), by(t, schema.User, "title", true)
	for _, tc := range []struct {
		name string
		o    Order
		want []Key
	}{
		{"RFC 7644 3.4.2.3: ascending, no value last", ascending, []Key{a, b, none}},
		{"RFC 7644 3.4.2.3: descending, no value first", descending, []Key{none, b, a}},
		{"creation decides between equals", ascending, []Key{{Value: "a", Created: 1, ID: "9"}, {Value: "a", Created: 2, ID: "8"}}},
		{"creation decides between equals, descending too", descending, []Key{{Value: "a", Created: 1, ID: "9"}, {Value: "a", Created: 2, ID: "8"}}},
		{"and then the id", descending, []Key{{Value: "a", Created: 1, ID: "8"}, {Value: "a", Created: 1, ID: "9"}}},
		{"creation", Order{}, []Key{none, {Missing: true, Created: 1, ID: "1"}, {Missing: true, Created: 1, ID: "2"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := slices.Clone(tc.want)
			slices.Reverse(got)
			slices.SortFunc(got, tc.o.Compare)
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestCut(t *testing.T) {
	key := func(id string) Key { return Key{ID: id} }
	at := func(id string) *Key { k := key(id); return &k }
	for _, tc := range []struct {
		name           string
		w              Window
		want           string
		earlier, later bool
	}{
		{"RFC 7644 3.4.2.4: the first page", Window{StartIndex: 1, Count: 2}, "ac", false, true},
		{"RFC 7644 3.4.2.4: the last page", Window{StartIndex: 3, Count: 2}, "eg", true, false},
		{"RFC 7644 3.4.2.4: behind the end", Window{StartIndex: 9, Count: 2}, "", true, false},
		{"RFC 7644 3.4.2.4: none but the total", Window{StartIndex: 1}, "", false, true},
		{"as many as a number can say", Window{StartIndex: 2, Count: int(^uint(0) >> 1)}, "ceg", true, false},
		{"RFC 9865 2: behind one that is there", Window{Count: 2, After: at("a")}, "ce", true, true},
		{"RFC 9865 2: behind one that is gone", Window{Count: 9, After: at("d")}, "eg", true, false},
		{"RFC 9865 2: behind the last", Window{Count: 9, After: at("g")}, "", true, false},
		{"RFC 9865 2: in front of one that is there", Window{Count: 2, Before: at("g")}, "ce", true, true},
		{"RFC 9865 2: in front of one that is gone", Window{Count: 9, Before: at("f")}, "ace", false, true},
		{"RFC 9865 2: in front of the first", Window{Count: 9, Before: at("a")}, "", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page, earlier, later := Cut(Order{}, []string{"g", "a", "e", "c"}, key, tc.w)
			if strings.Join(page, "") != tc.want || earlier != tc.earlier || later != tc.later {
				t.Errorf("got %q, %v, %v", page, earlier, later)
			}
		})
	}
}
