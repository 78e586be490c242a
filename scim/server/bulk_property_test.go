package server_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// tenant is a provider of a service, with three users and two groups.
type tenant struct {
	*service
	url, token string
	// ids are those of the users, the groups, and nobody; tags their versions.
	ids  []string
	tags []string
}

func (s *service) newTenant(provider, token string) *tenant {
	s.backend.directories[provider] = scimtest.New()
	n := &tenant{service: s, url: s.http.URL + "/" + provider + "/scim/v2", token: token}
	for _, create := range []struct{ path, body string }{
		{"/Users", `{"userName":"a"}`}, {"/Users", `{"userName":"b"}`}, {"/Users", `{"userName":"c"}`},
		{"/Groups", `{"displayName":"g"}`}, {"/Groups", `{"displayName":"h"}`},
	} {
		r := n.request("POST", create.path, create.body, "").want(201)
		n.ids, n.tags = append(n.ids, r.id()), append(n.tags, r.tag())
	}
	n.ids, n.tags = append(n.ids, unknownID), append(n.tags, `W/"x"`)
	return n
}

func (n *tenant) request(method, path, body, version string) *reply {
	n.t.Helper()
	return n.do(method, n.url+path, body, "Authorization", "Bearer "+n.token, "If-Match", version)
}

// step is an operation on a tenant, whose ids stand in it as <0>, <1> and so on.
type step struct {
	method, path, data string
	// version is the index of the one that is asked for, or -1.
	version int
}

func drawStep(t *rapid.T) step {
	name := rapid.SampledFrom([]string{"a", "b", "new", "newer", ""}).Draw(t, "name")
	userIndex := rapid.SampledFrom([]int{0, 1, 2, 5}).Draw(t, "user")
	groupIndex := rapid.SampledFrom([]int{3, 4, 5}).Draw(t, "group")
	user, group := fmt.Sprintf("<%d>", userIndex), fmt.Sprintf("<%d>", groupIndex)
	s := rapid.SampledFrom([]step{
		{method: "POST", path: "/Users", data: fmt.Sprintf(`{"userName":%q,"active":"False"}`, name)},
		{method: "PUT", path: "/Users/" + user, data: fmt.Sprintf(`{"userName":%q,"title":"T","manager":%q}`, name, user)},
		{method: "PATCH", path: "/Users/" + user, data: fmt.Sprintf(`{"Operations":[{"op":"Replace","path":"userName","value":%q}]}`, name)},
		{method: "PATCH", path: "/Users/" + user, data: `{"Operations":[{"op":"nonsense"}]}`},
		{method: "DELETE", path: "/Users/" + user},
		{method: "POST", path: "/Groups", data: fmt.Sprintf(`{"displayName":%q,"members":[%q]}`, name, user)},
		{method: "PUT", path: "/Groups/" + group, data: fmt.Sprintf(`{"displayName":%q,"members":[%q,%q]}`, name, user, group)},
		{method: "PATCH", path: "/Groups/" + group, data: fmt.Sprintf(`{"Operations":[{"op":"add","path":"members","value":[%q]}]}`, user)},
		{method: "PATCH", path: "/Groups/" + group, data: fmt.Sprintf(`{"Operations":[{"op":"remove","path":"members[value eq \"%s\"]"}]}`, user)},
		{method: "DELETE", path: "/Groups/" + group},
		{method: "DELETE", path: "/Users"},
	}).Draw(t, "step")
	s.version = rapid.SampledFrom([]int{-1, -1, userIndex, groupIndex}).Draw(t, "version")
	return s
}

func (s step) on(n *tenant) (method, path, data, version string) {
	for i, id := range n.ids {
		old := fmt.Sprintf("<%d>", i)
		s.path, s.data = strings.ReplaceAll(s.path, old, id), strings.ReplaceAll(s.data, old, id)
	}
	if s.version >= 0 {
		version = n.tags[s.version]
	}
	return s.method, s.path, s.data, version
}

// outcome is how an operation went.
type outcome struct{ status, scimType any }

// state is all that is in the directory, under names instead of ids.
func (n *tenant) state() []any {
	users := n.request("GET", "/Users?excludedAttributes=meta", "", "").want(200)
	groups := n.request("GET", "/Groups?excludedAttributes=meta", "", "").want(200)
	names := []string{n.url, ""}
	for _, r := range []*reply{users, groups} {
		for i, id := range r.ids() {
			names = append(names, id, fmt.Sprint(r.get(fmt.Sprintf("Resources/%d/userName", i)), r.get(fmt.Sprintf("Resources/%d/displayName", i))))
		}
	}
	for i, id := range n.ids {
		// Deleted ones are still somebody's manager.
		names = append(names, id, fmt.Sprint("gone ", i))
	}
	var list []any
	for _, r := range []*reply{users, groups} {
		var body map[string]any
		if err := json.Unmarshal([]byte(strings.NewReplacer(names...).Replace(string(r.raw))), &body); err != nil {
			n.t.Fatal(err)
		}
		for _, resource := range body["Resources"].([]any) {
			for _, attribute := range []string{"members", "groups"} {
				if values, ok := at(resource, attribute).([]any); ok {
					slices.SortFunc(values, func(a, b any) int { return cmp.Compare(at(a, "value").(string), at(b, "value").(string)) })
				}
			}
			list = append(list, resource)
		}
	}
	return list
}

func TestBulkEqualsRequests(t *testing.T) {
	s := start(t, server.Options{Limits: server.Limits{ProviderRate: 1e6, ProviderBurst: 1e6}})
	t.Run("RFC 7644 3.7: a bulk does what its operations do as requests", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			s.t = t
			steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 12).Draw(rt, "steps")
			singly, bulk := s.newTenant("entra", token), s.newTenant("okta", otherToken)

			var want []outcome
			for _, step := range steps {
				r := singly.request(step.on(singly))
				want = append(want, outcome{fmt.Sprint(r.status), r.get("scimType")})
			}

			var operations []map[string]any
			for i, step := range steps {
				method, path, data, version := step.on(bulk)
				op := map[string]any{"method": method, "path": path, "bulkId": fmt.Sprint(i), "version": version}
				if data != "" {
					op["data"] = json.RawMessage(data)
				}
				operations = append(operations, op)
			}
			body, err := json.Marshal(map[string]any{"Operations": operations})
			if err != nil {
				rt.Fatal(err)
			}
			var got []outcome
			for _, e := range bulk.request("POST", "/Bulk", string(body), "").want(200).get("Operations").([]any) {
				got = append(got, outcome{at(e, "status"), at(e, "response/scimType")})
			}

			if !reflect.DeepEqual(got, want) {
				rt.Fatalf("a bulk answers %v: want %v", got, want)
			}
			if got, want := bulk.state(), singly.state(); !reflect.DeepEqual(got, want) {
				rt.Fatalf("after a bulk there is %v: want %v", got, want)
			}
		})
	})
}
