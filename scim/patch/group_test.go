package patch

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// unread fails the test when the members are loaded: on most requests that is
// the difference between one write and reading a group of 30,000.
func unread(t testing.TB) scim.CurrentMembers {
	return func() ([]scim.Member, error) {
		t.Helper()
		t.Error("the members are loaded")
		return nil, nil
	}
}

func ids(members ...string) []scim.Member {
	list := make([]scim.Member, len(members))
	for i, id := range members {
		list[i].ID = id
	}
	return list
}

const engineers = `{"id":"g","displayName":"Engineers","externalId":"x"}`

func TestApplyGroup(t *testing.T) {
	for _, tc := range []struct {
		name, operations string
		want             string
		change           scim.MemberChange
	}{
		{name: "fact 55: rename by path", operations: `{"op":"Replace","path":"displayName","value":"New"}`, want: strings.Replace(engineers, "Engineers", "New", 1)},
		{name: "fact 55: rename without path", operations: `{"op":"replace","value":{"displayName":"New"}}`, want: strings.Replace(engineers, "Engineers", "New", 1)},
		{name: "fact 55: Okta sends the id along", operations: `{"op":"replace","value":{"id":"g","displayName":"New"}}`, want: strings.Replace(engineers, "Engineers", "New", 1)},
		{name: "fact 55: externalId", operations: `{"op":"replace","value":{"externalId":"y"}}`, want: strings.Replace(engineers, `"x"`, `"y"`, 1)},
		{name: "fact 39: displayName removed, added and replaced", operations: `{"op":"remove","path":"displayName"},{"op":"add","path":"displayName","value":"1"},{"op":"replace","path":"displayName","value":"New"}`, want: strings.Replace(engineers, "Engineers", "New", 1)},
		{name: "fact 56: add", operations: `{"op":"Add","path":"members","value":[{"$ref":null,"value":"1"},{"$ref":null,"value":"2"}]}`, change: scim.MemberChange{Add: ids("1", "2")}},
		{name: "fact 56: add a string", operations: `{"op":"Add","path":"members","value":"1"}`, change: scim.MemberChange{Add: ids("1")}},
		{name: "fact 56: add strings", operations: `{"op":"Add","path":"members","value":["1","2"]}`, change: scim.MemberChange{Add: ids("1", "2")}},
		{name: "fact 56: add without path", operations: `{"op":"add","value":{"members":[{"value":"1"}]}}`, change: scim.MemberChange{Add: ids("1")}},
		{name: "fact 56: add by the URN", operations: `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members","value":[{"value":"1"}]}`, change: scim.MemberChange{Add: ids("1")}},
		{name: "fact 57a: Entra ID removes by a list of values", operations: `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"1"}]}`, change: scim.MemberChange{Remove: []string{"1"}}},
		{name: "fact 57a: or by one value", operations: `{"op":"Remove","path":"members","value":{"value":"1"}}`, change: scim.MemberChange{Remove: []string{"1"}}},
		{name: "fact 57b: a filter on the value", operations: `{"op":"remove","path":"members[value eq \"1\"]"}`, change: scim.MemberChange{Remove: []string{"1"}}},
		{name: "fact 57c: all members", operations: `{"op":"remove","path":"members"}`, change: scim.MemberChange{Reset: true}},
		{name: "fact 57: an empty list removes nobody", operations: `{"op":"remove","path":"members","value":[]}`},
		{name: "fact 57: several values in a filter", operations: `{"op":"remove","path":"members[value eq \"1\" or (VALUE eq \"2\" or value eq 3)]"}`, change: scim.MemberChange{Remove: []string{"1", "2", "3"}}},
		{name: "fact 58: replace", operations: `{"op":"replace","path":"members","value":[{"value":"1"},{"value":"2"}]}`, change: scim.MemberChange{Reset: true, Add: ids("1", "2")}},
		{name: "fact 58: replace by nobody", operations: `{"op":"replace","path":"members","value":[]}`, change: scim.MemberChange{Reset: true}},
		{name: "fact 58: Okta's full push without path", operations: `{"op":"replace","value":{"members":[],"id":"g","displayName":"Engineers"}}`, change: scim.MemberChange{Reset: true}},
		{name: "fact 57c: an explicit null removes nobody", operations: `{"op":"Remove","path":"members","value":null}`},
		{name: "fact 57c: nor does an empty string", operations: `{"op":"Remove","path":"members","value":""}`},
		{name: "fact 57c: a null in any spelling of the path", operations: `{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:Group:Members","VALUE":null}`},
		{name: "fact 58: replace by null says nothing", operations: `{"op":"replace","path":"members","value":null},{"op":"replace","path":"members","value":""}`},
		{name: "fact 58: those without an id are left out", operations: `{"op":"replace","path":"members","value":[{"display":"only display"},{"value":"1"}]}`, change: scim.MemberChange{Reset: true, Add: ids("1")}},
		{name: "a null among other attributes says nothing", operations: `{"op":"replace","value":{"members":null,"displayName":"Engineers"}}`},
		{name: "fact 59: adding twice, removing twice", operations: `{"op":"add","path":"members","value":["1"]},{"op":"add","path":"members","value":["1"]},{"op":"remove","path":"members","value":["2"]},{"op":"remove","path":"members","value":["2"]}`,
			change: scim.MemberChange{Add: ids("1"), Remove: []string{"2"}}},
		{name: "fact 60: duplicates in one request", operations: `{"op":"add","path":"members","value":["1",{"value":"1"},"2","1"]}`, change: scim.MemberChange{Add: ids("1", "2")}},
		{name: "facts 61, 64: whatever id and type", operations: `{"op":"add","path":"members","value":[{"value":"no such id"},{"value":"2","type":"group","display":"D"},{"display":"nobody"}]}`,
			change: scim.MemberChange{Add: []scim.Member{{ID: "no such id"}, {ID: "2", Type: "Group"}}}},
		{name: "fact 75: remove, both dialects at once", operations: `{"op":"Remove","path":"members","value":[{"value":"u1091"}]},{"op":"remove","path":"members[value eq \"7f4bc1a3\"]"}`, change: scim.MemberChange{Remove: []string{"u1091", "7f4bc1a3"}}},
		{name: "remove all, then add", operations: `{"op":"add","path":"members","value":["1"]},{"op":"remove","path":"members"},{"op":"remove","path":"members","value":["9"]},{"op":"add","path":"members","value":["2"]}`, change: scim.MemberChange{Reset: true, Add: ids("2")}},
		{name: "add, then remove", operations: `{"op":"add","path":"members","value":["1","2"]},{"op":"remove","path":"members","value":["1"]}`, change: scim.MemberChange{Add: ids("2"), Remove: []string{"1"}}},
		{name: "remove, then add", operations: `{"op":"remove","path":"members[value eq \"1\"]"},{"op":"add","path":"members","value":["1"]}`, change: scim.MemberChange{Add: ids("1")}},
		{name: "replace one member by another", operations: `{"op":"replace","path":"members[value eq \"1\"]","value":{"value":"2"}}`, change: scim.MemberChange{Remove: []string{"1"}, Add: ids("2")}},
		{name: "replace one member by null", operations: `{"op":"replace","path":"members[value eq \"1\"]","value":null}`, change: scim.MemberChange{Remove: []string{"1"}}},
		{name: "add with a filter", operations: `{"op":"add","path":"members[value eq \"1\"]","value":{"value":"1"}}`, change: scim.MemberChange{Add: ids("1")}},
		{name: "remove the value of a member", operations: `{"op":"remove","path":"members[value eq \"1\"].value"}`, change: scim.MemberChange{Remove: []string{"1"}}},
		{name: "RFC 7644 3.5.2.1: add a member", operations: `{"op":"add","path":"members","value":[{"display":"Babs Jensen","$ref":"https://example.com/v2/Users/2819c223","value":"2819c223"}]}`, change: scim.MemberChange{Add: ids("2819c223")}},
		{name: "RFC 7644 3.5.2.2: remove a member", operations: `{"op":"remove","path":"members[value eq \"2819c223\"]"}`, change: scim.MemberChange{Remove: []string{"2819c223"}}},
		{name: "RFC 7644 3.5.2.2: remove all members", operations: `{"op":"remove","path":"members"}`, change: scim.MemberChange{Reset: true}},
		{name: "RFC 7644 3.5.2.2: remove one and add another", operations: `{"op":"remove","path":"members[value eq \"2819c223\"]"},{"op":"add","path":"members","value":[{"display":"James Smith","$ref":"https://example.com/v2/Users/08e1d05d","value":"08e1d05d"}]}`,
			change: scim.MemberChange{Add: ids("08e1d05d"), Remove: []string{"2819c223"}}},
		{name: "RFC 7644 3.5.2.3: replace all members", operations: `{"op":"replace","path":"members","value":[{"display":"Babs Jensen","$ref":"https://example.com/v2/Users/2819c223","value":"2819c223"},{"display":"James Smith","$ref":"https://example.com/v2/Users/08e1d05d","value":"08e1d05d"}]}`,
			change: scim.MemberChange{Reset: true, Add: ids("2819c223", "08e1d05d")}},
		{name: "RFC 7644 3.5.2: a sub-attribute that members don't have", operations: `{"op":"replace","path":"members[value eq \"2819c223\"].displayName","value":"x"}`},
		{name: "unknown attributes", operations: `{"op":"add","path":"description","value":"x"},{"op":"replace","value":{"userName":"x","members.nothing":1}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			group := scim.Resource(object(t, engineers))
			got, change, err := ApplyGroup(group, unread(t), request(t, tc.operations))
			if err != nil {
				t.Fatal(err)
			}
			want := tc.want
			if want == "" {
				want = engineers
			}
			if !reflect.DeepEqual(map[string]any(got), object(t, want)) || !reflect.DeepEqual(map[string]any(group), object(t, engineers)) {
				t.Errorf("got %s", show(got))
			}
			// The order within Add and Remove is that of the first mention.
			if !reflect.DeepEqual(change, tc.change) {
				t.Errorf("got %+v\nwant %+v", change, tc.change)
			}
		})
	}
}

func TestFiltersThatNeedTheMembers(t *testing.T) {
	now := []scim.Member{{ID: "1", Type: "User", Display: "Ann"}, {ID: "2", Type: "User", Display: "Bob"}, {ID: "3", Type: "Group", Display: "Crew"}}
	for _, tc := range []struct {
		operations string
		change     scim.MemberChange
	}{
		{`{"op":"remove","path":"members[type eq \"Group\"]"}`, scim.MemberChange{Remove: []string{"3"}}},
		{`{"op":"remove","path":"members[display sw \"b\" or value eq \"1\"]"}`, scim.MemberChange{Remove: []string{"1", "2"}}},
		{`{"op":"remove","path":"members[value ne \"1\"]"}`, scim.MemberChange{Remove: []string{"2", "3"}}},
		{`{"op":"remove","path":"members[type eq \"user\" and not (value eq \"1\")]"}`, scim.MemberChange{Remove: []string{"2"}}},
		{`{"op":"remove","path":"members[type eq \"Robot\"]"}`, scim.MemberChange{}},
		{`{"op":"add","path":"members","value":[{"value":"4","type":"User"}]},{"op":"remove","path":"members","value":["1"]},{"op":"remove","path":"members[type eq \"User\"]"}`, scim.MemberChange{Remove: []string{"4", "1", "2"}}},
		{`{"op":"remove","path":"members"},{"op":"add","path":"members","value":["1","5"]},{"op":"remove","path":"members[value gt \"2\"]"}`, scim.MemberChange{Reset: true, Add: ids("1")}},
		{`{"op":"replace","path":"members[type eq \"Group\"]","value":[{"value":"6"}]}`, scim.MemberChange{Add: ids("6"), Remove: []string{"3"}}},
		{`{"op":"replace","path":"members[value eq \"1\" or value eq \"9\"]","value":[{"value":"6"}]}`, scim.MemberChange{Add: ids("6"), Remove: []string{"1"}}},
	} {
		loads := 0
		_, change, err := ApplyGroup(object(t, engineers), func() ([]scim.Member, error) { loads++; return now, nil }, request(t, tc.operations))
		if err != nil {
			t.Errorf("%s: %v", tc.operations, err)
			continue
		}
		for _, m := range change.Add {
			if m.Type != "" {
				t.Errorf("%s: added %+v", tc.operations, m)
			}
		}
		sortChange(&change)
		sortChange(&tc.change)
		if !reflect.DeepEqual(change, tc.change) || loads != 1 {
			t.Errorf("%s: got %+v, want %+v, loaded %d times", tc.operations, change, tc.change, loads)
		}
	}
}

func TestApplyGroupErrors(t *testing.T) {
	current := func() ([]scim.Member, error) { return ids("1", "2"), nil }
	for _, tc := range []struct {
		operations string
		scimType   scim.Type
		detail     string
	}{
		{`{"op":"remove","path":"displayName"}`, scim.Mutability, "displayName is required"},
		{`{"op":"replace","path":"displayName","value":""}`, scim.InvalidValue, "displayName is required"},
		{`{"op":"replace","value":{"id":"other"}}`, scim.Mutability, "id is read-only"},
		{`{"op":"replace","path":"members[value eq \"1\"].value","value":"2"}`, scim.Mutability, "members.value never changes"},
		{`{"op":"replace","path":"members[value eq \"1\"].type","value":"Group"}`, scim.Mutability, "members.type never changes"},
		{`{"op":"replace","path":"members[value eq \"1\"].display","value":"x"}`, scim.Mutability, "members.display is read-only"},
		{`{"op":"replace","path":"members.type","value":"Group"}`, scim.Mutability, "never changes"},
		{`{"op":"add","path":"members","value":[{"value":5}]}`, scim.InvalidValue, "members.value: expected a string, got a number"},
		{`{"op":"add","path":"members","value":5}`, scim.InvalidValue, "members.value: expected a string"},
		{`{"op":"Replace","path":"members","value":[{"display":"only display"}]}`, scim.InvalidValue, "none has an id"},
		{`{"op":"replace","value":{"members":[{"display":"only display"}]}}`, scim.InvalidValue, "none has an id"},
		{`{"op":"replace","path":"members","value":[null,"",{}]}`, scim.InvalidValue, "none has an id"},
		{`{"op":"replace","path":"members","value":{}}`, scim.InvalidValue, "none has an id"},
		{`{"op":"replace","path":"members[value eq \"1\"]","value":{"display":"only display"}}`, scim.InvalidValue, "none has an id"},
		{`{"op":"remove","path":"members[value gt null]"}`, scim.InvalidFilter, "null"},
		{`{"op":"replace","path":"members[type eq \"Robot\"]","value":{"value":"3"}}`, scim.NoTarget, "no value of members"},
		{`{"op":"add","path":"members","value":["3"]},{"op":"remove"}`, scim.NoTarget, "Operations[1]"},
	} {
		t.Run("RFC 7644 3.5.2, fact 66: "+tc.operations, func(t *testing.T) {
			got, change, err := ApplyGroup(object(t, engineers), current, request(t, tc.operations))
			e := scim.AsError(err)
			if e == nil || e.Type != tc.scimType || !strings.Contains(e.Detail, tc.detail) || got != nil || !change.Empty() {
				t.Errorf("got %v, want %s: %s", err, tc.scimType, tc.detail)
			}
		})
	}
	t.Run("many filters on many members", func(t *testing.T) {
		many := func() ([]scim.Member, error) {
			members := make([]scim.Member, 30_000)
			for i := range members {
				members[i].ID = fmt.Sprintf("7f4bc1a3-285e-48ae-8202-5accb43%05d", i)
			}
			return members, nil
		}
		one := `,{"op":"remove","path":"members[type eq \"Robot\"]"}`
		_, _, err := ApplyGroup(object(t, engineers), many, request(t, strings.Repeat(one, MaxOperations)[1:]))
		if e := scim.AsError(err); e == nil || e.Type != scim.InvalidValue || !strings.Contains(e.Detail, `[value eq "x"]`) {
			t.Errorf("got %v", err)
		}
		one = `,{"op":"remove","path":"members[type eq \"User\" and value eq \"x\"]"}`
		if _, change, err := ApplyGroup(object(t, engineers), many, request(t, strings.Repeat(one, MaxOperations)[1:])); err != nil || !change.Empty() {
			t.Errorf("got %v, %v", change, err)
		}
	})
	t.Run("members that can't be loaded", func(t *testing.T) {
		down := scim.Unavailable(time.Second, errors.New("timeout"))
		_, _, err := ApplyGroup(object(t, engineers), func() ([]scim.Member, error) { return nil, down }, request(t, `{"op":"remove","path":"members[type eq \"User\"]"}`))
		if e := scim.AsError(err); e == nil || e.Status != 503 || e.RetryAfter != time.Second {
			t.Errorf("got %v", err)
		}
	})
}

func TestPut(t *testing.T) {
	decode := func(rt *schema.ResourceType, s string) scim.Resource {
		t.Helper()
		m, err := schema.Decode(rt, object(t, s))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	t.Run("fact 46: id, meta and groups stay, and active unless sent", func(t *testing.T) {
		current := scim.Resource(object(t, `{"id":"1","userName":"a","active":false,"title":"T","meta":{"created":"c"},"groups":[{"value":"g"}]}`))
		got := ReplaceUser(current, decode(schema.User, `{"id":"2","userName":"b","groups":[],"nickName":"N"}`))
		if want := object(t, `{"id":"1","userName":"b","active":false,"nickName":"N","meta":{"created":"c"},"groups":[{"value":"g"}]}`); !reflect.DeepEqual(map[string]any(got), want) {
			t.Errorf("got %s", show(got))
		}
		if got := ReplaceUser(current, decode(schema.User, `{"userName":"b","active":true}`)); got["active"] != true {
			t.Errorf("got %s", show(got))
		}
	})
	for _, tc := range []struct {
		name, body string
		change     scim.MemberChange
	}{
		{"fact 65: exactly the members sent", `{"displayName":"New","members":[{"value":"1"},"2"]}`, scim.MemberChange{Reset: true, Add: ids("1", "2")}},
		{"fact 65: none", `{"displayName":"New","Members":[]}`, scim.MemberChange{Reset: true}},
		{"fact 65: nothing said of members", `{"displayName":"New"}`, scim.MemberChange{}},
		{"fact 65: null", `{"displayName":"New","members":null}`, scim.MemberChange{}},
		{"fact 65: an empty string", `{"displayName":"New","members":""}`, scim.MemberChange{}},
		{"fact 65: those without an id are left out", `{"displayName":"New","members":[{"display":"x"},{"value":"1"}]}`, scim.MemberChange{Reset: true, Add: ids("1")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			next := decode(schema.Group, tc.body)
			mentioned, err := MentionsMembers(object(t, tc.body), next)
			if err != nil {
				t.Fatal(err)
			}
			got, change := ReplaceGroup(object(t, engineers), next, mentioned)
			if want := object(t, `{"id":"g","displayName":"New"}`); !reflect.DeepEqual(map[string]any(got), want) || !reflect.DeepEqual(change, tc.change) {
				t.Errorf("got %s, %+v", show(got), change)
			}
		})
	}
	t.Run("fact 65: members without a single id don't mean nobody", func(t *testing.T) {
		for _, members := range []string{`[{"display":"x"}]`, `{"display":"x"}`, `[null]`, `[""]`, `[[]]`, `{}`, `[{"value":""}]`} {
			for _, key := range []string{"members", "MEMBERS", schema.GroupURN + ":members"} {
				body := `{"displayName":"New","` + key + `":` + members + `}`
				_, err := MentionsMembers(object(t, body), decode(schema.Group, body))
				if e := scim.AsError(err); e == nil || e.Status != 400 || e.Type != scim.InvalidValue {
					t.Errorf("%s: got %v", body, err)
				}
			}
		}
	})
	t.Run("TakeMembers leaves its argument alone", func(t *testing.T) {
		group := decode(schema.Group, `{"displayName":"G","members":["1"]}`)
		rest, members := TakeMembers(group)
		if len(group) != 2 || len(rest) != 1 || !reflect.DeepEqual(members, ids("1")) {
			t.Errorf("got %v, %v from %v", rest, members, group)
		}
	})
}
