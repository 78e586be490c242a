package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
)

// object reads JSON the way the server does.
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

func TestDecodeUser(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{
			"fact 5: names in any case become canonical",
			`{"USERNAME":"a","Name":{"GIVENNAME":"A"},"Emails":[{"VALUE":"a@x","Type":"work"}],"URN:IETF:params:scim:schemas:extension:ENTERPRISE:2.0:User":{"Department":"D"}}`,
			`{"userName":"a","name":{"givenName":"A"},"emails":[{"value":"a@x","type":"work"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D"}}`,
		},
		{
			"fact 6: values stay as they are",
			`{"userName":" Ａlice@Example.com ","phoneNumbers":[{"type":"work","value":"+1 (555) 010-9999 "}]}`,
			`{"userName":" Ａlice@Example.com ","phoneNumbers":[{"type":"work","value":"+1 (555) 010-9999 "}]}`,
		},
		{
			"fact 7: nulls, unknown attributes and unknown schemas are dropped",
			`{"schemas":["urn:scim:schemas:core:1.0","urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],"userName":"a","addresses":null,"title":null,"nickNam":"x","name":{"giveName":"x"}}`,
			`{"userName":"a"}`,
		},
		{
			"fact 7: an extension object needs no entry in schemas",
			`{"schemas":[],"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"7"}}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"7"}}`,
		},
		{
			"fact 7: the enterprise extension under a misspelt or old URN",
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0User":{"employeeNumber":"7"},"urn:scim:schemas:extension:enterprise:1.0":{"department":"D"}}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"7","department":"D"}}`,
		},
		{
			"fact 36: what Entra ID creates",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"e","userName":"a","active":true,"emails":[{"primary":true,"type":"work","value":"a@x"}],"meta":{"resourceType":"User"},"name":{"formatted":"A B","familyName":"B","givenName":"A"},"roles":[],"timezone":"no zone","locale":"no locale","profileUrl":"no URL"}`,
			`{"externalId":"e","userName":"a","active":true,"emails":[{"primary":true,"type":"work","value":"a@x"}],"name":{"formatted":"A B","familyName":"B","givenName":"A"},"timezone":"no zone","locale":"no locale","profileUrl":"no URL"}`,
		},
		{
			"fact 37: booleans as strings in any case",
			`{"userName":"a","active":"False","roles":[{"primary":"True","value":"r"}],"emails":[{"primary":"tRUE","value":"a@x"}]}`,
			`{"userName":"a","active":false,"roles":[{"primary":true,"value":"r"}],"emails":[{"primary":true,"value":"a@x"}]}`,
		},
		{
			"fact 40e: dotted and qualified names are paths",
			`{"userName":"a","name.givenName":"G","name":{"givenName":"old","familyName":"F"},"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"D","urn:ietf:params:scim:schemas:core:2.0:User:title":"T"}`,
			`{"userName":"a","name":{"givenName":"G","familyName":"F"},"title":"T","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D"}}`,
		},
		{
			"fact 40h: scalars in one-element arrays, and one value for many",
			`{"userName":["a"],"displayName":[{"value":"D"}],"name":[{"givenName":"G"}],"emails":"a@x","phoneNumbers":{"value":"1"},"active":["True"]}`,
			`{"userName":"a","displayName":"D","name":{"givenName":"G"},"emails":[{"value":"a@x"}],"phoneNumbers":[{"value":"1"}],"active":true}`,
		},
		{
			"fact 40k: empty strings, arrays and objects are unassigned",
			`{"userName":"a","title":"","emails":[],"phoneNumbers":[{"value":"","type":""}],"name":{"givenName":""},"active":null,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":""}}`,
			`{"userName":"a"}`,
		},
		{
			"fact 41: the last of two primary values wins",
			`{"userName":"a","emails":[{"value":"1","primary":true},{"value":"2"},{"value":"3","primary":true}]}`,
			`{"userName":"a","emails":[{"value":"1","primary":false},{"value":"2"},{"value":"3","primary":true}]}`,
		},
		{
			"RFC 7643 2.4: values with equal value and type are one",
			`{"userName":"a","emails":[{"value":"1","type":"work","primary":true},{"value":"1","type":"home"},{"value":"1","type":"Work","display":"D"}]}`,
			`{"userName":"a","emails":[{"value":"1","type":"Work","primary":true,"display":"D"},{"value":"1","type":"home"}]}`,
		},
		{
			"attributes under the core schema's URN are those at the top level",
			`{"urn:ietf:params:scim:schemas:core:2.0:user":{"USERNAME":"a","emails":[{"value":"a@x"}],"id":"i","name.givenName":"A"},"title":"t"}`,
			`{"userName":"a","emails":[{"value":"a@x"}],"name":{"givenName":"A"},"title":"t"}`,
		},
		{
			"attributes under the core schema's URN give way, and are one level deep",
			`{"userName":"a","title":"t","urn:ietf:params:scim:schemas:core:2.0:User":{"userName":"b","nickName":"n","urn:ietf:params:scim:schemas:core:2.0:User":{"title":"c"}}}`,
			`{"userName":"a","title":"t","nickName":"n"}`,
		},
		{
			"fact 42: a manager as an id",
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":"m"}}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"m"}}}`,
		},
		{
			"fact 42: a manager with more than the id",
			`{"userName":"a","manager":[{"$ref":"https://h/Users/m","value":"m","displayName":"M"}]}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"m"}}}`,
		},
		{
			"fact 42: a manager with nothing but an address",
			`{"userName":"a","manager":{"$ref":"https://h/Users/m"}}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"m"}}}`,
		},
		{
			"fact 43: JSON in the value of a role",
			`{"userName":"a","roles":[{"value":"{\"id\":\"1\",\"value\":\"Admin\"}"}]}`,
			`{"userName":"a","roles":[{"value":"{\"id\":\"1\",\"value\":\"Admin\"}"}]}`,
		},
		{
			"fact 44: an extension without a definition is kept as it is",
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:Custom:2.0:User":{"Tag":"x","n":1.50,"deep":{"a":[1,null,{"b":null}]},"none":null}}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:Custom:2.0:User":{"Tag":"x","n":1.50,"deep":{"a":[1]}}}`,
		},
		{
			"fact 44: an attribute of an extension without a definition",
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:Custom:2.0:User:Tag":"x","urn:ietf:params:scim:schemas:extension:custom:2.0:User":{"Other":1}}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:custom:2.0:User":{"Other":1,"Tag":"x"}}`,
		},
		{
			"an extension whose URN has no version",
			`{"userName":"a","urn:example:ext":{"Tag":"x"}}`,
			`{"userName":"a","urn:example:ext":{"Tag":"x"}}`,
		},
		{
			"fact 46: read-only attributes and the password are ignored",
			`{"id":"i","userName":"a","password":"secret","groups":[{"value":"g"}],"meta":{"version":"1"}}`,
			`{"userName":"a"}`,
		},
		{
			"fact 46: the password under unknown URNs is ignored too",
			`{"userName":"a","urn:x:1.0:User":{"password":"s","tag":"x","o":[{"PassWord":"s","n":1}],"o.password":"s"},"urn:y:1.0:User":{"PASSWORD":"s"},` +
				`"urn:x:1.0:User:Password":"s","urn:x:1.0:User:p.password":"s","urn:z:1.0:User:p":{"password":{"value":"s"}},"urn:example:password":{"value":"s"}}`,
			`{"userName":"a","urn:x:1.0:User":{"tag":"x","o":[{"n":1}]}}`,
		},
		{
			"a permission level is remembered as text, wherever it stands",
			`{"userName":"a","PERMISSIONLEVEL":"Administrator"}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":"Administrator"}}`,
		},
		{
			"a permission level in our extension comes before one at the top level",
			`{"userName":"a","permissionLevel":"Auditor","urn:ietf:params:scim:schemas:extension:ROLLCALL:2.0:user":{"PermissionLevel":"Administrator","defaultRemoteIdentity":"x"}}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":"Administrator","defaultRemoteIdentity":"x"}}`,
		},
		{
			"a permission level under a path, with whatever sub-attribute",
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:rollcall:2.0:User:permissionLevel.value":"Administrator"}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":"Administrator"}}`,
		},
		{
			"a permission level that is no string is remembered as JSON, without passwords",
			`{"userName":"a","permissionLevel":[{"value":3,"password":"s3cret","none":null}]}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":"[{\"value\":3}]"}}`,
		},
		{
			"an empty permission level is none",
			`{"userName":"a","permissionLevel":[null,""],"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":""}}`,
			`{"userName":"a"}`,
		},
		{
			"defaultRemoteIdentity at the top level",
			`{"userName":"a","defaultRemoteIdentity":"oidc:a"}`,
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"defaultRemoteIdentity":"oidc:a"}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Decode(User, object(t, tc.in))
			if err != nil {
				t.Fatal(err)
			}
			if want := object(t, tc.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got %s\nwant %s", show(got), show(want))
			}
		})
	}
}

func TestDecodeGroup(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{
			"fact 53: what Entra ID creates",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"e","displayName":"G","members":[],"meta":{"resourceType":"Group"}}`,
			`{"externalId":"e","displayName":"G"}`,
		},
		{
			"facts 56, 60, 64: members in every shape, once each",
			`{"displayName":"G","members":[{"$ref":null,"value":"1"},"2",{"value":"3","type":"Group","display":"D","$ref":"https://h/Groups/3"},{"value":"1","type":"User"},{"$ref":"https://h/Users/4"}]}`,
			`{"displayName":"G","members":[{"value":"1","type":"User"},{"value":"2"},{"value":"3","type":"Group"},{"value":"4"}]}`,
		},
		{
			"attributes of users are unknown",
			`{"displayName":"G","userName":"x","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D"}}`,
			`{"displayName":"G"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Decode(Group, object(t, tc.in))
			if err != nil {
				t.Fatal(err)
			}
			if want := object(t, tc.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got %s\nwant %s", show(got), show(want))
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, tc := range []struct {
		rt        *ResourceType
		in        string
		attribute string
		msg       string
	}{
		{User, `{}`, "userName", "required"},
		{User, `{"userName":""}`, "userName", "required"},
		{User, `{"userName":null}`, "userName", "required"},
		{Group, `{"displayName":""}`, "displayName", "required"},
		{User, `{"userName":5}`, "userName", "expected a string, got a number"},
		{User, `{"userName":["a","b"]}`, "userName", "expected a string, got an array of 2 values"},
		{User, `{"userName":{"x":"a"}}`, "userName", "expected a string, got an object"},
		{User, `{"userName":"a","active":"maybe"}`, "active", "expected a boolean (true or false), got a string"},
		{User, `{"userName":"a","active":""}`, "active", "expected a boolean (true or false), got a string"},
		{User, `{"userName":"a","ACTIVE":[]}`, "active", "expected a boolean"},
		{User, `{"userName":"a","` + UserURN + `:active":{}}`, "active", "expected a boolean"},
		{User, `{"userName":"a","active":1}`, "active", "got a number"},
		{User, `{"userName":"a","name":"x"}`, "name", "expected an object, got a string"},
		{User, `{"userName":"a","name":{"givenName":true}}`, "name.givenName", "expected a string, got a boolean"},
		{User, `{"userName":"a","name.givenName":true}`, "name.givenName", "expected a string, got a boolean"},
		{User, `{"userName":"a","addresses":["x"]}`, "addresses", "expected an object"},
		{User, `{"userName":"a","emails":[{"value":"x","primary":"no"}]}`, "emails.primary", "expected a boolean"},
		{User, `{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":1}}`, EnterpriseUserURN + ":department", "expected a string"},
		{User, `{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":"x"}`, EnterpriseUserURN, "expected an object"},
		{User, fmt.Sprintf(`{"userName":"a","emails":[%s{"value":"last"}]}`, strings.Repeat(`"a@x",`, MaxValues)), "emails", "more than 1000 values"},
	} {
		_, err := Decode(tc.rt, object(t, tc.in))
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.80s: got %v, want an error about %s", tc.in, err, tc.attribute)
			continue
		}
		if e.Attribute != tc.attribute || !strings.Contains(e.Msg, tc.msg) {
			t.Errorf("%.80s: got %q, want %q: ...%q...", tc.in, err, tc.attribute, tc.msg)
		}
	}
}

