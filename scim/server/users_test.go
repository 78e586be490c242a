package server_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/server"
)

func TestCreateUser(t *testing.T) {
	s := start(t, server.Options{})

	t.Run("fact 36: as Entra creates one", func(t *testing.T) {
		r := s.do("POST", "/Users", fmt.Sprintf(`{"schemas":[%q,%q],"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
			"userName":"Test_User_ab6490ee","active":true,
			"emails":[{"primary":true,"type":"work","value":"Test_User_fd0ea19b@testuser.com"}],
			"meta":{"resourceType":"User"},
			"name":{"formatted":"givenName familyName","familyName":"familyName","givenName":"givenName"},"roles":[]}`,
			userURN, enterpriseURN)).want(201)
		r.has("externalId", "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", "active", true, "roles", nil,
			"emails/0/primary", true, "name/formatted", "givenName familyName", "schemas", []string{userURN})
	})

	t.Run("fact 36: as the validator creates one", func(t *testing.T) {
		s.do("POST", "/Users", fmt.Sprintf(`{"schemas":[%q,%q],"userName":"validator","active":"True",
			"timezone":"ZKYRFJWK","locale":"KOPZQGTD","profileUrl":"not a URI","preferredLanguage":"x y",
			"phoneNumbers":[{"type":"work","value":"1"},{"type":"mobile","value":"2"},{"type":"fax","value":"3"}],
			%q:{"employeeNumber":"E","manager":{"value":"NOBODY"}},
			"roles":[{"primary":"True","display":"D","value":"V","type":"T"}]}`, userURN, enterpriseURN, enterpriseURN)).want(201).
			has("timezone", "ZKYRFJWK", "profileUrl", "not a URI", "phoneNumbers/2/value", "3", "roles/0/primary", true,
				enterpriseURN+"/manager", map[string]any{"value": "NOBODY"})
	})

	t.Run("fact 37: booleans may be strings (RFC 7643 2.3.2)", func(t *testing.T) {
		for i, c := range []struct {
			sent string
			want bool
		}{{`"True"`, true}, {`"False"`, false}, {`"false"`, false}, {`false`, false}, {`["False"]`, false}} {
			r := s.do("POST", "/Users", fmt.Sprintf(`{"userName":"bool-%d","active":%s}`, i, c.sent)).want(201).has("active", c.want)
			s.do("GET", "/Users/"+r.id(), "").has("active", c.want)
		}
		s.do("POST", "/Users", `{"userName":"bool","active":"maybe"}`).wantError(400, "invalidValue")
		s.do("POST", "/Users", `{"userName":"bool","active":0}`).wantError(400, "invalidValue")
	})

	t.Run("fact 38: a userName in use, in any case, is 409 uniqueness (RFC 7644 3.3, RFC 7643 4.1.1)", func(t *testing.T) {
		first := s.createUser("Duplicate@example.com")
		s.do("POST", "/Users", `{"userName":"duplicate@EXAMPLE.com"}`).wantError(409, "uniqueness")
		s.patch("/Users/"+first, `{"op":"replace","path":"active","value":false}`).want(200)
		s.do("POST", "/Users", `{"userName":"Duplicate@example.com"}`).wantError(409, "uniqueness")
		second := s.createUser("second@example.com")
		s.patch("/Users/"+second, `{"op":"replace","path":"userName","value":"DUPLICATE@example.com"}`).wantError(409, "uniqueness")
		s.do("PUT", "/Users/"+second, `{"userName":"DUPLICATE@example.com"}`).wantError(409, "uniqueness")
		s.do("DELETE", "/Users/"+first, "").want(204)
		s.do("POST", "/Users", `{"userName":"duplicate@EXAMPLE.com"}`).want(201)
	})

	t.Run("facts 12, 48: the id is the server's (RFC 7643 3.1)", func(t *testing.T) {
		r := s.do("POST", "/Users", `{"id":"mine","userName":"id@example.com"}`).want(201)
		if id := r.id(); id == "mine" || strings.Contains(id, "bulkId") {
			t.Errorf("id %q", id)
		}
		s.patch("/Users/"+r.id(), `{"op":"Replace","path":"userName","value":"renamed@example.com"}`).want(200).
			has("id", r.id(), "userName", "renamed@example.com")
		s.do("GET", "/Users/mine", "").wantError(404, "")
	})

	t.Run("fact 66: a missing or wrong attribute is invalidValue (RFC 7644 3.3, 3.12)", func(t *testing.T) {
		for _, body := range []string{`{}`, `{"userName":""}`, `{"userName":null}`, `{"displayName":"x"}`, `{"userName":7}`, `{"userName":{"a":"b"}}`, `{"userName":"x","name":"y"}`} {
			s.do("POST", "/Users", body).wantError(400, "invalidValue")
		}
	})
}

