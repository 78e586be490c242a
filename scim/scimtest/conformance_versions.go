package scimtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
)

func version(t *testing.T, r scim.Resource) string {
	t.Helper()
	meta, _ := r["meta"].(map[string]any)
	v, _ := meta["version"].(string)
	if v == "" {
		t.Fatalf("meta %v: want a version", r["meta"])
	}
	return v
}

// is matches one version.
func is(want string) scim.Match { return func(v string) bool { return v == want } }

func userVersions(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com", "title", "Engineer")
	id, last := alice.ID(), version(t, alice)
	seen := map[string]bool{last: true}
	same := func(what string) {
		t.Helper()
		page, err := d.Users(t.Context(), search(t, fmt.Sprintf("id eq %q", id)))
		must(t, err)
		for _, r := range []scim.Resource{readUser(t, d, id), page.Resources[0]} {
			if v := version(t, r); v != last {
				t.Fatalf("%s: version %q when it is read again, want %q", what, v, last)
			}
		}
	}
	changed := func(what string) {
		t.Helper()
		if last = version(t, readUser(t, d, id)); seen[last] {
			t.Fatalf("%s: the version stays %q", what, last)
		}
		seen[last] = true
		same(what)
	}
	same("created")
	updated, err := d.UpdateUser(t.Context(), id, nil, set("title", "Boss"))
	must(t, err)
	changed("a new title")
	if version(t, updated) != last {
		t.Fatal("an update answers with another version than a read")
	}
	_, err = d.UpdateUser(t.Context(), id, nil, set("title", "Boss"))
	must(t, err)
	same("the same title")
	team := createGroup(t, d, "Team", id)
	changed("a membership")
	_, err = d.UpdateGroup(t.Context(), team.ID(), nil, false, setGroup("displayName", "Renamed"))
	must(t, err)
	changed("its group's name")
	createUser(t, d, "bob@example.com")
	changeMembers(t, d, team.ID(), scim.MemberChange{Add: memberList([]string{unknownID})})
	same("somebody else's change")
}

func groupVersions(t *testing.T, d scim.Directory) {
	alice, bob := createUser(t, d, "alice@example.com"), createUser(t, d, "bob@example.com")
	team := createGroup(t, d, "Team", alice.ID())
	id, last := team.ID(), version(t, team)
	read := func(what string) string {
		t.Helper()
		want := version(t, readGroup(t, d, id))
		for _, with := range []bool{true, false} {
			one, err := d.Group(t.Context(), id, with)
			must(t, err)
			q := search(t, fmt.Sprintf("id eq %q", id))
			q.WithMembers = with
			page, err := d.Groups(t.Context(), q)
			must(t, err)
			for _, r := range []scim.Resource{one, page.Resources[0]} {
				if v := version(t, r); v != want {
					t.Fatalf("%s: versions %q and %q of one state", what, v, want)
				}
			}
		}
		return want
	}
	if v := read("created"); v != last {
		t.Fatalf("version %q when it is read again, want %q", v, last)
	}
	for _, step := range []struct {
		what    string
		change  scim.MemberChange
		name    string
		changes bool
	}{
		{"a new member", scim.MemberChange{Add: memberList([]string{bob.ID()})}, "Team", true},
		{"the same member", scim.MemberChange{Add: memberList([]string{bob.ID()})}, "Team", false},
		{"an unknown member", scim.MemberChange{Add: memberList([]string{unknownID})}, "Team", true},
		{"another name", scim.MemberChange{}, "Renamed", true},
		{"no change", scim.MemberChange{}, "Renamed", false},
		{"one member less", scim.MemberChange{Remove: []string{alice.ID()}}, "Renamed", true},
		{"no member less", scim.MemberChange{Remove: []string{alice.ID()}}, "Renamed", false},
		{"the same members", scim.MemberChange{Reset: true, Add: memberList([]string{bob.ID(), unknownID})}, "Renamed", false},
		{"no members", scim.MemberChange{Reset: true}, "Renamed", true},
	} {
		updated, err := d.UpdateGroup(t.Context(), id, nil, false,
			func(group scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
				group["displayName"] = step.name
				return group, step.change, nil
			})
		must(t, err)
		now := read(step.what)
		if (now != last) != step.changes || version(t, updated) != now {
			t.Fatalf("%s: version %q, then %q, answered %q", step.what, last, now, version(t, updated))
		}
		last = now
	}
	changeMembers(t, d, id, scim.MemberChange{Add: memberList([]string{bob.ID()})})
	last = read("a member")
	must(t, d.DeleteUser(t.Context(), bob.ID(), nil))
	if read("a deleted member") == last {
		t.Fatal("the version stays when a member is deleted")
	}
}

