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

// remote is a replica's way to the store. Its time is that of a synctest bubble.
type remote struct {
	*store
	identity string
	// way is how long a request takes to come there, and its answer to come back.
	way  time.Duration
	seen resourcelock.LeaderElectionRecord

	mu sync.Mutex
	// frozen is until when the replica is.
	frozen time.Time
}

// freeze stops the replica for a while. What it has sent arrives.
func (r *remote) freeze(lasting time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if thaws := time.Now().Add(lasting); thaws.After(r.frozen) {
		r.frozen = thaws
	}
}

// run returns when the replica is not frozen. Its deadlines come nearer meanwhile.
func (r *remote) run(ctx context.Context) error {
	for {
		r.mu.Lock()
		left := time.Until(r.frozen)
		r.mu.Unlock()
		if left <= 0 {
			return ctx.Err()
		}
		time.Sleep(left)
	}
}

func (r *remote) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if err := r.run(ctx); err != nil {
		return nil, nil, err
	}
	time.Sleep(r.way)
	record := r.get()
	time.Sleep(r.way)
	if err := r.run(ctx); err != nil {
		return nil, nil, err
	}
	r.seen = record
	raw, err := json.Marshal(record) // as client-go's lock of a Lease does
	return &record, raw, err
}

func (r *remote) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return r.Update(ctx, record)
}

func (r *remote) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if err := r.run(ctx); err != nil {
		return err
	}
	time.Sleep(r.way)
	err := r.put(r.seen, record)
	time.Sleep(r.way)
	if err := errors.Join(err, r.run(ctx)); err != nil {
		return err
	}
	r.seen = record
	return nil
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
	r := &remote{store: s, identity: identity, way: way}
	return &candidate{r, LeaseOn(r, time.Now)}
}

// stand takes part, by client-go's rules and as the manager has it, until ctx ends.
func (c *candidate) stand(ctx context.Context) {
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: c.Lease, LeaseDuration: Duration, RenewDeadline: RenewDeadline, RetryPeriod: RetryPeriod, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) {}, OnStoppedLeading: func() {}},
	})
}

// election is one that replicas of different ways take part in; the first wins. How long
// client-go pauses is chance, so rapid calls a failure flaky that it doesn't see again.
type election []time.Duration

// watch says what was wrong, as look does each millisecond; time is that of a synctest
// bubble. begin is called when the first one leads, and may freeze replicas.
func (e election) watch(lasting time.Duration, begin func([]*candidate), look func(since time.Duration, leading []int) error) error {
	var standing sync.WaitGroup
	defer standing.Wait()
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	defer cancel()
	shared := &store{}
	var replicas []*candidate
	for i, way := range e {
		c := newCandidate(shared, fmt.Sprintf("10.0.0.%d:8080_a", i), way)
		replicas = append(replicas, c)
		standing.Go(func() { c.stand(ctx) })
		time.Sleep(time.Second)
	}
	begin(replicas)
	for begun := time.Now(); time.Since(begun) < lasting; time.Sleep(time.Millisecond) {
		var leading []int
		for i, c := range replicas {
			if c.Leads() {
				leading = append(leading, i)
			}
		}
		if len(leading) > 1 {
			return fmt.Errorf("%v lead after %s", leading, time.Since(begun))
		}
		if err := look(time.Since(begun), leading); err != nil {
			return err
		}
	}
	return nil
}

func drawMilliseconds(r *rapid.T, most int, what string) time.Duration {
	return time.Duration(rapid.IntRange(0, most).Draw(r, what)) * time.Millisecond
}

// freezing is an election whose leader freezes.
type freezing struct {
	election
	after, lasting time.Duration
}

// run says what was wrong.
func (f freezing) run() error {
	// catchUp is what is left of the lease, at least, for a new leader to catch up in.
	const catchUp = time.Second
	next := 0
	return f.watch(f.after+2*Duration, func(replicas []*candidate) {
		time.AfterFunc(f.after, func() { replicas[0].freeze(f.lasting) })
	}, func(since time.Duration, leading []int) error {
		switch latest := f.after + Duration - catchUp; {
		case len(leading) > 0:
			if next != 0 && next != leading[0] {
				return fmt.Errorf("%d leads after %s, and %d did", leading[0], since, next)
			}
			next = leading[0]
		case next != 0:
			return fmt.Errorf("%d, who came next, leads no more after %s", next, since)
		case since < f.after:
			return errors.New("the first one doesn't lead")
		case since > latest && f.lasting > Duration:
			return fmt.Errorf("nobody leads after %s", since)
		}
		return nil
	})
}

// ADR 0016: whatever a leader is at when it freezes, another one leads while there is
// time left of the lease to catch up in, they never lead both, and that one leads on when
// the first one thaws.
func TestAFrozenLeaderIsReplacedWithinItsLease(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := freezing{
			election: election{drawMilliseconds(r, 20, "the leader's way"), drawMilliseconds(r, 20, "another one's way")},
			after:    drawMilliseconds(r, 2000, "freezes after"),
			lasting:  drawMilliseconds(r, 20000, "thaws after"),
		}
		var err error
		synctest.Test(t, func(*testing.T) { err = f.run() })
		if err != nil {
			r.Fatal(err)
		}
	})
}

// Whoever freezes, again and again, in front of whom: no two lead at a time.
func TestTwoNeverLead(t *testing.T) {
	t.Parallel()
	type freeze struct {
		replica        int
		after, lasting time.Duration
	}
	rapid.Check(t, func(r *rapid.T) {
		e := election{drawMilliseconds(r, 100, "a way"), drawMilliseconds(r, 100, "a way"), drawMilliseconds(r, 100, "a way")}
		var freezes []freeze
		lasting := Duration
		for range rapid.IntRange(1, 5).Draw(r, "freezes") {
			lasting += drawMilliseconds(r, 6000, "pause")
			f := freeze{rapid.IntRange(0, len(e)-1).Draw(r, "who freezes"), lasting - Duration, drawMilliseconds(r, 20000, "for")}
			freezes = append(freezes, f)
		}
		var err error
		synctest.Test(t, func(*testing.T) {
			err = e.watch(lasting+Duration, func(replicas []*candidate) {
				for _, f := range freezes {
					time.AfterFunc(f.after, func() { replicas[f.replica].freeze(f.lasting) })
				}
			}, func(time.Duration, []int) error { return nil })
		})
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