func TestReplaceUser(t *testing.T) {
	s := start(t, server.Options{})
	r := s.do("POST", "/Users", `{"userName":"alice","externalId":"ext","title":"T","active":false,"password":"Okta-placeholder"}`).want(201)
	path := "/Users/" + r.id()
	team := s.createGroup("Team", r.id())

	t.Run("fact 46: PUT of what GET has shown, with id, groups and meta", func(t *testing.T) {
		before := s.do("GET", path, "").want(200)
		after := s.do("PUT", path, string(before.raw)).want(200)
		if !reflect.DeepEqual(after.body, before.body) {
			t.Errorf("got  %s\nwant %s", after.raw, before.raw)
		}
	})
	t.Run("fact 46: a missing active changes nothing", func(t *testing.T) {
		s.do("PUT", path, `{"userName":"alice"}`).want(200).has("active", false)
		s.do("PUT", path, `{"userName":"alice","active":true}`).want(200).has("active", true)
		s.do("PUT", path, `{"userName":"alice","active":null}`).want(200).has("active", true)
	})
	t.Run("PUT replaces what the client owns (RFC 7644 3.5.1)", func(t *testing.T) {
		s.do("PUT", path, `{"id":"other","userName":"alice","nickName":"Al","groups":[],"meta":{"created":"1999-01-01T00:00:00Z"}}`).want(200).
			has("id", r.id(), "title", nil, "externalId", nil, "nickName", "Al", "password", nil,
				"meta/created", r.get("meta/created"), "groups/0/value", team)
		s.wantMembers(team, r.id())
	})
	t.Run("PUT of nobody is 404 and creates nobody (RFC 7644 3.5.1)", func(t *testing.T) {
		s.do("PUT", "/Users/"+unknownID, `{"userName":"nobody"}`).wantError(404, "")
		s.do("PUT", path, `{"displayName":"no userName"}`).wantError(400, "invalidValue")
	})
}

