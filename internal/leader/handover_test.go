package leader

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// heard is what the handler behind a front is told of a request.
type heard struct {
	ID, From string
	Headers  http.Header
}

// listener is a replica whose handler tells what it heard, and answers as the SCIM
// server does.
func listener(t *testing.T, shared *lock, told *heard) (*Front, string) {
	t.Helper()
	local := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.Refuse(w, r, &scim.Error{Status: http.StatusTeapot, Detail: "heard"})
		*told = heard{w.Header().Get(server.RequestIDHeader), r.RemoteAddr, r.Header.Clone()}
	})
	f := NewFront(nil, local, NewPeers(nil), nil)
	f.patience = 2 * look
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	f.lease = LeaseOn(&replica{shared, identity(s.Listener.Addr().String())}, time.Now)
	return f, s.URL
}

// ask sends a request from a connection of its own, and returns the answer's status
// and request id, and the client's address.
func ask(t *testing.T, url string, header ...string) (status int, id, from string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/entra/scim/v2/Users", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}).DialContext}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		t.Error(err)
	}
	return response.StatusCode, response.Header.Get(server.RequestIDHeader), "127.0.0.9"
}

// A client's own marks: of a hand-over that never was, and of a trace.
var forged = []string{
	handedOver, "1", handedID, "STOLEN", handedFrom, "192.0.2.66:1", server.RequestIDHeader, "STOLEN",
	"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate", "a=b", "Baggage", "name=alice",
}

func TestOneIDNamesARequestOnBothReplicas(t *testing.T) {
	t.Parallel()
	var told heard
	shared := &lock{}
	leader, leaderURL := listener(t, shared, &told)
	standby, standbyURL := listener(t, shared, &told)
	leader.SetReady(true)
	hold(t, leader.lease)
	if _, _, err := standby.lease.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for name, url := range map[string]string{"the leader": leaderURL, "another replica": standbyURL} {
		for _, marks := range [][]string{nil, forged[4:]} {
			status, id, from := ask(t, url, marks...)
			if status != http.StatusTeapot || id == "" || told.ID != id || ids[id] || id == "STOLEN" {
				t.Errorf("%s: status %d, the answer has id %q, the leader %q", name, status, id, told.ID)
			}
			ids[id] = true
			if host, _, err := net.SplitHostPort(told.From); err != nil || host != from {
				t.Errorf("%s: the leader takes %q for the client: want %s", name, told.From, from)
			}
			for _, mark := range []string{handedOver, handedID, handedFrom} {
				if value := told.Headers.Get(mark); value != "" {
					t.Errorf("%s: the handler sees %s: %s", name, mark, value)
				}
			}
		}
	}
}

func TestNobodySaysTheyAreAReplica(t *testing.T) {
	t.Parallel()
	var told heard
	leader, url := listener(t, &lock{}, &told)
	leader.SetReady(true)
	hold(t, leader.lease)
	for _, identity := range []string{"1", identity("127.0.0.1:1"), addressOf(leader.lease.Identity())} {
		_, id, from := ask(t, url, append([]string{handedOver, identity}, forged[2:]...)...)
		if host, _, err := net.SplitHostPort(told.From); err != nil || host != from {
			t.Errorf("the client's word for where it comes from: %q", told.From)
		}
		if id == "STOLEN" || id != told.ID {
			t.Errorf("the client's own id: %q", id)
		}
		for _, mark := range []string{handedOver, handedID, handedFrom, "Traceparent", "Tracestate", "Baggage"} {
			if value := told.Headers.Get(mark); value != "" {
				t.Errorf("the handler sees %s: %s", mark, value)
			}
		}
	}
	// Even a replica gives no id that could be something else.
	for _, id := range []string{"", "alice@example.com", "a\nb", strings.Repeat("A", 65)} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		r.Header[handedOver], r.Header[handedID] = []string{leader.lease.Identity()}, []string{id}
		w := httptest.NewRecorder()
		leader.ServeHTTP(w, r)
		if got := w.Header().Get(server.RequestIDHeader); got == id || got != told.ID || !isRequestID(got) {
			t.Errorf("id %q, the handler has %q", got, told.ID)
		}
	}
}

func TestARefusalHasAnID(t *testing.T) {
	t.Parallel()
	var told heard
	_, url := listener(t, &lock{}, &told)
	for want, marks := range map[int][]string{http.StatusServiceUnavailable: nil, http.StatusMisdirectedRequest: forged} {
		if status, id, _ := ask(t, url, marks...); status != want || !isRequestID(id) || id == "STOLEN" {
			t.Errorf("status %d with id %q: want %d", status, id, want)
		}
	}
}