func matched(t *testing.T, d scim.Directory) {
	alice, bob := createUser(t, d, "alice@example.com", "externalId", "ext"), createUser(t, d, "bob@example.com")
	team := createGroup(t, d, "Team", alice.ID())
	old := map[string]string{alice.ID(): version(t, alice), team.ID(): version(t, team)}
	changeMembers(t, d, team.ID(), scim.MemberChange{Add: memberList([]string{bob.ID()})})
	alice, team = readUser(t, d, alice.ID()), readGroup(t, d, team.ID())

	unasked := errors.New("mutate is called for a version that doesn't match")
	for _, match := range []scim.Match{
		func(v string) bool { return v == old[alice.ID()] || v == old[team.ID()] },
		func(string) bool { return false },
	} {
		_, err := d.UpdateUser(t.Context(), alice.ID(), match, func(scim.Resource) (scim.Resource, error) { return nil, unasked })
		wantStatus(t, err, http.StatusPreconditionFailed)
		_, err = d.UpdateGroup(t.Context(), team.ID(), match, false,
			func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
				return nil, scim.MemberChange{}, unasked
			})
		wantStatus(t, err, http.StatusPreconditionFailed)
		wantStatus(t, d.DeleteUser(t.Context(), alice.ID(), match), http.StatusPreconditionFailed)
		wantStatus(t, d.DeleteGroup(t.Context(), team.ID(), match), http.StatusPreconditionFailed)
	}
	wantJSON(t, readUser(t, d, alice.ID()), alice)
	wantJSON(t, readGroup(t, d, team.ID()), team)

	updated, err := d.UpdateUser(t.Context(), alice.ID(), is(version(t, alice)), set("title", "Boss"))
	must(t, err)
	_, err = d.UpdateUser(t.Context(), alice.ID(), is(version(t, alice)), set("title", "Chief"))
	wantStatus(t, err, http.StatusPreconditionFailed)
	_, err = d.UpdateUser(t.Context(), alice.ID(), is(version(t, updated)), set("title", "Chief"))
	must(t, err)

	renamed, err := d.UpdateGroup(t.Context(), team.ID(), is(version(t, team)), true,
		func(group scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
			group["displayName"] = "Renamed"
			return group, scim.MemberChange{Remove: []string{bob.ID()}}, nil
		})
	must(t, err)
	wantIDs(t, valuesOf(t, renamed, "members"), sorted(alice.ID()))
	wantStatus(t, d.DeleteGroup(t.Context(), team.ID(), is(version(t, team))), http.StatusPreconditionFailed)
	must(t, d.DeleteGroup(t.Context(), team.ID(), is(version(t, renamed))))

	left := version(t, readUser(t, d, alice.ID()))
	must(t, d.DeleteUser(t.Context(), alice.ID(), is(left)))
	never := func(string) bool { t.Error("a resource that isn't there is asked for its version"); return true }
	wantStatus(t, d.DeleteUser(t.Context(), alice.ID(), never), http.StatusNotFound)
	wantStatus(t, d.DeleteGroup(t.Context(), team.ID(), never), http.StatusNotFound)
}

