package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/server"
)

func TestTransport(t *testing.T) {
	t.Run("fact 1: every name of JSON is accepted as Content-Type (RFC 7644 3.1)", func(t *testing.T) {
		s := start(t, server.Options{})
		for i, kind := range []string{
			"application/scim+json; charset=utf-8", "application/scim+json", "Application/SCIM+JSON;Charset=UTF-8",
			"application/json", "application/json; charset=utf-8", "application/json;", "text/json", "application/vnd.x+json", "",
		} {
			s.do("POST", "/Users", fmt.Sprintf(`{"userName":"user-%d"}`, i), "Content-Type", kind).want(201)
		}
		for _, kind := range []string{"text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"} {
			s.do("POST", "/Users", `{"userName":"other"}`, "Content-Type", kind).wantError(415, "")
		}
		s.do("POST", "/Users", `{"userName":"other"}`, "Content-Encoding", "gzip").wantError(415, "")
		s.do("GET", "/Users", "", "Content-Type", "text/html").want(200)
		s.do("DELETE", "/Users/"+unknownID, "", "Content-Type", "text/html").want(404)
	})

	t.Run("fact 1: every answer has exactly the SCIM media type (RFC 7644 3.1, 8.1)", func(t *testing.T) {
		s := start(t, server.Options{})
		for _, c := range []struct {
			method, path string
			status       int
		}{
			{"GET", s.http.URL + "/", 404},
			{"GET", s.http.URL + "/entra/scim/v1/Users", 404},
			{"GET", s.http.URL + "/entra/scim", 404},
			{"GET", s.http.URL + "/nobody/scim/v2/Users", 404},
			{"GET", s.http.URL + "/%2e%2e/entra/scim/v2/Users", 404},
			{"GET", "/Nothing", 404},
			{"GET", "/Users/a/b", 404},
			{"GET", "/Users/a/b/c/d/e", 404},
			{"GET", "/Users/a%2Fb", 404},
			{"GET", "/Users/..", 404},
			{"PUT", "/Users", 405},
			{"POST", "/Users/" + unknownID, 405},
			{"DELETE", "/ServiceProviderConfig", 405},
			{"OPTIONS", "/Users", 405},
			{"BREW", "/Users", 405},
			{"GET", "/Me", 501}, // fact 12: what no known client needs
			{"PATCH", "/Me", 501},
			{"GET", "/Bulk", 405},
			{"POST", "/Bulk/x", 404},
			{"GET", "/.search", 405},
			{"PUT", "/Users/.search", 405},
			{"POST", "/Schemas/.search", 404},
			{"POST", "/Users/" + unknownID + "/.search", 404},
			{"POST", "/.search/x", 404},
			{"POST", s.base, 405},
		} {
			s.do(c.method, c.path, "").wantError(c.status, "")
		}
		s.do("HEAD", "/Users", "").want(405)
	})

	t.Run("a 405 says what is allowed (RFC 7644 3.2, RFC 9110 15.5.6)", func(t *testing.T) {
		s := start(t, server.Options{})
		for path, want := range map[string]string{
			"/Users": "GET, POST", "/Groups/" + unknownID: "GET, PUT, PATCH, DELETE", "/Schemas": "GET", "/Users/.search": "POST", "/": "GET",
		} {
			if got := s.do("BREW", path, "").want(405).header.Get("Allow"); got != want {
				t.Errorf("Allow of %s is %q: want %q", path, got, want)
			}
		}
	})

	t.Run("fact 2: any Accept is acceptable", func(t *testing.T) {
		s := start(t, server.Options{})
		for _, accept := range []string{"application/scim+json", "application/json", "*/*", "text/html", ""} {
			s.do("GET", "/Users", "", "Accept", accept).want(200)
		}
	})

	t.Run("Location and Content-Location are meta.location, of every answer with one resource (RFC 7643 3.1, RFC 7644 3.4.1, RFC 7644 3.5.1)", func(t *testing.T) {
		s := start(t, server.Options{})
		created := s.do("POST", "/Users", `{"userName":"alice@example.com"}`).want(201)
		path := "/Users/" + created.id()
		for name, r := range map[string]*reply{
			"POST":            created,
			"GET":             s.do("GET", path, "").want(200),
			"GET with fields": s.do("GET", path+"?attributes=userName", "").want(200),
			"not modified":    s.do("GET", path, "", "If-None-Match", "*").want(304),
			"PUT":             s.do("PUT", path, `{"userName":"alice@example.com","title":"a"}`).want(200),
			"PATCH":           s.do("PATCH", path, `{"Operations":[{"op":"add","path":"title","value":"b"}]}`).want(200),
		} {
			for _, header := range []string{"Location", "Content-Location"} {
				if got := r.header.Get(header); got != s.base+path {
					t.Errorf("%s: %s %q: want %q", name, header, got, s.base+path)
				}
			}
		}
		if r := s.do("GET", "/Users", "").want(200); r.header.Get("Location")+r.header.Get("Content-Location") != "" {
			t.Errorf("a list has a location: %v", r.header)
		}
	})

	t.Run("fact 4: 201 has a Location and the full resource (RFC 7644 3.3, 3.3.1, 3.4.1, RFC 7643 3.1)", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.do("POST", "/Users", `{"userName":"alice@example.com"}`).want(201)
		location := s.base + "/Users/" + r.id()
		if got := r.header.Get("Location"); got != location {
			t.Errorf("Location %q: want %q", got, location)
		}
		r.has("userName", "alice@example.com", "active", true, "schemas", []string{userURN},
			"meta/resourceType", "User", "meta/location", location)
		if r.get("meta/created") == nil || r.get("meta/lastModified") == nil {
			t.Errorf("meta is %v: want created and lastModified", r.get("meta"))
		}
		s.do("GET", location, "").want(200).has("id", r.id(), "meta", r.get("meta"))
		if created, modified := r.get("meta/created"), r.get("meta/lastModified"); created != modified {
			t.Errorf("created %v and lastModified %v: want the same of a resource that was never modified", created, modified)
		}
		g := s.do("POST", "/Groups", `{"displayName":"Team"}`).want(201)
		g.has("meta/resourceType", "Group", "meta/location", s.base+"/Groups/"+g.id(), "schemas", []string{groupURN})
		if got := g.header.Get("Location"); got != g.get("meta/location") {
			t.Errorf("Location %q: want %q", got, g.get("meta/location"))
		}
	})

	t.Run("locations start with the external URL", func(t *testing.T) {
		s := start(t, server.Options{ExternalURL: "https://scim.example.com/"})
		id := s.createUser("alice")
		s.do("GET", "/Users/"+id, "").has("meta/location", "https://scim.example.com/entra/scim/v2/Users/"+id)
	})

	t.Run("X-Forwarded-Proto is believed when the options say so", func(t *testing.T) {
		for trust, scheme := range map[bool]string{true: "https", false: "http"} {
			s := start(t, server.Options{TrustForwarded: trust})
			r := s.do("POST", "/Users", `{"userName":"alice"}`, "X-Forwarded-Proto", "https")
			want := scheme + strings.TrimPrefix(s.base, "http") + "/Users/" + r.id()
			r.has("meta/location", want)
		}
	})

	t.Run("fact 5: names in any case, canonical out, nothing empty (RFC 7643 2.1, 2.5)", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.do("POST", "/Users", fmt.Sprintf(
			`{"USERNAME":"alice","Active":"True","NAME":{"GIVENNAME":"A","familyname":null},"emails":[],"title":"",%q:{},"schemas":[%q,%q]}`,
			strings.ToUpper(enterpriseURN), userURN, enterpriseURN)).want(201)
		r.has("userName", "alice", "active", true, "name", map[string]any{"givenName": "A"}, "schemas", []string{userURN})
		for _, name := range []string{"emails", "title", enterpriseURN, "USERNAME", "groups"} {
			if _, ok := r.body[name]; ok {
				t.Errorf("%s is in %s", name, r.raw)
			}
		}
		list := s.do("GET", "/Users", "").want(200)
		if !strings.Contains(string(list.raw), `"totalResults":1,"startIndex":1,"itemsPerPage":1`) {
			t.Errorf("numbers aren't numbers in %s", list.raw)
		}
		empty := s.do("GET", "/Groups", "").want(200)
		if !strings.Contains(string(empty.raw), `"Resources":[]`) {
			t.Errorf("no empty Resources in %s", empty.raw)
		}
	})

	t.Run("fact 6: values come back as they were sent (RFC 7643 2.3.1)", func(t *testing.T) {
		s := start(t, server.Options{})
		sent := map[string]any{
			"userName": "  Ünïcode <b>&\"'\\ ", "externalId": "é", "title": " padded ",
			"phoneNumbers": []any{map[string]any{"type": "work", "value": "+1 (555) 0100 "}},
			enterpriseURN:  map[string]any{"employeeNumber": "0007"},
		}
		body, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		r := s.do("POST", "/Users", string(body)).want(201)
		if !strings.Contains(string(r.raw), `<b>&`) {
			t.Errorf("escaped needlessly: %s", r.raw)
		}
		for name, value := range sent {
			r.has(name, value)
			s.do("GET", "/Users/"+r.id(), "").has(name, value)
		}
	})

	t.Run("fact 7: unknown input is accepted, dropped and never echoed (RFC 7644 3.3)", func(t *testing.T) {
		s := start(t, server.Options{})
		const strange = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
		r := s.do("POST", "/Groups", fmt.Sprintf(
			`{"schemas":[%q,%q,"urn:scim:schemas:core:1.0"],"displayName":"Team","dispalyName":"x","addresses":null,"password":"secret"}`,
			groupURN, strange)).want(201)
		r.has("schemas", []string{groupURN}, "displayName", "Team")
		s.do("POST", "/Users", fmt.Sprintf(
			`{"schemas":["urn:scim:schemas:core:1.0",%q,"urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],"userName":"alice","addresses":null,"title":null,"password":"secret"}`,
			userURN)).want(201).has("schemas", []string{userURN}, "password", nil)
		s.do("POST", "/Users", fmt.Sprintf(`{"userName":"bob",%q:{"department":"R&D"}}`, enterpriseURN)).want(201).
			has("schemas", []string{userURN, enterpriseURN}, enterpriseURN, map[string]any{"department": "R&D"})
	})

	t.Run("facts 8, 10: noise in the URL", func(t *testing.T) {
		s := start(t, server.Options{})
		id := s.createUser("a+b@example.com")
		for _, query := range []string{
			"/Users?filter=userName+eq+%22a%2Bb@example.com%22&",
			"/Users/?filter=userName%20eq%20%22a%2Bb%40example.com%22",
			"/Users?filter=USERNAME+EQ+%22A%2BB@EXAMPLE.com%22",
			"//Users?aadOptscim062020&filter=userName+eq+%22a%2Bb@example.com%22",
			"/Users?aadOptscim062020=true&filter=userName+eq+%22a%2Bb@example.com%22&unknown=%zz&x=a;b",
			"/users?filter=userName+eq+%22a%2Bb@example.com%22",
		} {
			if got := s.do("GET", query, "").want(200).ids(); !slices.Equal(got, []string{id}) {
				t.Errorf("%s finds %v: want %s", query, got, id)
			}
		}
		if got := s.do("GET", "/Users?filter=userName+eq+%22a+b@example.com%22", "").want(200).ids(); len(got) != 0 {
			t.Errorf("an unescaped plus is a plus: %v", got)
		}
		s.do("GET", "/Users/"+id+"?", "").want(200)
		s.do("GET", "/Users/"+id+"/", "").want(200)
		s.do("GET", "/Users/"+id+"?aadOptscim062020", "").want(200)
		s.do("PUT", "/Users/"+id+"?", `{"userName":"a+b@example.com"}`).want(200)
		s.do("PATCH", "/Users/"+id+"/?aadOptscim062020", `{"Operations":[]}`).want(200)
		s.do("GET", "/ServiceProviderConfig/?", "").want(200)
		s.do("DELETE", "/Users/"+id+"?&", "").want(204)
	})

	t.Run("fact 11: a PATCH body may lack schemas and have extra members", func(t *testing.T) {
		s := start(t, server.Options{})
		alice := s.createUser("alice")
		team := s.createGroup("Team")
		s.do("PATCH", "/Groups/"+team, fmt.Sprintf(
			`{"id":%q,"operations":[{"name":"addMember","op":"add","path":"members","value":[{"value":%q}]}]}`, team, alice)).want(204)
		s.wantMembers(team, alice)
		s.do("PATCH", "/Users/"+alice, `{"schemas":["`+strings.ToUpper(patchURN)+`"],"OPERATIONS":[{"op":"replace","path":"title","value":"T"}]}`).
			want(200).has("title", "T")
	})

	t.Run("nothing is cached, sniffed or redirected (RFC 7644 7.1)", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.do("GET", "/Users", "")
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s is %q: want %q", name, got, want)
			}
		}
		if other := s.do("GET", "/Users", ""); other.header.Get("X-Request-Id") == r.header.Get("X-Request-Id") {
			t.Error("two requests have one id")
		}
	})
}

