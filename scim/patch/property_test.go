package patch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

func sortChange(c *scim.MemberChange) {
	slices.Sort(c.Remove)
	slices.SortFunc(c.Add, func(a, b scim.Member) int { return cmp.Compare(a.ID, b.ID) })
}

// carryOut does to a set what a directory does to a group.
func carryOut(members map[string]bool, c scim.MemberChange) {
	if c.Reset {
		clear(members)
	}
	for _, m := range c.Add {
		members[m.ID] = true
	}
	for _, id := range c.Remove {
		delete(members, id)
	}
}

// The composed change has the same effect as the operations one after the other
// on a plain set.
func TestMemberChangeEqualsOperationsOnASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom([]string{"1", "2", "3", "4", "5"})
		some := func() []string { return rapid.SliceOfN(id, 0, 4).Draw(t, "ids") }
		before := map[string]bool{}
		for _, id := range some() {
			before[id] = true
		}
		model := maps.Clone(before)
		var ops []any
		for range rapid.IntRange(0, 6).Draw(t, "operations") {
			list := some()
			values := make([]any, len(list))
			for i, id := range list {
				values[i] = map[string]any{"value": id}
			}
			op := map[string]any{"path": "members", "value": values}
			switch rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0, 1:
				op["op"] = "Add"
			case 2:
				op["op"] = "Replace"
				clear(model)
			case 3:
				op["op"] = "remove"
				delete(op, "value")
				clear(model)
				list = nil
			case 4:
				op["op"] = "remove"
				for _, id := range list {
					delete(model, id)
				}
				list = nil
			case 5:
				one := id.Draw(t, "id")
				op = map[string]any{"op": "remove", "path": fmt.Sprintf("members[value eq %q]", one)}
				delete(model, one)
				list = nil
			case 6:
				least := id.Draw(t, "id")
				op = map[string]any{"op": "remove", "path": fmt.Sprintf("members[value ge %q]", least)}
				maps.DeleteFunc(model, func(id string, _ bool) bool { return id >= least })
				list = nil
			}
			for _, id := range list {
				model[id] = true
			}
			ops = append(ops, op)
		}
		req, err := Parse(map[string]any{"Operations": ops})
		if err != nil {
			t.Fatal(err)
		}
		current := func() ([]scim.Member, error) { return ids(slices.Sorted(maps.Keys(before))...), nil }
		_, change, err := ApplyGroup(scim.Resource{"displayName": "G"}, current, req)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range change.Add {
			if slices.Contains(change.Remove, m.ID) {
				t.Fatalf("%s is in both: %+v", m.ID, change)
			}
		}
		got := maps.Clone(before)
		carryOut(got, change)
		if !maps.Equal(got, model) {
			t.Fatalf("%s\non %v: %+v makes %v, want %v", show(ops), before, change, got, model)
		}
	})
}