func TestPatchUser(t *testing.T) {
	s := start(t, server.Options{})
	n := 0
	create := func(more string) string {
		n++
		return "/Users/" + s.do("POST", "/Users", fmt.Sprintf(`{"userName":"user-%d"%s}`, n, more)).want(201).id()
	}

	t.Run("facts 37, 75: both dialects disable and enable", func(t *testing.T) {
		path := create("")
		for _, c := range []struct {
			op   string
			want bool
		}{
			{`{"op":"Replace","path":"active","value":"False"}`, false},
			{`{"op":"Replace","path":"active","value":"True"}`, true},
			{`{"op":"replace","path":"active","value":false}`, false},
			{`{"op":"replace","value":{"active":true}}`, true},
			{`{"op":"replace","value":{"active":false}}`, false},
			{`{"op":"Add","path":"active","value":"True"}`, true},
			{`{"op":"REPLACE","path":"ACTIVE","value":"FALSE"}`, false},
		} {
			s.patch(path, c.op).want(200).has("active", c.want)
			s.do("GET", path, "").has("active", c.want)
		}
	})

	t.Run("fact 39: order counts, and PATCH is atomic (RFC 7644 3.5.2)", func(t *testing.T) {
		path := create(`,"displayName":"old"`)
		s.patch(path, `{"op":"Remove","path":"displayName"},{"op":"Add","path":"displayName","value":"a"},{"op":"Replace","path":"displayName","value":"b"}`).
			want(200).has("displayName", "b")
		before := s.do("GET", path, "")
		s.patch(path, `{"op":"replace","path":"displayName","value":"c"},{"op":"replace","path":"emails[","value":"x"}`).want(400)
		s.patch(path, `{"op":"replace","path":"displayName","value":"c"},{"op":"remove"}`).wantError(400, "noTarget")
		s.patch(path, `{"op":"replace","path":"displayName","value":"c"},{"op":"replace","path":"id","value":"x"}`).wantError(400, "mutability")
		if after := s.do("GET", path, ""); !reflect.DeepEqual(after.body, before.body) {
			t.Errorf("a refused PATCH changed something: %s", after.raw)
		}
	})

	t.Run("paths", func(t *testing.T) {
		for _, c := range []struct {
			name, more, ops string
			want            []any
		}{
			{
				"fact 40a: an element is changed in place", `,"emails":[{"type":"work","value":"old","primary":true,"display":"D"},{"type":"home","value":"h"}]`,
				`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"new"}`,
				[]any{"emails", []any{map[string]any{"type": "work", "value": "new", "primary": true, "display": "D"}, map[string]any{"type": "home", "value": "h"}}},
			},
			{
				"fact 40b: a missing element is made", "",
				`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"new"},{"op":"replace","path":"title","value":"T"}`,
				[]any{"emails", []any{map[string]any{"type": "work", "value": "new"}}, "title", "T"},
			},
			{
				"fact 40c: one merged address", "",
				`{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"Berlin"},{"op":"Add","path":"addresses[type eq \"work\"].country","value":"DE"}`,
				[]any{"addresses", []any{map[string]any{"type": "work", "locality": "Berlin", "country": "DE"}}},
			},
			{
				"fact 40d: a quoted boolean in the filter", "",
				`{"op":"Add","path":"roles[primary eq \"True\"].value","value":"Admin"}`,
				[]any{"roles", []any{map[string]any{"primary": true, "value": "Admin"}}},
			},
			{
				"fact 40e: dotted and qualified keys of a path-less value are paths", `,"name":{"formatted":"F"}`,
				`{"op":"replace","value":{"displayName":"B","name.givenName":"K","name.familyName":"U","` + enterpriseURN + `:employeeNumber":"A","active":false}}`,
				[]any{"displayName", "B", "name", map[string]any{"formatted": "F", "givenName": "K", "familyName": "U"}, enterpriseURN, map[string]any{"employeeNumber": "A"}, "active", false},
			},
			{
				"fact 40f: full URN paths", "",
				`{"op":"Add","path":"` + enterpriseURN + `:department","value":"R&D"},{"op":"Replace","path":"` + userURN + `:title","value":"T"}`,
				[]any{enterpriseURN + "/department", "R&D", "title", "T"},
			},
			{"fact 40g: simple paths", "", `{"op":"Add","path":"name.formatted","value":"F"},{"op":"Add","path":"externalId","value":"X"}`, []any{"name/formatted", "F", "externalId", "X"}},
			{"fact 40h: wrapped scalars", "", `{"op":"Replace","path":"title","value":["T"]},{"op":"Add","path":"nickName","value":[{"value":"N"}]}`, []any{"title", "T", "nickName", "N"}},
			{"fact 40i: removing nothing", "", `{"op":"Remove","path":"title"},{"op":"Remove","path":"emails[type eq \"work\"]"}`, []any{"title", nil}},
			{"fact 40j: removing listed values", `,"emails":[{"value":"a"},{"value":"b"}]`, `{"op":"Remove","path":"emails","value":[{"value":"a"}]}`, []any{"emails", []any{map[string]any{"value": "b"}}}},
			{"fact 40k: empty values unassign", `,"title":"T","nickName":"N"`, `{"op":"Replace","path":"title","value":""},{"op":"replace","path":"nickName","value":null}`, []any{"title", nil, "nickName", nil}},
			{
				"fact 41: a new primary clears the others", `,"emails":[{"value":"a","primary":true}]`,
				`{"op":"Add","path":"emails","value":[{"value":"b","primary":true}]}`,
				[]any{"emails/0/primary", false, "emails/1/primary", true},
			},
			{"fact 42: a manager as a string", "", `{"op":"Add","path":"` + enterpriseURN + `:manager","value":"boss"}`, []any{enterpriseURN, map[string]any{"manager": map[string]any{"value": "boss"}}}},
		} {
			t.Run(c.name, func(t *testing.T) {
				path := create(c.more)
				s.patch(path, c.ops).want(200).has(c.want...)
				s.do("GET", path, "").want(200).has(c.want...)
			})
		}
		for _, required := range []string{"userName", "id"} {
			s.patch(create(""), `{"op":"remove","path":"`+required+`"}`).wantError(400, "mutability")
		}
	})

	t.Run("a PATCH that changes nothing leaves lastModified (RFC 7644 3.5.2.1)", func(t *testing.T) {
		path := create(`,"title":"T"`)
		before := s.do("GET", path, "")
		s.patch(path, `{"op":"replace","path":"title","value":"T"}`).want(200).has("meta", before.get("meta"))
		s.patch(path, "").want(200).has("meta", before.get("meta"))
		if after := s.patch(path, `{"op":"replace","path":"title","value":"U"}`).want(200); after.get("meta/lastModified") == before.get("meta/lastModified") {
			t.Error("lastModified is unchanged after a change")
		}
	})

	t.Run("fact 66: what isn't a PATCH request", func(t *testing.T) {
		path := create("")
		for body, scimType := range map[string]string{
			`{}`: "invalidSyntax", `{"Operations":{}}`: "invalidSyntax", `{"Operations":[{"op":"copy","path":"title"}]}`: "invalidSyntax",
			`{"Operations":[{"op":"replace","path":"no[","value":"x"}]}`: "invalidPath",
		} {
			s.do("PATCH", path, body).wantError(400, scimType)
		}
		s.do("PATCH", path, `{"Operations":[`+strings.Repeat(`{"op":"add","path":"title","value":"T"},`, 1000)+`{"op":"add","path":"title","value":"U"}]}`).wantError(413, "")
		s.patch(path, strings.Repeat(`{"op":"add","path":"title","value":"T"},`, 999)+`{"op":"add","path":"title","value":"U"}`).want(200).has("title", "U")
	})
}

