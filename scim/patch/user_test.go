package patch

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

const (
	e = schema.EnterpriseUserURN
	u = schema.UserURN
	r = schema.RollcallUserURN
)

func object(t testing.TB, s string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return m
}

func show(v any) string {
	b, _ := json.MarshalIndent(v, "", "  ")
	return string(b)
}

// request parses operations, written as the elements of Operations.
func request(t testing.TB, operations string) *Request {
	t.Helper()
	req, err := Parse(object(t, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operations+`]}`))
	if err != nil {
		t.Fatalf("%s: %v", operations, err)
	}
	return req
}

// applyUser applies operations and checks that the input stays as it was.
func applyUser(t testing.TB, user, operations string) (scim.Resource, error) {
	t.Helper()
	in := scim.Resource(object(t, user))
	req := request(t, operations)
	out, err := ApplyUser(in, req)
	if want := object(t, user); !reflect.DeepEqual(map[string]any(in), want) {
		t.Errorf("the input became %s", show(in))
	}
	if !reflect.DeepEqual(req, request(t, operations)) {
		t.Errorf("the request became %+v", req)
	}
	return out, err
}

const alice = `{"id":"1","userName":"alice","active":true,"displayName":"Alice","title":"Dr",
	"name":{"givenName":"Alice","familyName":"Liddell"},
	"emails":[{"type":"work","value":"w@x","primary":true},{"type":"home","value":"h@x"}],
	"` + e + `":{"department":"D","manager":{"value":"m"}},
	"meta":{"created":"2026-01-01T00:00:00Z"},"groups":[{"value":"g"}]}`

