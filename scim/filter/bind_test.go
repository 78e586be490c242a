package filter

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

const bjensen = `{
	"id": "2819c223", "externalId": "Bjensen", "userName": "bjensen@Example.com", "active": false, "title": "Ｖice President",
	"name": {"givenName": "Barbara", "familyName": "O'Malley"},
	"emails": [{"value": "Work@example.com", "type": "work", "primary": true}, {"value": "home@example.org", "type": "home"}],
	"addresses": [{"type": "work", "locality": "Hollywood"}],
	"roles": [{"value": "Admin", "primary": true}],
	"groups": [{"value": "g1", "display": "Tour Guides"}],
	"meta": {"created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34.5Z"},
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "701984", "manager": {"value": "26118915"}},
	"urn:ietf:params:scim:schemas:extension:Custom:2.0:User": {"Tag": "Blue", "level": 7, "on": true, "list": [{"value": "a", "n": 1}, {"value": "b"}]}
}`

func object(t testing.TB, s string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPredicate(t *testing.T) {
	user := object(t, bjensen)
	for name, filters := range map[string]map[string]bool{
		"fact 22": {`userName eq "2819c223-7f76-453a-919d-413861904646"`: false},
		"fact 23": {
			`userName eq "bjensen@example.com"`:                          true,
			`externalId eq "Bjensen"`:                                    true,
			`id eq "2819c223"`:                                           true,
			`emails[type eq "work"].value eq "work@example.com"`:         true,
			`emails[type eq "home"].value eq "work@example.com"`:         false,
			`emails.value eq "home@example.org"`:                         true,
			`name.familyName eq "o'malley"`:                              true,
			schema.EnterpriseUserURN + `:employeeNumber eq "701984"`:     true,
			schema.EnterpriseUserURN + `:employeeNumber eq 701984`:       true,
			`urn:ietf:params:scim:schemas:core:2.0:User:userName pr`:     true,
			`employeeNumber eq "701985"`:                                 false,
			`urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr`: false,
		},
		"fact 24": {
			`id eq "2819c223" and manager eq "26118915"`:               true,
			`manager eq "26118916" and id eq "2819c223"`:               false,
			schema.EnterpriseUserURN + `:manager.value eq "26118915"`:  true,
			schema.EnterpriseUserURN + `:manager[value eq "26118915"]`: true,
		},
		"fact 25": {
			`userName eq "BJENSEN@EXAMPLE.COM"`:         true,
			`userName eq "ｂjensen@example.com"`:         true,
			`emails eq "WORK@example.com"`:              true,
			`externalId eq "bjensen"`:                   false,
			`id eq "2819C223"`:                          false,
			`title eq "vice president"`:                 true,
			`groups.value eq "G1"`:                      false,
			`manager eq "26118915" and active eq false`: true,
		},
		"fact 27":  {`username Eq "bjensen@example.com"`: true, `Emails Co "EXAMPLE.ORG"`: true, `email Co "x"`: false},
		"fact 40d": {`roles[primary eq "True"].value eq "admin"`: true, `roles[primary eq "False"]`: false},
		"RFC 7644 3.4.2.2: operators (table 3)": {
			`userName ne "bjensen@example.com"`: false,
			`userName co "JENSEN@"`:             true,
			`userName sw "bj"`:                  true,
			`userName ew ".COM"`:                true,
			`userName ew "bj"`:                  false,
			`userName gt "a"`:                   true,
			`userName ge "bjensen@example.com"`: true,
			`userName lt "bjensen@example.com"`: false,
			`userName le "bjensen@example.com"`: true,
			`userName pr`:                       true,
			`nickName pr`:                       false,
			`nickName ne "x"`:                   true,
			`nickName eq null`:                  true,
			`userName eq null`:                  false,
			`userName ne null`:                  true,
			`name pr`:                           true,
			`name.middleName pr`:                false,
			`emails.display pr`:                 false,
			`addresses pr`:                      true,
			`active pr`:                         true,
			`active eq false`:                   true,
			`active eq "False"`:                 true,
			`active ne true`:                    true,
			`emails ne "work@example.com"`:      true,
			`emails[value ne "work@example.com" and type ne "home"]`: false,
		},
		"RFC 7644 3.4.2.2, RFC 7643 2.3.5: dates are instants": {
			`meta.lastModified gt "2011-05-13T04:42:34Z"`:        true,
			`meta.lastModified eq "2011-05-13T06:42:34.5+02:00"`: true,
			`meta.lastModified lt 2011-05-14`:                    true,
			`meta.created sw "2010-01"`:                          true,
			`meta.created ge "2010-01-23T04:56:22.001Z"`:         false,
		},
		"RFC 7644 3.4.2.2: precedence (table 5)": {
			`title pr or userName pr and active eq true`:   true,
			`(title pr or userName pr) and active eq true`: false,
			`not (title pr) or userName pr`:                true,
			`not (title pr or userName pr)`:                false,
		},
		"unknown attributes have no value": {
			`nickNam eq "x"`: false, `nickNam pr`: false, `nickNam ne "x"`: true, `not (nickNam pr)`: true, `nickNam eq null`: true,
			`userName.x eq "y"`: false, `members pr`: false, `nick[type eq "x"]`: false, `userName[type eq "x"]`: false,
			`emails[typ eq "work"]`: false, `emails[emails.type eq "work"]`: false, schema.UserURN + ` pr`: false,
			`password eq "x"`: false, `permissionLevel pr`: false, `permissionLevel eq "x"`: false, `permissionLevel gt true`: false,
			`permissionLevel[value eq "x"]`: false, schema.RollcallUserURN + `:permissionLevel ne "x"`: true, `permissionLevel.value eq null`: true,
		},
		"fact 44: extensions without a definition": {
			`urn:ietf:params:scim:schemas:extension:CUSTOM:2.0:User:tag eq "bLUE"`:             true,
			`urn:ietf:params:scim:schemas:extension:Custom:2.0:User:level gt 6`:                true,
			`urn:ietf:params:scim:schemas:extension:Custom:2.0:User:level eq "x"`:              false,
			`urn:ietf:params:scim:schemas:extension:Custom:2.0:User:on eq "True"`:              true,
			`urn:ietf:params:scim:schemas:extension:Custom:2.0:User:on gt true`:                false,
			`urn:ietf:params:scim:schemas:extension:Custom:2.0:User:list eq "b"`:               true,
			`urn:ietf:params:scim:schemas:extension:Custom:2.0:User:list.N eq 1`:               true,
			`urn:ietf:params:scim:schemas:extension:Custom:2.0:User:list[value eq a and n pr]`: true,
			`urn:ietf:params:scim:schemas:extension:Custom:2.0:User:list[value eq b and n pr]`: false,
			`urn:ietf:params:scim:schemas:extension:Custom:2.0:User:tag.x pr`:                  false,
			`urn:ietf:params:scim:schemas:extension:None:2.0:User:tag pr`:                      false,
		},
		"what the server adds": {
			`meta.resourceType eq "User"`:                                             true,
			`schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"`:                 true,
			`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`: true,
			`schemas eq "urn:x"`:                                                      false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for in, want := range filters {
				e, err := Parse(in)
				if err != nil {
					t.Fatal(err)
				}
				matches, err := Bind(e, schema.User)
				if err != nil {
					t.Errorf("%s: %v", in, err)
				} else if got := matches(user); got != want {
					t.Errorf("%s: got %v", in, got)
				}
			}
		})
	}
}

