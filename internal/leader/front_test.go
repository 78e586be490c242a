package leader

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// house is some replicas behind their fronts, and the lease that they share.
type house struct {
	lock   *lock
	fronts []*Front
	urls   []string
	// worked are the bodies of requests, by the replica that worked on them.
	worked [][]string
}

func newHouse(t *testing.T, replicas int) *house {
	t.Helper()
	h := &house{lock: &lock{}, worked: make([][]string, replicas)}
	for i := range replicas {
		local := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			h.worked[i] = append(h.worked[i], string(body))
			w.Header().Set("Seen", strings.Join([]string{r.Host, r.Header.Get("X-Forwarded-For"), r.Header.Get("Authorization")}, " "))
			w.WriteHeader(http.StatusTeapot)
		})
		f := NewFront(nil, local, NewPeers(nil), nil)
		f.patience = 10 * time.Second
		listener := httptest.NewServer(f)
		t.Cleanup(listener.Close)
		f.lease = LeaseOn(&replica{h.lock, identity(listener.Listener.Addr().String())}, time.Now)
		h.fronts, h.urls = append(h.fronts, f), append(h.urls, listener.URL)
	}
	return h
}

// lead makes one replica lead, and everybody know.
func (h *house) lead(t *testing.T, leader int) {
	t.Helper()
	h.fronts[leader].SetReady(true)
	hold(t, h.fronts[leader].lease)
	h.tell(t)
}

func (h *house) tell(t *testing.T) {
	t.Helper()
	for _, f := range h.fronts {
		if _, _, err := f.lease.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (h *house) send(t *testing.T, to int, body string) answer {
	t.Helper()
	return h.do(t, http.MethodPost, to, body)
}

func (h *house) do(t *testing.T, method string, to int, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.urls[to]+"/entra/scim/v2/Users", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "scim.example.com"
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	r.Header.Set("Authorization", "Bearer secret")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, text}
}

func TestTheLeaderAnswersWhoeverIsAsked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 3)
	h.lead(t, 1)
	for to, seen := range []string{
		"scim.example.com 192.0.2.1 Bearer secret", "scim.example.com 192.0.2.1 Bearer secret", "scim.example.com 192.0.2.1 Bearer secret",
	} {
		response := h.send(t, to, "body")
		if response.status != http.StatusTeapot || response.header.Get("Seen") != seen {
			t.Errorf("replica %d: status %d, the leader has seen %q", to, response.status, response.header.Get("Seen"))
		}
	}
	if len(h.worked[0])+len(h.worked[2]) > 0 || strings.Join(h.worked[1], ",") != "body,body,body" {
		t.Errorf("worked: %q", h.worked)
	}
}

// A lease says where the leader was. Where nobody listens any more, or somebody
// answers who doesn't lead, nothing has been worked on, and the request waits.
func TestARequestWaitsForANewLeader(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T, *house){
		"nobody leads": func(*testing.T, *house) {},
		"the leader is gone": func(t *testing.T, h *house) {
			gone := LeaseOn(&replica{h.lock, identity("127.0.0.1:1")}, time.Now)
			hold(t, gone)
			h.tell(t)
		},
		"the leader is not ready yet": func(t *testing.T, h *house) {
			hold(t, h.fronts[1].lease)
			h.tell(t)
		},
	} {
		for who, leader := range map[string]int{"another": 1, "the one that was asked": 0} {
			t.Run(name+", then "+who, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, 2)
				prepare(t, h)
				answered := make(chan answer)
				go func() { answered <- h.send(t, 0, "body") }()
				waiting := time.NewTimer(3 * look)
				select {
				case r := <-answered:
					t.Fatalf("answered with %d while nobody could", r.status)
				case <-waiting.C:
				}
				h.lead(t, leader)
				r := <-answered
				if r.status != http.StatusTeapot || strings.Join(h.worked[leader], ",") != "body" {
					t.Errorf("status %d, worked: %q", r.status, h.worked)
				}
			})
		}
	}
}

func TestARequestThatWaitedInVainIsToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 1)
	logged := make(lines, 1)
	h.fronts[0].patience, h.fronts[0].log = 2*look, slog.New(slog.NewJSONHandler(logged, nil))
	response := h.send(t, 0, "body")
	expectRefusal(t, response, http.StatusServiceUnavailable)
	if id := response.header.Get(server.RequestIDHeader); !strings.Contains(<-logged, `"request":"`+id+`"`) || id == "" {
		t.Errorf("the log doesn't have %q", id)
	}
}

