package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// failing is a directory whose User does what the test says. The other methods
// are those of the directory it holds.
type failing struct {
	scim.Directory
	user func(context.Context) (scim.Resource, error)
}

func (f *failing) User(ctx context.Context, _ string) (scim.Resource, error) { return f.user(ctx) }

// serveUser makes the provider entra's User call f.
func (s *service) serveUser(f func(context.Context) (scim.Resource, error)) {
	s.backend.directories["entra"] = &failing{Directory: s.directory, user: f}
}

// beginPost sends a request whose body is 100 bytes by its header, and no more
// than the first of them.
func (s *service) beginPost() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /entra/scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", token)
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

func (s *service) wantAnswer(conn net.Conn, status int) {
	s.t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != status || response.Header.Get("Content-Type") != mediaType {
		s.t.Errorf("status %d of type %s: want %d", response.StatusCode, response.Header.Get("Content-Type"), status)
	}
}

func TestLimits(t *testing.T) {
	t.Run("a body of the largest size is read, one byte more is 413", func(t *testing.T) {
		s := start(t, server.Options{})
		body := func(size int) string {
			const frame = `{"userName":"large","unknown":""}`
			return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
		}
		s.do("POST", "/Users", body(server.MaxBody)).want(201)
		s.do("POST", "/Users", body(server.MaxBody+1)).wantError(413, "")
	})

	t.Run("a body of unknown length is 413 too", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxBody: 100}})
		for size, status := range map[int]int{100: 201, 101: 413} {
			body := `{"userName":"chunked"}` + strings.Repeat(" ", size-22)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+"/Users", io.MultiReader(strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			s.send(r).want(status)
		}
	})

	t.Run("a body that is cut off is 400", func(t *testing.T) {
		s := start(t, server.Options{})
		conn := s.beginPost()
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		s.wantAnswer(conn, http.StatusBadRequest)
	})

	t.Run("a body that doesn't arrive in time is 408", func(t *testing.T) {
		s := startWith(t, server.Options{}, func(h *http.Server) { h.ReadTimeout = 50 * time.Millisecond })
		s.wantAnswer(s.beginPost(), http.StatusRequestTimeout)
	})

	t.Run("headers have a limit", func(t *testing.T) {
		s := start(t, server.Options{})
		s.do("GET", "/Users", "", "X-Large", strings.Repeat("x", server.MaxHeader-1024)).want(200)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/Users", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Large", strings.Repeat("x", server.MaxHeader+8192))
		response, err := s.http.Client().Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status %d: want 431", response.StatusCode)
		}
	})

	t.Run("facts 67, 68: over the rate is 429 with whole seconds, and others go on", func(t *testing.T) {
		var now atomic.Int64
		s := start(t, server.Options{
			Limits: server.Limits{ProviderRate: 0.25, ProviderBurst: 2},
			Now:    func() time.Time { return time.Unix(now.Load(), 0) },
		})
		s.do("GET", "/Users", "").want(200)
		s.do("GET", "/Nothing", "").want(404)
		if got := s.do("GET", "/Users", "").wantError(429, "").header.Get("Retry-After"); got != "4" {
			t.Errorf("Retry-After %q: want 4", got)
		}
		s.do("GET", "/Users", "", "Authorization", "Bearer wrong").want(401)
		s.do("GET", s.http.URL+"/okta/scim/v2/Users", "", "Authorization", "Bearer "+otherToken).want(200)
		now.Add(3)
		s.do("GET", "/Users", "").want(429)
		now.Add(1)
		s.do("GET", "/Users", "").want(200)
		if server.ProviderRate < 10*25 {
			t.Error("the default rate isn't well above what Microsoft asks for")
		}
	})

	t.Run("requests in flight are capped", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxInFlight: 1}})
		entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan int)
		s.serveUser(func(context.Context) (scim.Resource, error) {
			close(entered)
			<-leave
			return scim.Resource{"id": "x", "userName": "x"}, nil
		})
		go func() { done <- s.do("GET", "/Users/x", "").status }()
		<-entered
		wantRetryAfter(t, s.do("GET", "/Users", "").wantError(503, ""))
		close(leave)
		if status := <-done; status != 200 {
			t.Errorf("status %d: want 200", status)
		}
		s.do("GET", "/Users", "").want(200)
		s.wantThrottled("in_flight", 1)
	})

	t.Run("fact 69: a request takes no longer than its timeout", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{RequestTimeout: 10 * time.Millisecond}})
		s.serveUser(func(ctx context.Context) (scim.Resource, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("wait: %w", ctx.Err())
		})
		wantRetryAfter(t, s.do("GET", "/Users/x", "").wantError(503, ""))
		if server.RequestTimeout > 20*time.Second || server.WriteTimeout <= server.ReadTimeout+server.RequestTimeout {
			t.Error("the timeouts don't fit each other")
		}
	})

	t.Run("fact 9: the server has the limits of this package, and TLS 1.2 at least (RFC 7644 7.2)", func(t *testing.T) {
		h := server.NewHTTPServer(http.NotFoundHandler())
		if h.ReadHeaderTimeout != 10*time.Second || h.ReadTimeout != 30*time.Second || h.IdleTimeout != 120*time.Second ||
			h.WriteTimeout != server.WriteTimeout || h.MaxHeaderBytes != 32<<10 || h.TLSConfig.MinVersion != tls.VersionTLS12 {
			t.Errorf("server %+v", h)
		}
	})
}

