package schema

import "testing"

func TestParseName(t *testing.T) {
	const custom = "urn:ietf:params:scim:schemas:extension:Custom:2.0:User"
	for _, tc := range []struct {
		in   string
		want Name
		bad  bool
	}{
		{in: "userName", want: Name{Attr: "userName"}},
		{in: "name.givenName", want: Name{Attr: "name", Sub: "givenName"}},
		{in: "members.$ref", want: Name{Attr: "members", Sub: "$ref"}},
		{in: UserURN, want: Name{URN: UserURN}},
		{in: UserURN + ":userName", want: Name{URN: UserURN, Attr: "userName"}},
		{in: UserURN + ":name.givenName", want: Name{URN: UserURN, Attr: "name", Sub: "givenName"}},
		{in: EnterpriseUserURN + ":manager.value", want: Name{URN: EnterpriseUserURN, Attr: "manager", Sub: "value"}},
		{in: EnterpriseUserURN + ".manager", want: Name{URN: EnterpriseUserURN, Attr: "manager"}},
		{in: "URN:ietf:params:scim:schemas:core:2.0:user:userName", want: Name{URN: "URN:ietf:params:scim:schemas:core:2.0:user", Attr: "userName"}},
		{in: "urn:scim:schemas:core:1.0:userName", want: Name{URN: "urn:scim:schemas:core:1.0", Attr: "userName"}},
		{in: custom, want: Name{URN: custom}},
		{in: custom + ":attr", want: Name{URN: custom, Attr: "attr"}},
		{in: custom + ":attr.sub", want: Name{URN: custom, Attr: "attr", Sub: "sub"}},
		{in: "urn:example:ext:attr", want: Name{URN: "urn:example:ext", Attr: "attr"}},
		{in: "urn:example:ext", want: Name{URN: "urn:example:ext"}},
		{in: "", bad: true},
		{in: ".", bad: true},
		{in: "a.", bad: true},
		{in: "a.b.c", bad: true},
		{in: "1a", bad: true},
		{in: "a b", bad: true},
		{in: "a[b]", bad: true},
		{in: "urn:", bad: true},
		{in: "urn:x", bad: true},
		{in: UserURN + ":", bad: true},
		{in: "urn:a:b:c:", bad: true},
		{in: "urn:a:b,c:d", bad: true},
	} {
		got, err := ParseName(tc.in)
		if (err != nil) != tc.bad || got != tc.want {
			t.Errorf("ParseName(%q) = %+v, %v, want %+v", tc.in, got, err, tc.want)
		}
		if err == nil && tc.in != got.String() && tc.in != EnterpriseUserURN+".manager" {
			t.Errorf("%q prints as %q", tc.in, got)
		}
	}
}

func TestFind(t *testing.T) {
	for _, tc := range []struct {
		rt       *ResourceType
		in, want string
	}{
		{User, "USERNAME", "userName"},
		{User, "Name.GivenName", "name.givenName"},
		{User, "manager", EnterpriseUserURN + ":manager"},
		{User, "urn:ietf:params:scim:schemas:core:2.0:USER:username", "userName"},
		{User, EnterpriseUserURN, EnterpriseUserURN},
		{User, EnterpriseUserURN + ":MANAGER.Value", EnterpriseUserURN + ":manager.value"},
		{User, "urn:a:1.0:User:X.y", "urn:a:1.0:User:X.y"},
		{User, "meta.LASTMODIFIED", "meta.lastModified"},
		{User, "password", ""},
		{User, "members", ""},
		{User, GroupURN + ":displayName", ""},
		{User, UserURN + ":manager", ""},
		{User, "userName.x", ""},
		{Group, "displayname", "displayName"},
		{Group, "members.$REF", "members.$ref"},
		{Group, "manager", ""},
		{Group, EnterpriseUserURN + ":manager", ""},
	} {
		name, err := ParseName(tc.in)
		if err != nil {
			t.Fatal(err)
		}
		ref, ok := tc.rt.Find(name)
		if ok != (tc.want != "") || ok && ref.String() != tc.want {
			t.Errorf("%s.Find(%q) = %q, %v, want %q", tc.rt.Name, tc.in, ref, ok, tc.want)
		}
	}
}
