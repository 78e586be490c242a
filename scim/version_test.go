package scim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func aUser() Resource {
	return Resource{
		"id": "2819c223", "userName": "bjensen", "active": true,
		"emails": []any{map[string]any{"value": "b@x.org", "primary": true}, map[string]any{"value": "b@home.org"}},
		"meta":   map[string]any{"created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34Z"},
	}
}

func TestVersion(t *testing.T) {
	user := Version(aUser(), nil)
	t.Run("RFC 7643 3.1, RFC 7644 3.14: another version for other content", func(t *testing.T) {
		seen := map[string]string{user: "the user itself"}
		for name, change := range map[string]func(Resource){
			"a value":             func(r Resource) { r["userName"] = "Bjensen" },
			"one more attribute":  func(r Resource) { r["title"] = "t" },
			"one attribute less":  func(r Resource) { delete(r, "active") },
			"a type":              func(r Resource) { r["active"] = "true" },
			"a number":            func(r Resource) { r["active"] = json.Number("1") },
			"the order of values": func(r Resource) { slices.Reverse(r["emails"].([]any)) },
			"a value within":      func(r Resource) { r["emails"].([]any)[0].(map[string]any)["primary"] = false },
			"meta":                func(r Resource) { r["meta"].(map[string]any)["lastModified"] = "2011-05-13T04:42:35Z" },
		} {
			r := aUser()
			change(r)
			v := Version(r, nil)
			if other, ok := seen[v]; ok {
				t.Errorf("%s: the version of %s", name, other)
			}
			seen[v] = name
		}
	})
	t.Run("RFC 7643 3.1: the version itself doesn't count", func(t *testing.T) {
		r := aUser()
		r["meta"].(map[string]any)["version"] = `W/"x"`
		if got := Version(r, nil); got != user {
			t.Errorf("got %s, want %s", got, user)
		}
		if r["meta"].(map[string]any)["version"] != `W/"x"` {
			t.Error("the resource was changed")
		}
	})
	t.Run("RFC 7644 3.14: the same after a restart and on another replica", func(t *testing.T) {
		// Clients keep versions: a change of these values is a change for all of them.
		if want := "lIfIvAI8QEQ98UXS"; user != want {
			t.Errorf("got %s", user)
		}
		if got, want := Version(Resource{"id": "g"}, sum("a", "b")), "-tYXikVRqCm1gpwX"; got != want {
			t.Errorf("got %s", got)
		}
	})
	t.Run("letters, digits, - and _", func(t *testing.T) {
		for i := range 100 {
			if v := Version(Resource{"id": fmt.Sprint(i)}, nil); !regexp.MustCompile(`^[A-Za-z0-9_-]{16}$`).MatchString(v) {
				t.Fatalf("got %q", v)
			}
		}
	})
}

func TestVersionOfAGroup(t *testing.T) {
	group := Resource{"id": "g", "displayName": "G"}
	of := func(ids ...string) string { return Version(group, sum(ids...)) }
	if of("a", "b", "c") != of("c", "a", "b") {
		t.Error("the order of the members counts")
	}
	seen := map[string][]string{Version(group, nil): {"no members attribute"}}
	for _, ids := range [][]string{{}, {"a"}, {"b"}, {"a", "b"}, {"ab"}, {"a", "b", "c"}, {""}, {"a", "a"}} {
		v := of(ids...)
		if other, ok := seen[v]; ok {
			t.Errorf("%q has the version of %q", ids, other)
		}
		seen[v] = ids
	}
}

func sum(ids ...string) *MemberSum {
	s := SumMembers(slices.Values(ids))
	return &s
}

func TestMemberSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.String(), 1, 20, rapid.ID).Draw(t, "ids")
		gone := rapid.IntRange(0, len(ids)).Draw(t, "gone")
		s := sum(rapid.Permutation(ids).Draw(t, "in any order")...)
		for _, id := range ids[:gone] {
			s.Remove(id)
		}
		if left := sum(ids[gone:]...); *s != *left {
			t.Fatalf("%q without %q sum up to %x, the others to %x", ids, ids[:gone], *s, *left)
		}
		if gone > 0 && *s == *sum(ids...) {
			t.Fatalf("%q are not missed", ids[:gone])
		}
	})
}

func BenchmarkVersion(b *testing.B) {
	b.Run("user", func(b *testing.B) {
		user := aUser()
		b.ReportAllocs()
		for b.Loop() {
			Version(user, nil)
		}
	})
	// Whatever the number of its members.
	b.Run("group", func(b *testing.B) {
		members, group := sum("a"), Resource{"id": "g", "displayName": "G"}
		b.ReportAllocs()
		for b.Loop() {
			members.Add("7f4bc1a3-285e-48ae-8202-5accb4300000")
			Version(group, members)
		}
	})
}
