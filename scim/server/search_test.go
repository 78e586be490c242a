package server_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// names returns the userName or displayName of a list's resources.
func (r *reply) names() string {
	list, _ := r.body["Resources"].([]any)
	var names []string
	for _, e := range list {
		name, ok := at(e, "userName").(string)
		if !ok {
			name, _ = at(e, "displayName").(string)
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func TestSorting(t *testing.T) {
	s := start(t, server.Options{})
	for _, user := range []string{
		`{"userName":"bob","displayName":"beta","title":"2","active":false,
			"emails":[{"value":"z@example.com"},{"value":"b@example.com","primary":true}]}`,
		`{"userName":"Alice","name":{"familyName":"Zeta"},"emails":[{"value":"c@example.com"}]}`,
		`{"userName":"carol","displayName":"Alpha","name":{"familyName":"eta"},"` + enterpriseURN + `":{"department":"D"},
			"emails":[{"value":"A@example.com"}]}`,
	} {
		s.do("POST", "/Users", user).want(201)
	}

	for _, c := range []struct{ name, query, want string }{
		{"RFC 7644 3.4.2.3: ascending by default, without case", "sortBy=userName", "Alice bob carol"},
		{"RFC 7644 3.4.2.3: descending", "sortBy=userName&sortOrder=descending", "carol bob Alice"},
		{"RFC 7644 3.4.2.3: names and directions in any case", "SORTBY=USERNAME&sortorder=Descending", "carol bob Alice"},
		{"RFC 7644 3.4.2.3: what has no value comes last", "sortBy=displayName", "carol bob Alice"},
		{"RFC 7644 3.4.2.3: what has no value comes first when descending", "sortBy=displayName&sortOrder=descending", "Alice bob carol"},
		{"RFC 7644 3.4.2.3: of several values the primary one counts, or the first", "sortBy=emails", "carol bob Alice"},
		{"RFC 7644 3.4.2.3: sub-attributes", "sortBy=name.familyName", "carol Alice bob"},
		{"RFC 7644 3.4.2.3: the URN of the core schema", "sortBy=" + userURN + ":userName", "Alice bob carol"},
		{"RFC 7644 3.4.2.3: extensions", "sortBy=" + enterpriseURN + ":department", "carol bob Alice"},
		{"RFC 7644 3.4.2.3: by time", "sortBy=meta.created&sortOrder=descending", "carol Alice bob"},
		{"RFC 7644 3.4.2.3: with a filter and pages", "sortBy=userName&filter=emails+pr&startIndex=2&count=1", "bob"},
		{"RFC 7644 3.4.2.3: sortOrder alone is ignored", "sortOrder=nonsense", "bob Alice carol"},
		{"RFC 7644 3.4.2.3: an empty sortBy is none", "sortBy=&sortOrder=descending", "bob Alice carol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.do("GET", "/Users?"+c.query, "").want(200).names(); got != c.want {
				t.Errorf("%s finds %s: want %s", c.query, got, c.want)
			}
		})
	}

	t.Run("RFC 7644 3.4.2.3: what can't be sorted by is invalidValue", func(t *testing.T) {
		for _, query := range []string{
			"sortBy=nonsense", "sortBy=name", "sortBy=groups", "sortBy=members", "sortBy=meta", "sortBy=a.b.c", "sortBy=%5B", "sortBy=%zz",
			"sortBy=urn:example:x:2.0:User:y", "sortBy=userName&sortOrder=up", "sortBy=userName&sortOrder=%ff", "sortBy=id&sortby=id",
		} {
			s.do("GET", "/Users?"+query, "").wantError(400, "invalidValue")
		}
	})
}

func TestSearchByPost(t *testing.T) {
	var log bytes.Buffer
	s := start(t, server.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	alice, bob := s.createUser("alice"), s.createUser("bob")
	team := s.createGroup("Team", alice)
	log.Reset()
	const urn = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

	t.Run("RFC 7644 3.4.3: the body has what a query has", func(t *testing.T) {
		r := s.do("POST", "/Users/.search", fmt.Sprintf(`{"schemas":[%q],"attributes":["userName","meta.location"],
			"filter":"userName sw \"a\" or userName eq \"bob\"","sortBy":"userName","sortOrder":"descending","startIndex":1,"count":10}`, urn)).want(200)
		r.has("schemas", []string{listURN}, "totalResults", 2, "startIndex", 1, "itemsPerPage", 2,
			"Resources/0", map[string]any{"schemas": []string{userURN}, "id": bob, "userName": "bob", "meta": map[string]any{"location": s.base + "/Users/" + bob}},
			"Resources/1/id", alice)
	})

	t.Run("RFC 7644 3.4.3: every search gives what its GET gives", func(t *testing.T) {
		for _, c := range []struct{ path, query, body string }{
			{"/Users", "", `{}`},
			{"/Groups", "", `{"schemas":null}`},
			{"", "", `{"nonsense":{"deep":[1]}}`},
			{"/Users", "startIndex=2&count=1", `{"STARTINDEX":"2","Count":1}`},
			{"/Groups", "excludedAttributes=members", `{"excludedAttributes":["members"]}`},
			{"/Groups", "attributes=displayName", `{"attributes":"displayName"}`},
			{"/Users", "attributes=emails%5Btype+eq+%22work%22%5D,userName", `{"attributes":["emails[type eq \"work\"]",null,"userName"]}`},
			{"/Users", "count=0", `{"count":-3}`},
			{"", "filter=id+eq+%22" + team + "%22", `{"filter":"id eq \"` + team + `\"","startIndex":null}`},
		} {
			want := s.do("GET", c.path+"?"+c.query, "").want(200)
			if got := s.do("POST", c.path+"/.search", c.body).want(200); !bytes.Equal(got.raw, want.raw) {
				t.Errorf("%s on %s gives %s: want %s", c.body, c.path, got.raw, want.raw)
			}
		}
	})

	t.Run("RFC 7644 3.4.3: what can't be understood is 400", func(t *testing.T) {
		for body, scimType := range map[string]string{
			``: "invalidSyntax", `[]`: "invalidSyntax", `{"filter":`: "invalidSyntax",
			`{"filter":"userName"}`: "invalidFilter", `{"filter":5}`: "invalidFilter", `{"filter":"","Filter":"userName pr"}`: "invalidFilter",
			`{"startIndex":true}`: "invalidValue", `{"count":1.5}`: "invalidValue", `{"count":"many"}`: "invalidValue",
			`{"attributes":[1]}`: "invalidValue", `{"attributes":{"a":1}}`: "invalidValue", `{"sortBy":["userName"]}`: "invalidValue",
			`{"sortBy":"userName","sortOrder":"up"}`: "invalidValue", `{"cursor":1}`: "invalidCursor",
		} {
			s.do("POST", "/Users/.search", body).wantError(400, scimType)
		}
		s.do("POST", "/Users/.search?count=1", `{"count":1}`).wantError(400, "invalidValue")
		s.do("POST", "/Users/.search?filter=userName+eq+bob", `{}`).want(200).has("totalResults", 1)
		s.do("POST", "/.search", `{}`, "Content-Type", "text/html").wantError(415, "")
	})

	t.Run("a search is no write", func(t *testing.T) {
		if strings.Contains(log.String(), "SCIM write") {
			t.Errorf("the log has %s", log.String())
		}
		s := start(t, server.Options{})
		s.do("POST", "/Users/.search", "{}").want(200)
		s.do("POST", "/.SEARCH/", "{}").want(200)
		s.do("POST", "/nonsense/.search", "{}").want(404)
		s.wantMetrics("rollcall_scim_requests_total", "counter",
			`rollcall_scim_requests_total{code="200",method="POST",provider="entra",resource="/.search"} 1`,
			`rollcall_scim_requests_total{code="200",method="POST",provider="entra",resource="Users/.search"} 1`,
			`rollcall_scim_requests_total{code="404",method="POST",provider="entra",resource=""} 1`)
	})
}

// counting is a directory that counts the searches of each type.
type counting struct {
	scim.Directory
	users, groups int
}

func (d *counting) Users(ctx context.Context, q scim.Query) (scim.Page, error) {
	d.users++
	return d.Directory.Users(ctx, q)
}

func (d *counting) Groups(ctx context.Context, q scim.Query) (scim.Page, error) {
	d.groups++
	return d.Directory.Groups(ctx, q)
}

func TestSearchOfTheRoot(t *testing.T) {
	s := start(t, server.Options{})
	// One after the other, so that users and groups alternate.
	bob := s.createUser("bob")
	red := s.createGroup("red", bob)
	alice := s.do("POST", "/Users", `{"userName":"alice","displayName":"Zoe","externalId":"x-2"}`).want(201).id()
	blue := s.do("POST", "/Groups", `{"displayName":"blue","externalId":"x-1"}`).want(201).id()
	carol := s.do("POST", "/Users", `{"userName":"carol","displayName":"Pink"}`).want(201).id()

	for _, c := range []struct {
		name, query string
		want        []string
	}{
		{"RFC 7644 3.4.2.1: users and then groups", "", []string{bob, alice, carol, red, blue}},
		{"RFC 7644 3.4.2.1: a page of users", "startIndex=1&count=2", []string{bob, alice}},
		{"RFC 7644 3.4.2.1: a page of both", "startIndex=3&count=2", []string{carol, red}},
		{"RFC 7644 3.4.2.1: a page of groups", "startIndex=5&count=2", []string{blue}},
		{"RFC 7644 3.4.2.1: a page behind the end", "startIndex=6&count=2", nil},
		{"RFC 7644 3.4.2.1: meta.resourceType", `filter=meta.resourceType eq "Group"`, []string{red, blue}},
		{"RFC 7644 3.4.2.1: two types", `filter=meta.resourceType eq "User" or meta.resourceType eq "Group"&count=4`, []string{bob, alice, carol, red}},
		{"RFC 7644 3.4.2.1: an attribute that one type hasn't", `filter=userName eq "ALICE"`, []string{alice}},
		{"RFC 7644 3.4.2.1: an attribute that one type hasn't, negated", `filter=not (userName eq "alice")`, []string{bob, carol, red, blue}},
		{"RFC 7644 3.4.2.1: an attribute that both have", `filter=externalId pr`, []string{alice, blue}},
		{"RFC 7644 3.4.2.1: members", `filter=members eq "` + bob + `"`, []string{red}},
		{"RFC 7644 3.4.2.1: what is an error for one type finds others", `filter=active gt true or displayName eq "red"`, []string{red}},
		{"RFC 7644 3.4.2.3: both in one order", "sortBy=displayName", []string{blue, carol, red, alice, bob}},
		{"RFC 7644 3.4.2.3: both in one descending order", "sortBy=displayName&sortOrder=descending", []string{bob, alice, red, carol, blue}},
		{"RFC 7644 3.4.2.3: a page of both in one order", "sortBy=displayName&startIndex=2&count=3", []string{carol, red, alice}},
		{"RFC 7644 3.4.2.3: by what one type hasn't", "sortBy=userName", []string{alice, bob, carol, red, blue}},
		{"RFC 7644 3.4.2.3: by what one type hasn't, descending", "sortBy=userName&sortOrder=descending", []string{red, blue, carol, bob, alice}},
		{"RFC 7644 3.4.2.3: by age", "sortBy=meta.created", []string{bob, red, alice, blue, carol}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, value, _ := strings.Cut(c.query, "=")
			query := c.query
			if name == "filter" {
				value, rest, _ := strings.Cut(value, "&")
				query = "filter=" + url.QueryEscape(value) + "&" + rest
			}
			if got := s.do("GET", "?"+query, "").want(200).ids(); !slices.Equal(got, c.want) {
				t.Errorf("finds %v: want %v", got, c.want)
			}
		})
	}

	t.Run("RFC 7644 3.4.2.1: the total is that of both", func(t *testing.T) {
		s.do("GET", "/?count=1&startIndex=2", "").want(200).has("totalResults", 5, "startIndex", 2, "itemsPerPage", 1)
		s.do("GET", "?count=0", "").want(200).has("totalResults", 5, "itemsPerPage", 0, "Resources", []any{})
		s.do("GET", "?count=0&sortBy=id&startIndex=9999", "").want(200).has("totalResults", 5, "startIndex", 9999)
		s.do("GET", "?startIndex=9223372036854775807&count=200", "").want(200).has("totalResults", 5, "itemsPerPage", 0)
	})

	t.Run("RFC 7644 3.4.2.1: each type is shown as its own", func(t *testing.T) {
		r := s.do("GET", "?count=5", "").want(200)
		r.has("Resources/0/schemas", []string{userURN}, "Resources/0/meta/resourceType", "User", "Resources/0/meta/location", s.base+"/Users/"+bob,
			"Resources/0/groups/0/$ref", s.base+"/Groups/"+red,
			"Resources/3/schemas", []string{groupURN}, "Resources/3/meta/resourceType", "Group", "Resources/3/members/0/$ref", s.base+"/Users/"+bob)
		s.do("GET", "?attributes=displayName&startIndex=3&count=2", "").want(200).has("Resources", []any{
			map[string]any{"schemas": []string{userURN}, "id": carol, "displayName": "Pink"},
			map[string]any{"schemas": []string{groupURN}, "id": red, "displayName": "red"},
		})
		s.do("GET", "?excludedAttributes=members,meta&startIndex=4&count=1", "").want(200).has("Resources", []any{
			map[string]any{"schemas": []string{groupURN}, "id": red, "displayName": "red"},
		})
	})

	t.Run("RFC 7644 3.4.2.1: what is an error for both types is one", func(t *testing.T) {
		s.do("GET", "?filter=meta.created+gt+true", "").wantError(400, "invalidFilter")
		s.do("GET", "?filter=userName", "").wantError(400, "invalidFilter")
		s.do("GET", "?sortBy=nonsense", "").wantError(400, "invalidValue")
		s.do("GET", "?sortBy=members", "").wantError(400, "invalidValue")
	})

	t.Run("RFC 7644 3.4.2.1: what can't match isn't looked for", func(t *testing.T) {
		s := start(t, server.Options{})
		d := &counting{Directory: s.directory}
		s.backend.directories["entra"] = d
		for query, want := range map[string][2]int{
			`meta.resourceType eq "Group"`: {0, 1}, `displayName eq "x" and meta.resourceType eq "User"`: {1, 0},
			`userName eq "x"`: {1, 0}, `members[value eq "x"]`: {0, 1}, `nonsense eq "x"`: {0, 0}, `displayName eq "x"`: {1, 1},
			`meta.resourceType eq "group"`: {0, 0}, `userName ne "x"`: {1, 1}, `userName eq null`: {1, 1}, `emails pr`: {1, 0},
		} {
			d.users, d.groups = 0, 0
			s.do("GET", "?filter="+url.QueryEscape(query), "").want(200).has("totalResults", 0)
			if got := [2]int{d.users, d.groups}; got != want {
				t.Errorf("%s asks %v times: want %v", query, got, want)
			}
		}
	})

	t.Run("RFC 7644 3.12: a sorted page too far on is tooMany", func(t *testing.T) {
		s := start(t, server.Options{})
		for i := range server.MaxMerged + 1 {
			if _, err := s.directory.CreateUser(t.Context(), scim.Resource{"userName": fmt.Sprintf("user-%04d", i)}); err != nil {
				t.Fatal(err)
			}
		}
		s.do("GET", "?sortBy=userName&startIndex=1991&count=10", "").want(200).has("itemsPerPage", 10, "Resources/9/userName", "user-1999")
		s.do("GET", "?sortBy=userName&startIndex=1992&count=10", "").wantError(400, "tooMany")
		s.do("GET", "?sortBy=userName&startIndex=2002&count=10", "").want(200).has("itemsPerPage", 0, "totalResults", 2001, "startIndex", 2002)
		s.do("GET", "?startIndex=2001&count=10", "").want(200).has("itemsPerPage", 1)
	})
}

func TestSearchByVersion(t *testing.T) {
	s := start(t, server.Options{})
	alice, bob := s.createUser("alice"), s.createUser("bob")
	version := s.do("GET", "/Users/"+alice, "").want(200).get("meta/version").(string)
	for _, c := range []struct {
		name, filter string
		want         []string
	}{
		{"RFC 7643 3.1: the version that meta.version shows", fmt.Sprintf("meta.version eq %q", version), []string{alice}},
		{"RFC 7643 3.1: all but that version", fmt.Sprintf("meta.version ne %q", version), []string{bob}},
		{"RFC 7643 3.1: a version that nobody has", `meta.version eq "W/\"x\""`, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.do("GET", "/Users?filter="+url.QueryEscape(c.filter), "").want(200).ids(); !slices.Equal(got, c.want) {
				t.Errorf("%s finds %v: want %v", c.filter, got, c.want)
			}
		})
	}
}