func TestApplyUser(t *testing.T) {
	for _, tc := range []struct{ name, user, operations, want string }{
		{"fact 39: op in any case, in order, the last wins", `{"userName":"a","displayName":"old"}`,
			`{"op":"Remove","path":"displayName"},{"op":"ADD","path":"displayName","value":"1"},{"op":"rePlace","path":"displayName","value":"2"}`,
			`{"userName":"a","displayName":"2"}`},
		{"fact 39: a required attribute may go as long as it comes back", `{"userName":"a"}`,
			`{"op":"remove","path":"userName"},{"op":"add","path":"userName","value":"b"}`,
			`{"userName":"b"}`},
		{"fact 40a: the value of an e-mail address, siblings kept", alice,
			`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"new@x"}`,
			strings.Replace(alice, "w@x", "new@x", 1)},
		{"fact 40b: created when it is missing, and the rest applied", `{"userName":"a"}`,
			`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"w@x"},{"op":"Replace","path":"title","value":"T"}`,
			`{"userName":"a","emails":[{"type":"work","value":"w@x"}],"title":"T"}`},
		{"fact 40b: created beside others", `{"userName":"a","emails":[{"type":"home","value":"h@x"}]}`,
			`{"op":"Add","path":"emails[type eq \"work\" and primary eq true].value","value":"w@x"}`,
			`{"userName":"a","emails":[{"type":"home","value":"h@x"},{"type":"work","primary":true,"value":"w@x"}]}`},
		{"fact 40c: many adds make one address", `{"userName":"a"}`,
			`{"op":"Add","path":"addresses[type eq \"work\"].formatted","value":"F"},{"op":"Add","path":"addresses[type eq \"work\"].streetAddress","value":"S"},
			 {"op":"Add","path":"addresses[type eq \"work\"].locality","value":"L"},{"op":"Add","path":"addresses[type eq \"work\"].region","value":"R"},
			 {"op":"Add","path":"addresses[type eq \"work\"].postalCode","value":"P"},{"op":"Add","path":"addresses[type eq \"work\"].country","value":"C"}`,
			`{"userName":"a","addresses":[{"type":"work","formatted":"F","streetAddress":"S","locality":"L","region":"R","postalCode":"P","country":"C"}]}`},
		{"fact 40d: a quoted boolean in the filter", `{"userName":"a","roles":[{"primary":true,"value":"old"}]}`,
			`{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"new"}`,
			`{"userName":"a","roles":[{"primary":true,"value":"new"}]}`},
		{"facts 40, 43: a missing primary role is created", `{"userName":"a"}`,
			`{"op":"Add","path":"roles[primary eq \"True\"].display","value":"D"},{"op":"Add","path":"roles[primary eq \"True\"].value","value":"V"},{"op":"Add","path":"roles[primary eq \"True\"].type","value":"WindowsAzureActiveDirectoryRole"}`,
			`{"userName":"a","roles":[{"primary":true,"display":"D","value":"V","type":"WindowsAzureActiveDirectoryRole"}]}`},
		{"fact 40e: keys of a value without path are paths", alice,
			`{"op":"replace","value":{"displayName":"B","name.givenName":"K","name.familyName":"U","` + e + `:department":"A","active":false,"emails[type eq \"work\"].value":"n@x"}}`,
			`{"id":"1","userName":"alice","active":false,"displayName":"B","title":"Dr","name":{"givenName":"K","familyName":"U"},
			 "emails":[{"type":"work","value":"n@x","primary":true},{"type":"home","value":"h@x"}],
			 "` + e + `":{"department":"A","manager":{"value":"m"}},"meta":{"created":"2026-01-01T00:00:00Z"},"groups":[{"value":"g"}]}`},
		{"fact 40e: nested objects merge", `{"userName":"a","name":{"givenName":"G","familyName":"F"},"` + e + `":{"department":"D","division":"V"}}`,
			`{"op":"add","value":{"name":{"givenName":"new","familyName":null},"` + e + `":{"department":"new","division":""}}}`,
			`{"userName":"a","name":{"givenName":"new"},"` + e + `":{"department":"new"}}`},
		{"fact 40e: a complex attribute by path merges", `{"userName":"a","name":{"givenName":"G","familyName":"F"}}`,
			`{"op":"replace","path":"name","value":{"givenName":"new"}}`,
			`{"userName":"a","name":{"givenName":"new","familyName":"F"}}`},
		{"fact 40f: qualified paths", `{"userName":"a"}`,
			`{"op":"Add","path":"` + e + `:department","value":"D"},{"op":"Replace","path":"` + u + `:userName","value":"b"},{"op":"Replace","path":"` + u + `:name.givenName","value":"G"}`,
			`{"userName":"b","name":{"givenName":"G"},"` + e + `":{"department":"D"}}`},
		{"fact 40f: an extension by its URN", `{"userName":"a","` + e + `":{"department":"D","division":"V"}}`,
			`{"op":"Replace","path":"` + e + `","value":{"department":"new"}},{"op":"Add","path":"` + u + `","value":{"title":"T"}}`,
			`{"userName":"a","title":"T","` + e + `":{"department":"new","division":"V"}}`},
		{"fact 40f: an extension removed by its URN", alice + ``,
			`{"op":"Remove","path":"` + e + `"}`,
			strings.Replace(alice, `"`+e+`":{"department":"D","manager":{"value":"m"}},`, "", 1)},
		{"fact 40g: simple paths", `{"id":"1","userName":"a"}`,
			`{"op":"Add","path":"name.formatted","value":"N"},{"op":"Add","path":"preferredLanguage","value":"en"},{"op":"Add","path":"title","value":"T"},{"op":"Replace","path":"externalId","value":"x"},{"op":"Replace","path":"userName","value":"b"}`,
			`{"id":"1","userName":"b","name":{"formatted":"N"},"preferredLanguage":"en","title":"T","externalId":"x"}`},
		{"fact 40h: a scalar in an array", `{"userName":"a"}`,
			`{"op":"Add","path":"title","value":["T"]},{"op":"Add","path":"displayName","value":[{"value":"D"}]},{"op":"Add","path":"emails[type eq \"work\"].value","value":[{"value":"w@x"}]}`,
			`{"userName":"a","title":"T","displayName":"D","emails":[{"type":"work","value":"w@x"}]}`},
		{"fact 40i: removing what is not there", `{"userName":"a","emails":[{"type":"home","value":"h@x"}]}`,
			`{"op":"remove","path":"title"},{"op":"remove","path":"emails[type eq \"work\"]"},{"op":"remove","path":"emails[type eq \"work\"].value"},{"op":"remove","path":"` + e + `:manager"},{"op":"remove","path":"` + e + `"},{"op":"remove","path":"name.givenName"},{"op":"remove","path":"nickNam"},{"op":"remove","path":"manager[value eq \"x\"]"}`,
			`{"userName":"a","emails":[{"type":"home","value":"h@x"}]}`},
		{"fact 40j: only the listed values go", `{"userName":"a","emails":[{"type":"work","value":"w@x"},{"type":"home","value":"h@x"},{"value":"o@x"}]}`,
			`{"op":"Remove","path":"emails","value":[{"type":"WORK","value":"W@x","primary":true},{"value":"o@x"},{"value":"unknown"},{"type":"work","value":"h@x"}]}`,
			`{"userName":"a","emails":[{"type":"home","value":"h@x"}]}`},
		{"fact 40j: values without a value attribute", `{"userName":"a","addresses":[{"type":"work","locality":"L"},{"type":"home","locality":"L"}]}`,
			`{"op":"Remove","path":"addresses","value":{"type":"home","locality":"l"}}`,
			`{"userName":"a","addresses":[{"type":"work","locality":"L"}]}`},
		{"fact 40j: no values listed", `{"userName":"a","emails":[{"value":"w@x"}]}`,
			`{"op":"Remove","path":"emails","value":[]},{"op":"Remove","path":"emails","value":""}`,
			`{"userName":"a","emails":[{"value":"w@x"}]}`},
		{"RFC 7644 3.5.2.2: all values go", `{"userName":"a","emails":[{"value":"w@x"}]}`,
			`{"op":"Remove","path":"emails"}`, `{"userName":"a"}`},
		{"fact 40k: null and the empty string unassign", alice,
			`{"op":"Replace","path":"title","value":""},{"op":"Add","path":"displayName","value":null},{"op":"Replace","path":"name.givenName","value":""},{"op":"Replace","path":"name","value":{"familyName":null}},
			 {"op":"Replace","path":"emails","value":null},{"op":"Replace","path":"` + e + `:manager","value":""},{"op":"Replace","path":"` + e + `","value":{"department":null}}`,
			`{"id":"1","userName":"alice","active":true,"meta":{"created":"2026-01-01T00:00:00Z"},"groups":[{"value":"g"}]}`},
		{"fact 40k: a value whose value is unassigned is gone", alice,
			`{"op":"Replace","path":"emails[type eq \"work\"].value","value":""},{"op":"Replace","path":"phoneNumbers[type eq \"work\"].value","value":null}`,
			strings.Replace(alice, `{"type":"work","value":"w@x","primary":true},`, "", 1)},
		{"fact 41: a new primary clears the others", alice,
			`{"op":"Add","path":"emails","value":[{"type":"other","value":"o@x","primary":"True"}]}`,
			strings.Replace(strings.Replace(alice, `"primary":true`, `"primary":false`, 1), `"h@x"}`, `"h@x"},{"type":"other","value":"o@x","primary":true}`, 1)},
		{"fact 41: an older value made primary", alice,
			`{"op":"Replace","path":"emails[type eq \"home\"].primary","value":true},{"op":"Replace","path":"emails[type eq \"work\"].primary","value":true}`,
			strings.Replace(alice, `"h@x"}`, `"h@x","primary":false}`, 1)},
		{"fact 42: a manager as a string", `{"userName":"a"}`, `{"op":"Add","path":"` + e + `:manager","value":"x"}`, `{"userName":"a","` + e + `":{"manager":{"value":"x"}}}`},
		{"fact 42: a manager as an object", `{"userName":"a"}`, `{"op":"Add","path":"` + e + `:manager","value":{"value":"x"}}`, `{"userName":"a","` + e + `":{"manager":{"value":"x"}}}`},
		{"fact 42: a manager in an array, unqualified", `{"userName":"a"}`, `{"op":"Add","path":"manager","value":[{"$ref":"https://h/Users/x","value":"x"}]}`, `{"userName":"a","` + e + `":{"manager":{"value":"x"}}}`},
		{"fact 42: a manager by its value", alice, `{"op":"Replace","path":"` + e + `:manager.value","value":"x"}`, strings.Replace(alice, `"value":"m"`, `"value":"x"`, 1)},
		{"fact 42: a manager replaced by a filter", alice, `{"op":"Replace","path":"manager[value eq \"m\"].value","value":"x"}`, strings.Replace(alice, `"value":"m"`, `"value":"x"`, 1)},
		{"fact 42: a manager created by a filter", `{"userName":"a"}`, `{"op":"Add","path":"manager[value eq \"m\"].value","value":"x"}`, `{"userName":"a","` + e + `":{"manager":{"value":"x"}}}`},
		{"fact 42: a manager removed by an empty object's value", alice, `{"op":"Replace","path":"` + e + `:manager","value":{"value":""}}`, strings.Replace(alice, `,"manager":{"value":"m"}`, "", 1)},
		{"fact 42: a manager removed", alice, `{"op":"remove","path":"` + e + `:manager"}`, strings.Replace(alice, `,"manager":{"value":"m"}`, "", 1)},
		{"fact 42: a manager removed by a filter", alice, `{"op":"remove","path":"` + e + `:manager[value eq \"m\"]"}`, strings.Replace(alice, `,"manager":{"value":"m"}`, "", 1)},
		{"fact 42: another manager is not removed", alice, `{"op":"remove","path":"` + e + `:manager[value eq \"x\"]"}`, alice},
		{"fact 43: roles as JSON in a string are added", `{"userName":"a","roles":[{"value":"r"}]}`,
			`{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"1\"}"}]}`,
			`{"userName":"a","roles":[{"value":"r"},{"value":"{\"id\":\"1\"}"}]}`},
		{"fact 43: roles replaced", `{"userName":"a","roles":[{"value":"r"}]}`,
			`{"op":"replace","path":"roles","value":[{"primary":false,"type":"T","value":"1"},{"primary":"False","type":"T","value":"2"}]}`,
			`{"userName":"a","roles":[{"primary":false,"type":"T","value":"1"},{"primary":false,"type":"T","value":"2"}]}`},
		{"fact 44: an extension without a definition", `{"userName":"a","urn:ietf:params:scim:schemas:extension:Custom:2.0:User":{"list":["1"],"gone":1,"o":{"a":1}}}`,
			`{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:Custom:2.0:User:tag","value":"T"},
			 {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:Custom:2.0:User:list","value":["1","2"]},
			 {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:Custom:2.0:User:O","value":{"b":2}},
			 {"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:Custom:2.0:User:o.c","value":3},
			 {"op":"Replace","value":{"urn:ietf:params:scim:schemas:extension:custom:2.0:User":{"gone":null,"n":1.5}}},
			 {"op":"Remove","path":"urn:ietf:params:scim:schemas:extension:Other:2.0:User:tag"}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:Custom:2.0:User":{"list":["1","2"],"tag":"T","o":{"a":1,"b":2,"c":3},"n":1.5}}`},
		{"fact 44: the last attribute of an extension takes it along", `{"userName":"a","urn:x:1.0:User":{"o":{"a":1}}}`,
			`{"op":"Remove","path":"urn:x:1.0:User:o.a"}`, `{"userName":"a"}`},
		{"an extension whose URN has no version", `{"userName":"a"}`,
			`{"op":"Add","path":"urn:example:ext","value":{"a":1}},{"op":"Add","path":"urn:example:ext:b","value":2}`,
			`{"userName":"a","urn:example:ext":{"a":1,"b":2}}`},
		{"fact 46: read-only attributes in a value are ignored", alice,
			`{"op":"replace","value":{"id":"1","meta":{"version":"x"},"groups":[],"schemas":[],"password":"secret","active":true}}`, alice},
		{"fact 46: passwords are ignored under unknown URNs too", `{"userName":"a","urn:x:1.0:User":{"o":{"a":1}}}`,
			`{"op":"add","path":"urn:x:1.0:User:password","value":"s"},{"op":"replace","path":"urn:x:1.0:User:o.PassWord","value":"s"},` +
				`{"op":"add","path":"urn:x:1.0:User","value":{"Password":"s","list":[{"n":1,"PASSWORD":"s"}],"o.password":"s"}},` +
				`{"op":"replace","path":"urn:y:1.0:User","value":{"password":"s"}},{"op":"replace","path":"urn:x:1.0:User","value":[{"password":"s"}]},` +
				`{"op":"replace","value":{"urn:x:1.0:User:password":"s","urn:y:1.0:User":{"deep":{"password":"s"}}}},{"op":"add","path":"urn:example:password","value":"s"},` +
				`{"op":"add","path":"urn:x:1.0:User:o","value":{"password":"s"}},{"op":"remove","path":"urn:x:1.0:User:password"}`,
			`{"userName":"a","urn:x:1.0:User":{"o":{"a":1},"list":[{"n":1}]}}`},
		{"fact 7: unknown attributes are dropped", alice,
			`{"op":"add","path":"nickNam","value":"x"},{"op":"add","path":"name.giveName","value":"x"},{"op":"add","path":"password","value":"x"},{"op":"add","path":"emails[type eq \"work\"].valu","value":"x"},{"op":"add","value":{"not a name":1,"members":[]}}`, alice},
		{"fact 75: both dialects disable", alice, `{"op":"Replace","path":"active","value":"False"}`, strings.Replace(alice, `"active":true`, `"active":false`, 1)},
		{"fact 75: with the flag", alice, `{"op":"replace","path":"active","value":false}`, strings.Replace(alice, `"active":true`, `"active":false`, 1)},
		{"fact 75: add one value", `{"userName":"a"}`, `{"op":"Add","path":"nickName","value":"Babs"}`, `{"userName":"a","nickName":"Babs"}`},
		{"fact 75: replace many, one by one", alice,
			`{"op":"Replace","path":"displayName","value":"Bjfe"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n@x"},{"op":"Replace","path":"name.givenName","value":"Kkom"},{"op":"Replace","path":"` + e + `:department","value":"Aklq"}`,
			strings.NewReplacer(`"displayName":"Alice"`, `"displayName":"Bjfe"`, "w@x", "n@x", `"givenName":"Alice"`, `"givenName":"Kkom"`, `"department":"D"`, `"department":"Aklq"`).Replace(alice)},
		{"fact 75: replace many, with the flag", alice,
			`{"op":"replace","path":"emails[type eq \"work\"].value","value":"n@x"},{"op":"replace","value":{"displayName":"Bjfe","name.givenName":"Kkom","` + e + `:department":"Aklq"}}`,
			strings.NewReplacer(`"displayName":"Alice"`, `"displayName":"Bjfe"`, "w@x", "n@x", `"givenName":"Alice"`, `"givenName":"Kkom"`, `"department":"D"`, `"department":"Aklq"`).Replace(alice)},
		{"fact 40k: nobody unassigns what suspends a user", `{"userName":"a","active":false}`,
			`{"op":"remove","path":"active"},{"op":"replace","path":"active","value":""},{"op":"replace","value":{"active":null}}`, `{"userName":"a","active":false}`},
		{"RFC 7644 3.5.2.1: adding what is there changes nothing", alice,
			`{"op":"add","path":"emails","value":[{"type":"work","value":"w@x"}]},{"op":"add","path":"title","value":"Dr"},{"op":"add","path":"emails","value":[]},{"op":"add","path":"emails","value":null}`, alice},
		{"RFC 7644 3.5.2.3: replace the values that a filter selects", `{"userName":"a","addresses":[{"type":"home","locality":"H"},{"type":"work","locality":"W","region":"R"}]}`,
			`{"op":"replace","path":"addresses[type eq \"work\"]","value":{"locality":"New"}}`,
			`{"userName":"a","addresses":[{"type":"home","locality":"H"},{"type":"work","locality":"New"}]}`},
		{"RFC 7644 3.5.2.3: add to the values that a filter selects", `{"userName":"a","addresses":[{"type":"home","locality":"H"},{"type":"work","locality":"W","region":"R"}]}`,
			`{"op":"add","path":"addresses[type eq \"work\"]","value":{"locality":"New"}}`,
			`{"userName":"a","addresses":[{"type":"home","locality":"H"},{"type":"work","locality":"New","region":"R"}]}`},
		{"RFC 7644 3.5.2.3: a sub-attribute of all values", `{"userName":"a","emails":[{"value":"1"},{"value":"2"}]}`,
			`{"op":"replace","path":"emails.display","value":"D"},{"op":"replace","path":"phoneNumbers.value","value":"5"}`,
			`{"userName":"a","emails":[{"value":"1","display":"D"},{"value":"2","display":"D"}],"phoneNumbers":[{"value":"5"}]}`},
		{"values selected and removed by null", alice, `{"op":"replace","path":"emails[type eq \"home\"]","value":null}`, strings.Replace(alice, `,{"type":"home","value":"h@x"}`, "", 1)},
		{"a new type of value is created by add", `{"userName":"a"}`, `{"op":"add","path":"phoneNumbers[type eq \"satellite\"].value","value":"5"}`, `{"userName":"a","phoneNumbers":[{"type":"satellite","value":"5"}]}`},
		{"no canonical values, no constraint", `{"userName":"a"}`, `{"op":"replace","path":"entitlements[type eq \"any\"].value","value":"5"}`, `{"userName":"a","entitlements":[{"type":"any","value":"5"}]}`},
		{"one object for an operation without path, in an array", `{"userName":"a"}`, `{"op":"add","value":[{"title":"T"}]}`, `{"userName":"a","title":"T"}`},
		{"an attribute of an extension without a definition, several kinds of values", `{"userName":"a","urn:x:1.0:User":{"a":["1"],"b":"1"}}`,
			`{"op":"add","path":"urn:x:1.0:User:a","value":"2"},{"op":"add","path":"urn:x:1.0:User:a","value":null},{"op":"add","path":"urn:x:1.0:User:b","value":"2"},
			 {"op":"add","path":"urn:x:1.0:User:a[value eq 1]","value":"3"},{"op":"add","path":"urn:x:1.0:User","value":[{"c":true}]},{"op":"remove","path":"urn:x:1.0:User:b"}`,
			`{"userName":"a","urn:x:1.0:User":{"a":["1","2"],"c":true}}`},
		{"a qualified key in an extension's object is no attribute of it", `{"userName":"a"}`,
			`{"op":"add","path":"` + e + `","value":{"` + u + `:title":"T","department":"D"}}`, `{"userName":"a","` + e + `":{"department":"D"}}`},
		{"a permission level is remembered, in whatever form it comes", `{"userName":"a"}`,
			`{"op":"Add","path":"permissionLevel","value":"1"},{"op":"Replace","path":"PERMISSIONLEVEL.value","value":["2"]},
			 {"op":"add","path":"permissionLevel[type eq \"x\" and primary gt true].value","value":3},{"op":"add","path":"` + u + `:permissionLevel","value":"4"}`,
			`{"userName":"a","` + r + `":{"permissionLevel":"3"}}`},
		{"a permission level under our URN", `{"userName":"a"}`,
			`{"op":"add","path":"` + r + `:permissionLevel","value":{"a":null,"b":true}},{"op":"add","path":"` + r + `","value":{"defaultRemoteIdentity":"x"}}`,
			`{"userName":"a","` + r + `":{"permissionLevel":"{\"b\":true}","defaultRemoteIdentity":"x"}}`},
		{"a permission level joined by a dot, and without a path", `{"userName":"a"}`,
			`{"op":"add","path":"` + r + `.permissionLevel","value":"1"},{"op":"replace","value":{"title":"T","permissionLevel":"2"}},{"op":"replace","value":{"` + r + `":{"PermissionLevel":"3"}}}`,
			`{"userName":"a","title":"T","` + r + `":{"permissionLevel":"3"}}`},
		{"a permission level is forgotten when it is removed or null", `{"userName":"a","` + r + `":{"permissionLevel":"1","defaultRemoteIdentity":"x"}}`,
			`{"op":"remove","path":"permissionLevel"},{"op":"add","path":"permissionLevel","value":"2"},{"op":"replace","path":"` + r + `:permissionLevel","value":null}`,
			`{"userName":"a","` + r + `":{"defaultRemoteIdentity":"x"}}`},
		{"a permission level goes with its extension", `{"userName":"a","` + r + `":{"permissionLevel":"1"}}`, `{"op":"remove","path":"` + r + `"}`, `{"userName":"a"}`},
		{"a permission level stays when others are patched", `{"userName":"a","` + r + `":{"permissionLevel":"1"}}`,
			`{"op":"replace","path":"title","value":"T"}`, `{"userName":"a","title":"T","` + r + `":{"permissionLevel":"1"}}`},
		{"a remote identity at the core level and under our URN", `{"userName":"a"}`,
			`{"op":"Add","path":"defaultRemoteIdentity","value":"1"},{"op":"Replace","path":"` + r + `:DefaultRemoteIdentity","value":["2"]},{"op":"replace","value":{"defaultRemoteIdentity":{"value":"3"}}}`,
			`{"userName":"a","` + r + `":{"defaultRemoteIdentity":"3"}}`},
		{"fact 40k: a remote identity that is emptied", `{"userName":"a","` + r + `":{"defaultRemoteIdentity":"x","permissionLevel":"1"}}`,
			`{"op":"Replace","path":"defaultRemoteIdentity","value":""}`, `{"userName":"a","` + r + `":{"permissionLevel":"1"}}`},
		{"fact 40k: a remote identity that is null", `{"userName":"a","` + r + `":{"defaultRemoteIdentity":"x"}}`,
			`{"op":"replace","value":{"` + r + `":{"defaultRemoteIdentity":null}}}`, `{"userName":"a"}`},
		{"a remote identity that is removed", `{"userName":"a","` + r + `":{"defaultRemoteIdentity":"x"}}`,
			`{"op":"Remove","path":"defaultRemoteIdentity"}`, `{"userName":"a"}`},
		{"fact 42: nothing to assign where the filter finds nobody", alice, `{"op":"replace","path":"manager[value eq \"x\"].value","value":""}`, alice},
		{"Operations: []", alice, ``, alice},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := applyUser(t, tc.user, tc.operations)
			if err != nil {
				t.Fatal(err)
			}
			if want := object(t, tc.want); !reflect.DeepEqual(map[string]any(got), want) {
				t.Errorf("got %s\nwant %s", show(got), show(want))
			}
		})
	}
}