func TestPredicateOnGroup(t *testing.T) {
	group := object(t, `{"id":"g","displayName":"Tour Guides","members":[{"value":"1","type":"User"},{"value":"2","type":"Group"}]}`)
	for in, want := range map[string]bool{
		`id eq "g" and members eq "1"`:                   true,
		`members eq "3" and id eq "g"`:                   false,
		`members[value eq "1" and type eq "group"]`:      false,
		`members.value eq "2" and displayName sw "tour"`: true,
		`externalId pr`:                                  false,
		`userName pr`:                                    false,
	} {
		e, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		matches, err := Bind(e, schema.Group)
		if err != nil || matches(group) != want {
			t.Errorf("%s: want %v, %v", in, want, err)
		}
	}
}

// What can't be compared is said with the place of the condition, marked here by ^.
func TestTypeErrors(t *testing.T) {
	for in, msg := range map[string]string{
		`^active gt true`:                                      "it can be compared with eq and ne only, not with gt",
		`^active co "True"`:                                    "eq and ne only",
		`^active eq "maybe"`:                                   "active is a boolean: compare it with true or false",
		`^active eq 1`:                                         "active is a boolean",
		`title pr and (^active lt false)`:                      "eq and ne only",
		`not (^active lt false)`:                               "eq and ne only",
		`title pr or ^active eq 1`:                             "active is a boolean",
		`title pr or userName eq "x" and ^active eq 1`:         "active is a boolean",
		`^userName gt null`:                                    "null can be compared with eq and ne only",
		`^name eq "x"`:                                         "such as name.formatted",
		`^addresses co "x"`:                                    "addresses is complex",
		`^meta.created gt "yesterday"`:                         `such as "2011-05-13T04:42:34Z"`,
		`emails[^primary gt true]`:                             "primary is a boolean",
		`emails[^primary eq "x"].value eq "y"`:                 "primary is a boolean",
		`emails[type eq "work"]^.primary eq "y"`:               "primary is a boolean",
		`emails[type eq "work" and primary pr] and ^name eq 1`: "name is complex",
		`nick[a eq 1 and (b eq 2 or c pr)] and ^active gt 1`:   "active is a boolean",
		`userName[not (a eq 1)] and ^active gt 1`:              "active is a boolean",
		`urn:a:1.0:User:b[c eq 1] and ^active gt 1`:            "active is a boolean",
		`^x509Certificates gt "x"`:                             "is binary and has no order: it can be compared with eq, ne, co, sw and ew only, not with gt",
	} {
		t.Run("RFC 7644 3.4.2.2, RFC 7644 3.12: "+in, func(t *testing.T) {
			offset := strings.Index(in, "^")
			text := strings.Replace(in, "^", "", 1)
			_, err := ParseFor(schema.User, text)
			var bad *Error
			if !errors.As(err, &bad) || bad.Offset != offset || !strings.Contains(bad.Msg, msg) {
				t.Errorf("got %v, want %q at %d", err, msg, offset)
			}
			e, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = Bind(e, schema.User); !errors.As(err, &bad) || bad.Offset >= 0 || !strings.Contains(bad.Msg, msg) {
				t.Errorf("without the text: got %v", err)
			}
		})
	}
	t.Run("syntax errors are told too", func(t *testing.T) {
		var bad *Error
		if _, err := ParseFor(schema.User, `userName eq`); !errors.As(err, &bad) || bad.Offset != 11 {
			t.Errorf("got %v", err)
		}
	})
}