func TestBody(t *testing.T) {
	s := start(t, server.Options{})
	deep := func(n int) string {
		return `{"userName":"deep","urn:example:custom:2.0:User":{"x":` + strings.Repeat("[", n-2) + `"v"` + strings.Repeat("]", n-2) + `}}`
	}
	for _, c := range []struct {
		name, body string
		detail     string
	}{
		{"empty", " \r\n", "empty"},
		{"no JSON (RFC 7644 3.8)", `{"userName": alice}`, "at byte 14 "},
		{"cut off", `{"userName":"al`, "cut off"},
		{"garbage behind", `{"userName":"alice"} x`, "at byte 22 "},
		{"two objects", `{"userName":"alice"}{}`, "at byte 21 "},
		{"an array (RFC 7644 3.8)", `[{"userName":"alice"}]`, "no JSON object"},
		{"a string", `"alice"`, "no JSON object"},
		{"null", `null`, "no JSON object"},
		{"not UTF-8 (RFC 7644 3.8)", "{\"userName\":\"a\xff\"}", "at byte 15 the body is not UTF-8"},
		{"a control character", "{\"userName\":\"a\nb\"}", "at byte 15 "},
		{"too deep", deep(server.MaxDepth + 1), "deeper than 64"},
		{"much too deep", strings.Repeat(`{"a":[`, 100000), "deeper than 64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, target := range [][2]string{{"POST", "/Users"}, {"PUT", "/Users/" + unknownID}, {"PATCH", "/Groups/" + unknownID}} {
				r := s.do(target[0], target[1], c.body).wantError(400, "invalidSyntax")
				if d := r.get("detail").(string); !strings.Contains(d, c.detail) {
					t.Errorf("detail %q: want %q in it", d, c.detail)
				}
			}
		})
	}
	t.Run("as deep as allowed", func(t *testing.T) {
		s.do("POST", "/Users", deep(server.MaxDepth)).want(201)
	})
	t.Run("brackets in strings don't count", func(t *testing.T) {
		s.do("POST", "/Users", `{"userName":"brackets","title":"\"`+strings.Repeat("[{", 100)+`\\"}`).want(201)
	})
	t.Run("a byte order mark", func(t *testing.T) {
		s.do("POST", "/Users", "\ufeff{\"userName\":\"bom\"}").want(201)
	})
	t.Run("of a name that is there twice the last one counts", func(t *testing.T) {
		s.do("POST", "/Users", `{"userName":"first","userName":"second"}`).want(201).has("userName", "second")
	})
	t.Run("a GET with a body", func(t *testing.T) {
		s.do(http.MethodGet, "/Users", "garbage").want(200)
	})
}