func TestApplyUserErrors(t *testing.T) {
	for _, tc := range []struct {
		operations string
		scimType   scim.Type
		detail     string
	}{
		{`{"op":"remove","path":"userName"}`, scim.Mutability, `Operations[0] remove "userName": userName is required`},
		{`{"op":"replace","path":"title","value":"x"},{"op":"replace","path":"userName","value":""}`, scim.InvalidValue, `Operations[1] replace "userName": userName is required`},
		{`{"op":"replace","value":{"userName":null}}`, scim.InvalidValue, "userName is required"},
		{`{"op":"remove","path":"userName"},{"op":"add","path":"userName","value":"x"},{"op":"replace","path":"userName","value":null}`, scim.InvalidValue, "Operations[2]"},
		{`{"op":"remove","path":"id"}`, scim.Mutability, "id is read-only: leave it out"},
		{`{"op":"replace","path":"id","value":"2"}`, scim.Mutability, "id is read-only"},
		{`{"op":"replace","value":{"id":"2"}}`, scim.Mutability, "id is read-only"},
		{`{"op":"replace","path":"meta.created","value":"2"}`, scim.Mutability, "meta.created is read-only"},
		{`{"op":"add","path":"groups","value":[{"value":"g"}]}`, scim.Mutability, "groups is read-only"},
		{`{"op":"add","path":"groups[value eq \"g\"].display","value":"x"}`, scim.Mutability, "read-only"},
		{`{"op":"add","path":"` + e + `:manager.displayName","value":"x"}`, scim.Mutability, "manager.displayName is read-only"},
		{`{"op":"remove"}`, scim.NoTarget, "remove needs a path"},
		{`{"op":"remove","value":{"title":""}}`, scim.NoTarget, "remove needs a path"},
		{`{"op":"remove","path":"` + u + `"}`, scim.NoTarget, "name an attribute"},
		{`{"op":"add","value":"x"}`, scim.InvalidValue, "value must be an object of attributes"},
		{`{"op":"replace","value":null}`, scim.InvalidValue, "value must be an object"},
		{`{"op":"replace","path":"active","value":"maybe"}`, scim.InvalidValue, `Operations[0] replace "active": active: expected a boolean (true or false), got a string`},
		{`{"op":"replace","value":{"name":{"givenName":5}}}`, scim.InvalidValue, "name.givenName: expected a string, got a number"},
		{`{"op":"replace","path":"name","value":"x"}`, scim.InvalidValue, "expected an object"},
		{`{"op":"replace","path":"title","value":["a","b"]}`, scim.InvalidValue, "got an array of 2 values"},
		{`{"op":"replace","path":"emails[type eq \"work\"].value","value":5}`, scim.InvalidValue, "expected a string, got a number"},
		{`{"op":"replace","path":"emails[type eq \"private\"].value","value":"x"}`, scim.NoTarget, "no value of emails matches the filter"},
		{`{"op":"replace","path":"emails[type sw \"priv\"].value","value":"x"}`, scim.NoTarget, "no value of emails"},
		{`{"op":"replace","path":"emails[type eq \"other\" or type eq \"fax\"].value","value":"x"}`, scim.NoTarget, "no value of emails"},
		{`{"op":"add","path":"emails[type ne \"work\" and type ne \"home\"].value","value":"x"}`, scim.NoTarget, "no value of emails"},
		{`{"op":"replace","path":"manager[value eq \"x\"].value","value":"y"}`, scim.NoTarget, "no value of manager"},
		{`{"op":"replace","path":"emails[primary gt true].value","value":"x"}`, scim.InvalidFilter, "eq and ne only"},
		{`{"op":"remove","path":"emails[primary gt true]"}`, scim.InvalidFilter, "eq and ne only"},
		{`{"op":"replace","path":"userName.x","value":"x"}`, scim.InvalidPath, "userName has no sub-attributes"},
		{`{"op":"replace","path":"userName[type eq \"x\"]","value":"x"}`, scim.InvalidPath, "userName has no sub-attributes"},
		{`{"op":"replace","path":"manager[value gt null].value","value":"x"}`, scim.InvalidFilter, "null"},
		{`{"op":"replace","path":"addresses[type eq \"work\"]","value":"x"}`, scim.InvalidValue, "expected an object, got a string"},
		{`{"op":"add","path":"emails","value":[{"primary":"x"}]}`, scim.InvalidValue, "emails.primary: expected a boolean"},
		{`{"op":"replace","path":"urn:x:1.0:User","value":"x"}`, scim.InvalidValue, "value must be an object"},
	} {
		got, err := applyUser(t, alice, tc.operations)
		e := scim.AsError(err)
		if e == nil || got != nil {
			t.Errorf("%s: got %v, %v", tc.operations, show(got), err)
			continue
		}
		if e.Status != 400 || e.Type != tc.scimType || !strings.Contains(e.Detail, tc.detail) || !strings.HasPrefix(e.Detail, "Operations[") {
			t.Errorf("%s: got %v, want %s: ...%s...", tc.operations, err, tc.scimType, tc.detail)
		}
	}
}

