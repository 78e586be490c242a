package manager

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/internal/leader"
)

// serve starts a SCIM server that leads, and returns its address, and what stops it and
// waits for that.
func serve(t *testing.T, local http.HandlerFunc) (address string, stop func()) {
	t.Helper()
	free := httptest.NewServer(nil)
	address = free.Listener.Addr().String()
	free.Close()
	front := leader.NewFront(nil, local, leader.NewPeers(nil), nil)
	front.SetReady(true)
	s := newSCIMServer(front, nil, leader.NewPeers(nil), nil, address, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for tick := time.NewTicker(10 * time.Millisecond); s.ready(nil) != nil; {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("it doesn't listen")
		}
	}
	return address, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// The lease is given back after the SCIM server has stopped, so a connection that
// nothing comes from, or half a request, would keep everybody from an answer.
func TestAStopWaitsForNoSlowClient(t *testing.T) {
	t.Parallel()
	address, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
	})
	for _, sent := range []string{
		"", "POST /entra/scim/v2/Users HTTP/1.1\r\n", "POST /entra/scim/v2/Users HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
	} {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = connection.Close() }()
		if _, err := io.WriteString(connection, sent); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAStopWaitsForAnAnswer(t *testing.T) {
	t.Parallel()
	at, finish := make(chan struct{}), make(chan struct{})
	address, stop := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		close(at)
		<-finish
		w.WriteHeader(http.StatusCreated)
	})
	status := make(chan int)
	go func() {
		defer close(status)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address, http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	<-at
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	waiting := time.NewTimer(time.Second)
	select {
	case <-stopped:
		t.Error("it has stopped in the middle of a request")
	case <-waiting.C:
	}
	close(finish)
	if got := <-status; got != http.StatusCreated {
		t.Errorf("status %d", got)
	}
	<-stopped
}
