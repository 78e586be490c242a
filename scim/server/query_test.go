package server_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// find searches and returns the ids that it finds, sorted.
func (s *service) find(endpoint, filter, more string) []string {
	s.t.Helper()
	r := s.do("GET", endpoint+"?filter="+url.QueryEscape(filter)+more, "").want(200)
	ids := r.ids()
	r.has("schemas", []string{listURN}, "totalResults", len(ids), "itemsPerPage", len(ids), "startIndex", 1)
	slices.Sort(ids)
	return ids
}

func TestFilters(t *testing.T) {
	s := start(t, server.Options{})

	t.Run("fact 22: the connection test finds nobody, with 200 (RFC 7644 3.4.2)", func(t *testing.T) {
		r := s.do("GET", "/Users?filter=userName+eq+%22f2c9b4b7-7f27-4a08-a1b5-6b0e0cb6c7e5%22", "").want(200)
		want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`
		if got := strings.TrimSpace(string(r.raw)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})

	boss := s.createUser("boss@example.com")
	alice := s.do("POST", "/Users", fmt.Sprintf(`{
		"userName":"Alice.O'Hara+x@example.com","externalId":"Ext-A","displayName":"Alice \"Al\" O'Hara #1",
		"name":{"familyName":"O'Hara"},
		"emails":[{"type":"work","value":"Alice@Example.com","primary":true},{"type":"home","value":"al@home.example"}],
		%q:{"employeeNumber":"17","manager":{"value":%q}}}`, enterpriseURN, boss)).want(201).id()
	team := s.do("POST", "/Groups", fmt.Sprintf(
		`{"displayName":"Platform Team","externalId":"Grp-1","members":[{"value":%q}]}`, alice)).want(201).id()
	other := s.createGroup("Other")

	t.Run("facts 23, 25, 27, 28: the forms of filters (RFC 7644 3.4.2.2, 3.10)", func(t *testing.T) {
		for filter, want := range map[string]string{
			`userName eq "Alice.O'Hara+x@example.com"`:            alice,
			`userName eq "ALICE.o'hara+X@example.com"`:            alice,
			`externalId eq "Ext-A"`:                               alice,
			`externalId eq "ext-a"`:                               "",
			`id eq "` + alice + `"`:                               alice,
			`id eq "` + strings.ToUpper(alice) + `"`:              "",
			`displayName eq "alice \"AL\" o'hara #1"`:             alice,
			`emails[type eq "work"].value eq "alice@example.com"`: alice,
			`emails[type eq "home"].value eq "alice@example.com"`: "",
			`emails.value eq "AL@home.example"`:                   alice,
			`name.familyName eq "o'hara"`:                         alice,
			enterpriseURN + `:employeeNumber eq "17"`:             alice,
			userURN + `:userName eq "boss@example.com"`:           boss,
			`username Eq "boss@example.com"`:                      boss,
			`EMAILS Co "home.ex"`:                                 alice,
			`userName sw boss`:                                    boss,
			`nonsense eq "x"`:                                     "",
		} {
			ids := []string{}
			if want != "" {
				ids = append(ids, want)
			}
			if got := s.find("/Users", filter, ""); !slices.Equal(got, ids) {
				t.Errorf("%s finds %v: want %v", filter, got, ids)
			}
		}
		for filter, want := range map[string]string{
			`displayName eq "platform TEAM"`: team, `externalId eq "Grp-1"`: team, `id eq "` + other + `"`: other, `displayName eq "x"`: "",
		} {
			ids := []string{}
			if want != "" {
				ids = append(ids, want)
			}
			if got := s.find("/Groups", filter, ""); !slices.Equal(got, ids) {
				t.Errorf("%s finds %v: want %v", filter, got, ids)
			}
		}
	})

	t.Run("fact 26: as Okta writes it", func(t *testing.T) {
		s.do("GET", `/Users?filter=userName%20eq%20"boss@example.com"&startIndex=1&count=100`, "").want(200).
			has("totalResults", 1, "Resources/0/id", boss)
		s.do("GET", "/Users?startIndex=1&count=2", "").want(200).has("itemsPerPage", 2)
		s.do("GET", "/Groups?startIndex=1&count=100", "").want(200).has("totalResults", 2)
	})

	t.Run("fact 24: reference checks", func(t *testing.T) {
		for filter, want := range map[string][]string{
			fmt.Sprintf(`id eq "%s" and manager eq "%s"`, alice, boss): {alice},
			fmt.Sprintf(`manager eq "%s" and id eq "%s"`, boss, alice): {alice},
			fmt.Sprintf(`id eq "%s" and manager eq "%s"`, boss, boss):  {},
		} {
			if got := s.find("/Users", filter, "&attributes=id"); !slices.Equal(got, want) {
				t.Errorf("%s finds %v: want %v", filter, got, want)
			}
		}
		for filter, want := range map[string][]string{
			fmt.Sprintf(`id eq "%s" and members eq "%s"`, team, alice):  {team},
			fmt.Sprintf(`members eq "%s" and id eq "%s"`, alice, team):  {team},
			fmt.Sprintf(`id eq "%s" and members eq "%s"`, other, alice): {},
		} {
			if got := s.find("/Groups", filter, "&attributes=id"); !slices.Equal(got, want) {
				t.Errorf("%s finds %v: want %v", filter, got, want)
			}
		}
	})

	t.Run("fact 66: what can't be understood is invalidFilter (RFC 7644 3.4.2.2, 3.12)", func(t *testing.T) {
		for _, query := range []string{
			"filter=userName", "filter=userName+eq", "filter=userName+is+%22x%22", "filter=(userName+pr", "filter=userName+eq+%22x",
			"filter=active+gt+true", "filter=userName+eq+%zz", "filter=userName+eq+%22%ff%22", "filter=userName+eq+100%",
			"filter=" + strings.Repeat("(", 40) + "userName+pr" + strings.Repeat(")", 40),
			"filter=userName+eq+%22" + strings.Repeat("x", 9000) + "%22",
		} {
			s.do("GET", "/Users?"+query, "").wantError(400, "invalidFilter")
			s.do("GET", "/Groups?"+query, "").want(map[bool]int{true: 200, false: 400}[query == "filter=active+gt+true"])
		}
	})

	t.Run("fact 23: a filter under a misspelt name is a filter, not a list of everybody", func(t *testing.T) {
		for _, name := range []string{"Filter", "FILTER", "%66ilter", "f%49lter"} {
			s.do("GET", "/Users?"+name+"=userName+eq+%22boss@example.com%22", "").want(200).has("totalResults", 1, "Resources/0/id", boss)
		}
		s.do("GET", "/Users?StartIndex=2&COUNT=1", "").want(200).has("startIndex", 2, "itemsPerPage", 1)
	})

	t.Run("a parameter that is there twice is 400", func(t *testing.T) {
		for query, scimType := range map[string]string{
			"filter=userName+eq+%22x%22&filter=": "invalidFilter", "filter=&Filter=userName+pr": "invalidFilter",
			"count=1&count=1": "invalidValue", "attributes=id&ATTRIBUTES=userName": "invalidValue",
		} {
			s.do("GET", "/Users?"+query, "").wantError(400, scimType)
		}
		s.do("GET", "/Users?aadOptscim062020&aadOptscim062020&count=1", "").want(200)
	})

	t.Run("fact 35: inactive users are found", func(t *testing.T) {
		id := s.createUser("leaver@example.com")
		s.patch("/Users/"+id, `{"op":"Replace","path":"active","value":"False"}`).want(200).has("active", false)
		if got := s.find("/Users", `userName eq "leaver@example.com"`, ""); !slices.Equal(got, []string{id}) {
			t.Errorf("a search finds %v: want the inactive user", got)
		}
		s.do("GET", "/Users/"+id, "").want(200).has("active", false)
		s.do("DELETE", "/Users/"+id, "").want(204)
		if got := s.find("/Users", `userName eq "leaver@example.com"`, ""); len(got) != 0 {
			t.Errorf("a search finds %v: want nobody", got)
		}
	})
}

func TestPaging(t *testing.T) {
	s := start(t, server.Options{})
	const users = 12
	all := map[string]bool{}
	for i := range users {
		all[s.createUser(fmt.Sprintf("user-%d@example.com", i))] = true
	}

	t.Run("fact 32: pages of five cover everybody once (RFC 7644 3.4.2.4)", func(t *testing.T) {
		seen := map[string]bool{}
		for page := 0; page*5 < users; page++ {
			r := s.do("GET", fmt.Sprintf("/Users?startIndex=%d&count=5", page*5+1), "").want(200)
			r.has("totalResults", users, "startIndex", page*5+1, "itemsPerPage", min(5, users-page*5))
			for _, id := range r.ids() {
				if seen[id] || !all[id] {
					t.Errorf("%s is on two pages", id)
				}
				seen[id] = true
			}
		}
		if len(seen) != users {
			t.Errorf("the pages have %d users: want %d", len(seen), users)
		}
	})

	t.Run("fact 32: what is out of range is put right (RFC 7644 3.4.2.4)", func(t *testing.T) {
		for _, c := range []struct {
			query             string
			startIndex, items int
		}{
			{"startIndex=0&count=5", 1, 5},
			{"startIndex=-3", 1, users},
			{"count=0", 1, 0},
			{"count=-1", 1, 0},
			{"count=100000", 1, users},
			{"count=99999999999999999999", 1, users},
			{"count=-99999999999999999999", 1, 0},
			{"startIndex=13", 13, 0},
			{"startIndex=500&count=5", 500, 0},
			{"startIndex=9223372036854775807&count=200", 9223372036854775807, 0},
			{"startIndex=&count=", 1, users},
			{"startIndex=%201%20&count=5", 1, 5},
			{"filter=&count=5", 1, 5},
			{"sortBy=userName&sortOrder=descending&count=5", 1, 5},
		} {
			s.do("GET", "/Users?"+c.query, "").want(200).
				has("totalResults", users, "startIndex", c.startIndex, "itemsPerPage", c.items)
		}
		for _, query := range []string{"count=five", "startIndex=1.5", "count=%zz"} {
			s.do("GET", "/Users?"+query, "").wantError(400, "invalidValue")
		}
	})

	t.Run("a page has 100 by default and 200 at most", func(t *testing.T) {
		s := start(t, server.Options{})
		for i := range 210 {
			s.createUser(fmt.Sprintf("user-%d@example.com", i))
		}
		s.do("GET", "/Users", "").want(200).has("totalResults", 210, "itemsPerPage", server.DefaultPage)
		s.do("GET", "/Users?count=205", "").want(200).has("totalResults", 210, "itemsPerPage", server.MaxPage)
	})
}

func TestProjection(t *testing.T) {
	s := start(t, server.Options{})
	alice := s.do("POST", "/Users", fmt.Sprintf(
		`{"userName":"alice","title":"T","emails":[{"type":"work","value":"a@example.com"}],%q:{"department":"D"}}`, enterpriseURN)).want(201).id()
	team := s.createGroup("Team", alice)
	names := func(r *reply) string {
		resource := r.body
		if list, ok := r.body["Resources"].([]any); ok {
			resource = list[0].(map[string]any)
		}
		var keys []string
		for key := range resource {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		return strings.Join(keys, " ")
	}

	t.Run("fact 30: members that are excluded are absent", func(t *testing.T) {
		for _, query := range []string{
			"/Groups/" + team + "?excludedAttributes=members",
			"/Groups?excludedAttributes=members&filter=displayName+eq+%22Team%22",
			"/Groups?excludedAttributes=Members,externalId",
			"/Groups/" + team + "?excludedAttributes=" + groupURN + ":members",
		} {
			if got := names(s.do("GET", query, "").want(200)); got != "displayName id meta schemas" {
				t.Errorf("%s shows %s", query, got)
			}
		}
		empty := s.createGroup("Empty")
		if got := names(s.do("GET", "/Groups/"+empty, "").want(200)); got != "displayName id meta schemas" {
			t.Errorf("an empty group shows %s", got)
		}
	})

	t.Run("members and groups have a $ref (RFC 7643 4.1.2, 4.2)", func(t *testing.T) {
		s.do("GET", "/Groups/"+team, "").want(200).has("members", []any{map[string]any{
			"value": alice, "type": "User", "display": "alice", "$ref": s.base + "/Users/" + alice,
		}})
		s.do("GET", "/Users/"+alice, "").want(200).has("groups", []any{map[string]any{
			"value": team, "type": "direct", "display": "Team", "$ref": s.base + "/Groups/" + team,
		}})
	})

	t.Run("fact 34: attributes leave id and schemas (RFC 7644 3.4.2.5)", func(t *testing.T) {
		for query, want := range map[string]string{
			"attributes=userName,emails":                  "emails id schemas userName",
			"attributes=emails%5Btype+eq+%22work%22%5D":   "emails id schemas",
			"attributes=USERNAME, title":                  "id schemas title userName",
			"attributes=id":                               "id schemas",
			"attributes=nonsense":                         "id schemas",
			"attributes=" + enterpriseURN + ":department": "id schemas " + enterpriseURN,
			"attributes=meta.location":                    "id meta schemas",
			"attributes=":                                 "active emails groups id meta schemas title " + enterpriseURN + " userName",
			"excludedAttributes=groups,meta,emails,id":    "active id schemas title " + enterpriseURN + " userName",
			"EXCLUDEDattributes=groups":                   "active emails id meta schemas title " + enterpriseURN + " userName",
		} {
			query = strings.ReplaceAll(query, " ", "+")
			for _, path := range []string{"/Users/" + alice + "?" + query, "/Users?filter=userName+eq+alice&" + query} {
				if got := names(s.do("GET", path, "").want(200)); got != want {
					t.Errorf("%s shows %s: want %s", path, got, want)
				}
			}
		}
		if got := names(s.do("GET", "/Groups/"+team+"?attributes=displayName", "").want(200)); got != "displayName id schemas" {
			t.Errorf("a group shows %s", got)
		}
		s.do("GET", "/Groups/"+team+"?attributes=members.value", "").want(200).has("members", []any{map[string]any{"value": alice}})
		s.do("GET", "/Groups/"+team+"?excludedAttributes=members.$ref,members.display,members.type", "").want(200).
			has("members", []any{map[string]any{"value": alice}})
		s.do("GET", "/Users?attributes=%5B%5B", "").wantError(400, "invalidValue")
	})

	t.Run("writes honour attributes too (RFC 7644 3.9)", func(t *testing.T) {
		r := s.do("POST", "/Users?attributes=userName", `{"userName":"bob","title":"T"}`).want(201)
		if got := names(r); got != "id schemas userName" || r.header.Get("Location") == "" {
			t.Errorf("POST shows %s", got)
		}
		if got := names(s.do("PUT", "/Users/"+r.id()+"?excludedAttributes=meta,active", `{"userName":"bob"}`).want(200)); got != "id schemas userName" {
			t.Errorf("PUT shows %s", got)
		}
		r = s.do("PATCH", "/Groups/"+team+"?attributes=displayName", `{"Operations":[{"op":"add","path":"externalId","value":"x"}]}`).want(200)
		if got := names(r); got != "displayName id schemas" {
			t.Errorf("PATCH shows %s", got)
		}
	})
}