func TestTooManyValues(t *testing.T) {
	for _, path := range []string{"phoneNumbers", "urn:x:1.0:User:list"} {
		values := make([]string, schema.MaxValues)
		for i := range values {
			values[i] = fmt.Sprintf(`{"value":"%d"}`, i)
		}
		full := fmt.Sprintf(`{"op":"add","path":%q,"value":[%s]}`, path, strings.Join(values, ","))
		same := fmt.Sprintf(`,{"op":"add","path":%q,"value":[{"value":"0"},{"value":"7"}]}`, path)
		if _, err := applyUser(t, `{"userName":"a"}`, full+same); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		more := fmt.Sprintf(`,{"op":"add","path":%q,"value":{"value":"one more"}}`, path)
		_, err := applyUser(t, `{"userName":"a"}`, full+more)
		if e := scim.AsError(err); e == nil || e.Type != scim.InvalidValue || !strings.Contains(e.Detail, "Operations[1]") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTooManyAttributes(t *testing.T) {
	attributes := func(prefix string, n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`"%s%d":1`, prefix, i)
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	const urn = "urn:x:1.0:User"
	half := schema.MaxAttributes/2 + 1
	for _, operations := range []string{
		`{"op":"add","path":"` + urn + `","value":` + attributes("a", half) + `},{"op":"add","path":"` + urn + `","value":` + attributes("b", half) + `}`,
		`{"op":"add","path":"` + urn + `:o","value":` + attributes("a", half) + `},{"op":"add","path":"` + urn + `:o","value":` + attributes("b", half) + `}`,
		`{"op":"add","path":"` + urn + `:o","value":` + attributes("a", 2*half-2) + `},{"op":"add","path":"` + urn + `:o.b","value":1}`,
		`{"op":"add","value":` + attributes("urn:x:1.0:A", half) + `},{"op":"add","value":` + strings.ReplaceAll(attributes("urn:x:1.0:B", half), ":1,", ":{\"a\":1},") + `},{"op":"add","value":` + strings.ReplaceAll(attributes("urn:x:1.0:C", half), ":1,", ":{\"a\":1},") + `}`,
	} {
		_, err := applyUser(t, `{"userName":"a"}`, operations)
		if e := scim.AsError(err); e == nil || e.Type != scim.InvalidValue {
			t.Errorf("%.60s: got %v", operations, err)
		}
	}
	_, err := Parse(object(t, `{"Operations":[{"op":"add","value":`+attributes("a", 2*half)+`}]}`))
	if e := scim.AsError(err); e == nil || e.Status != 413 {
		t.Errorf("got %v", err)
	}
}
