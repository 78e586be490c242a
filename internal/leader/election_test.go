package leader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	"pgregory.net/rapid"
)

// store is the API server's side of a lease. It refuses a write that another one came
// before.
type store struct {
	mu     sync.Mutex
	record resourcelock.LeaderElectionRecord
}

func (s *store) get() resourcelock.LeaderElectionRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record
}

func (s *store) put(seen, record resourcelock.LeaderElectionRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.record != seen {
		return errors.New("conflict")
	}
	s.record = record
	return nil
}

// remote is a replica's way to the store.
type remote struct {
	*store
	identity string
	// way is how long a request takes to come there, and its answer to come back.
	way  time.Duration
	seen resourcelock.LeaderElectionRecord

	mu sync.Mutex
	// thawed is closed unless the replica is frozen.
	thawed chan struct{}
}

// freeze stops the replica. What it has sent arrives.
func (r *remote) freeze() (thaw func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	thawed := make(chan struct{})
	r.thawed = thawed
	return func() { close(thawed) }
}

func (r *remote) run() {
	r.mu.Lock()
	thawed := r.thawed
	r.mu.Unlock()
	<-thawed
}

func (r *remote) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	r.run()
	time.Sleep(r.way)
	record := r.get()
	time.Sleep(r.way)
	r.run()
	r.seen = record
	raw, err := json.Marshal(record) // as client-go's lock of a Lease does
	return &record, raw, err
}

func (r *remote) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return r.Update(ctx, record)
}

func (r *remote) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	r.run()
	time.Sleep(r.way)
	err := r.put(r.seen, record)
	time.Sleep(r.way)
	r.run()
	if err == nil {
		r.seen = record
	}
	return err
}

func (r *remote) RecordEvent(string) {}
func (r *remote) Identity() string   { return r.identity }
func (r *remote) Describe() string   { return r.identity }

// candidate is a replica that takes part in an election.
type candidate struct {
	*remote
	*Lease
}

func newCandidate(s *store, identity string, way time.Duration) *candidate {
	running := make(chan struct{})
	close(running)
	r := &remote{store: s, identity: identity, way: way, thawed: running}
	return &candidate{r, LeaseOn(r, time.Now)}
}

// stand takes part, by client-go's rules, until ctx ends.
func (c *candidate) stand(ctx context.Context) {
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: c.Lease, LeaseDuration: Duration, RenewDeadline: RenewDeadline, RetryPeriod: RetryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) {}, OnStoppedLeading: func() {}},
	})
}

// freezing is an election whose leader freezes.
type freezing struct {
	ways          [2]time.Duration
	after, thawed time.Duration
}

// run says what was wrong; time is that of a synctest bubble.
func (f freezing) run() error {
	// catchUp is what is left of the lease, at least, for a new leader to catch up in.
	const catchUp, tick = time.Second, time.Millisecond
	var standing sync.WaitGroup
	defer standing.Wait()
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	defer cancel()
	shared := &store{}
	first, second := newCandidate(shared, "10.0.0.1:8080_a", f.ways[0]), newCandidate(shared, "10.0.0.2:8080_b", f.ways[1])
	standing.Go(func() { first.stand(ctx) })
	time.Sleep(time.Second)
	standing.Go(func() { second.stand(ctx) })
	time.Sleep(f.after)
	if !first.Leads() {
		return errors.New("the first one doesn't lead")
	}
	frozen := time.Now()
	time.AfterFunc(f.thawed, first.freeze())
	var replaced time.Duration
	for time.Since(frozen) < 2*Duration {
		if first.Leads() && second.Leads() {
			return fmt.Errorf("both lead after %s", time.Since(frozen))
		}
		if replaced == 0 && second.Leads() {
			replaced = time.Since(frozen)
		}
		time.Sleep(tick)
	}
	if latest := Duration - catchUp; f.thawed > latest && (replaced == 0 || replaced > latest) {
		return fmt.Errorf("the frozen leader was replaced after %s, and should have been after %s", replaced, latest)
	}
	return nil
}

// ADR 0016: whatever a leader is at when it freezes, another one leads while there is
// time left of the lease to catch up in, and they never lead both.
func TestAFrozenLeaderIsReplacedWithinItsLease(t *testing.T) {
	t.Parallel()
	milliseconds := func(r *rapid.T, most int, what string) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(r, what)) * time.Millisecond
	}
	rapid.Check(t, func(r *rapid.T) {
		f := freezing{
			ways:   [2]time.Duration{milliseconds(r, 20, "the leader's way"), milliseconds(r, 20, "the other's way")},
			after:  milliseconds(r, 2000, "freezes after"),
			thawed: milliseconds(r, 20000, "thaws after"),
		}
		var err error
		synctest.Test(t, func(*testing.T) { err = f.run() })
		if err != nil {
			r.Fatal(err)
		}
	})
}

// The election takes a lease for renewed when its record looks different, and writes the
// times in it in seconds.
func TestRenewalsWithinASecondAreSeen(t *testing.T) {
	t.Parallel()
	shared := &store{}
	holder, other := newCandidate(shared, "10.0.0.1:8080_a", 0), newCandidate(shared, "10.0.0.2:8080_b", 0)
	record := resourcelock.LeaderElectionRecord{HolderIdentity: holder.identity, LeaseDurationSeconds: int(Duration / time.Second)}
	seen := map[string]bool{}
	for i := range 3 {
		record.RenewTime = metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, i*int(time.Microsecond), time.UTC))
		if err := holder.Lease.Update(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		_, raw, err := other.Lease.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen[string(raw)] = true
	}
	if len(seen) != 3 {
		t.Errorf("three renewals look like %d: %v", len(seen), seen)
	}
}
