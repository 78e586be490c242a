package scimtest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/order"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

func uniqueDisplayName(t *testing.T, d scim.Directory) {
	team := createGroup(t, d, "Team Ä")
	other := createGroup(t, d, "Other")
	for _, name := range []string{"Team Ä", "TEAM ä", "Ｔｅａｍ Ä"} {
		_, err := d.CreateGroup(t.Context(), newGroup(name), nil)
		wantStatus(t, err, http.StatusConflict)
		_, err = d.UpdateGroup(t.Context(), other.ID(), nil, false, setGroup("displayName", name))
		wantStatus(t, err, http.StatusConflict)
	}
	must(t, d.DeleteGroup(t.Context(), team.ID(), nil))
	if again := createGroup(t, d, "Team Ä"); again.ID() == team.ID() {
		t.Fatal("a new group got the id of a deleted one")
	}
}

func setGroup(attribute string, value any) func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
	return func(group scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
		group[attribute] = value
		return group, scim.MemberChange{}, nil
	}
}

func updateGroup(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com")
	team := createGroup(t, d, "Team", alice.ID())
	refused := errors.New("refused")
	_, err := d.UpdateGroup(t.Context(), team.ID(), nil, true,
		func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
			return nil, scim.MemberChange{Reset: true}, refused
		})
	if !errors.Is(err, refused) {
		t.Fatalf("error %v: want that of mutate", err)
	}
	wantIDs(t, memberIDs(t, d, team.ID()), sorted(alice.ID()))
	updated, err := d.UpdateGroup(t.Context(), team.ID(), nil, true,
		func(group scim.Resource, current scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
			if group["members"] != nil {
				t.Fatal("mutate was given the members attribute")
			}
			list, err := current()
			must(t, err)
			if len(list) != 1 || list[0].ID != alice.ID() || list[0].Type != "User" || list[0].Display != "alice@example.com" {
				t.Fatalf("current members are %+v", list)
			}
			group["displayName"], group["externalId"] = "Renamed", "Ext"
			return group, scim.MemberChange{}, nil
		})
	must(t, err)
	wantJSON(t, sent(updated), newGroup("Renamed", "externalId", "Ext"))
	wantJSON(t, readGroup(t, d, team.ID()), updated)
	wantIDs(t, valuesOf(t, updated, "members"), sorted(alice.ID()))
	if updated.ID() != team.ID() {
		t.Fatal("a rename changed the id")
	}
	groups, _ := readUser(t, d, alice.ID())["groups"].([]any)
	wantJSON(t, groups, []any{map[string]any{"value": team.ID(), "display": "Renamed", "type": "direct"}})
	same, err := d.UpdateGroup(t.Context(), team.ID(), nil, true, keep)
	must(t, err)
	wantJSON(t, same, updated)
}

func createdWithMembers(t *testing.T, d scim.Directory) {
	alice, bob := createUser(t, d, "alice@example.com"), createUser(t, d, "bob@example.com")
	team := createGroup(t, d, "Team", alice.ID(), bob.ID(), alice.ID())
	wantIDs(t, valuesOf(t, team, "members"), sorted(alice.ID(), bob.ID()))
	wantJSON(t, readGroup(t, d, team.ID()), team)
	if alone := createGroup(t, d, "Alone"); alone["members"] != nil {
		t.Fatalf("members %v: want no attribute", alone["members"])
	}
}

func memberChanges(t *testing.T, d scim.Directory) {
	var ids []string
	for i := range 6 {
		ids = append(ids, createUser(t, d, fmt.Sprintf("user-%d@example.com", i)).ID())
	}
	team := createGroup(t, d, "Team", ids[0], ids[1])
	other := createGroup(t, d, "Other", ids...)
	wantIDs(t, memberIDs(t, d, team.ID()), sorted(ids[:2]...))
	for _, step := range []struct {
		change scim.MemberChange
		want   []string
	}{
		{scim.MemberChange{Add: memberList(ids[2:4])}, ids[:4]},
		{scim.MemberChange{Remove: ids[:1]}, ids[1:4]},
		{scim.MemberChange{Add: memberList(ids[5:]), Remove: ids[1:3]}, []string{ids[3], ids[5]}},
		{scim.MemberChange{}, []string{ids[3], ids[5]}},
		{scim.MemberChange{Reset: true, Add: memberList(ids[3:5])}, ids[3:5]},
		{scim.MemberChange{Reset: true}, nil},
		{scim.MemberChange{Reset: true, Add: memberList(ids)}, ids},
	} {
		changeMembers(t, d, team.ID(), step.change)
		wantIDs(t, memberIDs(t, d, team.ID()), sorted(step.want...))
		for _, id := range ids {
			want := []string{other.ID()}
			if slices.Contains(step.want, id) {
				want = append(want, team.ID())
			}
			wantIDs(t, groupIDs(t, d, id), sorted(want...))
		}
	}
	wantIDs(t, memberIDs(t, d, other.ID()), sorted(ids...))
}

func idempotentMembers(t *testing.T, d scim.Directory) {
	alice, bob := createUser(t, d, "alice@example.com"), createUser(t, d, "bob@example.com")
	team := createGroup(t, d, "Team", alice.ID())
	for _, change := range []scim.MemberChange{
		{Add: memberList([]string{alice.ID()})},
		{Add: memberList([]string{alice.ID(), alice.ID()})},
		{Remove: []string{bob.ID(), unknownID}},
	} {
		before := readGroup(t, d, team.ID())
		changeMembers(t, d, team.ID(), change)
		wantJSON(t, readGroup(t, d, team.ID()), before)
	}
}

