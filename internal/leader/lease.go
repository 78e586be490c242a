package leader

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// The times of the election. A leader that stops gives its lease back: RetryPeriod,
// which client-go stretches by up to 2.2, is how long that takes others to see, and
// how often the leader writes.
const (
	// Duration is how long a lease lasts from a renewal on, and how long nobody answers,
	// at most, when the leader dies or freezes: while the API server answers and processes
	// get to run.
	Duration = 13 * time.Second
	// succession is the end of it, which belongs to whoever comes next: its holder leads no
	// more, and another replica may take it, which has to look until it has seen the last
	// renewal, to look again at the right moment, and to catch up.
	succession = 3 * time.Second
	// waited is how long others wait: from when they have seen a renewal on.
	waited = Duration - succession
	// drift is how far two clocks may come apart in that time. One that is being set right
	// runs slower or faster by a thousandth at most.
	drift = waited / 500
	// term is how long its holder leads: from when it began the renewal on.
	term          = waited - drift
	RenewDeadline = 8 * time.Second
	RetryPeriod   = 400 * time.Millisecond
)

// Lease is the lock of a leader election, and what this replica has learnt by it.
// It asks the API server nothing of its own.
type Lease struct {
	resourcelock.Interface
	now func() time.Time

	mu sync.Mutex
	// holder is the identity in the lease; empty for nobody.
	holder string
	// changed is closed when the holder changes.
	changed chan struct{}
	// heard is when the API server last said who that is.
	heard time.Time
	// renewed is when our last renewal that succeeded was begun.
	renewed time.Time
	// led says that this replica has held the lease.
	led bool
	// overtaken says that it has lost it after that, which closes lost: it never leads
	// again.
	overtaken bool
	lost      chan struct{}
}

// NewLease makes the lease of a replica that others reach under address, a
// host:port.
func NewLease(config *rest.Config, namespace, name, address string) (*Lease, error) {
	config = rest.CopyConfig(config)
	// One request that hangs must not cost the lease.
	config.Timeout = RenewDeadline / 2
	clients, err := kubernetes.NewForConfig(rest.AddUserAgent(config, "leader-election"))
	if err != nil {
		return nil, fmt.Errorf("make the client of the leader election: %w", err)
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, name, clients.CoreV1(), clients.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: identity(address)})
	if err != nil {
		return nil, fmt.Errorf("make the lock of the leader election: %w", err)
	}
	return LeaseOn(lock, boottime), nil
}

// LeaseOn makes the lease of a replica that holds a lock, by a clock.
func LeaseOn(lock resourcelock.Interface, now func() time.Time) *Lease {
	return &Lease{Interface: lock, now: now, changed: make(chan struct{}), lost: make(chan struct{})}
}

// identity is unique to a process: a replica that starts again under its old
// address must not take its predecessor's lease for its own.
func identity(address string) string { return address + "_" + uuid.NewString() }

// addressOf is the address in an identity.
func addressOf(identity string) string {
	if i := strings.LastIndexByte(identity, '_'); i >= 0 {
		return identity[:i]
	}
	return ""
}

// Get implements resourcelock.Interface.
func (l *Lease) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err != nil {
		return nil, nil, err
	}
	l.note(*record, time.Time{})
	// The election counts from when raw has changed, which gives the time of a renewal in
	// seconds: it would count from an older one, and end before its holder's term.
	raw = record.RenewTime.AppendFormat(raw, time.RFC3339Nano)
	// It need not wait to the end of ours. Who holds the lease by other times, such as another
	// version, may lead to the end of it.
	if record.LeaseDurationSeconds == int(Duration/time.Second) {
		record.LeaseDurationSeconds = int(waited / time.Second)
	}
	return record, raw, nil
}

// Create implements resourcelock.Interface.
func (l *Lease) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, record, l.Interface.Create)
}

// Update implements resourcelock.Interface.
func (l *Lease) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, record, l.Interface.Update)
}

func (l *Lease) write(ctx context.Context, record resourcelock.LeaderElectionRecord, do func(context.Context, resourcelock.LeaderElectionRecord) error) error {
	begun := l.now()
	if err := l.prepare(record.HolderIdentity == l.Identity()); err != nil {
		return err
	}
	err := do(ctx, record)
	if err == nil {
		l.note(record, begun)
	}
	return err
}

// prepare allows for a write that takes the lease, or keeps it, or gives it back.
func (l *Lease) prepare(mine bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case mine && l.overtaken:
		// What it knows may be from before the one that came between, and its process ends.
		return ErrNotLeading
	case !mine && l.holder != l.Identity():
		// The election gives back what it has last renewed: since it was frozen, that may
		// be somebody else's, who would lead on while others take it.
		return ErrNotLeading
	case !mine:
		// Whoever waits for the lease may have it before we hear that it is given back.
		l.renewed = time.Time{}
	}
	return nil
}

// note remembers what the lease says; renewed is zero unless we wrote it.
func (l *Lease) note(record resourcelock.LeaderElectionRecord, renewed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder != record.HolderIdentity {
		close(l.changed)
		l.changed = make(chan struct{})
	}
	l.holder, l.heard = record.HolderIdentity, l.now()
	switch {
	case l.holder != l.Identity():
		l.renewed = time.Time{}
		if l.led && !l.overtaken {
			l.overtaken = true
			close(l.lost)
		}
	case !renewed.IsZero():
		l.renewed, l.led = renewed, true
	}
}

// Leads says whether this replica leads and nobody else can.
func (l *Lease) Leads() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leads()
}

// Overtaken is closed when this replica has led and somebody else does, or has done since.
// The election itself would go on trying for RenewDeadline.
func (l *Lease) Overtaken() <-chan struct{} { return l.lost }

// Lost says that this replica has led and does no longer. Its process ends.
func (l *Lease) Lost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.led && !l.leads()
}

func (l *Lease) leads() bool {
	return !l.renewed.IsZero() && l.now().Sub(l.renewed) < term
}

// Leader is the address of another replica that holds the lease; until is closed
// when it does no longer.
func (l *Lease) Leader() (address string, until <-chan struct{}, ok bool) {
	holder, until := l.other()
	address = addressOf(holder)
	return address, until, address != ""
}

// other is the identity of another replica that holds the lease; empty for nobody.
func (l *Lease) other() (holder string, until <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder == l.Identity() {
		return "", nil
	}
	return l.holder, l.changed
}

// Silent is for how long the API server has not said who leads; for ever, if it never has.
func (l *Lease) Silent() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now().Sub(l.heard)
}
