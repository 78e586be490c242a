package scimtest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/order"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

type searchFunc = func(context.Context, scim.Query) (scim.Page, error)

func orderBy(t *testing.T, rt *schema.ResourceType, attribute string, descending bool) order.Order {
	t.Helper()
	name, err := schema.ParseName(attribute)
	must(t, err)
	o, err := order.By(rt, name, descending)
	must(t, err)
	return o
}

func names(page scim.Page, attribute string) []string {
	var list []string
	for _, r := range page.Resources {
		list = append(list, r.String(attribute))
	}
	return list
}

func sorting(t *testing.T, d scim.Directory) {
	email := func(value string, more ...any) map[string]any {
		return resource(append([]any{"value", value}, more...))
	}
	for _, u := range []struct {
		name string
		more []any
	}{
		{"carol", []any{"displayName", "beta", "nickName", "x", "emails", []any{email("z@example.com"), email("A@example.com", "primary", true)}}},
		{"Alice", []any{"displayName", "Gamma", "active", false, "name", map[string]any{"familyName": "Élan"}}},
		{"bob", []any{"displayName", "alpha", "emails", []any{email("b@example.com"), email("a@example.com")},
			schema.EnterpriseUserURN, map[string]any{"employeeNumber": "2"}}},
		{"Dave", []any{"name", map[string]any{"familyName": "Adams"}, schema.EnterpriseUserURN, map[string]any{"employeeNumber": "10"}}},
	} {
		createUser(t, d, u.name, u.more...)
	}
	for _, c := range []struct {
		by         string
		descending bool
		want       []string
	}{
		{"userName", false, []string{"Alice", "bob", "carol", "Dave"}},
		{"userName", true, []string{"Dave", "carol", "bob", "Alice"}},
		{"displayName", false, []string{"bob", "carol", "Alice", "Dave"}},
		{"displayName", true, []string{"Dave", "Alice", "carol", "bob"}},
		{"name.familyName", false, []string{"Dave", "Alice", "", ""}},
		{"name.familyName", true, []string{"", "", "Alice", "Dave"}},
		{"emails", false, []string{"carol", "bob", "", ""}},
		{"emails.value", true, []string{"", "", "bob", "carol"}},
		{"nickName", false, []string{"carol", "", "", ""}},
		{"active", false, []string{"Alice", "", "", ""}},
		{"active", true, []string{"", "", "", "Alice"}},
		{schema.EnterpriseUserURN + ":employeeNumber", false, []string{"Dave", "bob", "", ""}},
		{"title", false, []string{"", "", "", ""}},
		{"meta.created", false, []string{"", "", "", ""}},
		{"meta.lastModified", true, []string{"", "", "", ""}},
		{"id", true, []string{"", "", "", ""}},
	} {
		q := search(t, "userName pr")
		q.Order = orderBy(t, schema.User, c.by, c.descending)
		for _, everything := range []bool{false, true} {
			if everything {
				q.Filter = nil
			}
			page, err := d.Users(t.Context(), q)
			must(t, err)
			got := names(page, "userName")
			if len(got) != len(c.want) {
				t.Fatalf("%s: found %v: want all four", q.Order, got)
			}
			for i, want := range c.want {
				if want != "" && got[i] != want {
					t.Fatalf("%s: found %v: want %v", q.Order, got, c.want)
				}
			}
			ascending(t, q.Order, page.Resources)
		}
	}
}

// ascending checks that resources come in an order, without two in one place.
func ascending(t *testing.T, o order.Order, resources []scim.Resource) {
	t.Helper()
	for i := 1; i < len(resources); i++ {
		if a, b := o.Key(resources[i-1]), o.Key(resources[i]); o.Compare(a, b) >= 0 {
			t.Fatalf("order %q: %+v is in front of %+v", o, a, b)
		}
	}
}

func sortedGroups(t *testing.T, d scim.Directory) {
	for _, name := range []string{"beta", "Gamma", "ALPHA"} {
		createGroup(t, d, name, unknownID)
	}
	for descending, want := range map[bool][]string{
		false: {"ALPHA", "beta", "Gamma"},
		true:  {"Gamma", "beta", "ALPHA"},
	} {
		for _, with := range []bool{false, true} {
			q := search(t, "displayName pr")
			q.WithMembers = with
			q.Order = orderBy(t, schema.Group, "displayName", descending)
			page, err := d.Groups(t.Context(), q)
			must(t, err)
			if got := names(page, "displayName"); !slices.Equal(got, want) {
				t.Fatalf("%s: found %v: want %v", q.Order, got, want)
			}
			ascending(t, q.Order, page.Resources)
		}
	}
}

// walked are the orders that the tests page through.
func walked(t *testing.T, rt *schema.ResourceType) []order.Order {
	t.Helper()
	return []order.Order{
		{},
		orderBy(t, rt, "displayName", false),
		orderBy(t, rt, "displayName", true),
		orderBy(t, rt, "meta.created", true),
	}
}

