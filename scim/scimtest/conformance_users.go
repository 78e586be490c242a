package scimtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/order"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

func storedVerbatim(t *testing.T, d scim.Directory) {
	input := newUser("Ünïcode.Person@Example.com",
		"externalId", "  Ext-42 ",
		"displayName", "Dr. Ünïcode  Person",
		"name", map[string]any{"formatted": "U. Person", "givenName": "Ünïcode", "familyName": "O'Person", "honorificPrefix": "Dr."},
		"title", "<b>&\"Engineer\"</b>",
		"emails", []any{
			map[string]any{"value": "B@example.com", "type": "work", "primary": true},
			map[string]any{"value": "a@example.com", "type": "private", "display": "home"},
		},
		"phoneNumbers", []any{map[string]any{"value": "+49 (0) 30 / 123", "type": "mobile"}},
		"addresses", []any{map[string]any{"type": "work", "streetAddress": "1 Main St\nFloor 2", "country": "DE"}},
		"roles", []any{map[string]any{"value": `{"id":"1","value":"Admin"}`, "primary": true}},
		schema.EnterpriseUserURN, map[string]any{"employeeNumber": "007", "manager": map[string]any{"value": unknownID}},
		schema.RollcallUserURN, map[string]any{"defaultRemoteIdentity": "unicode", "permissionLevel": "what no client is shown"},
		"urn:ietf:params:scim:schemas:extension:Contoso:2.0:User", map[string]any{"badge": "x", "floor": map[string]any{"wing": "B"}},
	)
	before := input.Clone()
	created, err := d.CreateUser(t.Context(), input)
	must(t, err)
	wantJSON(t, input, before)
	wantJSON(t, sent(created), input)
	wantJSON(t, sent(readUser(t, d, created.ID())), input)
}

func ownsIDAndMeta(t *testing.T, d scim.Directory) {
	created := createUser(t, d, "alice@example.com", "id", "mine", "meta", map[string]any{"created": "1999-01-01T00:00:00Z"})
	id := created.ID()
	if id == "" || id == "mine" || strings.Contains(id, "bulkId") {
		t.Fatalf("id %q: want one made by the directory", id)
	}
	at := metaTime(t, created, "created")
	if at.Year() == 1999 || !metaTime(t, created, "lastModified").Equal(at) {
		t.Fatalf("meta %v: want one time of the directory's clock for both", created["meta"])
	}
	updated, err := d.UpdateUser(t.Context(), id, nil, func(u scim.Resource) (scim.Resource, error) {
		u["userName"] = "alice.renamed@example.com"
		u["id"] = "mine"
		return u, nil
	})
	must(t, err)
	if updated.ID() != id || !metaTime(t, updated, "created").Equal(at) {
		t.Fatalf("after a rename id and meta are %q %v: want %q and the same created", updated.ID(), updated["meta"], id)
	}
	wantJSON(t, readUser(t, d, id), updated)
}

func uniqueUserName(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "Alice@Example.com")
	bob := createUser(t, d, "bob@example.com")
	for _, name := range []string{"Alice@Example.com", "alice@example.COM", "ａｌｉｃｅ@example.com"} {
		_, err := d.CreateUser(t.Context(), newUser(name))
		wantStatus(t, err, http.StatusConflict)
		_, err = d.UpdateUser(t.Context(), bob.ID(), nil, rename(name))
		wantStatus(t, err, http.StatusConflict)
	}
	wantJSON(t, readUser(t, d, bob.ID()), bob)
	renamed, err := d.UpdateUser(t.Context(), alice.ID(), nil, rename("ALICE@example.com"))
	must(t, err)
	if renamed.String("userName") != "ALICE@example.com" {
		t.Fatalf("userName %q: one's own name may change its case", renamed.String("userName"))
	}
}

func rename(userName string) func(scim.Resource) (scim.Resource, error) {
	return set("userName", userName)
}

