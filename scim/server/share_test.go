package server_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// entering is a directory whose CreateUser waits for its turn.
type entering struct {
	scim.Directory
	entered, leave chan struct{}
}

func (d *entering) CreateUser(ctx context.Context, user scim.Resource) (scim.Resource, error) {
	d.entered <- struct{}{}
	<-d.leave
	return d.Directory.CreateUser(ctx, user)
}

// Whoever holds the token of one provider can't keep the others out, nor the server
// from living on.
func TestOneProviderLeavesRoomForOthers(t *testing.T) {
	others := func(s *service) *reply {
		return s.do("POST", s.http.URL+"/okta/scim/v2/Users", `{"userName":"o"}`, "Authorization", "Bearer "+otherToken)
	}

	t.Run("requests at once", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxInFlight: 4}})
		d := &entering{s.directory, make(chan struct{}, 8), make(chan struct{})}
		s.backend.directories["entra"] = d
		leave := sync.OnceFunc(func() { close(d.leave) })
		t.Cleanup(leave)
		done := make(chan int)
		for i := range 3 {
			go func() { done <- s.do("POST", "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i)).status }()
			<-d.entered
		}
		wantRetryAfter(t, s.do("GET", "/Users", "").wantError(503, ""))
		s.wantThrottled("provider", 1)
		others(s).want(201)
		leave()
		for range 3 {
			if status := <-done; status != 201 {
				t.Errorf("status %d: want 201", status)
			}
		}
		s.do("GET", "/Users", "").want(200)
	})

	t.Run("large bodies", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxMemory: 64 << 10}})
		d := &entering{s.directory, make(chan struct{}, 8), make(chan struct{})}
		s.backend.directories["entra"] = d
		leave := sync.OnceFunc(func() { close(d.leave) })
		t.Cleanup(leave)
		large := func(name string) string { return `{"userName":"` + name + `"` + strings.Repeat(" ", 20<<10) + `}` }
		done := make(chan int)
		go func() { done <- s.do("POST", "/Users", large("first")).status }()
		<-d.entered
		wantRetryAfter(t, s.do("POST", "/Users", large("second")).wantError(503, ""))
		s.wantThrottled("memory", 1)
		s.do("GET", "/Users", "").want(200)
		others(s).want(201)
		leave()
		if status := <-done; status != 201 {
			t.Errorf("status %d: want 201", status)
		}
		s.do("POST", "/Users", large("second")).want(201)
	})

	t.Run("large answers", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxMemory: 64 << 10}})
		entered, gate := make(chan struct{}, 8), make(chan struct{})
		leave := sync.OnceFunc(func() { close(gate) })
		t.Cleanup(leave)
		stored := scim.Stored{JSON: []byte(strings.Repeat(" ", 7<<10))}
		s.serveUser(func(ctx context.Context) (scim.Resource, error) {
			if err := scim.MayShow(ctx, stored); err != nil {
				return nil, err
			}
			entered <- struct{}{}
			<-gate
			return scim.Resource{"id": "x", "userName": "x"}, nil
		})
		done := make(chan int)
		go func() { done <- s.do("GET", "/Users/x", "").status }()
		<-entered
		wantRetryAfter(t, s.do("GET", "/Users/x", "").wantError(503, ""))
		s.wantThrottled("memory", 1)
		leave()
		if status := <-done; status != 200 {
			t.Errorf("status %d: want 200", status)
		}
		s.do("GET", "/Users/x", "").want(200)
		for _, stored = range []scim.Stored{{JSON: []byte(strings.Repeat(" ", 16<<10))}, {Listed: 100}} {
			s.do("GET", "/Users/x", "").wantError(400, "tooMany")
		}
	})

	t.Run("a body that would never fit", func(t *testing.T) {
		s := start(t, server.Options{})
		s.do("POST", "/Users", `{"a":[0`+strings.Repeat(`,{"":0}`, 500_000)+`]}`).wantError(413, "")
		s.wantThrottled("memory", 0)
	})
}
