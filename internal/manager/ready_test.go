package manager

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/rollcall-dev/rollcall/internal/leader"
)

const self = "10.0.0.1:8080_self"

// lock is what the API server says of the lease.
type lock struct {
	record resourcelock.LeaderElectionRecord
}

func (l *lock) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record := l.record
	return &record, nil, nil
}

func (l *lock) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	l.record = record
	return nil
}

func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, record)
}

func (l *lock) RecordEvent(string) {}
func (l *lock) Identity() string   { return self }
func (l *lock) Describe() string   { return self }

// replica is one that listens and doesn't lead, at a time that the test says.
type replica struct {
	*scimServer
	t    *testing.T
	lock lock
	time time.Time
}

func newReplica(t *testing.T) *replica {
	t.Helper()
	r := &replica{t: t, time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return r.time }
	lease, peers := leader.LeaseOn(&r.lock, now), leader.NewPeers(nil)
	r.scimServer = newSCIMServer(leader.NewFront(lease, http.NotFoundHandler(), peers, nil), lease, peers, nil, "", nil)
	r.now = now
	r.listening.Store(true)
	return r
}

// hear has the replica read who holds the lease: who listens there, or nobody.
func (r *replica) hear(address string) {
	r.t.Helper()
	r.lock.record.HolderIdentity = ""
	if address != "" {
		r.lock.record.HolderIdentity = address + "_other"
	}
	if _, _, err := r.lease.Get(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// hold has the replica renew the lease.
func (r *replica) hold() {
	r.t.Helper()
	if err := r.lease.Update(r.t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: self}); err != nil {
		r.t.Fatal(err)
	}
}

// expect has a probe ask whether the replica is ready; why not, or nothing if it is.
func (r *replica) expect(why string) {
	r.t.Helper()
	err := r.ready(httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, "/readyz", http.NoBody))
	switch {
	case why == "" && err != nil:
		r.t.Errorf("not ready: %v", err)
	case why != "" && (err == nil || !strings.Contains(err.Error(), why)):
		r.t.Errorf("got %v, want: %s", err, why)
	}
}

// listen is a leader that can be reached.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestAReplicaIsReadyWhenItListens(t *testing.T) {
	t.Parallel()
	r := newReplica(t)
	r.hear("")
	r.listening.Store(false)
	r.expect("not listening yet")
	r.listening.Store(true)
	r.expect("")
}

func TestAReplicaWithoutOthersIsReadyWhenItAnswers(t *testing.T) {
	t.Parallel()
	r := newReplica(t)
	r.lease, r.front = nil, leader.NewFront(nil, http.NotFoundHandler(), r.peers, nil)
	r.expect("getting ready to answer")
	r.front.SetReady(true)
	r.expect("")
}

// ADR 0016: while a leader is being replaced the others are ready, for thirty seconds.
func TestAReplicaIsNotReadyThatHearsNothingOfTheLease(t *testing.T) {
	t.Parallel()
	r := newReplica(t)
	const silent = "has not said for 30s which replica leads"
	r.expect(silent) // yet
	r.hear(listen(t).Addr().String())
	r.time = r.time.Add(30 * time.Second)
	r.expect("")
	r.time = r.time.Add(1)
	r.expect(silent)
	r.hear("")
	r.expect("")
}

func TestAReplicaIsNotReadyThatCannotReachTheLeader(t *testing.T) {
	t.Parallel()
	r := newReplica(t)
	const (
		gone = "127.0.0.1:1"
		cut  = "the leader could not be reached for 30s: "
	)
	for range 2 {
		r.hear(listen(t).Addr().String())
		r.expect("")
		r.time = r.time.Add(time.Hour) // which doesn't count: it could be reached
		r.hear(gone)
		r.expect("")
		r.time = r.time.Add(30 * time.Second)
		r.hear(gone)
		r.expect("")
		r.time = r.time.Add(1)
		r.expect(cut)
	}
	r.hear("") // so this replica may be the next
	r.expect("")
}

func TestAReplicaIsNotReadyThatLeadsNoLonger(t *testing.T) {
	t.Parallel()
	const ends = "has led and does no longer"
	for name, lose := range map[string]func(*replica){
		"its lease is over":         func(r *replica) { r.time = r.time.Add(leader.Duration) },
		"somebody else has it":      func(r *replica) { r.hear(listen(r.t).Addr().String()) },
		"it has given the lease up": func(r *replica) { r.hear("") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReplica(t)
			r.hold()
			r.expect("") // and catches up
			r.front.SetReady(true)
			r.expect("")
			lose(r)
			r.expect(ends)
		})
	}
}