func set(attribute string, value any) func(scim.Resource) (scim.Resource, error) {
	return func(r scim.Resource) (scim.Resource, error) {
		r[attribute] = value
		return r, nil
	}
}

func inactiveStays(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com")
	team := createGroup(t, d, "Team", alice.ID())
	updated, err := d.UpdateUser(t.Context(), alice.ID(), nil, set("active", false))
	must(t, err)
	for _, r := range []scim.Resource{updated, readUser(t, d, alice.ID())} {
		if r["active"] != false {
			t.Fatalf("active is %v: want false", r["active"])
		}
	}
	page, err := d.Users(t.Context(), search(t, `userName eq "alice@example.com"`))
	must(t, err)
	if page.Total != 1 {
		t.Fatalf("a search finds %d users: want the inactive one", page.Total)
	}
	wantIDs(t, memberIDs(t, d, team.ID()), sorted(alice.ID()))
	wantIDs(t, groupIDs(t, d, alice.ID()), sorted(team.ID()))
}

func deletedIsGone(t *testing.T, d scim.Directory) {
	id := createUser(t, d, "alice@example.com", "externalId", "ext").ID()
	must(t, d.DeleteUser(t.Context(), id, nil))
	_, err := d.User(t.Context(), id)
	wantStatus(t, err, http.StatusNotFound)
	_, err = d.UpdateUser(t.Context(), id, nil, set("active", true))
	wantStatus(t, err, http.StatusNotFound)
	wantStatus(t, d.DeleteUser(t.Context(), id, nil), http.StatusNotFound)
	for _, text := range []string{`userName eq "alice@example.com"`, `externalId eq "ext"`, fmt.Sprintf(`id eq %q`, id), `active pr`} {
		page, err := d.Users(t.Context(), search(t, text))
		must(t, err)
		if page.Total != 0 {
			t.Fatalf("%s finds %d users: want none", text, page.Total)
		}
	}
}

func comesBack(t *testing.T, d scim.Directory) {
	first := createUser(t, d, "alice@example.com", "externalId", "ext", "title", "Boss")
	team := createGroup(t, d, "Team", first.ID())
	must(t, d.DeleteUser(t.Context(), first.ID(), nil))
	second := createUser(t, d, "alice.new@example.com", "externalId", "ext")
	if second.ID() != first.ID() {
		t.Fatalf("id %q: want that of the deleted user with the same externalId, %q", second.ID(), first.ID())
	}
	wantJSON(t, sent(second), newUser("alice.new@example.com", "externalId", "ext"))
	wantJSON(t, readUser(t, d, second.ID()), second)
	wantIDs(t, groupIDs(t, d, second.ID()), nil)
	wantIDs(t, memberIDs(t, d, team.ID()), nil)
}

func freedName(t *testing.T, d scim.Directory) {
	first := createUser(t, d, "alice@example.com", "externalId", "one")
	must(t, d.DeleteUser(t.Context(), first.ID(), nil))
	second := createUser(t, d, "alice@example.com", "externalId", "two")
	must(t, d.DeleteUser(t.Context(), second.ID(), nil))
	third := createUser(t, d, "alice@example.com")
	if first.ID() == second.ID() || third.ID() == second.ID() || third.ID() == first.ID() {
		t.Fatal("a name's next holder got the id of the one before")
	}
	other := createUser(t, d, "bob@example.com")
	_, err := d.UpdateUser(t.Context(), third.ID(), nil, rename("carol@example.com"))
	must(t, err)
	_, err = d.UpdateUser(t.Context(), other.ID(), nil, rename("alice@example.com"))
	must(t, err)
	page, err := d.Users(t.Context(), search(t, `userName eq "alice@example.com"`))
	must(t, err)
	if page.Total != 1 || page.Resources[0].ID() != other.ID() {
		t.Fatalf("the renamed user isn't found under the freed name: %v", page)
	}
}

