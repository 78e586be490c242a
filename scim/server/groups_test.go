package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// value makes a JSON array of members, as Entra writes it.
func value(ids ...string) string {
	b, err := json.Marshal(memberValues(ids))
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestGroups(t *testing.T) {
	s := start(t, server.Options{})
	users := make([]string, 6)
	for i := range users {
		users[i] = s.createUser(fmt.Sprintf("user-%d@example.com", i))
	}
	a, b, c := users[0], users[1], users[2]
	n := 0
	create := func(members ...string) string {
		n++
		return s.createGroup(fmt.Sprintf("Group %d", n), members...)
	}

	t.Run("fact 53: as Entra creates one", func(t *testing.T) {
		r := s.do("POST", "/Groups", fmt.Sprintf(`{"schemas":[%q,"http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
			"externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159","displayName":"Entra group","meta":{"resourceType":"Group"}}`, groupURN)).want(201)
		r.has("externalId", "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", "displayName", "Entra group", "members", nil, "schemas", []string{groupURN})
		s.do("POST", "/Groups", `{"displayName":"Empty members","members":[]}`).want(201).has("members", nil)
		with := s.do("POST", "/Groups", `{"displayName":"With members","members":[{"value":"`+a+`"}]}`).want(201)
		with.has("members/0/value", a, "members/0/$ref", s.base+"/Users/"+a)
	})

	t.Run("fact 54: displayName is required and unique in any case (RFC 7643 4.2)", func(t *testing.T) {
		first := s.createGroup("Unique")
		s.do("POST", "/Groups", `{"displayName":"UNIQUE"}`).wantError(409, "uniqueness")
		for _, body := range []string{`{}`, `{"displayName":""}`, `{"displayName":null,"externalId":"x"}`} {
			s.do("POST", "/Groups", body).wantError(400, "invalidValue")
		}
		second := s.createGroup("Second")
		s.patch("/Groups/"+second, `{"op":"Replace","path":"displayName","value":"unique"}`).wantError(409, "uniqueness")
		s.do("DELETE", "/Groups/"+first, "").want(204)
		s.patch("/Groups/"+second, `{"op":"Replace","path":"displayName","value":"unique"}`).want(204)
	})

	t.Run("fact 55: a rename leaves the members", func(t *testing.T) {
		group := create(a, b)
		for i, op := range []string{
			`{"op":"Replace","path":"displayName","value":"New 0"}`,
			`{"op":"replace","value":{"displayName":"New 1"}}`,
			`{"op":"replace","value":{"id":"` + group + `","displayName":"New 2"}}`,
		} {
			s.patch("/Groups/"+group, op).want(204)
			s.do("GET", "/Groups/"+group, "").has("displayName", fmt.Sprintf("New %d", i))
			s.wantMembers(group, a, b)
		}
		s.patch("/Groups/"+group, `{"op":"replace","value":{"externalId":"E"}}`).want(204)
		s.do("GET", "/Groups/"+group, "").has("externalId", "E", "displayName", "New 2")
	})

	t.Run("fact 56: members are added in every form, without a body in the answer", func(t *testing.T) {
		for _, op := range []string{
			`{"op":"Add","path":"members","value":` + value(a, b) + `}`,
			`{"op":"add","path":"members","value":["` + a + `","` + b + `"]}`,
			`{"op":"add","path":"members","value":"` + a + `"},{"op":"add","path":"members","value":{"value":"` + b + `"}}`,
			`{"op":"add","value":{"members":` + value(a, b) + `}}`,
			`{"op":"Add","path":"` + groupURN + `:members","value":` + value(a, b) + `}`,
			`{"op":"add","path":"members","value":[{"value":"` + a + `","display":"whoever"},{"$ref":"https://x/Users/` + b + `"}]}`,
		} {
			group := create(c)
			if r := s.patch("/Groups/"+group, op).want(204); len(r.raw) != 0 {
				t.Errorf("%s: 204 with a body %s", op, r.raw)
			}
			s.wantMembers(group, a, b, c)
		}
	})

	for _, remove := range []struct{ name, op string }{
		{"fact 57a: Entra removes members by value list", `{"op":"Remove","path":"members","value":` + value(a, b) + `}`},
		{"fact 57b: by a filter each", `{"op":"remove","path":"members[value eq \"` + a + `\"]"},{"op":"remove","path":"members[value eq \"` + b + `\"]"}`},
		{"fact 57: by one filter for several", `{"op":"remove","path":"members[value eq \"` + a + `\" or value eq \"` + b + `\"]"}`},
	} {
		t.Run(remove.name, func(t *testing.T) {
			group := create(a, b, c)
			s.patch("/Groups/"+group, remove.op).want(204)
			s.wantMembers(group, c)
		})
	}
	t.Run("fact 57c: without a value, all members", func(t *testing.T) {
		group := create(a, b, c)
		s.patch("/Groups/"+group, `{"op":"remove","path":"members","value":[]}`).want(204)
		s.wantMembers(group, a, b, c)
		s.patch("/Groups/"+group, `{"op":"remove","path":"members"}`).want(204)
		s.wantMembers(group)
	})

	t.Run("fact 58: replace sets exactly", func(t *testing.T) {
		group := create(a, b, c)
		for _, step := range []struct {
			op   string
			want []string
		}{
			{`{"op":"replace","path":"members","value":` + value(b, c) + `}`, []string{b, c}},
			{`{"op":"replace","value":{"members":` + value(a) + `}}`, []string{a}},
			{`{"op":"replace","path":"members","value":[]}`, nil},
			{`{"op":"replace","path":"members","value":` + value(a, b) + `}`, []string{a, b}},
			{`{"op":"replace","value":{"id":"` + group + `","displayName":"Pushed","members":[]}}`, nil},
		} {
			s.patch("/Groups/"+group, step.op).want(204)
			s.wantMembers(group, step.want...)
		}
	})

	t.Run("fact 58: a replacement of many by one is counted", func(t *testing.T) {
		s := start(t, server.Options{})
		a, b := s.createUser("a"), s.createUser("b")
		group := s.createGroup("Hazard", a, b)
		s.patch("/Groups/"+group, `{"op":"replace","path":"members","value":`+value(a)+`}`).want(204)
		s.wantMembers(group, a)
		s.patch("/Groups/"+group, `{"op":"replace","path":"members","value":`+value(b)+`}`).want(204)
		s.do("PUT", "/Groups/"+group, `{"displayName":"Hazard","members":`+value(a, b)+`}`).want(200)
		s.do("PUT", "/Groups/"+group, `{"displayName":"Hazard","members":`+value(a, b)+`}`).want(200)
		s.do("PUT", "/Groups/"+group, `{"displayName":"Hazard","members":`+value(b)+`}`).want(200)
		s.wantMetrics("rollcall_scim_group_replaced_to_one_member_total", "counter",
			`rollcall_scim_group_replaced_to_one_member_total{provider="entra"} 2`)
	})

	t.Run("fact 59: adding who is there and removing who isn't is fine", func(t *testing.T) {
		group := create(a)
		before := s.do("GET", "/Groups/"+group, "")
		s.patch("/Groups/"+group, `{"op":"Add","path":"members","value":`+value(a)+`}`).want(204)
		s.patch("/Groups/"+group, `{"op":"Remove","path":"members","value":`+value(b)+`}`).want(204)
		s.patch("/Groups/"+group, `{"op":"remove","path":"members[value eq \"`+b+`\"]"}`).want(204)
		s.patch("/Groups/"+group, `{"op":"remove","path":"members[value eq \"`+unknownID+`\"]"}`).want(204)
		s.do("GET", "/Groups/"+group, "").has("members", before.get("members"), "meta", before.get("meta"))
	})

	t.Run("fact 60: an id twice in one request is one member", func(t *testing.T) {
		group := create()
		s.patch("/Groups/"+group, `{"op":"Add","path":"members","value":`+value(a, a, b)+`},{"op":"Add","path":"members","value":`+value(b)+`}`).want(204)
		s.wantMembers(group, a, b)
	})

	t.Run("fact 61: an unknown member doesn't keep the others out", func(t *testing.T) {
		group := create()
		s.patch("/Groups/"+group, `{"op":"Add","path":"members","value":`+value(a, unknownID, b)+`}`).want(204)
		s.wantMembers(group, a, unknownID, b)
		s.do("GET", "/Users/"+unknownID, "").want(404)
		for _, m := range s.do("GET", "/Groups/"+group, "").get("members").([]any) {
			if at(m, "value") == unknownID && at(m, "$ref") != nil {
				t.Errorf("an unknown member has a $ref: %v", m)
			}
		}
		s.patch("/Groups/"+group, `{"op":"Remove","path":"members","value":`+value(unknownID)+`}`).want(204)
		s.wantMembers(group, a, b)
	})

	t.Run("fact 63: a thousand members in one request", func(t *testing.T) {
		group := create()
		ids := make([]string, 1000)
		for i := range ids {
			ids[i] = fmt.Sprintf("10000000-0000-4000-8000-%012d", i)
		}
		s.patch("/Groups/"+group, `{"op":"Add","path":"members","value":`+value(ids...)+`}`).want(204)
		if got := len(s.members(group)); got != len(ids) {
			t.Errorf("%d members: want %d", got, len(ids))
		}
	})

	t.Run("fact 64: a group as member", func(t *testing.T) {
		inner := create(a)
		outer := create()
		s.patch("/Groups/"+outer, `{"op":"Add","path":"members","value":[{"value":"`+inner+`","type":"Group"}]}`).want(204)
		s.do("GET", "/Groups/"+outer, "").has("members/0/value", inner, "members/0/$ref", s.base+"/Groups/"+inner)
	})

	t.Run("fact 65: PUT replaces the members exactly, and no mention leaves them", func(t *testing.T) {
		group := create(a, b)
		put := func(body string) *reply { return s.do("PUT", "/Groups/"+group, body) }
		put(`{"schemas":["`+groupURN+`"],"displayName":"Put","members":`+value(b, c)+`}`).want(200).has("id", group, "displayName", "Put")
		s.wantMembers(group, b, c)
		put(`{"id":"other","displayName":"Put again","externalId":"E"}`).want(200).has("id", group, "externalId", "E")
		s.wantMembers(group, b, c)
		put(`{"displayName":"Put again"}`).want(200).has("externalId", nil)
		put(`{"displayName":"Put again","members":[]}`).want(200).has("members", nil)
		s.wantMembers(group)
		put(`{"members":[]}`).wantError(400, "invalidValue")
		s.do("PUT", "/Groups/"+unknownID, `{"displayName":"x"}`).wantError(404, "")
	})

	t.Run("facts 57, 58, 65: nobody loses access by a null or by members without ids", func(t *testing.T) {
		group := create(a, b)
		s.patch("/Groups/"+group, `{"op":"Replace","path":"members","value":[{"display":"only display"}]}`).wantError(400, "invalidValue")
		s.do("PUT", "/Groups/"+group, `{"displayName":"Kept","members":[{"display":"only display"}]}`).wantError(400, "invalidValue")
		s.patch("/Groups/"+group, `{"op":"Remove","path":"members","value":null}`).want(204)
		s.patch("/Groups/"+group, `{"op":"Replace","path":"members","value":null}`).want(204)
		s.do("PUT", "/Groups/"+group, `{"displayName":"Kept","members":null}`).want(200)
		s.wantMembers(group, a, b)
	})

	t.Run("a PATCH of a group is atomic (RFC 7644 3.5.2)", func(t *testing.T) {
		group := create(a)
		s.patch("/Groups/"+group, `{"op":"Add","path":"members","value":`+value(b)+`},{"op":"replace","path":"displayName","value":""}`).want(400)
		s.patch("/Groups/"+group, `{"op":"Remove","path":"members"},{"op":"replace","path":"meta.created","value":"x"}`).wantError(400, "mutability")
		s.wantMembers(group, a)
		s.patch("/Groups/"+unknownID, `{"op":"Add","path":"members","value":`+value(b)+`}`).wantError(404, "")
		s.patch("/Groups/"+group, `{"op":"Add","path":"members","value":`+strings.Repeat("[", 60)+strings.Repeat("]", 60)+`}`).want(204)
	})
}
