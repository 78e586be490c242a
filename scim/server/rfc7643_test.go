package server_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// fullUser is the example of RFC 7643 section 8.2, without its meta; %s takes
// more members.
const fullUser = `{
	"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
	"id": "2819c223-7f76-453a-919d-413861904646",
	"externalId": "701984",
	"userName": "bjensen@example.com",
	"name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara", "middleName": "Jane",
		"honorificPrefix": "Ms.", "honorificSuffix": "III"},
	"displayName": "Babs Jensen",
	"nickName": "Babs",
	"profileUrl": "https://login.example.com/bjensen",
	"emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}],
	"addresses": [
		{"type": "work", "streetAddress": "100 Universal City Plaza", "locality": "Hollywood", "region": "CA", "postalCode": "91608",
			"country": "USA", "formatted": "100 Universal City Plaza\nHollywood, CA 91608 USA", "primary": true},
		{"type": "home", "streetAddress": "456 Hollywood Blvd", "locality": "Hollywood", "region": "CA", "postalCode": "91608",
			"country": "USA", "formatted": "456 Hollywood Blvd\nHollywood, CA 91608 USA"}],
	"phoneNumbers": [{"value": "555-555-5555", "type": "work"}, {"value": "555-555-4444", "type": "mobile"}],
	"ims": [{"value": "someaimhandle", "type": "aim"}],
	"photos": [{"value": "https://photos.example.com/profilephoto/72930000000Ccne/F", "type": "photo"},
		{"value": "https://photos.example.com/profilephoto/72930000000Ccne/T", "type": "thumbnail"}],
	"userType": "Employee",
	"title": "Tour Guide",
	"preferredLanguage": "en-US",
	"locale": "en-US",
	"timezone": "America/Los_Angeles",
	"active": true,
	"password": "t1meMa$heen",
	"groups": [{"value": "e9e30dba-f08f-4109-8486-d5c6a331660a", "$ref": "../Groups/e9e30dba-f08f-4109-8486-d5c6a331660a", "display": "Tour Guides"}],
	"x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMx"}]%s
}`