func updateUser(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com", "title", "Engineer")
	team := createGroup(t, d, "Team", alice.ID())
	refused := errors.New("refused")
	_, err := d.UpdateUser(t.Context(), alice.ID(), nil, func(u scim.Resource) (scim.Resource, error) {
		u["title"] = "Boss"
		return nil, refused
	})
	if !errors.Is(err, refused) {
		t.Fatalf("error %v: want that of mutate", err)
	}
	current := readUser(t, d, alice.ID())
	wantIDs(t, valuesOf(t, current, "groups"), sorted(team.ID()))
	updated, err := d.UpdateUser(t.Context(), alice.ID(), nil, func(u scim.Resource) (scim.Resource, error) {
		wantJSON(t, u, current)
		next := u.Clone()
		delete(next, "title")
		next["nickName"] = "Al"
		return next, nil
	})
	must(t, err)
	wantJSON(t, sent(updated), newUser("alice@example.com", "nickName", "Al"))
	wantJSON(t, readUser(t, d, alice.ID()), updated)
	if metaTime(t, updated, "lastModified").Before(metaTime(t, alice, "lastModified")) {
		t.Fatal("meta.lastModified went back")
	}
}

func updateNothing(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com", "emails", []any{map[string]any{"value": "a@example.com", "primary": true}})
	for _, mutate := range []func(scim.Resource) (scim.Resource, error){
		func(u scim.Resource) (scim.Resource, error) { return u, nil },
		func(u scim.Resource) (scim.Resource, error) { return u.Clone(), nil },
		set("userName", "alice@example.com"),
	} {
		updated, err := d.UpdateUser(t.Context(), alice.ID(), nil, mutate)
		must(t, err)
		wantJSON(t, updated, alice)
	}
	wantJSON(t, readUser(t, d, alice.ID()), alice)
}

