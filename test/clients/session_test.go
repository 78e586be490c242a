package clients

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve answers all requests in one way.
func serve(t *testing.T, answer http.HandlerFunc) Server {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return Server{BaseURL: s.URL + "/x/scim/v2", Token: "secret"}
}

// run parses and runs a script, and returns the first error.
func run(t *testing.T, s Server, text string) error {
	t.Helper()
	script, err := Parse("x.scim", text)
	if err != nil {
		t.Fatal(err)
	}
	session := script.Start(s)
	for _, step := range script.Steps {
		if err := session.Do(t.Context(), step); err != nil {
			return err
		}
	}
	return nil
}

func TestRequestsAreSentAsWritten(t *testing.T) {
	var got []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, fmt.Sprintf("%s %s [%s] [%s] [%s] %s",
			r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Accept"), r.Header.Get("Content-Type"), body))
		w.WriteHeader(http.StatusNoContent)
	})
	err := run(t, s, `Accept: a/b
Content-Type: c/d

### a
PUT /Users/x?
Authorization: Basic {{token}}

{"base": "{{base}}"}

=> 204

GET /Users/?filter=userName+eq+%22a%2Bb%22&
Accept:
=> 204
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`PUT /x/scim/v2/Users/x? [Basic secret] [a/b] [c/d] {"base": "` + s.BaseURL + `"}`,
		`GET /x/scim/v2/Users/?filter=userName+eq+%22a%2Bb%22& [Bearer secret] [] [] `,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDifferences(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("X-Thing", "one")
		fmt.Fprint(w, `{"a": "b"}`)
	})
	const request = "### a\nGET /Things\n=> "
	for text, want := range map[string]string{
		"200\nX-Thing: one\nX-Other: {{absent}}\n\n{\"a\": \"b\"}": "",
		"404":                       "x.scim:2: want status 404, got 200",
		"200\nX-Thing: two":         `x.scim:2: header X-Thing: want "two", got "one"`,
		"200\nX-Other: {{any}}":     "want the header X-Other, and there is none",
		"200\nX-Thing: {{absent}}":  `want no header X-Thing, got ["one"]`,
		"200\n{\"a\": \"c\"}":       `x.scim:2: /a: want "c", got "b"`,
		"200\n\nGET /{{b}}\n=> 200": "x.scim:5: {{b}} isn't known",
	} {
		err := run(t, s, request+text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: error %v, want %q in it", text, err, want)
		}
	}
}

func TestRunsHaveWordsOfTheirOwn(t *testing.T) {
	script, err := Parse("x.scim", example)
	if err != nil {
		t.Fatal(err)
	}
	one, two := script.Start(Server{}), script.Start(Server{})
	for _, name := range []string{"run", "guid"} {
		if one.known[name] == "" || one.known[name] == two.known[name] {
			t.Errorf("%s is %q and %q", name, one.known[name], two.known[name])
		}
	}
}

func TestInvariants(t *testing.T) {
	const (
		schemas = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
		times   = `"created":"2026-01-01T00:00:00Z","lastModified":"2026-01-01T00:00:00Z"`
		failure = `"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"]`
		list    = `"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"]`
	)
	meta := func(base string) string {
		return `"meta":{"resourceType":"User","location":"` + base + `/Users/1",` + times + `}`
	}
	for _, c := range []struct {
		name   string
		status int
		header http.Header
		// body has BASE for the base URL and META for a good meta.
		body string
		want string
	}{
		{name: "a good user", status: 200, body: `{` + schemas + `,"id":"1",META,"active":true}`},
		{name: "a good answer to POST", status: 201, header: http.Header{"Location": {"BASE/Users/1"}}, body: `{` + schemas + `,"id":"1",META}`},
		{name: "a good error", status: 400, body: `{` + failure + `,"status":"400","scimType":"invalidValue","detail":"x"}`},
		{name: "a good list", status: 200, body: `{` + list + `,"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`},
		{name: "nothing", status: 204},
		{name: "a fault of the server", status: 500, body: `{` + failure + `,"status":"500","detail":"x"}`, want: "the server's fault"},
		{name: "a 200 without a body", status: 200, want: "a 200 has a body"},
		{name: "a charset", status: 200, header: http.Header{"Content-Type": {mediaType + "; charset=utf-8"}}, body: `{}`, want: "want the Content-Type"},
		{name: "HTML", status: 404, header: http.Header{"Content-Type": {"text/html"}}, body: `<html>`, want: "it is no JSON"},
		{name: "null", status: 200, body: `{"a":[{"b":null}]}`, want: "/a/0/b is null"},
		{name: "an empty object", status: 200, body: `{"a":{}}`, want: "/a is an empty object"},
		{name: "an empty array", status: 200, body: `{"a":{"b":[]}}`, want: "/a/b is an empty array"},
		{name: "no object", status: 200, body: `[1]`, want: "want a JSON object"},
		{name: "an error without its schema", status: 400, body: `{"status":"400","detail":"x"}`, want: "another schema"},
		{name: "an error whose status is a number", status: 400, body: `{` + failure + `,"status":400,"detail":"x"}`, want: "status is 400"},
		{name: "an error of another status", status: 400, body: `{` + failure + `,"status":"404","detail":"x"}`, want: `status is "404"`},
		{name: "an error without a detail", status: 400, body: `{` + failure + `,"status":"400","detail":""}`, want: "no detail"},
		{name: "an unknown scimType", status: 400, body: `{` + failure + `,"status":"400","scimType":"bad","detail":"x"}`, want: `no scimType "bad"`},
		{name: "a 401 without WWW-Authenticate", status: 401, body: `{` + failure + `,"status":"401","detail":"x"}`, want: "WWW-Authenticate"},
		{name: "a 429 with a date", status: 429, header: http.Header{"Retry-After": {"Tue, 01 Jan 2030 00:00:00 GMT"}}, body: `{` + failure + `,"status":"429","detail":"x"}`, want: "whole seconds"},
		{name: "a 429 without Retry-After", status: 429, body: `{` + failure + `,"status":"429","detail":"x"}`, want: "whole seconds"},
		{name: "a list without Resources", status: 200, body: `{` + list + `,"totalResults":0,"startIndex":1,"itemsPerPage":0}`, want: "a list has Resources"},
		{name: "a number as a string", status: 200, body: `{` + list + `,"totalResults":"0","itemsPerPage":0,"Resources":[]}`, want: "totalResults is"},
		{name: "a startIndex of 0", status: 200, body: `{` + list + `,"totalResults":0,"startIndex":0,"itemsPerPage":0,"Resources":[]}`, want: "startIndex is 0"},
		{name: "another itemsPerPage", status: 200, body: `{` + list + `,"totalResults":5,"startIndex":1,"itemsPerPage":5,"Resources":[]}`, want: "itemsPerPage is 5"},
		{name: "too small a total", status: 200, body: `{` + list + `,"totalResults":0,"itemsPerPage":1,"Resources":[{"id":"1"}]}`, want: "totalResults is 0"},
		{name: "a bad user in a list", status: 200, body: `{` + list + `,"totalResults":1,"itemsPerPage":1,"Resources":[{` + schemas + `}]}`, want: "Resources/0: id is"},
		{name: "an id with bulkId", status: 200, body: `{` + schemas + `,"id":"bulkId:1",META}`, want: "id is"},
		{name: "a password", status: 200, body: `{` + schemas + `,"id":"1",META,"password":"x"}`, want: "password"},
		{name: "an extension that schemas doesn't list", status: 200, body: `{` + schemas + `,"id":"1",META,"urn:x:2.0:User":{"a":"b"}}`, want: "doesn't list the extension"},
		{name: "active as a string", status: 200, body: `{` + schemas + `,"id":"1",META,"active":"True"}`, want: `active is "True"`},
		{name: "primary as a string", status: 200, body: `{` + schemas + `,"id":"1",META,"roles":[{"primary":"True"}]}`, want: `roles.primary is "True"`},
		{name: "two primary values", status: 200, body: `{` + schemas + `,"id":"1",META,"emails":[{"primary":true},{"primary":true}]}`, want: "2 primary values"},
		{name: "another type", status: 200, body: `{` + schemas + `,"id":"1","meta":{"resourceType":"Group"}}`, want: "meta.resourceType is"},
		{name: "another location", status: 200, body: `{` + schemas + `,"id":"2",META}`, want: "meta.location is"},
		{name: "a time that is none", status: 200, body: `{` + schemas + `,"id":"1","meta":{"resourceType":"User","location":"BASE/Users/1","created":"today"}}`, want: "meta.created"},
		{name: "a 201 without Location", status: 201, body: `{` + schemas + `,"id":"1",META}`, want: "the header Location"},
		{name: "an ETag that isn't the version", status: 200, header: http.Header{"Etag": {`W/"1"`}}, body: `{` + schemas + `,"id":"1",META}`, want: "the header ETag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Server
			s = serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", mediaType)
				for name, values := range c.header {
					w.Header().Set(name, strings.ReplaceAll(values[0], "BASE", s.BaseURL))
				}
				body := strings.ReplaceAll(strings.ReplaceAll(c.body, "META", meta(s.BaseURL)), "BASE", s.BaseURL)
				w.WriteHeader(c.status)
				if body != "" {
					fmt.Fprint(w, body)
				}
			})
			_, err := s.send(t.Context(), http.MethodGet, "/Users/1", "", nil)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}