func TestSearchByLocation(t *testing.T) {
	s := start(t, server.Options{})
	alice, bob := s.createUser("alice"), s.createUser("bob")
	team := s.createGroup("Team")
	for _, c := range []struct {
		name, path, filter string
		want               []string
	}{
		{"RFC 7643 3.1: a user by its location", "/Users", `meta.location eq "` + s.base + `/Users/` + alice + `"`, []string{alice}},
		{"RFC 7643 3.1: a group by its location, of both types", "", `META.location eq "` + s.base + `/Groups/` + team + `"`, []string{team}},
		{"RFC 7643 3.1: a location in a larger filter", "/Users", `not (meta.location ne "` + s.base + `/Users/` + bob + `") and userName pr`, []string{bob}},
		{"RFC 7643 3.1: a location elsewhere", "/Users", `meta.location eq "https://other.example.com/entra/scim/v2/Users/` + alice + `"`, []string{}},
		{"RFC 7643 3.1: a location of another type", "/Users", `meta.location eq "` + s.base + `/Groups/` + team + `"`, []string{}},
		{"RFC 7643 3.1: every resource has a location", "/Users", `meta.location pr or id eq "x"`, []string{alice, bob}},
		{"RFC 7643 3.1: all but one location", "/Users", `meta.location ne "` + s.base + `/Users/` + alice + `"`, []string{bob}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s.do("GET", c.path+"?filter="+url.QueryEscape(c.filter), "").want(200).ids()
			if !slices.Equal(got, c.want) {
				t.Errorf("%s finds %v: want %v", c.filter, got, c.want)
			}
		})
	}
}

// usersOnly is a directory that can't search for groups.
type usersOnly struct{ scim.Directory }

func (usersOnly) Groups(context.Context, scim.Query) (scim.Page, error) {
	return scim.Page{}, context.DeadlineExceeded
}

func TestSearchesThatFail(t *testing.T) {
	s := start(t, server.Options{})
	s.backend.directories["entra"] = usersOnly{scimtest.New()}
	for _, query := range []string{"?", "?sortBy=id", "?cursor=&count=1", "?sortBy=id&startIndex=9999"} {
		s.do("GET", query, "").wantError(503, "")
	}
	s.do("GET", `?filter=meta.resourceType+eq+"User"`, "").want(200)
}