func TestDecodeTwoSpellingsOfOneName(t *testing.T) {
	for range 20 {
		// Again and again, because a map has another order each time.
		got, err := Decode(User, object(t, `{"userName":"a","name":{"GIVENNAME":5,"givenName":"G","givenname":true,"FAMILYNAME":5,"FamilyName":"F"}}`))
		if err != nil {
			t.Fatal(err)
		}
		if want := object(t, `{"userName":"a","name":{"givenName":"G","familyName":"F"}}`); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %s", show(got))
		}
	}
}

func TestDecodeTypes(t *testing.T) {
	for _, tc := range []struct {
		kind    Type
		in      any
		want    any
		message string
	}{
		{kind: Integer, in: json.Number("7"), want: json.Number("7")},
		{kind: Decimal, in: 1.5, want: 1.5},
		{kind: Decimal, in: "1.50", want: json.Number("1.50")},
		{kind: Integer, in: "seven", message: "a: expected a number, got a string"},
		{kind: Integer, in: true, message: "a: expected a number, got a boolean"},
		{kind: DateTime, in: "2011-05-13T04:42:34Z", want: "2011-05-13T04:42:34Z"},
		{kind: DateTime, in: "2011-05-13T04:42:34.123+02:00", want: "2011-05-13T04:42:34.123+02:00"},
		{kind: DateTime, in: "2011-05-13T04:42:34", want: "2011-05-13T04:42:34"},
		{kind: DateTime, in: "13 May 2011", message: "a: expected a date and time as in RFC 3339, got a string"},
		{kind: DateTime, in: json.Number("1"), message: "a: expected a date and time as in RFC 3339, got a number"},
		{kind: Binary, in: "YQ==", want: "YQ=="},
		{kind: Reference, in: "no URL", want: "no URL"},
		{kind: String, in: []any{[]any{}}, want: nil},
		{kind: String, in: []any{[]any{"x"}}, want: "x"},
		{kind: String, in: map[string]any{"Value": "x"}, want: "x"},
	} {
		got, err := (&Attribute{Name: "a", Type: tc.kind}).Decode(tc.in)
		if message := fmt.Sprint(err); got != tc.want || err != nil && message != tc.message || err == nil && tc.message != "" {
			t.Errorf("%s %v: got %v, %v", tc.kind, tc.in, got, err)
		}
	}
}

