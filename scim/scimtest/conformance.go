package scimtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/order"
)

// unknownID is a well-formed id that nobody has.
const unknownID = "00000000-0000-4000-8000-000000000000"

// TestDirectory checks that an implementation of scim.Directory keeps the
// interface's promises. newDir returns an empty directory.
func TestDirectory(t *testing.T, newDir func() scim.Directory) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, scim.Directory)
	}{
		{"a user is stored verbatim (fact 6)", storedVerbatim},
		{"the directory owns id and meta (fact 48, RFC 7643 3.1)", ownsIDAndMeta},
		{"userName is unique without case and width (fact 38, RFC 7644 5)", uniqueUserName},
		{"an inactive user is still there (fact 35)", inactiveStays},
		{"a deleted user is gone (facts 49, 51, RFC 7644 3.6)", deletedIsGone},
		{"a deleted user comes back under its externalId", comesBack},
		{"a freed userName has a new id (fact 49)", freedName},
		{"an update is atomic and sees what is there", updateUser},
		{"an update that changes nothing writes nothing", updateNothing},
		{"displayName is unique without case and width (fact 54, RFC 7644 5)", uniqueDisplayName},
		{"a group changes its attributes and keeps its members (facts 31, 55)", updateGroup},
		{"a group is created with members and shows them", createdWithMembers},
		{"members are added, removed and reset (facts 56, 57, 58)", memberChanges},
		{"a member change is idempotent (fact 59)", idempotentMembers},
		{"unknown member ids are kept (fact 61)", unknownMembers},
		{"a group may be a member (fact 64)", nestedGroup},
		{"a deleted group takes its memberships along", deletedGroup},
		{"a deleted user leaves its groups (fact 51)", deletedMember},
		{"members are shown when asked for (fact 30)", membersWhenAsked},
		{"filters find users (facts 23, 25)", userFilters},
		{"filters find groups (facts 23, 24)", groupFilters},
		{"pages cover everything once (fact 32, RFC 7644 3.4.2.4)", paging},
		{"searches are sorted by values of each kind (RFC 7644 3.4.2.3)", sorting},
		{"groups are sorted too (RFC 7644 3.4.2.3)", sortedGroups},
		{"pages go on behind a place, and back in front of it (RFC 9865 2)", walking},
		{"a walk meets all that stays, once, while others come and go (RFC 9865 2)", walkingWhileChanging},
		{"a user's version is that of what the client sees (RFC 7644 3.14)", userVersions},
		{"a group's version is that of its members too (RFC 7644 3.14)", groupVersions},
		{"a write for another version writes nothing (RFC 7644 3.14)", matched},
		{"the trail of a user tells what was stored", userTrail},
		{"the trail of a group tells who joined and left", groupTrail},
		{"whatever doesn't exist is NotFound", notFound},
		{"concurrent creates of one userName make one user", concurrentCreates},
		{"concurrent updates of one user lose nothing (fact 62)", concurrentUpdates},
		{"concurrent member changes lose nothing (facts 31, 62)", concurrentMembers},
		{"concurrent replacements of members leave one of them (facts 58, 62)", concurrentResets},
		{"of concurrent writes with one version one succeeds (RFC 7644 3.14)", oneWins},
		{"a version keeps concurrent member changes from being lost (fact 62, RFC 7644 3.14)", matchedMembers},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newDir()) })
	}
}

// newUser returns a user in canonical form; more are names and values of further
// attributes.
func newUser(userName string, more ...any) scim.Resource {
	return resource(append([]any{"userName", userName, "active", true}, more...))
}

// newGroup returns a group in canonical form.
func newGroup(displayName string, more ...any) scim.Resource {
	return resource(append([]any{"displayName", displayName}, more...))
}

func resource(pairs []any) scim.Resource {
	r := scim.Resource{}
	for i := 0; i < len(pairs); i += 2 {
		r[pairs[i].(string)] = pairs[i+1]
	}
	return r
}

