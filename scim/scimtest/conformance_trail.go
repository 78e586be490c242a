package scimtest

import (
	"context"
	"slices"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// trailOf returns what a call told of itself.
func trailOf(t *testing.T, call func(context.Context) error) *scim.Trail {
	t.Helper()
	ctx, trail := scim.WithTrail(t.Context())
	must(t, call(ctx))
	return trail
}

// wantTrail expects actions in this order, each of the resource of that id, and each
// with the object that it is stored in.
func wantTrail(t *testing.T, trail *scim.Trail, id string, actions ...scim.Action) []scim.Change {
	t.Helper()
	changes := trail.Changes()
	var got []scim.Action
	for _, c := range changes {
		got = append(got, c.Action)
		if c.ID != id || c.Object.Kind == "" || c.Object.Name == "" || c.Object.UID == "" {
			t.Errorf("%s of %q in %+v: want id %q, and the object", c.Action, c.ID, c.Object, id)
		}
	}
	if !slices.Equal(got, actions) {
		t.Fatalf("the trail has %q: want %q", got, actions)
	}
	return changes
}

// wantMoved expects members by id, and which of them are users.
func wantMoved(t *testing.T, what string, got []scim.Member, users []string, others ...string) {
	t.Helper()
	have := map[string]string{}
	for _, m := range got {
		have[m.ID] = m.Type
	}
	if len(got) != len(have) || len(have) != len(users)+len(others) {
		t.Errorf("%s: %v, want the users %q and %q", what, got, users, others)
	}
	for _, id := range users {
		if have[id] != schema.User.Name {
			t.Errorf("%s: %v, want the user %q", what, got, id)
		}
	}
	for _, id := range others {
		if kind, ok := have[id]; !ok || kind == schema.User.Name {
			t.Errorf("%s: %v, want %q, which is no user", what, got, id)
		}
	}
}

func userTrail(t *testing.T, d scim.Directory) {
	var id string
	create := func(userName string) func(context.Context) error {
		return func(ctx context.Context) error {
			user, err := d.CreateUser(ctx, newUser(userName, "externalId", "e1"))
			id = user.ID()
			return err
		}
	}
	update := func(name string, value any) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := d.UpdateUser(ctx, id, nil, func(user scim.Resource) (scim.Resource, error) {
				user = user.Clone()
				user[name] = value
				return user, nil
			})
			return err
		}
	}
	trail := trailOf(t, create("alice@example.com"))
	c := wantTrail(t, trail, id, scim.Created)[0]
	if c.Before != nil || c.After.String("userName") != "alice@example.com" {
		t.Errorf("created: %v to %v", c.Before, c.After)
	}
	c = wantTrail(t, trailOf(t, update("title", "Lead")), id, scim.Updated)[0]
	if c.Before["title"] != nil || c.After["title"] != "Lead" {
		t.Errorf("updated: %v to %v", c.Before, c.After)
	}
	wantTrail(t, trailOf(t, update("title", "Lead")), id)
	c = wantTrail(t, trailOf(t, func(ctx context.Context) error { return d.DeleteUser(ctx, id, nil) }), id, scim.Deleted)[0]
	if c.Before["title"] != "Lead" || c.After != nil {
		t.Errorf("deleted: %v to %v", c.Before, c.After)
	}
	old := id
	trail = trailOf(t, create("alice.new@example.com"))
	c = wantTrail(t, trail, old, scim.Restored)[0]
	if c.Before.String("userName") != "alice@example.com" || c.After.String("userName") != "alice.new@example.com" {
		t.Errorf("restored: %v to %v", c.Before, c.After)
	}

	ctx, trail := scim.WithTrail(t.Context())
	if _, err := d.CreateUser(ctx, newUser("alice.new@example.com")); err == nil {
		t.Error("a name that is taken was given again")
	}
	wantTrail(t, trail, "")
}

func groupTrail(t *testing.T, d scim.Directory) {
	a, b := createUser(t, d, "a").ID(), createUser(t, d, "b").ID()
	var id string
	trail := trailOf(t, func(ctx context.Context) error {
		group, err := d.CreateGroup(ctx, newGroup("Team"), memberList([]string{a, "nobody"}))
		id = group.ID()
		return err
	})
	if c := trail.Changes(); len(c) == 0 || c[0].Action != scim.Created || c[0].ID != id || c[0].After.String("displayName") != "Team" {
		t.Errorf("created: %+v", c)
	}
	joined, left := trail.Members()
	wantMoved(t, "joined at creation", joined, []string{a}, "nobody")
	wantMoved(t, "left at creation", left, nil)

	change := func(c scim.MemberChange) *scim.Trail {
		return trailOf(t, func(ctx context.Context) error {
			_, err := d.UpdateGroup(ctx, id, nil, false, changeOf(c))
			return err
		})
	}
	joined, left = change(scim.MemberChange{Add: memberList([]string{a, b}), Remove: []string{"somebody"}}).Members()
	wantMoved(t, "joined", joined, []string{b})
	wantMoved(t, "left", left, nil)
	joined, left = change(scim.MemberChange{Reset: true, Add: memberList([]string{b, "another"})}).Members()
	wantMoved(t, "joined by a reset", joined, nil, "another")
	wantMoved(t, "left by a reset", left, []string{a}, "nobody")
	joined, left = change(scim.MemberChange{Reset: true, Add: memberList([]string{b, "another"})}).Members()
	wantMoved(t, "joined by the same", joined, nil)
	wantMoved(t, "left by the same", left, nil)

	trail = trailOf(t, func(ctx context.Context) error { return d.DeleteGroup(ctx, id, nil) })
	wantTrail(t, trail, id, scim.Deleted)
}