// Operations of every shape leave a canonical resource behind, and their input
// alone.
func TestEveryResultIsCanonical(t *testing.T) {
	paths := []string{
		"", "userName", "title", "active", "name", "name.givenName", "emails", "emails.value", "emails.primary", "emails.type",
		`emails[type eq "work"]`, `emails[type eq "work"].value`, `emails[type eq "home"].primary`, `emails[primary eq true].type`,
		`emails[value sw "x"]`, `emails[value pr].display`, `emails[not (type pr)].value`, `addresses[type eq "work"].locality`, "addresses",
		"roles", `roles[primary eq "True"].value`, "manager", e, e + ":manager.value", `manager[value eq "x"]`, "defaultRemoteIdentity",
		"permissionLevel", "PermissionLevel.value", `permissionLevel[type eq "work"].value`, r, r + ":permissionLevel",
		"urn:x:1.0:User", "urn:x:1.0:User:a", "urn:x:1.0:User:A.b", u, "nickNam", "schemas", "urn:example:ext", "members", `members[type eq "User"]`, "displayName",
	}
	scalar := rapid.SampledFrom([]any{"", "x", "y", "work", "home", "True", true, false, nil, json.Number("1.50"), []any{}, map[string]any{}})
	element := rapid.Custom(func(t *rapid.T) any {
		m := map[string]any{}
		for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"value", "VALUE", "type", "primary", "display", "locality", "givenName", "department", "a", "$ref", "unknown"}), 0, 4).Draw(t, "keys") {
			m[key] = scalar.Draw(t, "value")
		}
		return m
	})
	object := rapid.Custom(func(t *rapid.T) any {
		m := map[string]any{}
		for _, key := range rapid.SliceOfN(rapid.SampledFrom(paths), 0, 4).Draw(t, "paths") {
			m[key] = rapid.OneOf(scalar, element, rapid.Map(rapid.SliceOfN(element, 0, 3), func(l []any) any { return l })).Draw(t, "value")
		}
		return m
	})
	list := rapid.Map(rapid.SliceOfN(rapid.OneOf(element, scalar), 0, 4), func(l []any) any { return l })
	value := rapid.OneOf(scalar, element, list, object)
	rapid.Check(t, func(t *rapid.T) {
		user, group := scim.Resource{"id": "1", "userName": "a", "active": false, "groups": []any{map[string]any{"value": "g"}}}, scim.Resource{"id": "g", "displayName": "G"}
		for range 12 {
			req, err := Parse(map[string]any{"Operations": []any{map[string]any{
				"op": rapid.SampledFrom([]string{"add", "replace", "remove"}).Draw(t, "op"), "path": rapid.SampledFrom(paths).Draw(t, "path"), "value": value.Draw(t, "value"),
			}}})
			if err != nil {
				t.Fatal(err)
			}
			before := user.Clone()
			if after, err := ApplyUser(user, req); err == nil {
				if user["active"] == false && after["active"] == nil {
					t.Fatalf("fact 40k: %+v made active what was not: %s", req, show(after))
				}
				requireCanonical(t, schema.User, after)
				requireUnchanged(t, user, before)
				user = after
			} else if scim.AsError(err) == nil {
				t.Fatalf("%v is no SCIM error", err)
			}
			before = group.Clone()
			current := func() ([]scim.Member, error) { return ids("1", "2"), nil }
			if after, _, err := ApplyGroup(group, current, req); err == nil {
				requireCanonical(t, schema.Group, after)
				requireUnchanged(t, group, before)
				group = after
			} else if scim.AsError(err) == nil {
				t.Fatalf("%v is no SCIM error", err)
			}
		}
	})
}

func requireUnchanged(t *rapid.T, r, before scim.Resource) {
	if !reflect.DeepEqual(r, before) {
		t.Fatalf("the input was\n%s\nand became\n%s", show(before), show(r))
	}
}

func TestFoldKeyIsEqualFold(t *testing.T) {
	letter := rapid.SampledFrom([]rune("aAbBkK\u212Aſsß\u1E9EσςΣ1"))
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringOfN(letter, 0, 3, -1).Draw(t, "a"), rapid.StringOfN(letter, 0, 3, -1).Draw(t, "b")
		if strings.EqualFold(a, b) != (foldKey(a) == foldKey(b)) {
			t.Fatalf("%q, %q", foldKey(a), foldKey(b))
		}
	})
}

// Whatever the request, the result is canonical and the input untouched.
func FuzzApply(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, operations string) {
		d := json.NewDecoder(strings.NewReader(operations))
		d.UseNumber()
		var list []any
		if d.Decode(&list) != nil {
			return // no JSON array: the server refuses it before
		}
		req, err := Parse(map[string]any{"Operations": list})
		if err != nil {
			if scim.AsError(err) == nil {
				t.Fatalf("%v is no SCIM error", err)
			}
			return
		}
		user := object(t, alice)
		got, err := ApplyUser(user, req)
		if !reflect.DeepEqual(user, object(t, alice)) {
			t.Fatalf("the input became %s", show(user))
		}
		if err == nil {
			requireCanonical(t, schema.User, got)
		} else if scim.AsError(err) == nil {
			t.Fatalf("%v is no SCIM error", err)
		}
		current := func() ([]scim.Member, error) { return ids("1", "2"), nil }
		group, _, err := ApplyGroup(object(t, engineers), current, req)
		if err == nil {
			requireCanonical(t, schema.Group, group)
		} else if scim.AsError(err) == nil {
			t.Fatalf("%v is no SCIM error", err)
		}
	})
}

// requireCanonical checks that what was patched is what decoding it would give.
func requireCanonical(t interface{ Fatalf(string, ...any) }, rt *schema.ResourceType, r scim.Resource) {
	decoded, err := schema.Decode(rt, r)
	if err != nil {
		t.Fatalf("%s: %v", show(r), err)
	}
	if want := replace(rt, r, decoded); !reflect.DeepEqual(r, want) {
		t.Fatalf("patched %s\ndecoded %s", show(r), show(want))
	}
}