func TestLifecycle(t *testing.T) {
	s := start(t, server.Options{})

	t.Run("fact 49: soft delete, then hard delete (RFC 7644 3.6)", func(t *testing.T) {
		id := s.createUser("leaver@example.com")
		s.patch("/Users/"+id, `{"op":"Replace","path":"active","value":"False"}`).want(200).has("active", false)
		r := s.do("DELETE", "/Users/"+id, "").want(204)
		if len(r.raw) != 0 {
			t.Errorf("204 with a body %s", r.raw)
		}
		s.do("GET", "/Users/"+id, "").wantError(404, "")
		s.patch("/Users/"+id, `{"op":"replace","path":"active","value":true}`).wantError(404, "")
		s.do("PUT", "/Users/"+id, `{"userName":"leaver@example.com"}`).wantError(404, "")
		if again := s.createUser("leaver@example.com"); again == id {
			t.Error("a new user has the id of the old")
		}
	})

	t.Run("fact 50: a restored user has its groups", func(t *testing.T) {
		id := s.createUser("pause@example.com")
		team := s.createGroup("Pause", id)
		s.patch("/Users/"+id, `{"op":"Replace","path":"active","value":"False"}`).want(200).has("groups/0/value", team)
		s.wantMembers(team, id)
		s.patch("/Users/"+id, `{"op":"Replace","path":"active","value":"True"}`).want(200).has("groups/0/value", team)
	})

	t.Run("fact 51: a second DELETE is 404, and a deleted user leaves its groups (RFC 7644 3.6)", func(t *testing.T) {
		id, stays := s.createUser("gone@example.com"), s.createUser("stays@example.com")
		team := s.createGroup("Gone", id, stays)
		s.do("DELETE", "/Users/"+id, "").want(204)
		s.do("DELETE", "/Users/"+id, "").wantError(404, "")
		s.wantMembers(team, stays)
		s.do("DELETE", "/Groups/"+team, "").want(204)
		s.do("DELETE", "/Groups/"+team, "").wantError(404, "")
		s.do("GET", "/Groups/"+team, "").wantError(404, "")
		s.do("GET", "/Users/"+stays, "").want(200).has("groups", nil)
	})
}

func TestWhatIsNoAnswerToActive(t *testing.T) {
	s := start(t, server.Options{})
	id := s.do("POST", "/Users", `{"userName":"leaver","active":false}`).want(201).id()
	for _, active := range []string{`""`, `[]`, `{}`} {
		s.do("POST", "/Users", `{"userName":"new","active":`+active+`}`).wantError(400, "invalidValue")
		s.do("PUT", "/Users/"+id, `{"userName":"leaver","active":`+active+`}`).wantError(400, "invalidValue")
	}
	s.do("GET", "/Users/"+id, "").want(200).has("active", false)
	s.do("PUT", "/Users/"+id, `{"userName":"leaver","active":null}`).want(200).has("active", false)
	s.do("POST", "/Users", `{"userName":"new","active":null}`).want(201).has("active", true)
}

func TestPasswordsOfUnknownExtensions(t *testing.T) {
	const urn = "urn:example:params:2.0:User"
	s := start(t, server.Options{})
	body := `{"userName":"alice",%q:{"tag":"x","Password":"s3cret","deep":{"PASSWORD":"s3cret"}},"` + urn + `:password":"s3cret"}`
	replies := []*reply{s.do("POST", "/Users", fmt.Sprintf(body, urn)).want(201)}
	path := "/Users/" + replies[0].id()
	replies = append(replies,
		s.do("PUT", path, fmt.Sprintf(body, urn)).want(200),
		s.patch(path, `{"op":"add","path":"`+urn+`:passWord","value":"s3cret"},{"op":"add","path":"`+urn+`","value":{"password":"s3cret"}}`).want(200),
		s.do("GET", path, "").want(200))
	for _, r := range replies {
		if r.has(urn, map[string]any{"tag": "x"}); strings.Contains(string(r.raw), "s3cret") {
			t.Errorf("a password is shown: %s", r.raw)
		}
	}
}
