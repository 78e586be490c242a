package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// patience is how long an answer waits for its event to be written.
const patience = 2 * time.Second

// Options of New. The zero value is usable.
type Options struct {
	// Values puts personal data into events.
	Values bool
	// Registerer takes the metrics; nil for none.
	Registerer prometheus.Registerer
	// Logger is told of every event that is lost, and of what it would have said; nil
	// for none.
	Logger *slog.Logger
}

// Log is the provisioning log.
type Log struct {
	to       io.Writer
	values   bool
	log      *slog.Logger
	patience time.Duration
	// turn is held by who writes.
	turn chan struct{}
	// broken says that the last write ended amid a line; for who has the turn.
	broken bool
	// late is the end of a write that took longer than anybody waits; nil for none.
	late atomic.Pointer[chan struct{}]
	written prometheus.Counter
	lost    prometheus.Counter
}

var _ server.Auditor = (*Log)(nil)

// Open opens what the log is written to: the standard output for "-", or else a file,
// which is made if need be, for nobody else to read, and appended to.
func Open(path string) (io.Writer, error) {
	if path == "-" {
		// Otherwise the process would end together with whoever reads its output.
		signal.Ignore(syscall.SIGPIPE)
		return os.Stdout, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the provisioning log: %w", err)
	}
	return file, nil
}

// New returns a log that is written to w, a line at a time.
func New(w io.Writer, o Options) *Log {
	f := promauto.With(o.Registerer)
	l := &Log{
		to: w, values: o.Values, log: o.Logger, patience: patience, turn: make(chan struct{}, 1),
		written: f.NewCounter(prometheus.CounterOpts{
			Name: "rollcall_provisioning_events_total",
			Help: "Events written to the provisioning log.",
		}),
		lost: f.NewCounter(prometheus.CounterOpts{
			Name: "rollcall_provisioning_events_lost_total",
			Help: "Events that could not be written to the provisioning log. The manager's log names each.",
		}),
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	return l
}

// errStalled is why an event is lost that was never written.
var errStalled = errors.New("nobody takes what is written")

// Audit implements server.Auditor. It returns when the event is written, which means
// that it has left this process, or after a while without it: provisioning doesn't end
// for want of a log. That is counted, and told the manager's own log.
func (l *Log) Audit(ctx context.Context, w server.Write) {
	line, err := encode(eventOf(ctx, w, l.values))
	if err == nil {
		err = l.write(line, func(err error) { l.settled(ctx, w, err) })
	}
	if err != nil {
		l.settled(ctx, w, err)
	}
}

// write has a line written when its turn comes, and settled called after that. An error
// says that it won't be. It returns early when that takes too long.
func (l *Log) write(line []byte, settled func(error)) error {
	if l.stalled() {
		select {
		case l.turn <- struct{}{}:
		default:
			return errStalled
		}
	} else {
		late := time.NewTimer(l.patience)
		defer late.Stop()
		select {
		case l.turn <- struct{}{}:
		case <-late.C:
			return errStalled
		}
	}
	done := make(chan struct{})
	// Nothing can be done about a write that hangs but to leave it alone.
	go func() {
		defer close(done)
		err := l.put(line)
		<-l.turn
		settled(err)
	}()
	late := time.NewTimer(l.patience)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		l.late.Store(&done)
	}
	return nil
}

// stalled says that a write takes longer than anybody waits.
func (l *Log) stalled() bool {
	done := l.late.Load()
	if done == nil {
		return false
	}
	select {
	case <-*done:
		return false
	default:
		return true
	}
}

// put writes a line. Of one that was written in part the rest is given up, and the next
// begins on a line of its own.
func (l *Log) put(line []byte) error {
	if l.broken {
		line = append([]byte{'\n'}, line...)
	}
	n, err := l.to.Write(line)
	if err != nil {
		l.broken = l.broken && n == 0 || n > 0
		return err
	}
	l.broken = false
	return nil
}

// settled counts an event.
func (l *Log) settled(ctx context.Context, w server.Write, err error) {
	if err == nil {
		l.written.Inc()
		return
	}
	l.lost.Inc()
	// The request may be over by now, and its context with it.
	l.log.ErrorContext(context.WithoutCancel(ctx), "an event of the provisioning log is lost", "error", err.Error(),
		"request", w.RequestID, "provider", w.Provider, "token", w.TokenID, "method", w.Method, "resource", w.Resource,
		"status", w.Status)
}
