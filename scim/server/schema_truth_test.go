package server_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/rollcall-dev/rollcall/scim/server"
)

func everything(*advertised) bool { return true }

func required(a *advertised) bool { return a.is("required") }

// swapCase writes a text in the other case.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

// TestSchemasAreTrue compares each characteristic that /Schemas advertises with
// what requests do.
func TestSchemasAreTrue(t *testing.T) {
	s := start(t, server.Options{Limits: server.Limits{ProviderBurst: 1 << 20, ProviderRate: 1 << 20}})
	n := 0
	for _, rt := range s.resourceTypes() {
		create := func(t *testing.T, wanted func(*advertised) bool) (string, map[string]any) {
			t.Helper()
			n++
			sent := rt.body(n, wanted)
			return rt.endpoint + "/" + s.do("POST", rt.endpoint, marshal(sent)).want(201).id(), sent
		}
		read := func(t *testing.T, path string) map[string]any {
			t.Helper()
			return s.do("GET", path, "").want(200).body
		}

		t.Run("facts 19, 21, RFC 7643 2.2, 7: each attribute says everything of itself, "+rt.name, func(t *testing.T) {
			for _, a := range rt.all() {
				for characteristic, values := range map[string][]string{
					"type":       {"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"},
					"mutability": {"readOnly", "readWrite", "immutable", "writeOnly"},
					"returned":   {"always", "never", "default", "request"},
				} {
					if !slices.Contains(values, a.string(characteristic)) {
						t.Errorf("%s of %s is %q", characteristic, a.path(), a.string(characteristic))
					}
				}
				for _, characteristic := range []string{"multiValued", "required"} {
					if _, ok := a.document[characteristic].(bool); !ok {
						t.Errorf("%s of %s is missing", characteristic, a.path())
					}
				}
				simple := a.string("type") != "complex"
				if _, ok := a.document["caseExact"].(bool); ok != simple {
					t.Errorf("caseExact of %s is %v", a.path(), a.document["caseExact"])
				}
				if known := slices.Contains([]string{"none", "server", "global"}, a.string("uniqueness")); known != simple {
					t.Errorf("uniqueness of %s is %v", a.path(), a.document["uniqueness"])
				}
				if simple == (len(a.sub) > 0) || simple && a.document["subAttributes"] != nil {
					t.Errorf("%s has %d sub-attributes", a.path(), len(a.sub))
				}
				if _, ok := a.document["referenceTypes"]; ok != (a.string("type") == "reference") {
					t.Errorf("referenceTypes of %s are %v", a.path(), a.document["referenceTypes"])
				}
				if a.string("name") == "" || a.string("description") == "" {
					t.Errorf("%v has no name or description", a.document)
				}
			}
		})

		t.Run("facts 6, 21, RFC 7643 2.2: type and multiValued, "+rt.name, func(t *testing.T) {
			path, sent := create(t, everything)
			if got := read(t, path); !holds(got, normalize(sent)) {
				t.Errorf("sent %s\ngot  %s", marshal(sent), marshal(got))
			}
			for _, a := range rt.attributes {
				var wrong any
				switch a.string("type") {
				case "boolean":
					wrong = "maybe"
				case "complex":
					wrong = 7
				default:
					wrong = map[string]any{"no": "value"}
				}
				if !a.writable() || required(a) {
					continue
				}
				n++
				body := rt.body(n, func(o *advertised) bool { return o == a || required(o) })
				object := body
				if a.extension != "" {
					object = body[a.extension].(map[string]any)
				}
				object[a.string("name")] = wrong
				s.do("POST", rt.endpoint, marshal(body)).wantError(400, "invalidValue")
			}
		})

		t.Run("fact 21, RFC 7643 2.2: required, "+rt.name, func(t *testing.T) {
			create(t, required)
			for _, a := range rt.attributes {
				if !required(a) {
					continue
				}
				n++
				s.do("POST", rt.endpoint, marshal(rt.body(n, func(o *advertised) bool { return o != a }))).wantError(400, "invalidValue")
				path, _ := create(t, everything)
				s.patch(path, fmt.Sprintf(`{"op":"remove","path":%q}`, a.path())).want(400)
				s.patch(path, fmt.Sprintf(`{"op":"replace","path":%q,"value":null}`, a.path())).want(400)
			}
		})

		t.Run("facts 21, 40i, 40k, RFC 7643 2.2: mutability, "+rt.name, func(t *testing.T) {
			for _, a := range rt.attributes {
				path, _ := create(t, required)
				sent := a.sample(1000 + n)
				value := marshal(sent)
				replace := fmt.Sprintf(`{"op":"replace","path":%q,"value":%s}`, a.path(), value)
				if a.string("mutability") == "readOnly" {
					s.patch(path, replace).wantError(400, "mutability")
					s.do("PUT", path, marshal(map[string]any{
						rt.required().string("name"): rt.required().in(read(t, path)), a.string("name"): sent,
					})).want(200)
					if got := a.in(read(t, path)); got != nil && holds(got, normalize(sent)) {
						t.Errorf("%s is read-only, and was written", a.path())
					}
					continue
				}
				s.succeeds(path, replace)
				if got := a.in(read(t, path)); !holds(got, normalize(sent)) {
					t.Errorf("%s became %s: want %s", a.path(), marshal(got), value)
				}
				// Unassigning active changes nobody's access.
				if required(a) || a.path() == "active" {
					continue
				}
				s.succeeds(path, fmt.Sprintf(`{"op":"remove","path":%q}`, a.path()))
				if got := a.in(read(t, path)); got != nil {
					t.Errorf("%s was removed and is %s", a.path(), marshal(got))
				}
			}
			for _, a := range rt.all() {
				if a.string("mutability") != "immutable" {
					continue
				}
				path, _ := create(t, everything)
				before := a.in(read(t, path))
				s.patch(path, fmt.Sprintf(`{"op":"replace","path":"%s[%s eq %s].%s","value":"Other"}`,
					a.parent.path(), a.string("name"), strings.ReplaceAll(marshal(before), `"`, `\"`), a.string("name"))).wantError(400, "mutability")
			}
		})

		t.Run("facts 21, 30, 34, RFC 7643 2.2: returned, "+rt.name, func(t *testing.T) {
			path, _ := create(t, everything)
			for _, a := range rt.attributes {
				if !a.writable() && a.string("returned") != "always" {
					continue
				}
				shown := func(query string) bool { return a.in(s.do("GET", path+query, "").want(200).body) != nil }
				returned := a.string("returned")
				if got := shown(""); got != (returned == "default" || returned == "always") {
					t.Errorf("%s is returned %s: shown %v without being asked for", a.path(), returned, got)
				}
				if got := shown("?attributes=" + a.path()); got != (returned != "never") {
					t.Errorf("%s is returned %s: shown %v when asked for", a.path(), returned, got)
				}
				if got := shown("?attributes=nothing"); got != (returned == "always") {
					t.Errorf("%s is returned %s: shown %v when another is asked for", a.path(), returned, got)
				}
				if got := shown("?excludedAttributes=" + a.path()); got != (returned == "always") {
					t.Errorf("%s is returned %s: shown %v when excluded", a.path(), returned, got)
				}
			}
		})

		t.Run("facts 21, 29, 38, 54, RFC 7643 2.2: uniqueness, "+rt.name, func(t *testing.T) {
			path, _ := create(t, everything)
			_, fresh := create(t, required)
			body := rt.body(n-1, everything)
			for _, a := range rt.attributes {
				if a.writable() && (a.string("uniqueness") == "server" || a.string("uniqueness") == "global") {
					s.do("POST", rt.endpoint, marshal(body)).wantError(409, "uniqueness")
					body[a.string("name")] = a.in(fresh).(string) + " again"
				}
			}
			s.do("POST", rt.endpoint, marshal(body)).want(201)
			s.do("GET", path, "").want(200)
		})

		t.Run("facts 21, 23, 25, RFC 7643 2.2, RFC 7644 3.4.2.2: caseExact, "+rt.name, func(t *testing.T) {
			path, _ := create(t, everything)
			id := strings.TrimPrefix(path, rt.endpoint+"/")
			for _, a := range rt.all() {
				value, ok := a.in(read(t, path)).(string)
				// Addresses of members are made when they are shown, so filters don't
				// know them.
				if !ok || a.string("type") == "dateTime" || a.string("name") == "$ref" {
					continue
				}
				for text, want := range map[string]bool{value: true, swapCase(value): !a.is("caseExact") || swapCase(value) == value} {
					filter := fmt.Sprintf(`id eq "%s" and %s eq %s`, id, a.path(), marshal(text))
					found := s.do("GET", rt.endpoint+"?filter="+url.QueryEscape(filter), "").want(200).ids()
					if slices.Contains(found, id) != want {
						t.Errorf("%s finds %v: want it %v", filter, found, want)
					}
				}
			}
		})

		t.Run("facts 19, 21, RFC 7643 2.4: canonicalValues are hints, "+rt.name, func(t *testing.T) {
			path, _ := create(t, required)
			for _, a := range rt.all() {
				if a.document["canonicalValues"] == nil || !a.writable() || rt.name == "Group" {
					continue
				}
				s.succeeds(path, fmt.Sprintf(`{"op":"add","path":%q,"value":[{"value":"v","formatted":"v","type":"Spaceship"}]}`, a.parent.path()))
				if got := a.in(read(t, path)); got != "Spaceship" {
					t.Errorf("%s is %v: want what was sent", a.path(), got)
				}
			}
		})
	}
}

// required returns the one attribute that a resource can't do without.
func (rt resourceType) required() *advertised {
	return rt.attributes[slices.IndexFunc(rt.attributes, required)]
}

// succeeds sends operations that must be taken.
func (s *service) succeeds(path, operations string) {
	s.t.Helper()
	if r := s.patch(path, operations); r.status/100 != 2 {
		s.t.Errorf("%s: status %d: %s", operations, r.status, r.raw)
	}
}
