package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
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
