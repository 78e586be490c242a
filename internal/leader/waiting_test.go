package leader

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// pair is a replica that leads and one that doesn't.
func pair(t *testing.T, local http.HandlerFunc) (standby, leader *httptest.Server, fronts [2]*Front) {
	t.Helper()
	shared := &lock{}
	var servers [2]*httptest.Server
	for i := range fronts {
		fronts[i] = NewFront(nil, local, NewPeers(nil), nil)
		servers[i] = httptest.NewServer(fronts[i])
		t.Cleanup(servers[i].Close)
		fronts[i].lease = LeaseOn(&replica{shared, identity(servers[i].Listener.Addr().String())}, time.Now)
	}
	fronts[1].SetReady(true)
	hold(t, fronts[1].lease)
	if _, _, err := fronts[0].lease.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	return servers[0], servers[1], fronts
}

// begin sends the head of a request, and none of its body.
func begin(t *testing.T, s *httptest.Server, length int) net.Conn {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(connection, "POST /entra/scim/v2/Users HTTP/1.1\r\nHost: scim.example.com\r\nContent-Length: %d\r\n\r\n", length); err != nil {
		t.Fatal(err)
	}
	return connection
}

// Who has no token is told so before a body has come, by whichever replica: bodies that
// are waited for would take up the room of those who have one.
func TestABodyIsNotWaitedForBeforeTheLeaderWantsIt(t *testing.T) {
	t.Parallel()
	standby, leader, _ := pair(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	for name, asked := range map[string]*httptest.Server{"standby": standby, "leader": leader} {
		for range 2 {
			response, err := http.ReadResponse(bufio.NewReader(begin(t, asked, 4<<20)), nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: status %d", name, response.StatusCode)
			}
		}
	}
}

// One whose client has gone, and asks again elsewhere, is carried out for nobody: it
// would come after what the client did since.
func TestARequestEndsWithItsClient(t *testing.T) {
	t.Parallel()
	var worked atomic.Int32
	standby, _, fronts := pair(t, func(http.ResponseWriter, *http.Request) { worked.Add(1) })
	fronts[1].SetReady(false)
	client := begin(t, standby, 4)
	if _, err := io.WriteString(client, "body"); err != nil {
		t.Fatal(err)
	}
	expect := func(waiting int) {
		t.Helper()
		deadline := time.Now().Add(patience / 2)
		for len(fronts[0].held) != waiting {
			if time.Now().After(deadline) {
				t.Fatalf("%d requests wait, want %d", len(fronts[0].held), waiting)
			}
			runtime.Gosched()
		}
	}
	expect(1)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	expect(0)
	fronts[1].SetReady(true)
	if n := worked.Load(); n != 0 {
		t.Errorf("worked on %d times", n)
	}
}

// Whether the client of a large body is still there is not known until the body is read,
// so such a request doesn't wait for a leader.
func TestALargeRequestDoesNotWait(t *testing.T) {
	t.Parallel()
	standby, _, fronts := pair(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		w.Header().Set("Seen", fmt.Sprint(n, err))
	})
	text := strings.Repeat("x", maxKept+1)
	// A body of its own for each request: a connection may go on sending one that was
	// answered.
	for name, large := range map[string]func() io.Reader{
		"of a known length": func() io.Reader { return strings.NewReader(text) },
		"of none":           func() io.Reader { return io.MultiReader(strings.NewReader(text)) },
	} {
		for _, leads := range []bool{false, true} {
			fronts[1].SetReady(leads)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, standby.URL, large())
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			switch {
			case leads && response.Header.Get("Seen") != fmt.Sprint(maxKept+1, " <nil>"):
				t.Errorf("%s: status %d, seen %q", name, response.StatusCode, response.Header.Get("Seen"))
			case !leads && (response.StatusCode != http.StatusServiceUnavailable || time.Since(begun) > patience/2):
				t.Errorf("%s: status %d after %s", name, response.StatusCode, time.Since(begun))
			}
		}
	}
}

// What replicas say to each other about a body is none of the client's business.
func TestAClientGetsOneAnswer(t *testing.T) {
	t.Parallel()
	standby, _, _ := pair(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "body" {
			t.Errorf("body %q, %v", body, err)
		}
		w.WriteHeader(http.StatusCreated)
	})
	connection := begin(t, standby, 4)
	if _, err := io.WriteString(connection, "body"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil || !strings.Contains(line, "201") {
		t.Errorf("first line %q, %v", line, err)
	}
}

// Go's transport sends a request with such a header again when a connection breaks.
func TestARequestIsNotRepeatedForTheSakeOfAHeader(t *testing.T) {
	t.Parallel()
	var worked atomic.Int32
	standby, _, _ := pair(t, func(w http.ResponseWriter, r *http.Request) {
		if worked.Add(1) == 1 {
			w.WriteHeader(http.StatusOK) // a connection that is used again
			return
		}
		panic(http.ErrAbortHandler)
	})
	for _, want := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, standby.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", "1")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("status %d, want %d", response.StatusCode, want)
		}
	}
	if n := worked.Load(); n != 2 {
		t.Errorf("worked on %d times", n)
	}
}

// A leader that is frozen while it works on a request has an answer of yesterday when it
// thaws.
func TestAnAnswerFromBeforeALeaderWasFrozenIsNotGiven(t *testing.T) {
	t.Parallel()
	var fronts [2]*Front
	_, leader, fronts := pair(t, func(w http.ResponseWriter, _ *http.Request) {
		clock := &testClock{t: time.Now().Add(term)} // it is frozen, and thaws
		fronts[1].lease.mu.Lock()
		fronts[1].lease.now = clock.now
		fronts[1].lease.mu.Unlock()
		w.Header().Set("ETag", "yesterday's")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "yesterday's")
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, leader.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	expectRefusal(t, answer{response.StatusCode, response.Header, text}, http.StatusServiceUnavailable)
	if response.Header.Get("ETag") != "" {
		t.Errorf("headers %v", response.Header)
	}
}

// A leader that freezes while it sends its answer would hold the client's connection for
// ever.
func TestAnAnswerIsGivenUpWhenItsLeaderIsReplaced(t *testing.T) {
	t.Parallel()
	thawed := make(chan struct{})
	standby, _, fronts := pair(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half an answer")
		_ = http.NewResponseController(w.(*reply).ResponseWriter).Flush()
		<-thawed
	})
	t.Cleanup(func() { close(thawed) })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, standby.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	fronts[0].lease.note(resourcelock.LeaderElectionRecord{HolderIdentity: "somebody:1_else"}, time.Time{})
	if _, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half an answer passes for one: %v", err)
	}
}

// A stop waits for what is worked on, and for nothing else.
func TestSettle(t *testing.T) {
	t.Parallel()
	at, finish := make(chan struct{}), make(chan struct{})
	_, leader, fronts := pair(t, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			return
		}
		close(at)
		<-finish
	})
	settle := func() chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			fronts[1].Settle(t.Context())
		}()
		return done
	}
	slow := begin(t, leader, 4)
	<-settle()

	if _, err := io.WriteString(slow, "body"); err != nil {
		t.Fatal(err)
	}
	<-at
	done := settle()
	waiting := time.NewTimer(4 * settled)
	select {
	case <-done:
		t.Error("it has not waited for a request that is worked on")
	case <-waiting.C:
	}
	bounded, cancel := context.WithTimeout(t.Context(), look)
	defer cancel()
	fronts[1].Settle(bounded) // but not for ever
	close(finish)
	<-done
}
