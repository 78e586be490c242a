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

// naive is PATCH as one would write it for a struct: a user with some simple
// attributes and one e-mail address per type.
type naive struct {
	simple map[string]string
	emails map[string]string
}

func (n naive) resource() scim.Resource {
	r := scim.Resource{}
	for path, v := range n.simple {
		name, _ := schema.ParseName(path)
		object := map[string]any(r)
		if name.URN != "" {
			object = under(object, name.URN)
		}
		key := name.Attr
		if name.Sub != "" {
			object, key = under(object, name.Attr), name.Sub
		}
		object[key] = v
	}
	return r
}

func under(m map[string]any, key string) map[string]any {
	if m[key] == nil {
		m[key] = map[string]any{}
	}
	return m[key].(map[string]any)
}

// The engine agrees with the naive model on what identity providers send most.
func TestApplyUserEqualsANaiveModel(t *testing.T) {
	paths := []string{"title", "displayName", "name.givenName", "name.familyName", e + ":department", e + ":manager.value", u + ":nickName"}
	types := []string{"work", "home", "other"}
	rapid.Check(t, func(t *rapid.T) {
		model := naive{simple: map[string]string{"userName": "a"}, emails: map[string]string{}}
		user := scim.Resource{"userName": "a"}
		for range rapid.IntRange(1, 3).Draw(t, "requests") {
			var ops []any
			for range rapid.IntRange(1, 6).Draw(t, "operations") {
				value := rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "value")
				op := map[string]any{"op": rapid.SampledFrom([]string{"Add", "replace", "Remove"}).Draw(t, "op"), "value": value}
				target := model.simple
				var key string
				if rapid.Bool().Draw(t, "email") {
					key = rapid.SampledFrom(types).Draw(t, "type")
					target = model.emails
					op["path"] = fmt.Sprintf("emails[type eq %q].value", key)
				} else {
					key = rapid.SampledFrom(paths).Draw(t, "path")
					op["path"] = key
					if op["op"] != "Remove" && rapid.Bool().Draw(t, "without path") {
						delete(op, "path")
						op["value"] = map[string]any{key: value}
					}
					key = strings.TrimPrefix(key, u+":")
				}
				if op["op"] == "Remove" || value == "" {
					delete(target, key)
				} else {
					target[key] = value
				}
				ops = append(ops, op)
			}
			req, err := Parse(map[string]any{"Operations": ops})
			if err != nil {
				t.Fatal(err)
			}
			before := user.Clone()
			after, err := ApplyUser(user, req)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(user, before) {
				t.Fatalf("the input became %s", show(user))
			}
			again, err := ApplyUser(after, req)
			if err != nil || !sameButOrder(again, after) {
				t.Fatalf("%s\ntwice: %s\nonce: %s", show(ops), show(again), show(after))
			}
			user = after
		}
		got := user.Clone()
		emails := map[string]string{}
		list, _ := got["emails"].([]any)
		for _, v := range list {
			emails[v.(map[string]any)["type"].(string)] = v.(map[string]any)["value"].(string)
		}
		delete(got, "emails")
		if !reflect.DeepEqual(got, model.resource()) || !maps.Equal(emails, model.emails) {
			t.Fatalf("got %s\nwant %s, %v", show(user), show(model.resource()), model.emails)
		}
	})
}

// sameButOrder compares users without the order of their e-mail addresses: a
// request may take one away and put it back behind the others.
func sameButOrder(a, b scim.Resource) bool {
	sorted := func(r scim.Resource) scim.Resource {
		r = r.Clone()
		if list, ok := r["emails"].([]any); ok {
			slices.SortFunc(list, func(a, b any) int { return cmp.Compare(schema.Fingerprint(a), schema.Fingerprint(b)) })
		}
		return r
	}
	return reflect.DeepEqual(sorted(a), sorted(b))
}

// Operations of every shape leave a canonical resource behind, and their input
// alone.
func TestEveryResultIsCanonical(t *testing.T) {
	paths := []string{
		"", "userName", "title", "active", "name", "name.givenName", "emails", "emails.value", "emails.primary", "emails.type",
		`emails[type eq "work"]`, `emails[type eq "work"].value`, `emails[type eq "home"].primary`, `emails[primary eq true].type`,
		`emails[value sw "x"]`, `emails[value pr].display`, `emails[not (type pr)].value`, `addresses[type eq "work"].locality`, "addresses",
		"roles", `roles[primary eq "True"].value`, "manager", e, e + ":manager.value", `manager[value eq "x"]`, "defaultRemoteIdentity",
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
		if user["active"] == nil {
			t.Fatalf("active is unassigned in %s", show(user))
		}
	})
}

func requireUnchanged(t *rapid.T, r, before scim.Resource) {
	if !reflect.DeepEqual(r, before) {
		t.Fatalf("the input was\n%s\nand became\n%s", show(before), show(r))
	}
}

// Whatever the request, the result is canonical and the input untouched.
func FuzzApply(f *testing.F) {
	for _, seed := range []string{
		`[{"op":"add","path":"members","value":[{"display":"Babs Jensen","$ref":"https://example.com/v2/Users/2819c223","value":"2819c223"}]}]`,
		`[{"op":"remove","path":"members[value eq \"2819c223\"]"},{"op":"remove","path":"members[type eq \"User\"]"}]`,
		`[{"op":"replace","path":"addresses[type eq \"work\"].streetAddress","value":"1010 Broadway Ave"}]`,
		`[{"op":"add","path":"emails","value":[{"value":"w@x","type":"home","primary":"True"}]},{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}]`,
		`[{"op":"replace","value":{"emails":[{"value":"w@x","primary":true},{"value":"v@x","primary":true}],"name.givenName":"x","nickName":"Babs","urn:x:1.0:User:a":[1]}}]`,
		`[{"op":"add","path":"urn:x:1.0:User","value":{"a":{"b":[]}}},{"op":"remove","path":"urn:x:1.0:User:a.b"}]`,
		`[{"op":"Remove","path":"emails","value":[{"value":"w@x"}]},{"op":"replace","path":"manager","value":{"value":""}}]`,
	} {
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