func TestHasCanonical(t *testing.T) {
	kind := User.Core.Find("emails").Find("type")
	for v, want := range map[string]bool{"work": true, "HOME": true, "private": false, "": false} {
		if kind.HasCanonical(v) != want {
			t.Errorf("%q: want %v", v, want)
		}
	}
}

func TestDecodeTakesManyMembers(t *testing.T) {
	members := make([]any, 20_000)
	for i := range members {
		members[i] = fmt.Sprint(i % 15_000)
	}
	got, err := Decode(Group, map[string]any{"displayName": "G", "members": members})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got["members"].([]any)); n != 15_000 {
		t.Errorf("%d members, want 15000", n)
	}
}

func TestDecodeLeavesItsInputAlone(t *testing.T) {
	in := `{"userName":"a","emails":[{"value":"1","primary":true},{"value":"1","primary":true},{"value":"2","primary":true}],"urn:x:1.0:User":{"a":{"b":null}},"urn:x:1.0:User:a.c":"d"}`
	m := object(t, in)
	if _, err := Decode(User, m); err != nil {
		t.Fatal(err)
	}
	if want := object(t, in); !reflect.DeepEqual(m, want) {
		t.Errorf("input became %s", show(m))
	}
}

func BenchmarkDecode(b *testing.B) {
	members := make([]any, 10_000)
	for i := range members {
		members[i] = map[string]any{"value": fmt.Sprintf("7f4bc1a3-285e-48ae-8202-5accb43%05d", i)}
	}
	for name, in := range map[string]struct {
		rt       *ResourceType
		resource map[string]any
	}{
		"user":           {User, object(b, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"e","userName":"a","active":true,"emails":[{"primary":true,"type":"work","value":"a@x"}],"meta":{"resourceType":"User"},"name":{"formatted":"A B","familyName":"B","givenName":"A"},"roles":[]}`)},
		"10,000 members": {Group, map[string]any{"displayName": "G", "members": members}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(in.rt, in.resource); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"userName":"a","emails":[{"primary":"True","type":"work","value":"x"},{"primary":true,"value":"x","TYPE":"Work"}]}`,
		`{"userName":["a"],"manager":{"$ref":"/m"},"name.givenName":"x","name":{"givenName":["y"]}}`,
		`{"userName":"a","urn:x:2.0:User:b.c":1,"URN:X:2.0:User":{"B":{"C":[[]]}},"urn:x:y":{"a":""}}`,
		`{"userName":"0","urn:A:A":{"A":0},"urn:B":{"A":0},"urn:C:A":0}`,
		`{"displayName":"a","members":["1",{"value":"1"},{"value":["2"]}]}`,
		`{"userName":"a","permissionLevel.x":{"password":"s","a":[1.5]},"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionlevel":"ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ"}}`,
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"2819c223-7f76-453a-919d-413861904646","externalId":"bjensen","userName":"bjensen","name":{"formatted":"Ms. Barbara J Jensen III","familyName":"Jensen","givenName":"Barbara"}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d := json.NewDecoder(strings.NewReader(in))
		d.UseNumber()
		var m map[string]any
		if d.Decode(&m) != nil {
			return // no JSON object: the server refuses it before
		}
		for _, rt := range ResourceTypes() {
			once, err := Decode(rt, m)
			if err != nil {
				continue
			}
			twice, err := Decode(rt, once)
			if err != nil || !reflect.DeepEqual(once, twice) {
				t.Fatalf("decoded\n%s\nthen\n%s\n%v", show(once), show(twice), err)
			}
			requireCanonical(t, rt, once)
			Project(rt, once, nil, nil)
		}
	})
}

// requireCanonical checks what package scim promises of a Resource.
func requireCanonical(t *testing.T, rt *ResourceType, resource map[string]any) {
	t.Helper()
	var check func(path string, v any)
	check = func(path string, v any) {
		if tree.Empty(v) {
			t.Fatalf("%s is empty in %s", path, show(resource))
		}
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				check(path+"."+k, e)
			}
		case []any:
			for _, e := range v {
				check(path, e)
			}
		}
	}
	for key, v := range resource {
		check(key, v)
		if a := rt.attribute(key); a != nil {
			if a.Name != key || a.Mutability == ReadOnly {
				t.Fatalf("%s is not canonical in %s", key, show(resource))
			}
		} else if !hasURN(key) {
			t.Fatalf("%s is unknown in %s", key, show(resource))
		}
	}
}