func TestNumbers(t *testing.T) {
	for _, tc := range []struct {
		op    Op
		value any
		v     any
		want  bool
	}{
		{Eq, json.Number("1.0"), json.Number("1"), true},
		{Eq, "1", 1.0, true},
		{Gt, json.Number("9"), json.Number("10"), true},
		{Le, json.Number("9"), json.Number("10"), false},
		{Ne, json.Number("9"), json.Number("10"), true},
		{Eq, json.Number("9"), "nine", false},
	} {
		test, err := newTest("n", &schema.Attribute{Type: schema.Decimal}, tc.op, tc.value)
		if err != nil || test(tc.v) != tc.want {
			t.Errorf("%v %s %v: want %v, %v", tc.v, tc.op, tc.value, tc.want, err)
		}
	}
	for _, tc := range []struct {
		op    Op
		value any
	}{{Co, json.Number("1")}, {Eq, "x"}, {Eq, "NaN"}, {Eq, true}} {
		if _, err := newTest("n", &schema.Attribute{Type: schema.Integer}, tc.op, tc.value); err == nil {
			t.Errorf("%s %v is accepted", tc.op, tc.value)
		}
	}
}

func TestConjuncts(t *testing.T) {
	for in, want := range map[string][]Equality{
		`USERNAME eq "A"`:                            {{"userName", "A"}},
		`userName eq A and id eq 7`:                  {{"userName", "A"}, {"id", "7"}},
		`(userName eq "A" and title pr) and id eq x`: {{"userName", "A"}, {"id", "x"}},
		`userName eq "A" or id eq "1"`:               nil,
		`not (userName eq "A")`:                      nil,
		`userName ne "A"`:                            nil,
		`userName eq null`:                           nil,
		`active eq true`:                             nil,
		`nickNam eq "x"`:                             nil,
		`emails eq "x"`:                              {{"emails.value", "x"}},
		`emails[type eq "work"].value eq "x"`:        {{"emails.type", "work"}, {"emails.value", "x"}},
		`manager eq "x"`:                             {{schema.EnterpriseUserURN + ":manager.value", "x"}},
		`name eq "x"`:                                nil,
		`meta.created eq "2010-01-23T04:56:22Z"`:     nil,
		`urn:a:1.0:User:b eq "x"`:                    nil,
		`groups.value eq "g" and title co "x"`:       {{"groups.value", "g"}},
	} {
		e, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := Conjuncts(e, schema.User); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", in, got, want)
		}
	}
}

func TestUses(t *testing.T) {
	for in, want := range map[string]bool{
		`displayName eq "x"`:                       false,
		`MEMBERS eq "x"`:                           true,
		`id eq "x" and not (members.value eq "x")`: true,
		`id eq "x" or members[value eq "x"]`:       true,
		`members pr`:                               true,
		`members.nothing pr`:                       true,
		`urn:x:1.0:Group:members pr`:               false,
	} {
		e, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := Uses(e, schema.Group, "members"); got != want {
			t.Errorf("%s: got %v", in, got)
		}
	}
}

func TestExample(t *testing.T) {
	emails := schema.User.Core.Find("emails")
	for in, want := range map[string]map[string]any{
		`type eq "work"`:    {"type": "work"},
		`primary eq "True"`: {"primary": true},
		`(type eq work and primary eq true) and value eq 5`: {"type": "work", "primary": true, "value": "5"},
		`type eq "work" and type eq "home"`:                 nil,
		`type eq "work" or type eq "home"`:                  nil,
		`type ne "work"`:                                    nil,
		`type sw "work"`:                                    nil,
		`not (type eq "work")`:                              nil,
		`type eq null`:                                      nil,
		`kind eq "work"`:                                    nil,
		`primary eq "x"`:                                    nil,
	} {
		e, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := Example(e, emails)
		if ok != (want != nil) || ok && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v", in, got, ok)
		}
	}
}
