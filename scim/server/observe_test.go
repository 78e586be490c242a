package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take returns the lines since the last call.
func (l *lines) take(t *testing.T) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []map[string]any
	for line := range bytes.Lines(l.b.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	l.b.Reset()
	return list
}

func TestLog(t *testing.T) {
	var log lines
	// An answer may arrive before its line is written, so the server stops before
	// its lines are read.
	logged := func(t *testing.T, act func(*service)) []map[string]any {
		t.Helper()
		s := start(t, server.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
		act(s)
		s.http.Close()
		return log.take(t)
	}

	t.Run("a write is one line", func(t *testing.T) {
		var r *reply
		got := logged(t, func(s *service) {
			r = s.do("POST", "/Users", `{"userName":"alice@example.com","title":"private"}`).want(201)
			s.do("GET", "/Users", "").want(200)
		})
		if len(got) != 1 {
			t.Fatalf("%d lines: want 1: %v", len(got), got)
		}
		want := map[string]any{
			"msg": "SCIM write", "level": "INFO", "request": r.header.Get("X-Request-Id"), "provider": "entra", "token": "id-of-entra",
			"method": "POST", "resource": "Users", "id": r.id(), "status": 201.0, "scimType": "",
		}
		for name, value := range want {
			if got[0][name] != value {
				t.Errorf("%s is %v: want %v", name, got[0][name], value)
			}
		}
	})

	t.Run("nothing from the request gets in unescaped, and no token", func(t *testing.T) {
		got := logged(t, func(s *service) {
			s.do("DELETE", "/Users/%0aforged%20line%e2%80%ae"+strings.Repeat("x", 1000), "").want(404)
			s.do("BREW", "/Users", "").want(405)
			s.do("POST", "/Users", `{"userName":"x"}`, "Authorization", "Bearer topsecret").want(401)
		})
		if len(got) != 3 {
			t.Fatalf("%d lines: want 3: %v", len(got), got)
		}
		if id := got[0]["id"].(string); !strings.HasPrefix(id, `\nforged line\u202exxx`) || len(id) > 200 {
			t.Errorf("id %q", id)
		}
		if text, _ := json.Marshal(got); strings.Contains(string(text), "topsecret") {
			t.Errorf("a token is in the log: %s", text)
		}
	})

	t.Run("what went wrong is in the log, under the request id", func(t *testing.T) {
		var id string
		got := logged(t, func(s *service) {
			s.serveUser(func(context.Context) (scim.Resource, error) { return nil, errors.New("disk on fire") })
			id = s.do("GET", "/Users/x", "").want(500).header.Get("X-Request-Id")
		})
		if len(got) != 1 || got[0]["level"] != "ERROR" || got[0]["error"] != "disk on fire" || got[0]["request"] != id {
			t.Errorf("lines %v", got)
		}
		got = logged(t, func(s *service) {
			s.serveUser(func(context.Context) (scim.Resource, error) { panic("out of cheese") })
			id = s.do("GET", "/Users/x", "").want(500).header.Get("X-Request-Id")
		})
		if len(got) != 1 || got[0]["request"] != id || !strings.HasPrefix(got[0]["error"].(string), "panic: out of cheese\ngoroutine ") {
			t.Errorf("lines %v", got)
		}
		got = logged(t, func(s *service) {
			s.serveUser(func(context.Context) (scim.Resource, error) { return nil, scim.Unavailable(1, errors.New("no etcd")) })
			s.do("GET", "/Users/x", "").want(503)
			s.do("GET", s.http.URL+"/paused/scim/v2/Users", "").want(503)
		})
		if len(got) != 2 || !strings.Contains(got[0]["error"].(string), "no etcd") || got[1]["level"] != "INFO" {
			t.Errorf("lines %v", got)
		}
	})
}

// What an operator looks for who has the id of a request from the identity provider's
// own log.
func TestLogOfRefusedReads(t *testing.T) {
	t.Parallel()
	var log lines
	var now atomic.Int64
	logged := func(t *testing.T, o server.Options, act func(*service)) []map[string]any {
		t.Helper()
		o.Logger, o.Now = slog.New(slog.NewJSONHandler(&log, nil)), func() time.Time { return time.Unix(now.Load(), 0) }
		s := start(t, o)
		act(s)
		s.http.Close()
		return log.take(t)
	}

	t.Run("one is one line, under the request id, and names nobody", func(t *testing.T) {
		for _, tc := range []struct {
			provider, method, path, body string
			status                       int
			// what the line has
			verb, resource, scimType string
		}{
			{"entra", "GET", "/Users?filter=userName+is+%22alice@example.com%22", "", 400, "GET", "Users", "invalidFilter"},
			{"entra", "POST", "/Users/.search", `{"filter":"emails.alice@example.com"}`, 400, "POST", "Users/.search", "invalidFilter"},
			{"entra", "GET", "/Schemas?filter=alice@example.com", "", 403, "GET", "Schemas", ""},
			{"entra", "GET", "/Users/alice@example.com", "", 404, "GET", "Users", ""},
			{"entra", "GET", "/alice@example.com", "", 404, "GET", "", ""},
			{"entra", "ALICE", "/Users/alice@example.com", "", 405, "other", "Users", ""},
			{"paused", "GET", "/Users/alice@example.com", "", 503, "GET", "Users", ""},
		} {
			var r *reply
			got := logged(t, server.Options{Auditor: &auditor{}}, func(s *service) {
				r = s.do(tc.method, s.http.URL+"/"+tc.provider+"/scim/v2"+tc.path, tc.body).want(tc.status)
			})
			if len(got) != 1 {
				t.Fatalf("%s %s: %d lines: want 1: %v", tc.method, tc.path, len(got), got)
			}
			want := map[string]any{
				"msg": "refused a SCIM request", "level": "INFO", "request": r.header.Get("X-Request-Id"),
				"provider": tc.provider, "token": "id-of-" + tc.provider, "address": "127.0.0.1",
				"method": tc.verb, "resource": tc.resource, "status": float64(tc.status), "scimType": tc.scimType,
			}
			delete(got[0], "time")
			if !reflect.DeepEqual(got[0], want) {
				t.Errorf("%s %s: %v, want %v", tc.method, tc.path, got[0], want)
			}
		}
	})

	t.Run("nothing is said of what was answered, of writes, and of strangers", func(t *testing.T) {
		got := logged(t, server.Options{Auditor: &auditor{}}, func(s *service) {
			s.do("GET", "/Users", "").want(200)
			s.do("DELETE", "/Users/x", "").want(404) // the Auditor is told
			s.do("GET", s.http.URL+"/nobody/scim/v2/Users", "").want(404)
			s.do("GET", s.http.URL+"/", "").want(404)
		})
		if len(got) != 0 {
			t.Errorf("lines %v", got)
		}
	})

	t.Run("a client that has run wild is named, and doesn't flood the log", func(t *testing.T) {
		const burst, perSecond = 100, 10
		got := logged(t, server.Options{Limits: server.Limits{ProviderRate: 1, ProviderBurst: 1}}, func(s *service) {
			s.do("GET", "/Users", "").want(200)
			for range burst + 50 {
				s.do("GET", "/Users", "").want(429)
			}
			now.Add(1)
			s.do("GET", "/Users", "").want(200)
			for range perSecond + 50 {
				s.do("GET", "/Users", "").want(429)
			}
		})
		if len(got) != burst+perSecond {
			t.Errorf("%d lines: want %d", len(got), burst+perSecond)
		}
		for _, line := range got {
			if line["status"] != 429.0 || line["token"] != "id-of-entra" {
				t.Fatalf("line %v", line)
			}
		}
	})
}

func TestMetrics(t *testing.T) {
	s := start(t, server.Options{})
	s.createUser("alice")
	s.do("POST", "/Users", `{"userName":"ALICE"}`).want(409)
	s.do("GET", "/Users/%ff%0a", "").want(404)
	s.do("BREW", "/Users", "").want(405)
	s.do("GET", s.http.URL+"/nobody-%ff/scim/v2/Users", "").want(404)
	s.do("GET", "/Anything", "").want(404)
	s.do("GET", "/Users", "", "Authorization", "").want(401)
	s.do("GET", "/Users", "", "Authorization", "Bearer "+otherToken).want(401)
	s.do("GET", "/Users", "", "Authorization", "Bearer "+expiredToken).want(401)
	// The last request's metrics may come after its answer; all of them are there
	// when the server has stopped.
	s.http.Close()
	s.wantMetrics("rollcall_scim_requests_total", "counter",
		`rollcall_scim_requests_total{code="201",method="POST",provider="entra",resource="Users"} 1`,
		`rollcall_scim_requests_total{code="401",method="GET",provider="entra",resource="Users"} 3`,
		`rollcall_scim_requests_total{code="404",method="GET",provider="",resource="Users"} 1`,
		`rollcall_scim_requests_total{code="404",method="GET",provider="entra",resource=""} 1`,
		`rollcall_scim_requests_total{code="404",method="GET",provider="entra",resource="Users"} 1`,
		`rollcall_scim_requests_total{code="405",method="other",provider="entra",resource="Users"} 1`,
		`rollcall_scim_requests_total{code="409",method="POST",provider="entra",resource="Users"} 1`,
	)
	s.wantMetrics("rollcall_scim_errors_total", "counter",
		`rollcall_scim_errors_total{code="401",provider="entra",scim_type=""} 3`,
		`rollcall_scim_errors_total{code="404",provider="",scim_type=""} 1`,
		`rollcall_scim_errors_total{code="404",provider="entra",scim_type=""} 2`,
		`rollcall_scim_errors_total{code="405",provider="entra",scim_type=""} 1`,
		`rollcall_scim_errors_total{code="409",provider="entra",scim_type="uniqueness"} 1`,
	)
	s.wantMetrics("rollcall_scim_authentication_failures_total", "counter",
		`rollcall_scim_authentication_failures_total{provider="entra",reason="expired"} 1`,
		`rollcall_scim_authentication_failures_total{provider="entra",reason="missing"} 1`,
		`rollcall_scim_authentication_failures_total{provider="entra",reason="unknown"} 1`,
	)
	s.wantMetrics("rollcall_scim_requests_in_flight", "gauge", "rollcall_scim_requests_in_flight 0")
}
