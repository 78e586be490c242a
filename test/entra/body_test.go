package entra

import (
	"encoding/json"
	"testing"
)

// The bodies are those that Microsoft prints for each dialect (fact 75).
func TestDialects(t *testing.T) {
	person := []change{
		{path: "displayName", value: "Bjfe"},
		{path: `emails[type eq "work"].value`, value: "b@x.com"},
		{path: "name.givenName", value: "Kkom"},
		{path: Enterprise + ":employeeNumber", value: "Aklq"},
	}
	for _, c := range []struct {
		name string
		body any
		want string
	}{
		{"fact 37: disable, default", Default.attributes([]change{{path: "active", value: false}}),
			`[{"op":"Replace","path":"active","value":"False"}]`},
		{"fact 75: disable, with the flag", AadOptscim062020.attributes([]change{{path: "active", value: false}}),
			`[{"op":"replace","path":"active","value":false}]`},
		{"fact 75: add one value, default", Default.attributes([]change{{path: "nickName", value: "Babs", add: true}}),
			`[{"op":"Add","path":"nickName","value":"Babs"}]`},
		{"fact 75: add one value, with the flag", AadOptscim062020.attributes([]change{{path: "nickName", value: "Babs", add: true}}),
			`[{"op":"add","path":"nickName","value":"Babs"}]`},
		{"fact 75: replace many, default", Default.attributes(person),
			`[{"op":"Replace","path":"displayName","value":"Bjfe"},
			  {"op":"Replace","path":"emails[type eq \"work\"].value","value":"b@x.com"},
			  {"op":"Replace","path":"name.givenName","value":"Kkom"},
			  {"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","value":"Aklq"}]`},
		{"fact 75: replace many, with the flag", AadOptscim062020.attributes(person),
			`[{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@x.com"},
			  {"op":"replace","value":{"displayName":"Bjfe","name.givenName":"Kkom",
			   "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"Aklq"}}]`},
		{"fact 56: add members", Default.addMembers([]string{"u1", "u2"}),
			`[{"op":"Add","path":"members","value":[{"$ref":null,"value":"u1"},{"$ref":null,"value":"u2"}]}]`},
		{"fact 57a: remove members, default", Default.removeMembers([]string{"u1"}),
			`[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"u1"}]}]`},
		{"fact 57b: remove members, with the flag", AadOptscim062020.removeMembers([]string{"u1"}),
			`[{"op":"remove","path":"members[value eq \"u1\"]"}]`},
		{"fact 42: manager", Default.manager("u1"),
			`[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"u1"}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := json.Marshal(c.body)
			must(t, err)
			sameJSON(t, string(text),
				`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":`+c.want+`}`)
		})
	}
}

func TestCreateBodies(t *testing.T) {
	t.Run("fact 36: user", func(t *testing.T) {
		text, err := json.Marshal(createUser(values{
			"userName": "a@x.com", "active": true, "name.givenName": "A", `emails[type eq "work"].value`: "a@x.com",
			Enterprise + ":department": "Search",
		}))
		must(t, err)
		sameJSON(t, string(text), `{
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
			"userName":"a@x.com","active":true,"name":{"givenName":"A"},
			"emails":[{"primary":true,"type":"work","value":"a@x.com"}],
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Search"},
			"meta":{"resourceType":"User"}}`)
	})
	t.Run("fact 53: group", func(t *testing.T) {
		text, err := json.Marshal(createGroup("Team", "42"))
		must(t, err)
		sameJSON(t, string(text), `{
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
			"externalId":"42","displayName":"Team","meta":{"resourceType":"Group"}}`)
	})
}