// lines is a log that can be read while it is written.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// Two replicas that take each other for the leader must not hand a request to and
// fro.
func TestARequestIsHandedOverOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 2)
	h.fronts[0].patience = 4 * look
	hold(t, h.fronts[1].lease)
	h.tell(t)
	h.fronts[1].lease.note(resourcelock.LeaderElectionRecord{HolderIdentity: h.fronts[0].lease.Identity()}, time.Time{})
	expectRefusal(t, h.send(t, 0, "body"), http.StatusServiceUnavailable)
	if len(h.worked[0])+len(h.worked[1]) > 0 {
		t.Errorf("worked: %q", h.worked)
	}
}

// A leader that fails in the middle may have done what it was asked: nobody does it
// again but the client.
func TestARequestIsNotRepeatedThatMayHaveBeenCarriedOut(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method, body string
		took         bool
		repeated     bool
	}{
		"a write":                              {http.MethodPost, "body", true, false},
		"a write without a body":               {http.MethodDelete, "", false, false},
		"a write whose body was not asked for": {http.MethodPost, "body", false, true},
		"a read":                               {http.MethodGet, "", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, 2)
			h.lead(t, 1)
			peers, tries := http.DefaultTransport, 0
			h.fronts[0].proxy.Transport = &forwarder{front: h.fronts[0], peers: roundTripper(func(r *http.Request) (*http.Response, error) {
				if tries++; tries > 1 {
					return peers.RoundTrip(r)
				}
				httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
				if tc.took {
					if _, err := io.ReadAll(r.Body); err != nil {
						t.Error(err)
					}
				}
				return nil, errors.New("connection reset")
			})}
			r := h.do(t, tc.method, 0, tc.body)
			if tc.repeated {
				if r.status != http.StatusTeapot || tries != 2 || strings.Join(h.worked[1], ",") != tc.body {
					t.Errorf("status %d after %d tries, worked: %q", r.status, tries, h.worked)
				}
				return
			}
			expectRefusal(t, r, http.StatusServiceUnavailable)
			if tries != 1 {
				t.Errorf("tried %d times", tries)
			}
		})
	}
}

// Whoever waits for a leader that is frozen learns at once that another leads.
func TestARequestIsGivenUpWhenItsLeaderIsReplaced(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 2)
	h.lead(t, 1)
	sent := make(chan struct{})
	h.fronts[0].proxy.Transport = &forwarder{front: h.fronts[0], peers: roundTripper(func(r *http.Request) (*http.Response, error) {
		httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		close(sent)
		<-r.Context().Done() // as long as it is frozen
		return nil, r.Context().Err()
	})}
	answered := make(chan answer)
	go func() { answered <- h.send(t, 0, "body") }()
	<-sent
	h.fronts[0].lease.note(resourcelock.LeaderElectionRecord{HolderIdentity: "somebody:1_else"}, time.Time{})
	expectRefusal(t, <-answered, http.StatusServiceUnavailable)
}

// What a leader finds in its sockets when it thaws was given up, and done elsewhere: it
// neither works on it nor lets the new leader.
func TestAFrozenLeaderDoesNotAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 2)
	h.lead(t, 0)
	clock := &testClock{t: time.Now().Add(term)}
	h.fronts[0].lease.now = clock.now
	expectRefusal(t, h.send(t, 0, "body"), http.StatusServiceUnavailable)
	h.lead(t, 1)
	h.fronts[0].lease.note(resourcelock.LeaderElectionRecord{HolderIdentity: h.fronts[1].lease.Identity()}, time.Time{})
	expectRefusal(t, h.send(t, 0, "body"), http.StatusServiceUnavailable)
	if len(h.worked[0])+len(h.worked[1]) > 0 {
		t.Errorf("worked: %q", h.worked)
	}
}

func TestWithoutALeaseAReplicaLeadsWhenItIsReady(t *testing.T) {
	t.Parallel()
	f := NewFront(nil, http.NotFoundHandler(), NewPeers(nil), nil)
	if f.Leads() {
		t.Error("leads before it is ready")
	}
	if f.SetReady(true); !f.Leads() {
		t.Error("doesn't lead")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// expectRefusal expects an error in SCIM's form (RFC 7644 section 3.12), with an
// integer Retry-After.
func expectRefusal(t *testing.T, r answer, status int) {
	t.Helper()
	var body struct {
		Schemas []string
		Status  string
		Detail  string
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		t.Fatal(err)
	}
	if r.status != status || r.header.Get("Content-Type") != "application/scim+json" || r.header.Get("Retry-After") != "5" ||
		body.Status != "503" || body.Detail == "" || len(body.Schemas) != 1 {
		t.Errorf("status %d, headers %v, body %+v", r.status, r.header, body)
	}
}
