package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// auditor remembers what it is told.
type auditor struct {
	mu     sync.Mutex
	writes []server.Write
}

func (a *auditor) Audit(_ context.Context, w server.Write) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writes = append(a.writes, w)
}

// take returns what was told since the last call.
func (a *auditor) take() []server.Write {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.writes = nil }()
	return a.writes
}

// told is a write in short.
func told(w server.Write) string {
	actions := ""
	for _, c := range w.Trail.Changes() {
		actions += " " + string(c.Action)
	}
	joined, left := w.Trail.Members()
	if len(joined)+len(left) > 0 {
		actions += fmt.Sprintf(" +%d -%d", len(joined), len(left))
	}
	bulk := ""
	if w.Bulk != nil {
		bulk = fmt.Sprintf(" [%d]", w.Bulk.Index)
	}
	return fmt.Sprintf("%s %s%s %d %s%s", w.Method, w.Resource, bulk, w.Status, w.Type, actions)
}

func audited(t *testing.T, o server.Options) (*service, *auditor) {
	t.Helper()
	a := &auditor{}
	o.Auditor = a
	return start(t, o), a
}

func TestAudit(t *testing.T) {
	s, a := audited(t, server.Options{})
	expect := func(t *testing.T, r *reply, want ...string) []server.Write {
		t.Helper()
		// The answer is here, so the auditor has been told.
		writes := a.take()
		var got []string
		for _, w := range writes {
			got = append(got, told(w))
			if id := r.header.Get("X-Request-Id"); w.RequestID != id || w.Provider != "entra" || w.Client.String() != "127.0.0.1" || w.Time.IsZero() || w.Took <= 0 {
				t.Errorf("the answer has id %q: %+v", id, w)
			}
			if (w.TokenID == "id-of-entra") != (w.Status != http.StatusUnauthorized) {
				t.Errorf("token %q", w.TokenID)
			}
			if (w.Detail == "") != (w.Status < http.StatusBadRequest) {
				t.Errorf("detail %q", w.Detail)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the auditor was told %q: want %q", got, want)
		}
		return writes
	}
	r := s.do("POST", "/Users", `{"userName":"alice@example.com","password":"s3cret"}`).want(201)
	alice := r.id()
	if w := expect(t, r, "POST User 201  created")[0]; w.ID != alice || w.Trail.Changes()[0].After["password"] != nil {
		t.Errorf("%+v", w)
	}
	user := "/Users/" + alice
	expect(t, s.do("POST", "/Users", `{"userName":"ALICE@example.com"}`).want(409), "POST User 409 uniqueness")
	if w := expect(t, s.patch(user, `{"op":"Replace","path":"active","value":"False"}`).want(200), "PATCH User 200  updated")[0]; w.ID != alice {
		t.Errorf("id %q", w.ID)
	}
	expect(t, s.patch(user, `{"op":"Replace","path":"active","value":"False"}`).want(200), "PATCH User 200 ")
	expect(t, s.do("PUT", user, `{"userName":"alice","active":true}`).want(200), "PUT User 200  updated")
	expect(t, s.do("PUT", user, `{`).want(400), "PUT User 400 invalidSyntax")
	expect(t, s.do("PUT", user, `{"userName":"x"}`, "If-Match", `W/"old"`).want(412), "PUT User 412 ")

	r = s.do("POST", "/Groups", fmt.Sprintf(`{"displayName":"Team","members":[{"value":%q},{"value":"nobody"}]}`, alice)).want(201)
	expect(t, r, "POST Group 201  created +2 -0")
	group := "/Groups/" + r.id()
	expect(t, s.patch(group, `{"op":"Remove","path":"members[value eq \"nobody\"]"}`).want(204), "PATCH Group 204  +0 -1")
	expect(t, s.do("DELETE", group, "").want(204), "DELETE Group 204  deleted")
	expect(t, s.do("DELETE", group, "").want(404), "DELETE Group 404 ")
	expect(t, s.do("DELETE", user, "").want(204), "DELETE User 204  deleted")

	expect(t, s.do("POST", "/Users", `{"userName":"x"}`, "Authorization", "").want(401), "POST User 401 ")
	expect(t, s.do("POST", "/Schemas", `{}`).want(405), "POST Schemas 405 ")
	expect(t, s.do("DELETE", "/Nothing/x", "").want(404), "DELETE  404 ")

	for _, r := range []*reply{
		s.do("GET", "/Users", ""), s.do("POST", "/.search", `{}`), s.do("POST", "/Users/.search", `{}`), s.do("BREW", "/Users", ""),
		s.do("POST", s.http.URL+"/nobody/scim/v2/Users", `{}`), s.do("POST", s.http.URL+"/elsewhere", `{}`),
	} {
		expect(t, r)
	}
	s.do("POST", s.http.URL+"/paused/scim/v2/Users", `{}`).want(503)
	if w := a.take(); len(w) != 1 || w[0].Provider != "paused" || w[0].Status != 503 {
		t.Errorf("a write that was paused: %+v", w)
	}
}

func TestAuditOfABulk(t *testing.T) {
	s, a := audited(t, server.Options{TrustForwarded: true})
	expect := func(t *testing.T, want ...string) []server.Write {
		t.Helper()
		writes := a.take()
		var got []string
		for _, w := range writes {
			got = append(got, told(w))
		}
		if !slices.Equal(got, want) {
			t.Errorf("the auditor was told %q: want %q", got, want)
		}
		return writes
	}
	r := s.do("POST", "/Bulk", `{"Operations":[`+
		`{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"Team","members":[{"value":"bulkId:u"}]}},`+
		`{"method":"POST","path":"/Users","bulkId":"u","data":{"userName":"alice"}},`+
		`{"method":"DELETE","path":"/Groups/none"}]}`, "X-Forwarded-For", "192.0.2.66, 192.0.2.1").want(200)
	for _, w := range expect(t, "POST User [1] 201  created", "POST Group [0] 201  created +1 -0", "DELETE Group [2] 404 ") {
		if w.RequestID != r.header.Get("X-Request-Id") || w.Client.String() != "192.0.2.1" {
			t.Errorf("%+v", w)
		}
		if want := []string{"g", "u", ""}[w.Bulk.Index]; w.Bulk.BulkID != want {
			t.Errorf("bulkId %q: want %q", w.Bulk.BulkID, want)
		}
	}
	// One that creates a circle is completed by a PUT of its own.
	s.bulk(`{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"A","members":[{"value":"bulkId:b"}]}}`,
		`{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"B","members":[{"value":"bulkId:a"}]}}`)
	expect(t, "POST Group [0] 201  created", "POST Group [1] 201  created +1 -0", "PUT Group [0] 200  +1 -0", "PUT Group [1] 200 ")
	// What isn't attempted asks for nothing.
	s.bulkBody(`{"failOnErrors":1,"Operations":[{"method":"DELETE","path":"/Users/none"},{"method":"DELETE","path":"/Users/none"}]}`)
	expect(t, "DELETE User [0] 404 ")
	s.do("POST", "/Bulk", `{"Operations":1}`).want(400)
	expect(t, "POST Bulk 400 invalidSyntax")
}

func TestAuditOfFailures(t *testing.T) {
	failures := map[string]error{"broken": errors.New("disk on fire"), "away": scim.Unavailable(1, errors.New("no etcd"))}
	for name, status := range map[string]int{"broken": 500, "away": 503, "mad": 500} {
		t.Run(name, func(t *testing.T) {
			s, a := audited(t, server.Options{})
			s.backend.directories["entra"] = &halfway{Directory: s.directory, fail: func() error {
				if name == "mad" {
					panic("out of cheese")
				}
				return failures[name]
			}}
			s.do("DELETE", "/Users/x", "").want(status)
			// What was done before is told all the same.
			if w := a.take(); len(w) != 1 || told(w[0]) != fmt.Sprintf("DELETE User %d  deleted", status) || strings.Contains(w[0].Detail, "fire") {
				t.Errorf("%+v", w)
			}
		})
	}
}

// halfway does something and then fails.
type halfway struct {
	scim.Directory
	fail func() error
}

func (d *halfway) DeleteUser(ctx context.Context, id string, _ scim.Match) error {
	scim.TrailOf(ctx).Wrote(scim.Change{Action: scim.Deleted, ID: id})
	return d.fail()
}

// Whoever has no token can't fill the log.
func TestAuditOfManyWithoutAToken(t *testing.T) {
	s, a := audited(t, server.Options{Limits: server.Limits{FailureRate: 1e-9, FailureBurst: 3}})
	for range 10 {
		s.do("POST", "/Users", `{}`, "Authorization", "Bearer wrong")
	}
	if w := a.take(); len(w) != 3 {
		t.Errorf("%d writes are told: want 3", len(w))
	}
}

func TestWithAnAuditorWritesAreNotLoggedTwice(t *testing.T) {
	var log lines
	s, _ := audited(t, server.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	s.createUser("alice")
	s.do("POST", "/Users", `{}`, "Authorization", "").want(401)
	s.http.Close()
	if got := log.take(t); len(got) != 1 || got[0]["msg"] == "SCIM write" {
		t.Errorf("lines %v", got)
	}
}

func TestAnIDFromOutside(t *testing.T) {
	h := server.New(&backend{}, server.Options{})
	s := startWith(t, server.Options{}, func(c *http.Server) {
		c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(server.WithRequestID(r.Context(), "ID")))
		})
	})
	if id := s.do("GET", "/Users", "").header.Get("X-Request-Id"); id != "ID" {
		t.Errorf("id %q", id)
	}
	s = start(t, server.Options{})
	if id := s.do("GET", "/Users", "", "X-Request-Id", "STOLEN").header.Get("X-Request-Id"); id == "STOLEN" {
		t.Error("the client's own id is believed")
	}
}