func TestExamplesOfTheCoreSchema(t *testing.T) {
	const enterprise = `, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
		"employeeNumber": "701984", "costCenter": "4130", "organization": "Universal Studios", "division": "Theme Park", "department": "Tour Operations",
		"manager": {"value": "26118915-6090-4610-87e4-49d8ca9f808d", "$ref": "../Users/26118915-6090-4610-87e4-49d8ca9f808d", "displayName": "John Smith"}}`
	for _, c := range []struct{ name, endpoint, sent string }{
		{"RFC 7643 8.1, 4.1.1: a minimal user", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"2819c223-7f76-453a-919d-413861904646","userName":"bjensen@example.com",
			"meta":{"resourceType":"User","created":"2010-01-23T04:56:22Z","lastModified":"2011-05-13T04:42:34Z","version":"W\/\"3694e05e9dff590\"","location":"https://example.com/v2/Users/2819c223-7f76-453a-919d-413861904646"}}`},
		{"RFC 7643 8.2, 4.1.1, 4.1.2: a full user", "/Users", fmt.Sprintf(fullUser, "")},
		{"RFC 7643 8.3, 3.3, 4.3: an enterprise user", "/Users", fmt.Sprintf(fullUser, enterprise)},
		{"RFC 7643 8.4, 4.2: a group", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"e9e30dba-f08f-4109-8486-d5c6a331660a","displayName":"Tour Guides",
			"members":[{"value":"2819c223-7f76-453a-919d-413861904646","$ref":"https://example.com/v2/Users/2819c223-7f76-453a-919d-413861904646","display":"Babs Jensen"},
				{"value":"902c246b-6245-4190-8e05-00816be7344a","$ref":"https://example.com/v2/Users/902c246b-6245-4190-8e05-00816be7344a","display":"Mandy Pepperidge"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, server.Options{})
			created := s.do("POST", c.endpoint, c.sent).want(201)
			want := parse(t, c.sent)
			// What is the server's is ignored, and a password is forgotten.
			for _, name := range []string{"id", "meta", "password", "groups", "schemas"} {
				delete(want, name)
			}
			if extension, ok := want[enterpriseURN].(map[string]any); ok {
				extension["manager"] = map[string]any{"value": at(extension["manager"], "value")}
			}
			members, _ := want["members"].([]any)
			for _, m := range members {
				maps.DeleteFunc(m.(map[string]any), func(name string, _ any) bool { return name != "value" })
			}
			got := s.do("GET", c.endpoint+"/"+created.id(), "").want(200)
			if !holds(got.body, want) {
				t.Errorf("sent %s\ngot  %s", c.sent, got.raw)
			}
			got.has("groups", nil, "password", nil, "meta/location", s.base+c.endpoint+"/"+created.id())
			if created.id() == "2819c223-7f76-453a-919d-413861904646" || got.get("meta/created") == "2010-01-23T04:56:22Z" {
				t.Errorf("what the client says of id or meta is believed: %s", got.raw)
			}
		})
	}
}

func TestDataTypes(t *testing.T) {
	const urn = "urn:example:params:scim:schemas:2.0:User"
	s := start(t, server.Options{})

	t.Run("RFC 7643 2.3.3, 2.3.4: numbers stay what they are", func(t *testing.T) {
		r := s.do("POST", "/Users", `{"userName":"numbers","`+urn+`":{"integer":9007199254740993,"negative":-7,"decimal":2.5}}`).want(201)
		for _, number := range []string{`"integer":9007199254740993`, `"negative":-7`, `"decimal":2.5`} {
			if raw := string(s.do("GET", "/Users/"+r.id(), "").raw); !strings.Contains(raw, number) {
				t.Errorf("%s is not in %s", number, raw)
			}
		}
		for filter, found := range map[string]int{":integer eq 9007199254740993": 1, ":decimal gt 2.25": 1, ":decimal gt 2.5": 0, ":negative lt 0": 1} {
			s.do("GET", "/Users?filter="+url.QueryEscape(urn+filter), "").want(200).has("totalResults", found)
		}
	})

	t.Run("RFC 7643 2.3.5: times are RFC 3339 in UTC", func(t *testing.T) {
		id := s.createUser("times")
		for _, name := range []string{"created", "lastModified"} {
			if v, _ := s.do("GET", "/Users/"+id, "").get("meta/" + name).(string); !strings.HasSuffix(v, "Z") || !strings.Contains(v, "T") {
				t.Errorf("meta.%s is %q", name, v)
			}
		}
	})

	t.Run("RFC 7643 2.3.6: a certificate is kept, and compared with case", func(t *testing.T) {
		s.do("POST", "/Users", `{"userName":"binary","x509Certificates":[{"value":"TUlJRA=="}]}`).want(201).has("x509Certificates/0/value", "TUlJRA==")
		s.do("GET", "/Users?filter="+url.QueryEscape(`x509Certificates.value eq "TUlJRA=="`), "").want(200).has("totalResults", 1)
		s.do("GET", "/Users?filter="+url.QueryEscape(`x509Certificates.value eq "tUlJRA=="`), "").want(200).has("totalResults", 0)
	})

	t.Run("RFC 7643 2.3.7: references lead to what they say", func(t *testing.T) {
		user := s.createUser("references")
		group := s.do("GET", "/Groups/"+s.createGroup("References", user), "").want(200)
		member := s.do("GET", group.get("members/0/$ref").(string), "").want(200).has("id", user)
		s.do("GET", member.get("groups/0/$ref").(string), "").want(200).has("id", group.id())
		s.do("GET", member.get("meta/location").(string), "").want(200).has("id", user)
	})

	t.Run("RFC 7643 2.3.8: a complex value has sub-attributes and nothing else", func(t *testing.T) {
		s.do("POST", "/Users", `{"userName":"complex","name":"Not an object"}`).wantError(400, "invalidValue")
		s.do("POST", "/Users", `{"userName":"complex","name":{"familyName":{"deeper":"x"}}}`).wantError(400, "invalidValue")
		s.do("POST", "/Users", `{"userName":"complex","name":{"familyName":"F","unknown":"x"}}`).want(201).has("name", map[string]any{"familyName": "F"})
	})

	t.Run("RFC 7643 2.4: of the values one is primary, and equal ones are one", func(t *testing.T) {
		s.do("POST", "/Users", `{"userName":"plural","emails":[{"value":"a","type":"work","primary":true},{"value":"b","type":"home","primary":true},{"value":"b","type":"home"}]}`).
			want(201).has("emails", []any{map[string]any{"value": "a", "type": "work", "primary": false}, map[string]any{"value": "b", "type": "home", "primary": true}})
	})

	t.Run("RFC 7643 2.5: null, an empty array and nothing are one state", func(t *testing.T) {
		for i, empty := range []string{"", `,"title":null,"emails":null,"name":null`, `,"title":"","emails":[],"name":{}`, `,"name":{"familyName":null},"emails":[{}]`} {
			s.do("POST", "/Users", fmt.Sprintf(`{"userName":"empty-%d"%s}`, i, empty)).want(201).has("title", nil, "emails", nil, "name", nil)
		}
		s.do("GET", "/Users?filter="+url.QueryEscape(`userName sw "empty-" and (title pr or emails pr or name pr)`), "").want(200).has("totalResults", 0)
	})

	t.Run("RFC 7643 3, 3.3: schemas names those that the resource has values of", func(t *testing.T) {
		plain := s.do("POST", "/Users", fmt.Sprintf(`{"schemas":[%q,%q,"urn:x:2.0:User"],"userName":"schemas"}`, userURN, enterpriseURN)).want(201)
		plain.has("schemas", []string{userURN})
		r := s.patch("/Users/"+plain.id(), fmt.Sprintf(`{"op":"add","value":{%q:{"department":"D"},%q:{"tag":"T"}}}`, enterpriseURN, urn)).want(200)
		schemas, _ := r.get("schemas").([]any)
		for _, want := range []string{userURN, enterpriseURN, urn} {
			if !slices.Contains(schemas, any(want)) || len(schemas) != 3 {
				t.Errorf("schemas are %v: want %s among the three", schemas, want)
			}
		}
		s.patch("/Users/"+plain.id(), fmt.Sprintf(`{"op":"remove","path":%q},{"op":"remove","path":%q}`, enterpriseURN, urn)).want(200).has("schemas", []string{userURN})
	})
}