func userFilters(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "Alice@example.com", "externalId", "Ext-A", "displayName", "Alice A.",
		"name", map[string]any{"familyName": "Adams"},
		"emails", []any{
			map[string]any{"value": "alice@work.example", "type": "work"},
			map[string]any{"value": "alice@home.example", "type": "home"},
		},
		schema.EnterpriseUserURN, map[string]any{"employeeNumber": "17", "manager": map[string]any{"value": "boss"}})
	bob := createUser(t, d, "bob@example.com", "externalId", "Ext-B",
		"emails", []any{map[string]any{"value": "bob@work.example", "type": "work"}})
	team := createGroup(t, d, "Team", alice.ID())
	for text, want := range map[string][]string{
		`userName eq "aLICE@EXAMPLE.com"`: {alice.ID()},
		`userName eq "nobody"`:            nil,
		`externalId eq "Ext-A"`:           {alice.ID()},
		`externalId eq "ext-a"`:           nil,
		fmt.Sprintf(`id eq %q`, bob.ID()): {bob.ID()},
		fmt.Sprintf(`id eq %q and userName eq "alice@example.com"`, bob.ID()):  nil,
		fmt.Sprintf(`id eq %q and manager eq "boss"`, alice.ID()):              {alice.ID()},
		fmt.Sprintf(`manager eq "boss" and id eq %q`, alice.ID()):              {alice.ID()},
		fmt.Sprintf(`id eq %q and manager eq "nobody"`, alice.ID()):            nil,
		`userName eq "ALICE@example.com" or userName eq "bob@example.com"`:     {alice.ID(), bob.ID()},
		`userName eq "alice@example.com" or displayName eq "ALICE A."`:         {alice.ID()},
		`(userName eq "bob@example.com" or id eq "x") and displayName pr`:      nil,
		`displayName eq "alice a."`:                                            {alice.ID()},
		`emails[type eq "work"].value eq "ALICE@work.example"`:                 {alice.ID()},
		`emails[type eq "home" and value co "bob"]`:                            nil,
		`emails.value eq "alice@home.example"`:                                 {alice.ID()},
		`emails eq "bob@work.example"`:                                         {bob.ID()},
		`name.familyName eq "adams"`:                                           {alice.ID()},
		schema.EnterpriseUserURN + `:employeeNumber eq "17"`:                   {alice.ID()},
		schema.UserURN + `:userName eq "bob@example.com"`:                      {bob.ID()},
		`userName eq "alice@example.com" or externalId eq "Ext-B"`:             {alice.ID(), bob.ID()},
		`not (userName eq "alice@example.com")`:                                {bob.ID()},
		`userName sw "B"`:                                                      {bob.ID()},
		`active eq true`:                                                       {alice.ID(), bob.ID()},
		fmt.Sprintf(`groups.value eq %q`, team.ID()):                           {alice.ID()},
		`meta.created gt "2001-01-01T00:00:00Z" and userName co "example.com"`: {alice.ID(), bob.ID()},
		`unknownAttribute eq "x"`:                                              nil,
	} {
		page, err := d.Users(t.Context(), search(t, text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		wantFound(t, text, page, want)
	}
}

func wantFound(t *testing.T, text string, page scim.Page, want []string) {
	t.Helper()
	var got []string
	for _, r := range page.Resources {
		got = append(got, r.ID())
	}
	slices.Sort(got)
	if !slices.Equal(got, sorted(want...)) || page.Total != len(want) {
		t.Fatalf("%s finds %v of %d: want %v", text, got, page.Total, want)
	}
}

func paging(t *testing.T, d scim.Directory) {
	const users = 13
	want := map[string]bool{}
	for i := range users {
		want[createUser(t, d, fmt.Sprintf("user-%d@example.com", i)).ID()] = true
		createGroup(t, d, fmt.Sprintf("Group %d", i))
	}
	seen := map[string]bool{}
	for start := 1; start <= users; start += 5 {
		page, err := d.Users(t.Context(), scim.Query{Window: order.Window{StartIndex: start, Count: 5}})
		must(t, err)
		if n := min(5, users-start+1); page.Total != users || len(page.Resources) != n {
			t.Fatalf("page at %d has %d of %d: want %d of %d", start, len(page.Resources), page.Total, n, users)
		}
		for _, r := range page.Resources {
			if seen[r.ID()] || !want[r.ID()] {
				t.Fatalf("%s is on two pages or on none of ours", r.ID())
			}
			seen[r.ID()] = true
		}
	}
	for name, list := range map[string]func(context.Context, scim.Query) (scim.Page, error){"users": d.Users, "groups": d.Groups} {
		for _, q := range []scim.Query{{Window: order.Window{StartIndex: 1, Count: 0}}, {Window: order.Window{StartIndex: users + 1, Count: 5}}, {Window: order.Window{StartIndex: int(^uint(0) >> 1), Count: 200}}} {
			page, err := list(t.Context(), q)
			must(t, err)
			if page.Total != users || len(page.Resources) != 0 {
				t.Fatalf("%s %+v: %d of %d: want none of %d", name, q, len(page.Resources), page.Total, users)
			}
		}
	}
}

func notFound(t *testing.T, d scim.Directory) {
	createUser(t, d, "alice@example.com")
	group := createGroup(t, d, "Team")
	for _, id := range []string{unknownID, "", "no uuid", "../users", strings.Repeat("x", 5000), "a\x00b", group.ID()} {
		_, err := d.User(t.Context(), id)
		wantStatus(t, err, http.StatusNotFound)
		_, err = d.UpdateUser(t.Context(), id, nil, set("active", false))
		wantStatus(t, err, http.StatusNotFound)
		wantStatus(t, d.DeleteUser(t.Context(), id, nil), http.StatusNotFound)
		if id == group.ID() {
			continue
		}
		_, err = d.Group(t.Context(), id, true)
		wantStatus(t, err, http.StatusNotFound)
		_, err = d.UpdateGroup(t.Context(), id, nil, false, keep)
		wantStatus(t, err, http.StatusNotFound)
		wantStatus(t, d.DeleteGroup(t.Context(), id, nil), http.StatusNotFound)
	}
}

func keep(group scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
	return group, scim.MemberChange{}, nil
}
