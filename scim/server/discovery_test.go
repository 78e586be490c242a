package server_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim/server"
)

func TestDiscovery(t *testing.T) {
	s := start(t, server.Options{})

	t.Run("ServiceProviderConfig tells the truth (RFC 7643 5, 8.5, RFC 7644 4)", func(t *testing.T) {
		r := s.do("GET", "/ServiceProviderConfig", "").want(200)
		r.has(
			"schemas", []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
			"patch/supported", true,
			"bulk", map[string]any{"supported": true, "maxOperations": 1000, "maxPayloadSize": 4 << 20},
			"filter", map[string]any{"supported": true, "maxResults": 200},
			"changePassword/supported", false, "sort/supported", true, "etag/supported", true,
			"authenticationSchemes/0/type", "oauthbearertoken",
			"meta", map[string]any{"resourceType": "ServiceProviderConfig", "location": s.base + "/ServiceProviderConfig"},
		)
	})

	t.Run("RFC 9865 4: how lists are paged", func(t *testing.T) {
		pagination := map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 100, "maxPageSize": 200, "cursorTimeout": 3600,
		}
		s.do("GET", "/ServiceProviderConfig", "").want(200).has("pagination", pagination)
		pagination["cursorTimeout"] = 90
		start(t, server.Options{Limits: server.Limits{CursorTimeout: 90 * time.Second}}).
			do("GET", "/ServiceProviderConfig", "").want(200).has("pagination", pagination)
	})

	t.Run("fact 18: Schemas is a ListResponse with the group's schema in it (RFC 7643 7, 8.7, RFC 7644 4)", func(t *testing.T) {
		r := s.do("GET", "/Schemas", "").want(200).has("schemas", []string{listURN}, "startIndex", 1)
		ids := r.ids()
		for _, urn := range []string{userURN, groupURN, enterpriseURN} {
			if !slices.Contains(ids, urn) {
				t.Errorf("%s is missing in %v", urn, ids)
			}
		}
		r.has("totalResults", len(ids), "itemsPerPage", len(ids))
		for i, urn := range ids {
			one := s.do("GET", "/Schemas/"+urn, "").want(200)
			one.has("id", urn, "schemas", []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"},
				"meta", map[string]any{"resourceType": "Schema", "location": s.base + "/Schemas/" + urn})
			r.has(fmt.Sprintf("Resources/%d", i), one.body)
		}
		s.do("GET", "/schemas", "").want(200)
		s.do("GET", "/Schemas/urn:nothing", "").wantError(404, "")
	})

	t.Run("the discovery documents have schemas too, which describe them (RFC 7643 8.7.2, RFC 7644 4)", func(t *testing.T) {
		schemas := map[string]map[string]any{}
		list, _ := s.do("GET", "/Schemas", "").want(200).get("Resources").([]any)
		for _, e := range list {
			schemas[at(e, "name").(string)] = e.(map[string]any)
		}
		if at(schemas["User"], "description") != "User Account" {
			t.Errorf("the User schema's description is %v", at(schemas["User"], "description"))
		}
		for name, path := range map[string]string{
			"ServiceProviderConfig": "/ServiceProviderConfig",
			"ResourceType":          "/ResourceTypes/User",
			"Schema":                "/Schemas/" + userURN,
		} {
			document := s.do("GET", path, "").want(200).body
			if schemas[name] == nil || at(schemas[name], "id") != document["schemas"].([]any)[0] {
				t.Errorf("the schema %s is missing", name)
				continue
			}
			delete(document, "schemas")
			delete(document, "meta")
			describes(t, name, schemas[name]["attributes"], document)
		}
	})

	t.Run("fact 19: types have canonical values, which are hints (RFC 7643 2.4)", func(t *testing.T) {
		for attribute, want := range map[string][]string{
			"emails":       {"work", "home", "other"},
			"phoneNumbers": {"work", "mobile", "fax", "home", "pager", "other"},
		} {
			got := []string{}
			list, _ := attributeNamed(t, s, attribute)["subAttributes"].([]any)
			for _, sub := range list {
				if at(sub, "name") == "type" {
					for _, v := range at(sub, "canonicalValues").([]any) {
						got = append(got, v.(string))
					}
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("canonical types of %s are %v: want %v", attribute, got, want)
			}
		}
		s.do("POST", "/Users", `{"userName":"hint","emails":[{"type":"spaceship","value":"x@example.com"}]}`).want(201).
			has("emails/0/type", "spaceship")
	})

	t.Run("fact 20: the first resource type is /Users (RFC 7643 6, 8.6, RFC 7644 4)", func(t *testing.T) {
		r := s.do("GET", "/ResourceTypes", "").want(200)
		r.has("schemas", []string{listURN}, "totalResults", 2, "Resources/0/endpoint", "/Users", "Resources/0/schema", userURN,
			"Resources/1/endpoint", "/Groups", "Resources/1/schema", groupURN)
		for i, name := range []string{"User", "Group"} {
			one := s.do("GET", "/ResourceTypes/"+name, "").want(200)
			one.has("meta/location", s.base+"/ResourceTypes/"+name)
			r.has(fmt.Sprintf("Resources/%d", i), one.body)
		}
		s.do("GET", "/ResourceTypes/Device", "").wantError(404, "")
	})

	t.Run("discovery with a filter is 403 (RFC 7644 4)", func(t *testing.T) {
		for _, path := range []string{"/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/Schemas/" + userURN, "/ResourceTypes/User"} {
			s.do("GET", path+"?filter=id+eq+%22x%22", "").wantError(403, "")
			s.do("GET", path+"?count=1&startIndex=3", "").want(200)
		}
	})

	t.Run("fact 21: what is advertised as writable is stored", func(t *testing.T) {
		body := `{"userName":"everything"`
		for _, urn := range []string{userURN, enterpriseURN} {
			attributes, _ := s.do("GET", "/Schemas/"+urn, "").get("attributes").([]any)
			object := ""
			for _, a := range attributes {
				if at(a, "mutability") != "readOnly" && at(a, "name") != "userName" {
					object += fmt.Sprintf(",%q:%s", at(a, "name"), example(a))
				}
			}
			if urn == userURN {
				body += object
			} else {
				body += fmt.Sprintf(",%q:{%s}", urn, object[1:])
			}
		}
		r := s.do("POST", "/Users", body+"}").want(201)
		for _, urn := range []string{userURN, enterpriseURN} {
			attributes, _ := s.do("GET", "/Schemas/"+urn, "").get("attributes").([]any)
			for _, a := range attributes {
				object := r.body
				if urn != userURN {
					object = r.get(urn).(map[string]any)
				}
				if name := at(a, "name").(string); at(a, "mutability") != "readOnly" && object[name] == nil {
					t.Errorf("%s of %s is lost", name, urn)
				}
			}
		}
	})
}