func TestErrors(t *testing.T) {
	t.Run("what the directory says is passed on", func(t *testing.T) {
		s := start(t, server.Options{})
		for _, c := range []struct {
			err      error
			status   int
			scimType string
			retry    string
		}{
			{fmt.Errorf("wrapped: %w", scim.NotFound("User", "x")), 404, "", ""},
			{scim.BadRequest(scim.InvalidValue, "too long"), 400, "invalidValue", ""},
			{scim.Unavailable(1500*time.Millisecond, errors.New("etcd is down")), 503, "", "2"},
			{fmt.Errorf("the client is gone: %w", context.Canceled), 503, "", "5"},
			{&scim.Error{Status: 412}, 412, "", ""},
			{&scim.Error{Status: 200, Detail: "nonsense"}, 500, "", ""},
			{errors.New("secret: the database password"), 500, "", ""},
			{&scim.Error{Status: 400, Detail: strings.Repeat("ü", 100000)}, 400, "", ""},
		} {
			s.serveUser(func(context.Context) (scim.Resource, error) { return nil, c.err })
			r := s.do("GET", "/Users/x", "").wantError(c.status, c.scimType)
			if got := r.header.Get("Retry-After"); got != c.retry {
				t.Errorf("Retry-After %q: want %q", got, c.retry)
			}
			if text := string(r.raw); strings.Contains(text, "secret") || strings.Contains(text, "etcd") || len(text) > 2000 {
				t.Errorf("the client is told %s", text)
			}
		}
	})

	t.Run("a panic is a 500, and the server lives", func(t *testing.T) {
		var id string
		var recovered any
		s := start(t, server.Options{OnPanic: func(requestID string, r any) { id, recovered = requestID, r }})
		s.serveUser(func(context.Context) (scim.Resource, error) { panic("secret") })
		for range 3 {
			r := s.do("GET", "/Users/x", "").wantError(500, "")
			if strings.Contains(string(r.raw), "secret") {
				t.Errorf("the client is told %s", r.raw)
			}
			if recovered != "secret" || id != r.header.Get("X-Request-Id") {
				t.Errorf("OnPanic was called with %q %v", id, recovered)
			}
		}
		s.do("GET", "/Users", "").want(200)
		s.wantMetrics("rollcall_scim_panics_total", "counter", "rollcall_scim_panics_total 3")
	})

	t.Run("a handler that gives up on its client is no panic", func(t *testing.T) {
		s := start(t, server.Options{OnPanic: func(string, any) { t.Error("OnPanic was called") }})
		s.serveUser(func(context.Context) (scim.Resource, error) { panic(http.ErrAbortHandler) })
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/Users/x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if response, err := s.http.Client().Transport.RoundTrip(r); err == nil {
			_ = response.Body.Close()
			t.Errorf("status %d: want none", response.StatusCode)
		}
		s.do("GET", "/Users", "").want(200)
	})
}