func walking(t *testing.T, d scim.Directory) {
	const resources, count = 8, 3
	for i := range resources {
		// Some have the same value, and some none.
		if i%3 == 0 {
			createUser(t, d, fmt.Sprintf("user-%d@example.com", i))
		} else {
			createUser(t, d, fmt.Sprintf("user-%d@example.com", i), "displayName", fmt.Sprint("Name ", i%2))
		}
		createGroup(t, d, fmt.Sprintf("Group %d", resources-i))
	}
	for _, c := range []struct {
		rt     *schema.ResourceType
		search searchFunc
	}{{schema.User, d.Users}, {schema.Group, d.Groups}} {
		for _, o := range walked(t, c.rt) {
			var there []scim.Resource
			w := order.Window{StartIndex: 1, Count: count}
			for {
				page := window(t, c.search, o, w, resources)
				if page.Earlier != (len(there) > 0) || page.Later != (len(there)+len(page.Resources) < resources) {
					t.Fatalf("order %q: behind %d of %d: earlier %v, later %v", o, len(there), resources, page.Earlier, page.Later)
				}
				there = append(there, page.Resources...)
				if !page.Later {
					break
				}
				after := o.Key(page.Resources[len(page.Resources)-1])
				w = order.Window{Count: count, After: &after}
			}
			ascending(t, o, there)
			if len(there) != resources {
				t.Fatalf("order %q: a walk meets %d of %d", o, len(there), resources)
			}
			last := o.Key(there[resources-1])
			if page := window(t, c.search, o, order.Window{Count: count, After: &last}, resources); len(page.Resources) > 0 || page.Later || !page.Earlier {
				t.Fatalf("order %q: behind the last there are %d", o, len(page.Resources))
			}
			back := there[resources-1:]
			for {
				before := o.Key(back[0])
				page := window(t, c.search, o, order.Window{Count: count, Before: &before}, resources)
				back = append(slices.Clone(page.Resources), back...)
				if page.Earlier != (len(back) < resources) || !page.Later {
					t.Fatalf("order %q: in front of %d: earlier %v, later %v", o, len(back), page.Earlier, page.Later)
				}
				if !page.Earlier {
					break
				}
			}
			wantJSON(t, back, there)
		}
	}
}

func window(t *testing.T, search searchFunc, o order.Order, w order.Window, total int) scim.Page {
	t.Helper()
	page, err := search(t.Context(), scim.Query{Order: o, Window: w})
	must(t, err)
	if page.Total != total || len(page.Resources) > w.Count {
		t.Fatalf("order %q: %d of %d: want at most %d of %d", o, len(page.Resources), page.Total, w.Count, total)
	}
	return page
}

func walkingWhileChanging(t *testing.T, d scim.Directory) {
	const users, count = 12, 3
	for n, o := range walked(t, schema.User) {
		stays := map[string]bool{}
		for i := range users {
			stays[createUser(t, d, fmt.Sprintf("user-%d-%d@example.com", n, i), "displayName", fmt.Sprint("Name ", i%5)).ID()] = true
		}
		remove := func(id string) {
			must(t, d.DeleteUser(t.Context(), id, nil))
			delete(stays, id)
		}
		gone := map[string]bool{}
		var met []scim.Resource
		w := order.Window{StartIndex: 1, Count: count}
		for step := 0; ; step++ {
			page, err := d.Users(t.Context(), scim.Query{Order: o, Window: w})
			must(t, err)
			for _, r := range page.Resources {
				if gone[r.ID()] {
					t.Fatalf("order %q: a walk meets a user that was deleted before", o)
				}
			}
			met = append(met, page.Resources...)
			if !page.Later {
				break
			}
			last := page.Resources[len(page.Resources)-1]
			after := o.Key(last)
			w = order.Window{Count: count, After: &after}
			// The place that the walk is at goes, and somebody new comes.
			remove(last.ID())
			gone[last.ID()] = true
			createUser(t, d, fmt.Sprintf("new-%d-%d@example.com", n, step), "displayName", fmt.Sprint("Name ", step))
			if step > 3*users {
				t.Fatalf("order %q: a walk has no end", o)
			}
		}
		ascending(t, o, met)
		for _, r := range met {
			delete(stays, r.ID())
		}
		if len(stays) > 0 {
			t.Fatalf("order %q: a walk misses %d users that were there all the time", o, len(stays))
		}
		page, err := d.Users(t.Context(), scim.Query{Window: order.Window{StartIndex: 1, Count: 1000}})
		must(t, err)
		for _, r := range page.Resources {
			must(t, d.DeleteUser(t.Context(), r.ID(), nil))
		}
	}
}