// oneWins has all clients write with one version.
func oneWins(t *testing.T, d scim.Directory) {
	ids := make([]string, clients)
	for i := range ids {
		ids[i] = createUser(t, d, fmt.Sprintf("user-%d@example.com", i)).ID()
	}
	team := createGroup(t, d, "Members")
	for what, c := range map[string]struct {
		resource scim.Resource
		write    func(ctx context.Context, id string, match scim.Match, client int) error
	}{
		"a user's attribute": {createUser(t, d, "one@example.com"), func(ctx context.Context, id string, match scim.Match, client int) error {
			_, err := d.UpdateUser(ctx, id, match, set("title", fmt.Sprint(client)))
			return err
		}},
		"a user's end": {createUser(t, d, "two@example.com"), func(ctx context.Context, id string, match scim.Match, _ int) error {
			return d.DeleteUser(ctx, id, match)
		}},
		"a group's attribute": {createGroup(t, d, "Attribute"), func(ctx context.Context, id string, match scim.Match, client int) error {
			_, err := d.UpdateGroup(ctx, id, match, false, setGroup("externalId", fmt.Sprint(client)))
			return err
		}},
		"a group's members": {team, func(ctx context.Context, id string, match scim.Match, client int) error {
			_, err := d.UpdateGroup(ctx, id, match, false, changeOf(scim.MemberChange{Add: memberList(ids[client : client+1])}))
			return err
		}},
		"a group's end": {createGroup(t, d, "End"), func(ctx context.Context, id string, match scim.Match, _ int) error {
			return d.DeleteGroup(ctx, id, match)
		}},
	} {
		match := is(version(t, c.resource))
		var won atomic.Int32
		parallel(func(client int) {
			err := c.write(t.Context(), c.resource.ID(), match, client)
			switch e := scim.AsError(err); {
			case err == nil:
				won.Add(1)
			case e == nil || e.Status != http.StatusPreconditionFailed && e.Status != http.StatusNotFound:
				t.Errorf("%s: %v: want a mismatch", what, err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%s: %d of %d writes with one version succeed: want 1", what, won.Load(), clients)
		}
	}
	if members := memberIDs(t, d, team.ID()); len(members) != 1 {
		t.Errorf("members %v: want that of the one who won", members)
	}
}

// matchedMembers has half of the clients add a member each, and the other half
// read all members and write them back with one more. The version keeps both from
// losing anybody.
func matchedMembers(t *testing.T, d scim.Directory) {
	team := createGroup(t, d, "Team")
	ids := make([]string, clients)
	for i := range ids {
		ids[i] = createUser(t, d, fmt.Sprintf("user-%d@example.com", i)).ID()
	}
	parallel(func(i int) {
		change := scim.MemberChange{Add: memberList(ids[i : i+1])}
		write := func(match scim.Match) error {
			_, err := d.UpdateGroup(t.Context(), team.ID(), match, false, changeOf(change))
			return err
		}
		if i%2 == 0 {
			if err := write(nil); err != nil {
				t.Errorf("add: %v", err)
			}
			return
		}
		for {
			group, err := d.Group(t.Context(), team.ID(), true)
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			change = scim.MemberChange{Reset: true, Add: memberList(append(valuesOf(t, group, "members"), ids[i]))}
			err = write(is(version(t, group)))
			if e := scim.AsError(err); e != nil && e.Status == http.StatusPreconditionFailed {
				continue
			}
			if err != nil {
				t.Errorf("replace: %v", err)
			}
			return
		}
	})
	wantIDs(t, memberIDs(t, d, team.ID()), sorted(ids...))
}

func concurrentResets(t *testing.T, d scim.Directory) {
	team := createGroup(t, d, "Team")
	ids := make([]string, clients)
	for i := range ids {
		ids[i] = createUser(t, d, fmt.Sprintf("user-%d@example.com", i)).ID()
	}
	for range 3 {
		parallel(func(i int) {
			_, err := d.UpdateGroup(t.Context(), team.ID(), nil, false,
				changeOf(scim.MemberChange{Reset: true, Add: memberList(ids[i : i+1])}))
			if err != nil {
				t.Errorf("replace: %v", err)
			}
		})
		if left := memberIDs(t, d, team.ID()); len(left) != 1 {
			t.Fatalf("%d members are left of %d that replaced each other: want 1", len(left), clients)
		}
	}
}
