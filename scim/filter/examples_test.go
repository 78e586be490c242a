package filter

import (
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

// The users that the examples are asked of, by a letter.
var exampleUsers = map[string]string{
	"b": `{
		"id": "2819c223", "externalId": "Bjensen", "userName": "bjensen", "active": true, "title": "Tour Guide", "userType": "Employee",
		"name": {"familyName": "O'Malley", "givenName": "Barbara"}, "profileUrl": "https://x.org/B",
		"emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@example.org", "type": "home"}],
		"ims": [{"value": "babs@foo.com", "type": "xmpp"}],
		"x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMx"}],
		"meta": {"created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34Z"},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "701984", "manager": {"value": "26118915"}}
	}`,
	"j": `{
		"id": "3", "userName": "jsmith", "active": false, "userType": "Intern",
		"emails": [{"value": "j@example.net", "type": "home"}],
		"meta": {"created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34.25Z"}
	}`,
	"p": `{
		"id": "4", "userName": "Plain \"É\" \\ x",
		"meta": {"created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T06:42:33+02:00"}
	}`,
}

// examples say which users a filter finds.
var examples = []struct{ name, filter, finds string }{
	// As section 3.4.2.2 prints them.
	{"RFC 7644 3.4.2.2: example 1", `userName eq "bjensen"`, "b"},
	{"RFC 7644 3.4.2.2: example 2", `name.familyName co "O'Malley"`, "b"},
	{"RFC 7644 3.4.2.2: example 3", `userName sw "J"`, "j"},
	{"RFC 7644 3.4.2.2: example 4", `urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`, "j"},
	{"RFC 7644 3.4.2.2: example 5", `title pr`, "b"},
	{"RFC 7644 3.4.2.2: example 6", `meta.lastModified gt "2011-05-13T04:42:34Z"`, "j"},
	{"RFC 7644 3.4.2.2: example 7", `meta.lastModified ge "2011-05-13T04:42:34Z"`, "bj"},
	{"RFC 7644 3.4.2.2: example 8", `meta.lastModified lt "2011-05-13T04:42:34Z"`, "p"},
	{"RFC 7644 3.4.2.2: example 9", `meta.lastModified le "2011-05-13T04:42:34Z"`, "bp"},
	{"RFC 7644 3.4.2.2: example 10", `title pr and userType eq "Employee"`, "b"},
	{"RFC 7644 3.4.2.2: example 11", `title pr or userType eq "Intern"`, "bj"},
	{"RFC 7644 3.4.2.2: example 12", `schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`, "b"},
	{"RFC 7644 3.4.2.2: example 13", `userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`, "b"},
	{"RFC 7644 3.4.2.2: example 14", `userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`, "jp"},
	{"RFC 7644 3.4.2.2: example 15", `userType eq "Employee" and (emails.type eq "work")`, "b"},
	{"RFC 7644 3.4.2.2: example 16", `userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`, "b"},
	{"RFC 7644 3.4.2.2: example 17", `emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`, "b"},

	// Table 3, the comparisons.
	{"RFC 7644 3.4.2.2: eq without case", `userName eq "BJENSEN"`, "b"},
	{"RFC 7643 2.2: eq with case, where caseExact says so", `externalId eq "bjensen"`, ""},
	{"RFC 7643 2.3.7: a reference is case exact", `profileUrl eq "https://x.org/b"`, ""},
	{"RFC 7643 2.3.7: a reference", `profileUrl sw "https://x.org/"`, "b"},
	{"RFC 7643 2.3.6: binary", `x509Certificates.value sw "MIID"`, "b"},
	{"RFC 7643 2.3.6: binary is case exact", `x509Certificates.value sw "miid"`, ""},
	{"RFC 7644 3.4.2.2: ne", `userName ne "bjensen"`, "jp"},
	{"RFC 7644 3.4.2.2: ne of what isn't there", `title ne "x"`, "bjp"},
	{"RFC 7644 3.4.2.2: co", `userName co "ENS"`, "b"},
	{"RFC 7644 3.4.2.2: co of all", `userName co ""`, "bjp"},
	{"RFC 7644 3.4.2.2: ew", `userName ew "TH"`, "j"},
	{"RFC 7644 3.4.2.2: strings have the order of letters", `userName gt "C"`, "jp"},
	{"RFC 7644 3.4.2.2: ge", `userName ge "JSMITH"`, "jp"},
	{"RFC 7644 3.4.2.2: lt", `userName lt "jsmith"`, "b"},
	{"RFC 7644 3.4.2.2: le", `userName le "jsmith"`, "bj"},
	{"RFC 7644 3.4.2.2: what isn't there has no order", `title lt "zzz"`, "b"},
	{"RFC 7644 3.4.2.2: pr of a complex attribute", `name pr`, "b"},
	{"RFC 7644 3.4.2.2: pr of a multi-valued attribute", `emails pr`, "bj"},
	{"RFC 7644 3.4.2.2: pr of a sub-attribute", `emails.primary pr`, "b"},
	{"RFC 7644 3.4.2.2: pr of false", `active pr`, "bj"},
	{"RFC 7644 3.4.2.2: booleans", `active eq true`, "b"},
	{"RFC 7644 3.4.2.2: false is not nothing", `active eq false`, "j"},
	{"RFC 7644 3.4.2.2: ne of a boolean", `active ne true`, "jp"},
	{"RFC 7644 3.4.2.2: eq null", `title eq null`, "jp"},
	{"RFC 7644 3.4.2.2: ne null", `title ne null`, "b"},
	{"RFC 7643 2.3.5: a date with an offset", `meta.lastModified eq "2011-05-13T05:42:34+01:00"`, "b"},
	{"RFC 7643 2.3.5: a date with a fraction", `meta.lastModified ge "2011-05-13T04:42:34.250Z"`, "j"},
	{"RFC 7643 3.1: the resource type", `meta.resourceType eq "User"`, "bjp"},
	{"RFC 7643 3.1: of another type", `meta.resourceType eq "Group"`, ""},
	{"RFC 7643 3.1: schemas", `schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"`, "bjp"},
	{"RFC 7643 3.1: the id is case exact", `id eq "2819C223"`, ""},
	{"RFC 7644 3.4.2.2: text with quotes, backslashes and more than ASCII", `userName eq "plain \"\u00c9\" \\ X"`, "p"},

	// Figure 1, the grammar, and table 5.
	{"RFC 7644 3.4.2.2: names and operators in any case", `USERNAME Eq "bjensen" AND NOT (ACTIVE eQ FALSE) Or TITLE PR`, "b"},
	{"RFC 7644 3.4.2.2: and before or", `userName eq "jsmith" or userName eq "bjensen" and active eq false`, "j"},
	{"RFC 7644 3.4.2.2: or before and", `(userName eq "jsmith" or userName eq "bjensen") and active eq true`, "b"},
	{"RFC 7644 3.4.2.2: or behind and", `active eq false and userName eq "x" or userName eq "bjensen"`, "b"},
	{"RFC 7644 3.4.2.2: not before and", `not (title pr) and active eq false`, "j"},
	{"RFC 7644 3.4.2.2: not without a space", `not(title pr)`, "jp"},
	{"RFC 7644 3.4.2.2: not of not", `not (not (title pr))`, "b"},
	{"RFC 7644 3.4.2.2: parentheses in parentheses", `((userName eq "jsmith") or ((title pr)))`, "bj"},
	{"RFC 7644 3.4.2.2: one value fulfils all", `emails[type eq "home" and value co "example.com"]`, ""},
	{"RFC 7644 3.4.2.2: two values fulfil one each", `emails.type eq "home" and emails.value co "example.com"`, "b"},
	{"RFC 7644 3.4.2.2: or in brackets", `emails[type eq "xx" or primary eq true]`, "b"},
	{"RFC 7644 3.4.2.2: not in brackets", `emails[not (type eq "work")]`, "bj"},
	{"RFC 7644 3.4.2.2: parentheses in brackets", `emails[(type eq "work" or type eq "home") and value ew ".org"]`, "b"},
	{"RFC 7644 3.4.2.2: not of brackets", `not (emails[type eq "work"])`, "jp"},
	{"RFC 7644 3.4.2.2: brackets of one value", `name[familyName sw "o" and givenName pr]`, "b"},
	{"RFC 7644 3.10: a sub-attribute with a URN", `urn:ietf:params:scim:schemas:core:2.0:User:name.familyName eq "o'malley"`, "b"},
	{"RFC 7644 3.10: a URN in any case", `URN:IETF:params:scim:schemas:core:2.0:user:title pr`, "b"},
	{"RFC 7644 3.10: brackets behind a URN", `urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "work"]`, "b"},
	{"RFC 7644 3.10: an attribute of an extension", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "701984"`, "b"},
	{"RFC 7644 3.10: a sub-attribute of an extension", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "26118915"`, "b"},
	{"RFC 7644 3.10: a sub-attribute of an extension, in brackets", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager[value pr]`, "b"},
	{"fact 23: a sub-attribute behind brackets", `emails[type eq "work"].value eq "BJENSEN@example.com"`, "b"},
	{"RFC 7644 3.4.2.1: attributes that there aren't have no value", `nickNam pr or nickNam eq "x" or emails[typ eq "work"]`, ""},
}

func TestExamples(t *testing.T) {
	for _, tc := range examples {
		t.Run(tc.name, func(t *testing.T) {
			e, err := ParseFor(schema.User, tc.filter)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(e.String())
			if err != nil || !reflect.DeepEqual(e, again) {
				t.Errorf("prints as %s, which is %v, %v", e, again, err)
			}
			matches, err := Bind(e, schema.User)
			if err != nil {
				t.Fatal(err)
			}
			for letter, user := range exampleUsers {
				if got := matches(object(t, user)); got != strings.Contains(tc.finds, letter) {
					t.Errorf("%s: %s: got %v", tc.filter, letter, got)
				}
			}
		})
	}
}
