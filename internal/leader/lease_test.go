package leader

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lock is a lease in memory, which several replicas share.
type lock struct {
	mu     sync.Mutex
	record resourcelock.LeaderElectionRecord
	err    error
	// during is called while a write is on its way.
	during func()
}

// replica is one replica's view of a lock.
type replica struct {
	*lock
	identity string
}

func (r *replica) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	record := r.record
	return &record, nil, r.err
}

func (r *replica) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return r.Update(ctx, record)
}

func (r *replica) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.during != nil {
		r.during()
	}
	if r.err == nil {
		r.record = record
	}
	return r.err
}

func (r *replica) RecordEvent(string) {}
func (r *replica) Identity() string   { return r.identity }
func (r *replica) Describe() string   { return r.identity }

type testClock struct{ t time.Time }

func (c *testClock) now() time.Time          { return c.t }
func (c *testClock) advance(d time.Duration) { c.t = c.t.Add(d) }

// hold makes a replica renew the lease.
func hold(t *testing.T, l *Lease) {
	t.Helper()
	if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: l.Identity()}); err != nil {
		t.Fatal(err)
	}
}

func TestLease(t *testing.T) {
	t.Parallel()
	shared := &lock{}
	clock := &testClock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	a := LeaseOn(&replica{shared, "10.0.0.1:8080_a"}, clock.now)
	b := LeaseOn(&replica{shared, "[fd00::2]:8080_b"}, clock.now)
	see := func(l *Lease) {
		t.Helper()
		if _, _, err := l.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what string, l *Lease, leads bool, leader string) {
		t.Helper()
		if address, _, ok := l.Leader(); l.Leads() != leads || address != leader || ok != (leader != "") {
			t.Errorf("%s: Leads = %v, Leader = %q, %v; want %v, %q", what, l.Leads(), address, ok, leads, leader)
		}
	}
	expect("nothing is known", a, false, "")
	hold(t, a)
	see(b)
	expect("who holds it", a, true, "")
	expect("who doesn't", b, false, "10.0.0.1:8080")

	clock.advance(term - 1)
	expect("at the last moment", a, true, "")
	clock.advance(1)
	expect("frozen for as long as others wait", a, false, "")
	hold(t, a)
	expect("renewed", a, true, "")

	clock.advance(term)
	hold(t, b)
	see(a)
	expect("who was overtaken", a, false, "[fd00::2]:8080")
	expectOvertaken := func(l *Lease, want bool) {
		t.Helper()
		select {
		case <-l.Overtaken():
			if !want {
				t.Error("overtaken")
			}
		default:
			if want {
				t.Error("not overtaken")
			}
		}
	}
	expectOvertaken(a, true)
	expectOvertaken(b, false)
	expect("who has overtaken", b, true, "")

	if err := b.Update(t.Context(), resourcelock.LeaderElectionRecord{}); err != nil {
		t.Fatal(err)
	}
	see(a)
	expect("who gave it back", b, false, "")
	expect("nobody leads", a, false, "")
	clock.advance(time.Second)
	if a.Silent() != time.Second {
		t.Errorf("Silent = %s", a.Silent())
	}
}

// A renewal counts from its beginning: the API server can have it, and others begin
// to wait, long before the answer comes.
func TestARenewalCountsFromItsBeginning(t *testing.T) {
	t.Parallel()
	clock := &testClock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	shared := &lock{during: func() { clock.advance(term - time.Second) }}
	l := LeaseOn(&replica{shared, "a:1_x"}, clock.now)
	hold(t, l)
	if !l.Leads() {
		t.Error("a second is left")
	}
	clock.advance(time.Second)
	if l.Leads() {
		t.Error("others may lead by now")
	}
}

// Others may take the lease as soon as the API server has heard that it is given back,
// and that is before its answer comes.
func TestALeaseIsGivenBackBeforeOthersKnow(t *testing.T) {
	t.Parallel()
	shared := &lock{}
	l := LeaseOn(&replica{shared, "a:1_x"}, time.Now)
	hold(t, l)
	leads := true
	shared.during = func() { leads = l.Leads() }
	if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{}); err != nil {
		t.Fatal(err)
	}
	if leads {
		t.Error("leads while the lease is given back")
	}
}

