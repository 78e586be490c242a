package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

const (
	bulkRequestURN  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// bulk sends operations, each a JSON object, and checks what holds of every
// answer to a bulk.
func (s *service) bulk(operations ...string) *reply {
	s.t.Helper()
	return s.bulkBody(fmt.Sprintf(`{"schemas":[%q],"Operations":[%s]}`, bulkRequestURN, strings.Join(operations, ",")))
}

func (s *service) bulkBody(body string) *reply {
	s.t.Helper()
	r := s.do("POST", "/Bulk", body).want(200).has("schemas", []string{bulkResponseURN})
	results, ok := r.body["Operations"].([]any)
	if !ok {
		s.t.Fatalf("no Operations in %s", r.raw)
	}
	for _, e := range results {
		status, _ := at(e, "status").(string)
		failed := status >= "400"
		switch {
		case failed && at(e, "response/status") != status:
			s.t.Errorf("an error without its body: %v", e)
		case !failed && at(e, "method") != "DELETE" && (at(e, "version") == nil || at(e, "location") == nil):
			s.t.Errorf("no version or location: %v", e)
		case !failed && at(e, "response") != nil:
			s.t.Errorf("a resource: %v", e)
		}
	}
	return r
}

// statuses checks the statuses of a bulk's operations.
func (r *reply) statuses(want ...int) *reply {
	r.t.Helper()
	results, _ := r.body["Operations"].([]any)
	var got []int
	for _, e := range results {
		var n int
		if _, err := fmt.Sscan(at(e, "status").(string), &n); err != nil {
			r.t.Fatal(err)
		}
		got = append(got, n)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Fatalf("statuses %v: want %v; body %s", got, want, r.raw)
	}
	return r
}

// created returns the id of what an operation has created.
func (r *reply) created(operation int) string {
	r.t.Helper()
	location, _ := r.get(fmt.Sprintf("Operations/%d/location", operation)).(string)
	return location[strings.LastIndexByte(location, '/')+1:]
}

func TestBulk(t *testing.T) {
	s := start(t, server.Options{})

	t.Run("RFC 7644 3.7: operations are done in order, and answered one by one", func(t *testing.T) {
		changed, patched, gone := s.createUser("changed"), s.createUser("patched"), s.createUser("gone")
		version := s.do("GET", "/Users/"+changed, "").tag()
		r := s.bulk(
			`{"method":"POST","path":"/Users","bulkId":"qwerty","data":{"schemas":["`+userURN+`"],"userName":"Alice"}}`,
			fmt.Sprintf(`{"method":"PUT","path":"/Users/%s","version":%q,"data":{"schemas":[%q],"userName":"Bob"}}`, changed, version, userURN),
			fmt.Sprintf(`{"method":"PATCH","path":"/Users/%s","data":[{"op":"remove","path":"active"},{"op":"add","path":"userName","value":"Dave"}]}`, patched),
			fmt.Sprintf(`{"method":"DELETE","path":"/Users/%s"}`, gone),
		).statuses(201, 200, 200, 204)
		id := r.created(0)
		r.has(
			"Operations/0/method", "POST", "Operations/0/bulkId", "qwerty", "Operations/0/location", s.base+"/Users/"+id,
			"Operations/0/version", s.do("GET", "/Users/"+id, "").want(200).has("userName", "Alice", "active", true).tag(),
			"Operations/1/method", "PUT", "Operations/1/location", s.base+"/Users/"+changed,
			"Operations/1/version", s.do("GET", "/Users/"+changed, "").want(200).has("userName", "Bob").tag(),
			"Operations/2/method", "PATCH", "Operations/2/location", s.base+"/Users/"+patched,
			"Operations/2/version", s.do("GET", "/Users/"+patched, "").want(200).has("userName", "Dave").tag(),
			"Operations/3", map[string]any{"method": "DELETE", "location": s.base + "/Users/" + gone, "status": "204"},
		)
		s.do("GET", "/Users/"+gone, "").want(404)
	})

	t.Run("RFC 7644 3.7.3: an error has its body, and the others are done", func(t *testing.T) {
		id := s.createUser("versioned")
		r := s.bulk(
			`{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":""}}`,
			fmt.Sprintf(`{"method":"PUT","path":"/Users/%s","version":"W/\"old\"","data":{"userName":"x"}}`, id),
			fmt.Sprintf(`{"method":"DELETE","path":"/Users/%s"}`, unknownID),
			`{"method":"POST","path":"/Users","bulkId":"b","data":{"userName":"VERSIONED"}}`,
			`{"method":"POST","path":"/Users","bulkId":"c","data":{"userName":"after the errors"}}`,
		).statuses(400, 412, 404, 409, 201)
		r.has("Operations/0/response/scimType", "invalidValue", "Operations/0/response/schemas", []string{errorURN},
			"Operations/0/location", nil, "Operations/0/bulkId", "a",
			"Operations/1/location", s.base+"/Users/"+id, "Operations/3/response/scimType", "uniqueness")
	})

	t.Run("RFC 7644 3.7.3: after failOnErrors errors nothing more is attempted", func(t *testing.T) {
		for limit, want := range map[string][]int{
			"1": {201, 404}, `"2"`: {201, 404, 201, 404}, "3": {201, 404, 201, 404, 201, 404}, "4": {201, 404, 201, 404, 201, 404, 201},
			"0": {201, 404, 201, 404, 201, 404, 201}, "null": {201, 404, 201, 404, 201, 404, 201},
		} {
			var operations []string
			for i := range 7 {
				operations = append(operations, fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"limit %d %s"}}`, i, i, strings.Trim(limit, `"`)))
				if i%2 == 1 {
					operations[i] = `{"method":"DELETE","path":"/Users/` + unknownID + `"}`
				}
			}
			s.bulkBody(`{"failOnErrors":` + limit + `,"operations":[` + strings.Join(operations, ",") + `]}`).statuses(want...)
		}
		s.do("POST", "/Bulk", `{"failOnErrors":"some","Operations":[]}`).wantError(400, "invalidSyntax")
	})

	t.Run("RFC 7644 3.7: what is wrong with one operation is its own error", func(t *testing.T) {
		id := s.createUser("untouched")
		for operation, status := range map[string]int{
			`{"method":"GET","path":"/Users/` + id + `"}`: 400,
			`{"method":"BREW","path":"/Users"}`:           400,
			`{"path":"/Users"}`:                           400,
			`{"method":"POST","path":"/Users/` + id + `","bulkId":"x","data":{"userName":"x"}}`: 405,
			`{"method":"PUT","path":"/Users","data":{"userName":"x"}}`:                          405,
			`{"method":"DELETE","path":"/Groups/"}`:                                             405,
			`{"method":"POST","path":"/Users/.search","bulkId":"x","data":{}}`:                  405,
			`{"method":"POST","path":"/Bulk","bulkId":"x","data":{"Operations":[]}}`:            404,
			`{"method":"POST","path":"/Schemas","bulkId":"x","data":{}}`:                        404,
			`{"method":"DELETE","path":"/Users/a/b"}`:                                           404,
			`{"method":"DELETE","path":"/Users/%zz"}`:                                           404,
			`{"method":"DELETE"}`:                                                                                     404,
			`{"method":"DELETE","path":"/Users/` + id + `?x"}`:                                                        400,
			`{"method":"POST","path":"/Users","data":{"userName":"x"}}`:                                               400,
			`{"method":"POST","path":"/Users","bulkId":"x"}`:                                                          400,
			`{"method":"POST","path":"/Users","bulkId":"x","data":[]}`:                                                400,
			`{"method":"PUT","path":"/Users/` + id + `","data":"x"}`:                                                  400,
			`{"method":"PATCH","path":"/Users/` + id + `","data":{}}`:                                                 400,
			`{"method":"DELETE","path":"/Users/` + id + `","version":"W/\"x"}`:                                        400,
			`{"method":"patch","path":"users/` + id + `","data":{"operations":[]},"version":"*"}`:                     200,
			`{"METHOD":"Put","PATH":"//Users//` + id + `/","Data":{"userName":"untouched"},"version":"","bulkId":""}`: 200,
		} {
			r := s.bulk(operation)
			if r.statuses(status); status == 405 && r.header.Get("Allow") != "" {
				t.Errorf("Allow %s", r.header.Get("Allow"))
			}
		}
	})

	t.Run("RFC 7644 3.7: what is no bulk request does nothing", func(t *testing.T) {
		const post = `{"method":"POST","path":"/Users","bulkId":"x","data":{"userName":"nothing"}}`
		for body, scimType := range map[string]string{
			`{}`: "invalidSyntax", `{"Operations":{}}`: "invalidSyntax", `{"Operations":[` + post + `,"x"]}`: "invalidSyntax",
			`{"Operations":[` + post + `,{"method":1}]}`: "invalidSyntax", `{"Operations":[` + post + `,{"method":"DELETE","path":["/Users"]}]}`: "invalidSyntax",
			`{"Operations":[` + post + `,` + post + `]}`: "invalidValue",
			`[` + post + `]`: "invalidSyntax",
		} {
			s.do("POST", "/Bulk", body).wantError(400, scimType)
		}
		s.do("GET", "/Users?filter=userName+eq+nothing", "").want(200).has("totalResults", 0)
		s.bulk().statuses()
		s.bulkBody(`{"Operations":null}`).statuses()
	})

	t.Run("RFC 7644 3.7.4: maxOperations and maxPayloadSize are kept", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxBody: 200_000}})
		config := s.do("GET", "/ServiceProviderConfig", "").want(200).has("bulk", map[string]any{
			"supported": true, "maxOperations": server.MaxBulkOperations, "maxPayloadSize": 200_000,
		})
		operations := make([]string, server.MaxBulkOperations)
		for i := range operations {
			operations[i] = fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"user %d"}}`, i, i)
		}
		if got := s.bulk(operations...).body["Operations"].([]any); len(got) != server.MaxBulkOperations {
			t.Errorf("%d results", len(got))
		}
		s.do("GET", "/Users?count=0", "").want(200).has("totalResults", config.get("bulk/maxOperations"))
		r := s.do("POST", "/Bulk", `{"Operations":[`+strings.Join(slices.Insert(operations, 0, operations[0]), ",")+`]}`).wantError(413, "")
		if !strings.Contains(r.get("detail").(string), "maxOperations is 1000") {
			t.Errorf("detail %q", r.get("detail"))
		}
		r = s.do("POST", "/Bulk", `{"Operations":[`+strings.Repeat(" ", 200_000)+`]}`).wantError(413, "")
		if !strings.Contains(r.get("detail").(string), "maxPayloadSize, which is 200000 bytes") {
			t.Errorf("detail %q", r.get("detail"))
		}
	})

	t.Run("the members of a group are neither read nor shown", func(t *testing.T) {
		d := &shared{group: scim.Resource{"id": "x", "displayName": "x"}, Directory: s.directory}
		s := start(t, server.Options{})
		s.backend.directories["entra"] = d
		r := s.do("POST", "/Bulk", `{"Operations":[{"method":"PUT","path":"/Groups/x","data":{"displayName":"x"}}]}`).want(200)
		if r.statuses(200); len(d.withMembers) != 1 || d.withMembers[0] {
			t.Errorf("members were asked for: %v", d.withMembers)
		}
	})
}

// UpdateGroup notes whether it is asked for members.
func (d *shared) UpdateGroup(_ context.Context, _ string, _ scim.Match, withMembers bool,
	_ func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error),
) (scim.Resource, error) {
	d.withMembers = append(d.withMembers, withMembers)
	return d.group, nil
}

// updating is a directory whose UpdateUser does what the test says.
type updating struct {
	scim.Directory
	update func(context.Context) (scim.Resource, error)
}

func (d *updating) UpdateUser(ctx context.Context, _ string, _ scim.Match, _ func(scim.Resource) (scim.Resource, error)) (scim.Resource, error) {
	return d.update(ctx)
}

func TestBulkAsRequests(t *testing.T) {
	const post, put = `{"method":"POST","path":"/Users","bulkId":"%s","data":{"userName":"%[1]s"}}`, `{"method":"PUT","path":"/Users/x","data":{"userName":"x"}}`

	t.Run("every operation counts for the provider's rate", func(t *testing.T) {
		var now atomic.Int64
		s := start(t, server.Options{
			Limits: server.Limits{ProviderRate: 1, ProviderBurst: 3},
			Now:    func() time.Time { return time.Unix(now.Load(), 0) },
		})
		s.bulk(fmt.Sprintf(post, "a"), fmt.Sprintf(post, "b"), fmt.Sprintf(post, "c"), fmt.Sprintf(post, "d")).statuses(201, 201, 429, 429)
		s.do("GET", "/Users", "").want(429)
		now.Add(2)
		s.bulk(fmt.Sprintf(post, "c")).statuses(201)
	})

	t.Run("fact 69: what has not begun when the time is up is 503, and the rest is reported", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{RequestTimeout: 100 * time.Millisecond}})
		s.backend.directories["entra"] = &updating{s.directory, func(ctx context.Context) (scim.Resource, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("update: %w", ctx.Err())
		}}
		s.bulk(fmt.Sprintf(post, "a"), put, fmt.Sprintf(post, "b")).statuses(201, 503, 503)
		s.backend.directories["entra"] = s.directory
		s.do("GET", "/Users", "").want(200).has("totalResults", 1, "Resources/0/userName", "a")
	})

	t.Run("a panic is one operation's 500", func(t *testing.T) {
		s := start(t, server.Options{})
		s.backend.directories["entra"] = &updating{s.directory, func(context.Context) (scim.Resource, error) { panic("out of cheese") }}
		s.bulk(fmt.Sprintf(post, "a"), put, fmt.Sprintf(post, "b")).statuses(201, 500, 201)
		s.wantMetrics("rollcall_scim_panics_total", "counter", "rollcall_scim_panics_total 1")
	})

	t.Run("bulk requests at once are capped, and leave room for others", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxBulks: 1}})
		entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan int)
		s.backend.directories["entra"] = &updating{s.directory, func(context.Context) (scim.Resource, error) {
			close(entered)
			<-leave
			return scim.Resource{"id": "x", "userName": "x"}, nil
		}}
		go func() { done <- s.do("POST", "/Bulk", `{"Operations":[`+put+`]}`).status }()
		<-entered
		wantRetryAfter(t, s.do("POST", "/Bulk", `{"Operations":[]}`).wantError(503, ""))
		s.createUser("other")
		close(leave)
		if status := <-done; status != 200 {
			t.Errorf("status %d: want 200", status)
		}
		s.wantThrottled("bulks", 1)
	})

	t.Run("every operation is in metrics and log, under the request's id", func(t *testing.T) {
		var log lines
		s := start(t, server.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
		r := s.bulk(fmt.Sprintf(post, "a"), `{"method":"DELETE","path":"/Groups/none"}`)
		s.http.Close()
		s.wantMetrics("rollcall_scim_requests_total", "counter",
			`rollcall_scim_requests_total{code="200",method="POST",provider="entra",resource="Bulk"} 1`,
			`rollcall_scim_requests_total{code="201",method="POST",provider="entra",resource="Users"} 1`,
			`rollcall_scim_requests_total{code="404",method="DELETE",provider="entra",resource="Groups"} 1`,
		)
		got := log.take(t)
		if len(got) != 3 {
			t.Fatalf("%d lines: %v", len(got), got)
		}
		for i, want := range []map[string]any{
			{"method": "POST", "resource": "Users", "status": 201.0, "id": r.created(0)},
			{"method": "DELETE", "resource": "Groups", "status": 404.0, "id": "none"},
			{"method": "POST", "resource": "Bulk", "status": 200.0, "id": ""},
		} {
			want["msg"], want["request"], want["token"], want["provider"] = "SCIM write", r.header.Get("X-Request-Id"), "id-of-entra", "entra"
			for name, value := range want {
				if got[i][name] != value {
					t.Errorf("line %d: %s is %v: want %v", i, name, got[i][name], value)
				}
			}
		}
	})

	t.Run("a bulk needs a token, and its headers are not its operations'", func(t *testing.T) {
		s := start(t, server.Options{})
		body := `{"Operations":[` + fmt.Sprintf(post, "a") + `]}`
		s.do("POST", "/Bulk", body, "Authorization", "").wantError(401, "")
		s.do("POST", "/Bulk", body, "If-None-Match", "*", "If-Match", `"x`).want(200).statuses(201)
	})
}

