package filter

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

func attr(name string) schema.Name {
	n, err := schema.ParseName(name)
	if err != nil {
		panic(err)
	}
	return n
}

func eq(name string, value any) Expr { return Compare{Attr: attr(name), Op: Eq, Value: value} }

func TestParse(t *testing.T) {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for _, tc := range []struct {
		in   string
		want Expr
	}{
		// The examples of RFC 7644 section 3.4.2.2.
		{`userName eq "bjensen"`, eq("userName", "bjensen")},
		{`name.familyName co "O'Malley"`, Compare{attr("name.familyName"), Co, "O'Malley"}},
		{`userName sw "J"`, Compare{attr("userName"), Sw, "J"}},
		{`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`, Compare{attr("urn:ietf:params:scim:schemas:core:2.0:User:userName"), Sw, "J"}},
		{`title pr`, Present{attr("title")}},
		{`meta.lastModified gt "2011-05-13T04:42:34Z"`, Compare{attr("meta.lastModified"), Gt, "2011-05-13T04:42:34Z"}},
		{`title pr and userType eq "Employee"`, And{[]Expr{Present{attr("title")}, eq("userType", "Employee")}}},
		{`title pr or userType eq "Intern"`, Or{[]Expr{Present{attr("title")}, eq("userType", "Intern")}}},
		{`userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`, And{[]Expr{
			eq("userType", "Employee"),
			Or{[]Expr{Compare{attr("emails"), Co, "example.com"}, Compare{attr("emails.value"), Co, "example.org"}}},
		}}},
		{`userType ne "Employee" and not (emails co "example.com")`, And{[]Expr{
			Compare{attr("userType"), Ne, "Employee"}, Not{Compare{attr("emails"), Co, "example.com"}},
		}}},
		{`emails[type eq "work" and value co "@example.com"]`, ValuePath{attr("emails"), And{[]Expr{eq("type", "work"), Compare{attr("value"), Co, "@example.com"}}}}},
		{`emails[type eq "work"] or ims[type eq "xmpp"]`, Or{[]Expr{ValuePath{attr("emails"), eq("type", "work")}, ValuePath{attr("ims"), eq("type", "xmpp")}}}},
		// Precedence: not, and, or.
		{`a eq 1 or b eq 2 and not c eq 3`, Or{[]Expr{eq("a", json.Number("1")), And{[]Expr{eq("b", json.Number("2")), Not{eq("c", json.Number("3"))}}}}}},
		{`(a pr or b pr) and c pr`, And{[]Expr{Or{[]Expr{Present{attr("a")}, Present{attr("b")}}}, Present{attr("c")}}}},
		// Fact 23.
		{`emails[type eq "work"].value eq "x"`, ValuePath{attr("emails"), And{[]Expr{eq("type", "work"), eq("value", "x")}}}},
		{`emails[type eq "work" and primary eq true].value sw "x"`, ValuePath{attr("emails"), And{[]Expr{eq("type", "work"), eq("primary", true), Compare{attr("value"), Sw, "x"}}}}},
		{enterprise + `:employeeNumber eq "7"`, eq(enterprise+":employeeNumber", "7")},
		// Fact 24.
		{`id eq "1" and manager eq "2"`, And{[]Expr{eq("id", "1"), eq("manager", "2")}}},
		// Fact 27.
		{`username Eq "x" AND NOT (email Co "y")`, And{[]Expr{eq("username", "x"), Not{Compare{attr("email"), Co, "y"}}}}},
		// Fact 28.
		{`userName eq "a+b'c\"d\\e #f\u00e9"`, eq("userName", `a+b'c"d\e #fé`)},
		// Literals without quotes.
		{`userName sw O`, Compare{attr("userName"), Sw, "O"}},
		{`externalId eq jyoung`, eq("externalId", "jyoung")},
		{`externalId eq 7f4bc1a3-1f`, eq("externalId", "7f4bc1a3-1f")},
		{`userName eq a.b+c@x.org`, eq("userName", "a.b+c@x.org")},
		{`meta.created ge 2011-05-13T04:42:34Z`, Compare{attr("meta.created"), Ge, "2011-05-13T04:42:34Z"}},
		{`x eq TRUE and y eq Null and z eq -1.5e3`, And{[]Expr{eq("x", true), eq("y", nil), eq("z", json.Number("-1.5e3"))}}},
		{`x eq 007`, eq("x", "007")},
		// Space where it isn't needed, and none where it is not.
		{"  title  pr\t", Present{attr("title")}},
		{`emails[type eq"work"]and(title pr)`, And{[]Expr{ValuePath{attr("emails"), eq("type", "work")}, Present{attr("title")}}}},
		// Keywords are names where a name must be.
		{`and eq "or"`, eq("and", "or")},
	} {
		got, err := Parse(tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %s", tc.in, got)
		}
		again, err := Parse(got.String())
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: prints as %s, which is %v, %v", tc.in, got, again, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct {
		in     string
		offset int
		msg    string
	}{
		{``, 0, "expected an attribute, found the end"},
		{`   `, 3, "expected an attribute"},
		{`userName`, 8, "expected an operator behind the attribute userName"},
		{`userName eq`, 11, "expected a value, found the end"},
		{`userName is "x"`, 9, "expected one of the operators"},
		{`userName eq "x`, 12, "no closing quote"},
		{`userName eq "\q"`, 12, "no JSON string"},
		{`userName eq "x" userName`, 16, `expected "and", "or" or the end`},
		{`userName eq "x" and`, 19, "expected an attribute"},
		{`(userName eq "x"`, 16, `expected ")"`},
		{`userName eq "x")`, 15, `expected "and", "or" or the end`},
		{`emails[type eq "work"`, 21, `expected "]"`},
		{`emails[]`, 7, "expected an attribute"},
		{`emails.value[type eq "work"]`, 12, "no filter on emails.value"},
		{`emails[ims[type eq "x"]]`, 10, "no filter on ims"},
		{`emails[type eq "work"].a.b eq "x"`, 22, "expected one sub-attribute"},
		{`emails[type eq "work"] .value eq "x"`, 23, `expected "and", "or" or the end`},
		{`1 eq 2`, 0, "no attribute name"},
		{`"userName" eq "x"`, 0, "expected an attribute"},
		{`a.b.c eq 1`, 0, "more than two levels"},
		{`not`, 3, "expected an attribute"},
		{strings.Repeat("(", 33) + "a pr" + strings.Repeat(")", 33), 32, "nested deeper than 32"},
		{strings.Repeat("not ", 33) + "a pr", 128, "nested deeper than 32"},
		{"a eq \xff", 0, "not UTF-8"},
		{`a eq "` + strings.Repeat("x", MaxLength) + `"`, MaxLength, "longer than 8192 bytes"},
	} {
		e, err := Parse(tc.in)
		var syntax *Error
		if !errors.As(err, &syntax) {
			t.Errorf("%.60s: got %v, %v", tc.in, e, err)
			continue
		}
		if syntax.Offset != tc.offset || !strings.Contains(syntax.Msg, tc.msg) {
			t.Errorf("%.60s: got %q at %d, want %q at %d", tc.in, syntax.Msg, syntax.Offset, tc.msg, tc.offset)
		}
	}
}