// ADR 0016: replicas wait for ten of the thirteen seconds of each other's lease, and to
// the end of one that lasts longer or shorter: its holder may lead as long.
func TestOneWaitsForTheTermOfItsHolder(t *testing.T) {
	t.Parallel()
	for lasts, waits := range map[int]int{13: 10, 12: 12, 15: 15, 1: 1} {
		shared := &lock{record: resourcelock.LeaderElectionRecord{HolderIdentity: "b:1_x", LeaseDurationSeconds: lasts}}
		record, _, err := LeaseOn(&replica{shared, "a:1_x"}, time.Now).Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if record.LeaseDurationSeconds != waits {
			t.Errorf("waits for %d s of a lease of %d", record.LeaseDurationSeconds, lasts)
		}
	}
}

// overtaken are a replica that has led, and the one that leads now.
func overtaken(t *testing.T) (shared *lock, a, b *Lease) {
	t.Helper()
	shared = &lock{}
	a, b = LeaseOn(&replica{shared, "a:1_x"}, time.Now), LeaseOn(&replica{shared, "b:1_x"}, time.Now)
	hold(t, a)
	hold(t, b)
	return shared, a, b
}

// The election gives back what it last knew to be its own, which may be somebody else's by
// then: who would lead on for its term, while others take the lease.
func TestALeaseOfSomebodyElseIsNotGivenBack(t *testing.T) {
	t.Parallel()
	shared, a, b := overtaken(t)
	if _, _, err := a.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Update(t.Context(), resourcelock.LeaderElectionRecord{}); !errors.Is(err, ErrNotLeading) {
		t.Errorf("gives back what is not its own: %v", err)
	}
	if shared.record.HolderIdentity != b.Identity() {
		t.Errorf("%q holds the lease", shared.record.HolderIdentity)
	}
}

// Requests that it was at when it froze go on with what was true before somebody else
// led, whether or not that one still does.
func TestWhoWasOvertakenNeverLeadsAgain(t *testing.T) {
	t.Parallel()
	_, a, b := overtaken(t)
	if err := b.Update(t.Context(), resourcelock.LeaderElectionRecord{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: a.Identity()}); !errors.Is(err, ErrNotLeading) {
		t.Errorf("takes the lease: %v", err)
	}
	if a.Leads() {
		t.Error("leads again")
	}
}

// A clock that is being set right runs slower or faster by up to a thousandth.
func TestALeaderEndsBeforeAFasterClockHasItsTermOver(t *testing.T) {
	t.Parallel()
	clock := &testClock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	l := LeaseOn(&replica{&lock{}, "a:1_x"}, clock.now)
	hold(t, l)
	over := waited * 1000 / 1001    // when who waits, by the faster clock, takes the lease
	clock.advance(over - over/1000) // by the slower one
	if l.Leads() {
		t.Error("leads when somebody else may")
	}
}

func TestAFailedRenewalExtendsNothing(t *testing.T) {
	t.Parallel()
	clock := &testClock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	shared := &lock{}
	l := LeaseOn(&replica{shared, "a:1_x"}, clock.now)
	hold(t, l)
	shared.err = errors.New("no answer")
	clock.advance(term - 1)
	if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: l.Identity()}); err == nil {
		t.Fatal("the error is lost")
	}
	clock.advance(1)
	if l.Leads() {
		t.Error("the failed renewal counts")
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"10.0.0.1:8080", "[fd00::2]:8080", "under_score:80"} {
		one, other := identity(address), identity(address)
		if one == other || addressOf(one) != address {
			t.Errorf("identities %q and %q of %q", one, other, address)
		}
	}
	if got := addressOf("somebody-else"); got != "" {
		t.Errorf("an identity that is not ours has the address %q", got)
	}
}
