package server_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim/server"
)

func TestAuthentication(t *testing.T) {
	t.Run("facts 3, 13: no or a wrong token is 401 with a SCIM error and WWW-Authenticate (RFC 7644 2, 2.2, 3.12)", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{FailureBurst: 100}})
		for _, authorization := range []string{
			"", "Bearer", "Bearer ", "Bearer wrong", "Bearer " + otherToken, "Basic " + token, token, "Bearer " + token + "x",
		} {
			for _, path := range []string{"/Users", "/Nothing", "/Me", "/Schemas", "/Users/" + unknownID} {
				r := s.do("GET", path, "", "Authorization", authorization).wantError(401, "")
				if r.header.Get("WWW-Authenticate") != `Bearer realm="rollcall"` {
					t.Errorf("WWW-Authenticate is %q", r.header.Get("WWW-Authenticate"))
				}
			}
		}
		s.do("GET", "/Users", "", "Authorization", "bearer  "+token).want(200)
		s.do("GET", "/Users", "", "Authorization", "BEARER "+token).want(200)
	})

	t.Run("an unknown provider is 404, with whatever token (RFC 7644 6.1)", func(t *testing.T) {
		s := start(t, server.Options{})
		for _, authorization := range []string{"", "Bearer " + token} {
			s.do("GET", s.http.URL+"/nobody/scim/v2/Users", "", "Authorization", authorization).wantError(404, "")
		}
	})

	t.Run("a body isn't read before the token has been checked", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxBody: 10}})
		s.do("POST", "/Users", `{"userName":"too long"}`, "Authorization", "Bearer wrong").want(401)
	})

	t.Run("a paused provider is 503 with Retry-After, for good tokens", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.do("GET", s.http.URL+"/paused/scim/v2/Users", "").wantError(503, "")
		wantRetryAfter(t, r)
		s.do("GET", s.http.URL+"/paused/scim/v2/Users", "", "Authorization", "").wantError(401, "")
	})

	t.Run("failed authentications are limited apart from good traffic", func(t *testing.T) {
		var now atomic.Int64
		s := start(t, server.Options{
			Limits:         server.Limits{FailureBurst: 3, FailureRate: 0.1},
			TrustForwarded: true,
			Now:            func() time.Time { return time.Unix(now.Load(), 0) },
		})
		attempt := func(path, address string) *reply {
			return s.do("GET", path, "", "Authorization", "Bearer wrong", "X-Forwarded-For", address)
		}
		for range 3 {
			attempt("/Users", "1.2.3.4, 192.0.2.1").want(401)
		}
		r := attempt("/Users", "192.0.2.1").wantError(429, "")
		if got := r.header.Get("Retry-After"); got != "10" {
			t.Errorf("Retry-After %q: want 10", got)
		}
		attempt("/Users", "192.0.2.2").want(401)
		attempt(s.http.URL+"/okta/scim/v2/Users", "192.0.2.1").want(401)
		s.do("GET", "/Users", "", "X-Forwarded-For", "192.0.2.1").want(200)
		for range 3 {
			attempt("/Users", "2001:db8::1").want(401)
		}
		attempt("/Users", "2001:db8::2").want(429)
		attempt("/Users", "2001:db8:0:1::2").want(401)
		now.Add(10)
		attempt("/Users", "192.0.2.1").want(401)
		attempt("/Users", "192.0.2.1").want(429)
		s.wantThrottled("authentication", 3)
	})

	t.Run("OnContact is told of authenticated requests", func(t *testing.T) {
		at := time.Unix(1700000000, 0)
		var contacts []string
		s := start(t, server.Options{
			Now: func() time.Time { return at },
			OnContact: func(provider, tokenID string, when time.Time) {
				if !when.Equal(at) {
					t.Errorf("time %v: want %v", when, at)
				}
				contacts = append(contacts, provider+" "+tokenID)
			},
		})
		s.do("GET", "/Nothing", "").want(404)
		s.do("GET", s.http.URL+"/paused/scim/v2/Users", "").want(503)
		s.do("GET", "/Users", "", "Authorization", "").want(401)
		s.do("GET", s.http.URL+"/nobody/scim/v2/Users", "").want(404)
		if len(contacts) != 2 || contacts[0] != "entra id-of-entra" || contacts[1] != "paused id-of-paused" {
			t.Errorf("contacts are %q", contacts)
		}
	})

	t.Run("providers don't see each other's users (RFC 7644 2.1, 6, 6.2)", func(t *testing.T) {
		s := start(t, server.Options{})
		id := s.createUser("alice")
		s.do("GET", s.http.URL+"/okta/scim/v2/Users/"+id, "", "Authorization", "Bearer "+otherToken).want(404)
	})
}

// wantRetryAfter is fact 68: whole seconds.
func wantRetryAfter(t *testing.T, r *reply) {
	t.Helper()
	if n, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("Retry-After %q: want whole seconds", r.header.Get("Retry-After"))
	}
}