func createUser(t *testing.T, d scim.Directory, userName string, more ...any) scim.Resource {
	t.Helper()
	created, err := d.CreateUser(t.Context(), newUser(userName, more...))
	must(t, err)
	return created
}

func createGroup(t *testing.T, d scim.Directory, displayName string, members ...string) scim.Resource {
	t.Helper()
	created, err := d.CreateGroup(t.Context(), newGroup(displayName), memberList(members))
	must(t, err)
	return created
}

func readUser(t *testing.T, d scim.Directory, id string) scim.Resource {
	t.Helper()
	user, err := d.User(t.Context(), id)
	must(t, err)
	return user
}

func readGroup(t *testing.T, d scim.Directory, id string) scim.Resource {
	t.Helper()
	group, err := d.Group(t.Context(), id, true)
	must(t, err)
	return group
}

func memberList(ids []string) []scim.Member {
	var members []scim.Member
	for _, id := range ids {
		members = append(members, scim.Member{ID: id})
	}
	return members
}

// changeMembers changes a group's members and nothing else.
func changeMembers(t *testing.T, d scim.Directory, id string, change scim.MemberChange) {
	t.Helper()
	_, err := d.UpdateGroup(t.Context(), id, nil, false, changeOf(change))
	must(t, err)
}

func changeOf(change scim.MemberChange) func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
	return func(group scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
		return group, change, nil
	}
}

// memberIDs returns a group's members, sorted.
func memberIDs(t *testing.T, d scim.Directory, id string) []string {
	t.Helper()
	return valuesOf(t, readGroup(t, d, id), "members")
}

// groupIDs returns a user's groups, sorted.
func groupIDs(t *testing.T, d scim.Directory, id string) []string {
	t.Helper()
	return valuesOf(t, readUser(t, d, id), "groups")
}

func valuesOf(t *testing.T, r scim.Resource, attribute string) []string {
	t.Helper()
	list, _ := r[attribute].([]any)
	var ids []string
	for _, e := range list {
		object, ok := e.(map[string]any)
		if !ok {
			t.Fatalf("%s has an element that is no object: %v", attribute, e)
		}
		id, _ := object["value"].(string)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func sorted(ids ...string) []string { return slices.Sorted(slices.Values(ids)) }

// sent returns what a client has sent of a resource: all but what the directory
// adds.
func sent(r scim.Resource) map[string]any {
	rest := maps.Clone(map[string]any(r))
	for _, name := range []string{"id", "meta", "groups", "members"} {
		delete(rest, name)
	}
	return rest
}

func metaTime(t *testing.T, r scim.Resource, name string) time.Time {
	t.Helper()
	meta, _ := r["meta"].(map[string]any)
	s, _ := meta[name].(string)
	at, err := time.Parse(time.RFC3339, s)
	if err != nil || at.Location() != time.UTC {
		t.Fatalf("meta.%s = %q: want an RFC 3339 time in UTC", name, s)
	}
	return at
}

func search(t *testing.T, text string) scim.Query {
	t.Helper()
	e, err := filter.Parse(text)
	must(t, err)
	return scim.Query{Filter: e, Window: order.Window{StartIndex: 1, Count: 100}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantStatus(t *testing.T, err error, status int) {
	t.Helper()
	e := scim.AsError(err)
	if e == nil {
		t.Fatalf("error %v: want a *scim.Error with status %d", err, status)
	}
	if e.Status != status || e.Detail == "" {
		t.Fatalf("error %v: want status %d and a detail", e, status)
	}
	if status == http.StatusConflict && e.Type != scim.Uniqueness {
		t.Fatalf("scimType %q: want %q", e.Type, scim.Uniqueness)
	}
}

// wantJSON compares as JSON, in which a number has one form.
func wantJSON(t *testing.T, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	must(t, err)
	w, err := json.Marshal(want)
	must(t, err)
	if string(g) != string(w) {
		t.Fatalf("got  %s\nwant %s", g, w)
	}
}

func wantIDs(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("ids %v: want %v", got, want)
	}
}
