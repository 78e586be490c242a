package schema

import (
	"reflect"
	"slices"
	"testing"
)

const projected = `{
	"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "1", "externalId": "e", "userName": "a", "meta": {"created": "2026-01-01T00:00:00Z"},
	"name": {"givenName": "G", "familyName": "F"},
	"emails": [{"type": "work", "value": "w"}, {"type": "home"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "D", "manager": {"value": "m"}},
	"urn:example:2.0:User": {"tag": "t", "Other": 1}
}`

func TestProject(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		attributes, excluded []string
		want                 string
	}{
		{name: "everything", want: projected},
		{name: "fact 34: id and schemas always", attributes: []string{"USERNAME"},
			want: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","userName":"a"}`},
		{name: "fact 24: id alone", attributes: []string{"id"},
			want: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1"}`},
		{name: "sub-attributes", attributes: []string{"name.givenName", "emails.value", "nickNam"},
			want: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","name":{"givenName":"G"},"emails":[{"value":"w"}]}`},
		{name: "extensions", attributes: []string{EnterpriseUserURN, "urn:EXAMPLE:2.0:User:OTHER"},
			want: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1",
				"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D","manager":{"value":"m"}},"urn:example:2.0:User":{"Other":1}}`},
		{name: "attribute of an extension", attributes: []string{EnterpriseUserURN + ":department"},
			want: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D"}}`},
		{name: "the core schema", attributes: []string{UserURN}, excluded: []string{"emails", "meta"},
			want: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","externalId":"e","userName":"a","name":{"givenName":"G","familyName":"F"}}`},
		{name: "excluded", excluded: []string{"id", "schemas", "emails.value", "name", EnterpriseUserURN, "urn:example:2.0:User:tag", "meta"},
			want: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","externalId":"e","userName":"a","emails":[{"type":"work"},{"type":"home"}],"urn:example:2.0:User":{"Other":1}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resource := object(t, projected)
			got := Project(User, resource, names(t, tc.attributes), names(t, tc.excluded))
			if want := object(t, tc.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got %s\nwant %s", show(got), show(want))
			}
			if !reflect.DeepEqual(resource, object(t, projected)) {
				t.Errorf("the resource became %s", show(resource))
			}
		})
	}
	t.Run("fact 30: excluded members are absent", func(t *testing.T) {
		got := Project(Group, object(t, `{"id":"1","displayName":"G","members":[{"value":"1"}]}`), nil, names(t, []string{"members"}))
		if want := object(t, `{"id":"1","displayName":"G"}`); !reflect.DeepEqual(got, want) {
			t.Errorf("got %s", show(got))
		}
	})
}

func TestProjectHonoursReturned(t *testing.T) {
	rt := &ResourceType{
		Core: newSchema(Schema{ID: "urn:core", Attributes: []*Attribute{
			{Name: "secret", Type: String, Returned: Never},
			{Name: "big", Type: String, Returned: Request},
			{Name: "c", Type: Complex, Sub: []*Attribute{{Name: "hidden", Returned: Never}, {Name: "asked", Returned: Request}, {Name: "plain"}}},
		}}),
		common: newSchema(commonSchema),
	}
	resource := `{"id":"1","secret":"s","big":"b","c":{"hidden":"h","asked":"a","plain":"p"}}`
	for _, tc := range []struct {
		attributes []string
		want       string
	}{
		{nil, `{"id":"1","c":{"plain":"p"}}`},
		{[]string{"secret", "big"}, `{"id":"1","big":"b"}`},
		{[]string{"c"}, `{"id":"1","c":{"plain":"p"}}`},
		{[]string{"c.asked", "c.hidden"}, `{"id":"1","c":{"asked":"a"}}`},
	} {
		if got := Project(rt, object(t, resource), names(t, tc.attributes), nil); !reflect.DeepEqual(got, object(t, tc.want)) {
			t.Errorf("attributes=%v: got %s", tc.attributes, show(got))
		}
	}
}

func TestSchemas(t *testing.T) {
	got := Schemas(User, object(t, `{"userName":"a","urn:z:1.0:User":{"a":1},"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D"}}`))
	if want := []string{UserURN, EnterpriseUserURN, "urn:z:1.0:User"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := Schemas(Group, nil); !slices.Equal(got, []string{GroupURN}) {
		t.Errorf("got %q", got)
	}
}

func names(t *testing.T, in []string) []Name {
	t.Helper()
	var list []Name
	for _, s := range in {
		n, err := ParseName(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}