func TestParseDeepAndLong(t *testing.T) {
	for _, in := range []string{
		strings.Repeat("(", MaxDepth) + "a pr" + strings.Repeat(")", MaxDepth),
		strings.Repeat("a pr and ", 900) + "a pr",
	} {
		if _, err := Parse(in); err != nil {
			t.Errorf("%.40s: %v", in, err)
		}
	}
}

func TestParsePath(t *testing.T) {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for _, tc := range []struct {
		in   string
		want Path
	}{
		{"members", Path{Name: attr("members")}},
		{"name.familyName", Path{Name: attr("name.familyName")}},
		{`addresses[type eq "work"]`, Path{Name: attr("addresses"), Filter: eq("type", "work")}},
		{`members[value eq "2819c223"].displayName`, Path{Name: attr("members.displayName"), Filter: eq("value", "2819c223")}},
		// Fact 40f: the URN has a dot of its own.
		{enterprise + ":department", Path{Name: attr(enterprise + ":department")}},
		{enterprise, Path{Name: attr(enterprise)}},
		{enterprise + `:manager[value eq "x"].value`, Path{Name: attr(enterprise + ":manager.value"), Filter: eq("value", "x")}},
		// Fact 40d.
		{`roles[primary eq "True"].value`, Path{Name: attr("roles.value"), Filter: eq("primary", "True")}},
		// Fact 57.
		{`members[value eq "a" or value eq "b"]`, Path{Name: attr("members"), Filter: Or{[]Expr{eq("value", "a"), eq("value", "b")}}}},
		{"  userName ", Path{Name: attr("userName")}},
	} {
		got, err := ParsePath(tc.in)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %+v, %v", tc.in, got, err)
			continue
		}
		again, err := ParsePath(got.String())
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: prints as %s, which is %v, %v", tc.in, got, again, err)
		}
	}
	for _, in := range []string{"", "a b", "a[", "a[b pr", "a[b pr]c", "a[b pr].", "a[b pr].c.d", "a[b pr][c pr]", "[a pr]", ".a", "a.", "a..b", "emails[type]", `"a"`, "a,b", "a/b", "urn:x"} {
		if got, err := ParsePath(in); err == nil {
			t.Errorf("%q is the path %+v", in, got)
		}
	}
}

func TestParseAttributes(t *testing.T) {
	got, err := ParseAttributes(`userName, emails[type eq "a,\"b"],,name.givenName ,urn:ietf:params:scim:schemas:core:2.0:User:title`)
	want := []schema.Name{attr("userName"), attr("emails"), attr("name.givenName"), attr("urn:ietf:params:scim:schemas:core:2.0:User:title")}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := ParseAttributes(""); got != nil || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	var syntax *Error
	if _, err := ParseAttributes("id,a b"); !errors.As(err, &syntax) || syntax.Offset != 5 {
		t.Errorf("got %v", err)
	}
}
