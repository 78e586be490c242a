package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// advertised is an attribute or sub-attribute in a document of /Schemas.
type advertised struct {
	document map[string]any
	// extension is the URN of the schema, or empty for the core schema.
	extension string
	parent    *advertised
	sub       []*advertised
	// user is whom a value refers to, if it refers to a resource.
	user string
}

func (a *advertised) string(characteristic string) string {
	s, _ := a.document[characteristic].(string)
	return s
}

func (a *advertised) is(characteristic string) bool { return a.document[characteristic] == true }

// path is what filters, PATCH and attributes call it.
func (a *advertised) path() string {
	switch {
	case a.parent != nil:
		return a.parent.path() + "." + a.string("name")
	case a.extension != "":
		return a.extension + ":" + a.string("name")
	}
	return a.string("name")
}

// writable says whether a client may set it.
func (a *advertised) writable() bool {
	return a.string("mutability") != "readOnly" && (a.parent == nil || a.parent.writable())
}

// sample makes a value; another n makes another one.
func (a *advertised) sample(n int) any {
	var v any = fmt.Sprintf("Sample %s %d", a.string("name"), n)
	switch a.string("type") {
	case "boolean":
		v = true
	case "integer":
		v = n
	case "decimal":
		v = float64(n) + 0.5
	case "dateTime":
		v = fmt.Sprintf("2026-01-%02dT00:00:00Z", n%28+1)
	case "reference":
		v = fmt.Sprintf("https://example.com/Sample/%s/%d", a.string("name"), n)
	case "complex":
		object := map[string]any{}
		for _, sub := range a.sub {
			if sub.writable() {
				object[sub.string("name")] = sub.sample(n)
			}
		}
		if a.user != "" {
			object["value"] = a.user
			if object["type"] != nil {
				object["type"] = "User"
			}
		}
		v = object
	}
	if canonical, _ := a.document["canonicalValues"].([]any); len(canonical) > 0 {
		v = canonical[n%len(canonical)]
	}
	if a.is("multiValued") {
		return []any{v}
	}
	return v
}

// in returns the value in a resource.
func (a *advertised) in(resource map[string]any) any {
	switch {
	case a.parent != nil:
		v := a.parent.in(resource)
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		return at(v, a.string("name"))
	case a.extension != "":
		return at(resource[a.extension], a.string("name"))
	}
	return resource[a.string("name")]
}

func readAttributes(document map[string]any, key, extension string, parent *advertised, user string) []*advertised {
	list, _ := document[key].([]any)
	var all []*advertised
	for _, e := range list {
		a := &advertised{document: e.(map[string]any), extension: extension, parent: parent}
		a.sub = readAttributes(a.document, "subAttributes", extension, a, user)
		for _, sub := range a.sub {
			types, _ := sub.document["referenceTypes"].([]any)
			if sub.string("name") == "$ref" && slices.Contains(types, any("User")) {
				a.user = user
			}
		}
		all = append(all, a)
	}
	return all
}

// resourceType is what discovery says of one.
type resourceType struct {
	name, endpoint string
	attributes     []*advertised
}

func (s *service) resourceTypes() []resourceType {
	s.t.Helper()
	user := s.createUser("whom values refer to")
	var all []resourceType
	list, _ := s.do("GET", "/ResourceTypes", "").want(200).get("Resources").([]any)
	for _, e := range list {
		rt := resourceType{name: at(e, "name").(string), endpoint: at(e, "endpoint").(string)}
		rt.attributes = readAttributes(s.do("GET", "/Schemas/"+at(e, "schema").(string), "").want(200).body, "attributes", "", nil, user)
		extensions, _ := at(e, "schemaExtensions").([]any)
		for _, x := range extensions {
			urn := at(x, "schema").(string)
			rt.attributes = append(rt.attributes, readAttributes(s.do("GET", "/Schemas/"+urn, "").want(200).body, "attributes", urn, nil, user)...)
		}
		all = append(all, rt)
	}
	return all
}

// all returns the attributes and their sub-attributes.
func (rt resourceType) all() []*advertised {
	var all []*advertised
	for _, a := range rt.attributes {
		all = append(append(all, a), a.sub...)
	}
	return all
}

// body makes a resource of samples of the attributes that are wanted.
func (rt resourceType) body(n int, wanted func(*advertised) bool) map[string]any {
	body := map[string]any{}
	for _, a := range rt.attributes {
		if !a.writable() || !wanted(a) {
			continue
		}
		object := body
		if a.extension != "" {
			if body[a.extension] == nil {
				body[a.extension] = map[string]any{}
			}
			object = body[a.extension].(map[string]any)
		}
		object[a.string("name")] = a.sample(n)
	}
	return body
}

func marshal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// holds says whether got has everything that was sent; it may have more.
func holds(got, sent any) bool {
	switch sent := sent.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		for name, v := range sent {
			ok = ok && holds(object[name], v)
		}
		return ok
	case []any:
		list, ok := got.([]any)
		return ok && len(list) == len(sent) && !slices.ContainsFunc(sent, func(v any) bool {
			return !slices.ContainsFunc(list, func(g any) bool { return holds(g, v) })
		})
	}
	return marshal(got) == marshal(sent)
}

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
				sent, value := a.sample(1000+n), ""
				value = marshal(sent)
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