func TestBulkReferences(t *testing.T) {
	user := func(bulkID, more string) string {
		return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"userName":%[1]q%s}}`, bulkID, more)
	}
	group := func(bulkID, members string) string {
		return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":%q,"data":{"displayName":%[1]q,"members":%s}}`, bulkID, members)
	}

	t.Run("RFC 7644 3.7.2: a group made with a user made in the same request", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.bulk(
			`{"method":"POST","path":"/Users","bulkId":"qwerty","data":{"schemas":["`+userURN+`"],"userName":"Alice"}}`,
			`{"method":"POST","path":"/Groups","bulkId":"ytrewq","data":{"schemas":["`+groupURN+`"],"displayName":"Tour Guides","members":[{"type":"User","value":"bulkId:qwerty"}]}}`,
		).statuses(201, 201)
		s.wantMembers(r.created(1), r.created(0))
		s.do("GET", "/Groups/"+r.created(1), "").want(200).has("meta/version", r.get("Operations/1/version"))
	})

	t.Run("RFC 7644 3.7.2: a reference may come before what it refers to", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.bulk(group("g", `["bulkId:h",{"value":"bulkId:u"}]`), group("h", `"bulkId:u"`), user("u", "")).statuses(201, 201, 201)
		r.has("Operations/0/bulkId", "g", "Operations/1/bulkId", "h", "Operations/2/bulkId", "u")
		s.wantMembers(r.created(0), r.created(1), r.created(2))
		s.wantMembers(r.created(1), r.created(2))
	})

	t.Run("RFC 7644 3.7.2: a user whose manager is made in the same request, in every shape (fact 42)", func(t *testing.T) {
		s := start(t, server.Options{})
		shapes := []string{
			`,"` + enterpriseURN + `":{"manager":{"value":"bulkId:boss"}}`,
			`,"` + enterpriseURN + `":{"manager":"bulkId:boss"}`,
			`,"` + enterpriseURN + `:manager":"bulkId:boss"`,
			`,"` + enterpriseURN + `:manager.value":"bulkId:boss"`,
			`,"manager":[{"VALUE":"bulkId:boss"}]`,
			`,"manager":{"$ref":"bulkId:boss"}`,
			`,"manager":{"$ref":"` + s.base + `/Users/bulkId:boss"}`,
		}
		var operations []string
		for i, shape := range shapes {
			operations = append(operations, user(fmt.Sprint(i), shape))
		}
		r := s.bulk(append(operations, user("boss", ""))...)
		for i, shape := range shapes {
			s.do("GET", "/Users/"+r.created(i), "").want(200)
			if got := s.do("GET", "/Users/"+r.created(i), "").get(enterpriseURN + "/manager/value"); got != r.created(len(shapes)) {
				t.Errorf("%s: manager %v: want %s", shape, got, r.created(len(shapes)))
			}
		}
	})

	t.Run("RFC 7644 3.7.2: references in the path, and in the operations of a PATCH", func(t *testing.T) {
		s := start(t, server.Options{})
		old := s.createUser("old")
		team := s.createGroup("Team", old)
		r := s.bulk(
			user("u", ""), user("v", ""), group("g", `["bulkId:u","bulkId:v"]`),
			`{"method":"PATCH","path":"/Groups/bulkId:g","data":{"Operations":[{"op":"remove","path":"members[value eq \"bulkId:u\" or value eq \"x\"]"},{"op":"add","path":"displayName","value":"Renamed"}]}}`,
			`{"method":"PATCH","path":"/Groups/`+team+`","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:u"}]},{"op":"replace","value":{"externalId":"bulkId:u"}},
				{"op":"add","value":{"members":["bulkId:v"]}},{"op":"remove","path":"members","value":[{"value":"`+old+`"}]}]}}`,
			`{"method":"PATCH","path":"/Users/`+old+`","data":{"Operations":[{"op":"replace","path":"`+enterpriseURN+`:manager","value":"bulkId:u"},{"op":"add","path":"`+enterpriseURN+`","value":{"department":"bulkId:u"}}]}}`,
			`{"method":"PUT","path":"/Users/bulkId:v","data":{"userName":"put","`+enterpriseURN+`":{"manager":{"value":"bulkId:u"}}}}`,
			`{"method":"PATCH","path":"/Users/bulkId:u","data":{"Operations":[{"op":"add","value":{"`+enterpriseURN+`":{"manager":{"value":"bulkId:v"}}}}]}}`,
		).statuses(201, 201, 201, 204, 204, 200, 200, 200)
		u, v, g := r.created(0), r.created(1), r.created(2)
		s.wantMembers(g, v)
		s.wantMembers(team, u, v)
		s.do("GET", "/Groups/"+g, "").has("displayName", "Renamed")
		s.do("GET", "/Groups/"+team, "").has("externalId", "bulkId:u")
		s.do("GET", "/Users/"+old, "").has(enterpriseURN+"/manager/value", u, enterpriseURN+"/department", "bulkId:u")
		s.do("GET", "/Users/"+v, "").has("userName", "put", enterpriseURN+"/manager/value", u)
		s.do("GET", "/Users/"+u, "").has(enterpriseURN+"/manager/value", v)
		r.has("Operations/3/location", s.base+"/Groups/"+g, "Operations/6/location", s.base+"/Users/"+v)
		s.bulk(user("w", ""), `{"method":"DELETE","path":"/Users/bulkId:w"}`).statuses(201, 204)
	})

	t.Run("fact 6: the same text elsewhere is a value like others", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.bulk(user("bulkId:x", `,"displayName":"bulkId:none","emails":[{"value":"bulkId:none","type":"work"}],"urn:example:2.0:User":{"manager":"bulkId:none"}`)).statuses(201)
		s.do("GET", "/Users/"+r.created(0), "").has("displayName", "bulkId:none", "emails/0/value", "bulkId:none", "urn:example:2.0:User/manager", "bulkId:none", "userName", "bulkId:x")
		s.bulk(`{"method":"PATCH","path":"/Users/` + r.created(0) + `","data":[{"op":"replace","path":"emails[value eq \"bulkId:none\"].value","value":"bulkId:else"}]}`).statuses(200)
		s.do("GET", "/Users/"+r.created(0), "").has("emails/0/value", "bulkId:else")
		team := s.do("POST", "/Groups", `{"displayName":"Literal","members":["bulkId:none"]}`).want(201)
		s.wantMembers(team.id(), "bulkId:none")
	})

	t.Run("RFC 7644 3.7.1: resources that refer to each other", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.bulk(
			`{"method":"POST","path":"/Groups","bulkId":"qwerty","data":{"schemas":["`+groupURN+`"],"displayName":"Group A","members":[{"type":"Group","value":"bulkId:ytrewq"}]}}`,
			`{"method":"POST","path":"/Groups","bulkId":"ytrewq","data":{"schemas":["`+groupURN+`"],"displayName":"Group B","members":[{"type":"Group","value":"bulkId:qwerty"},"bulkId:me"]}}`,
			user("me", `,"manager":"bulkId:me"`),
		).statuses(201, 201, 201)
		a, b, me := r.created(0), r.created(1), r.created(2)
		s.do("GET", "/Groups/"+a, "").want(200).has("members/0/value", b, "members/0/type", "Group", "displayName", "Group A", "meta/version", r.get("Operations/0/version"))
		s.wantMembers(b, a, me)
		s.do("GET", "/Users/"+me, "").want(200).has(enterpriseURN+"/manager/value", me)
	})

	t.Run("RFC 7644 3.7.1: a circle that can't be closed is 409, and says where its resource is", func(t *testing.T) {
		s := start(t, server.Options{})
		taken := s.createGroup("b")
		r := s.bulk(group("a", `["bulkId:b"]`), group("b", `["bulkId:a"]`), group("c", `["bulkId:a"]`)).statuses(409, 409, 201)
		r.has("Operations/1/response/scimType", "uniqueness", "Operations/0/response/scimType", nil)
		s.do("GET", "/Groups/"+r.created(0), "").want(200).has("displayName", "a")
		s.wantMembers(r.created(2), r.created(0))
		s.wantMembers(taken)
	})

	t.Run("RFC 7644 3.7.2: a reference to nothing, or to what has failed, is that operation's error", func(t *testing.T) {
		s := start(t, server.Options{})
		s.createUser("taken")
		r := s.bulk(user("taken", ""), group("g", `["bulkId:taken"]`), group("h", `["bulkId:g"]`), group("i", `["bulkId:nobody"]`),
			`{"method":"DELETE","path":"/Users/bulkId:nobody"}`, `{"method":"DELETE","path":"/Users/bulkId:taken"}`, user("u", "")).
			statuses(409, 409, 409, 400, 400, 409, 201)
		r.has("Operations/3/response/scimType", "invalidValue", "Operations/1/response/scimType", nil)
		s.do("GET", "/Groups", "").want(200).has("totalResults", 0)
	})

	t.Run("the longest chain and the largest circle are done", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{RequestTimeout: time.Minute}})
		for name, next := range map[string]func(i int) int{
			"chain":  func(i int) int { return i + 1 },
			"circle": func(i int) int { return (i + 1) % server.MaxBulkOperations },
		} {
			operations := make([]string, server.MaxBulkOperations)
			want := make([]int, server.MaxBulkOperations)
			for i := range operations {
				members := "[]"
				if n := next(i); n < len(operations) {
					members = fmt.Sprintf(`["bulkId:%s %d"]`, name, n)
				}
				operations[i], want[i] = group(fmt.Sprintf("%s %d", name, i), members), http.StatusCreated
			}
			r := s.bulk(operations...).statuses(want...)
			s.wantMembers(r.created(0), r.created(1))
			if name == "circle" {
				s.wantMembers(r.created(server.MaxBulkOperations-1), r.created(0))
			}
		}
	})

	t.Run("a reference that is there many times costs no more than its place", func(t *testing.T) {
		s := start(t, server.Options{})
		list, err := json.Marshal(strings.Split(strings.Repeat("bulkId:u ", 9000)+"bulkId:g", " "))
		if err != nil {
			t.Fatal(err)
		}
		r := s.bulk(group("g", string(list)), user("u", "")).statuses(201, 201)
		s.wantMembers(r.created(0), r.created(0), r.created(1))
	})
}