// describes checks that the definitions, as in a schema document, have every
// member of the object, and that nothing required is missing.
func describes(t *testing.T, path string, definitions any, object map[string]any) {
	t.Helper()
	defined := map[string]map[string]any{}
	for _, d := range definitions.([]any) {
		d := d.(map[string]any)
		defined[d["name"].(string)] = d
		if d["required"] == true && object[d["name"].(string)] == nil {
			t.Errorf("%s.%s is required, and missing", path, d["name"])
		}
		if d["mutability"] != "readOnly" {
			t.Errorf("%s.%s is %v", path, d["name"], d["mutability"])
		}
	}
	for name, value := range object {
		d := defined[name]
		if d == nil {
			t.Errorf("%s.%s is not defined", path, name)
			continue
		}
		list, multiValued := value.([]any)
		if multiValued != (d["multiValued"] == true) {
			t.Errorf("%s.%s: multiValued is %v", path, name, d["multiValued"])
		}
		if !multiValued {
			list = []any{value}
		}
		for _, v := range list {
			if v, ok := v.(map[string]any); ok {
				// Schemas nest sub-attributes in attributes, and the RFC's own
				// schema of schemas goes just as deep.
				describes(t, path+"."+name, d["subAttributes"], v)
			}
		}
	}
}

func attributeNamed(t *testing.T, s *service, name string) map[string]any {
	t.Helper()
	attributes, _ := s.do("GET", "/Schemas/"+userURN, "").want(200).get("attributes").([]any)
	for _, a := range attributes {
		if at(a, "name") == name {
			return a.(map[string]any)
		}
	}
	t.Fatalf("no attribute %s", name)
	return nil
}

// example makes a JSON value that an attribute of a schema document takes.
func example(a any) string {
	value := `"x"`
	switch at(a, "type") {
	case "boolean":
		value = "true"
	case "complex":
		object := ""
		for _, sub := range at(a, "subAttributes").([]any) {
			if at(sub, "mutability") != "readOnly" {
				object += fmt.Sprintf(",%q:%s", at(sub, "name"), example(sub))
			}
		}
		value = "{" + object[1:] + "}"
	}
	if at(a, "multiValued") == true {
		return "[" + value + "]"
	}
	return value
}