func unknownMembers(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com")
	team := createGroup(t, d, "Team", unknownID, "no-uuid")
	changeMembers(t, d, team.ID(), scim.MemberChange{Add: memberList([]string{"another", alice.ID()})})
	wantIDs(t, memberIDs(t, d, team.ID()), sorted(unknownID, "no-uuid", "another", alice.ID()))
	changeMembers(t, d, team.ID(), scim.MemberChange{Remove: []string{"no-uuid", "another"}})
	wantIDs(t, memberIDs(t, d, team.ID()), sorted(unknownID, alice.ID()))
	page, err := d.Users(t.Context(), scim.Query{Window: order.Window{StartIndex: 1, Count: 10}})
	must(t, err)
	if page.Total != 1 {
		t.Fatalf("there are %d users: an unknown member makes none", page.Total)
	}
	changeMembers(t, d, team.ID(), scim.MemberChange{Reset: true, Add: memberList([]string{alice.ID()})})
	wantIDs(t, memberIDs(t, d, team.ID()), sorted(alice.ID()))
}

func nestedGroup(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com")
	inner := createGroup(t, d, "Inner", alice.ID())
	outer := createGroup(t, d, "Outer", inner.ID())
	wantIDs(t, memberIDs(t, d, outer.ID()), sorted(inner.ID()))
	wantIDs(t, groupIDs(t, d, alice.ID()), sorted(inner.ID()))
	members, _ := readGroup(t, d, outer.ID())["members"].([]any)
	if m, _ := members[0].(map[string]any); m["type"] == "User" {
		t.Fatalf("member %v: a group is no user", m)
	}
}

func deletedGroup(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com")
	team := createGroup(t, d, "Team", alice.ID())
	other := createGroup(t, d, "Other", alice.ID())
	must(t, d.DeleteGroup(t.Context(), team.ID(), nil))
	wantStatus(t, d.DeleteGroup(t.Context(), team.ID(), nil), http.StatusNotFound)
	_, err := d.Group(t.Context(), team.ID(), false)
	wantStatus(t, err, http.StatusNotFound)
	wantIDs(t, groupIDs(t, d, alice.ID()), sorted(other.ID()))
	page, err := d.Groups(t.Context(), search(t, `displayName eq "Team"`))
	must(t, err)
	wantFound(t, "the deleted group's name", page, nil)
}

func deletedMember(t *testing.T, d scim.Directory) {
	alice, bob := createUser(t, d, "alice@example.com"), createUser(t, d, "bob@example.com")
	team := createGroup(t, d, "Team", alice.ID(), bob.ID())
	must(t, d.DeleteUser(t.Context(), alice.ID(), nil))
	wantIDs(t, memberIDs(t, d, team.ID()), sorted(bob.ID()))
}

func membersWhenAsked(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com", "displayName", "Alice")
	team := createGroup(t, d, "Team", alice.ID())
	want := []any{map[string]any{"value": alice.ID(), "type": "User", "display": "Alice"}}
	for _, with := range []bool{true, false} {
		one, err := d.Group(t.Context(), team.ID(), with)
		must(t, err)
		page, err := d.Groups(t.Context(), scim.Query{Window: order.Window{StartIndex: 1, Count: 10}, WithMembers: with})
		must(t, err)
		updated, err := d.UpdateGroup(t.Context(), team.ID(), nil, with, keep)
		must(t, err)
		for _, r := range []scim.Resource{one, page.Resources[0], updated} {
			if with {
				wantJSON(t, r["members"], want)
			} else if _, ok := r["members"]; ok {
				t.Fatalf("members are there without having been asked for: %v", r)
			}
		}
	}
}

func groupFilters(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com")
	team, err := d.CreateGroup(t.Context(), newGroup("Team A", "externalId", "Ext"), memberList([]string{alice.ID(), unknownID}))
	must(t, err)
	other := createGroup(t, d, "Other")
	for text, want := range map[string][]string{
		`displayName eq "TEAM a"`:           {team.ID()},
		`externalId eq "Ext"`:               {team.ID()},
		`externalId eq "ext"`:               nil,
		fmt.Sprintf(`id eq %q`, other.ID()): {other.ID()},
		fmt.Sprintf(`id eq %q and members eq %q`, team.ID(), alice.ID()):  {team.ID()},
		fmt.Sprintf(`members eq %q and id eq %q`, alice.ID(), other.ID()): nil,
		fmt.Sprintf(`members.value eq %q`, alice.ID()):                    {team.ID()},
		fmt.Sprintf(`members[value eq %q]`, unknownID):                    {team.ID()},
		`displayName sw "t" or displayName ew "ER"`:                       {team.ID(), other.ID()},
		schema.GroupURN + `:displayName eq "other"`:                       {other.ID()},
	} {
		for _, with := range []bool{false, true} {
			q := search(t, text)
			q.WithMembers = with
			page, err := d.Groups(t.Context(), q)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			wantFound(t, text, page, want)
			for _, r := range page.Resources {
				if _, shown := r["members"]; shown && !with {
					t.Fatalf("%s shows members without having been asked for", text)
				}
			}
		}
	}
}
