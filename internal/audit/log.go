package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/rollcall-dev/rollcall/scim/server"
)

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
	to     io.Writer
	values bool
	log    *slog.Logger
	// events is the gate to the log, and losses that to the manager's own, which is
	// told of losses: in a container, what reads one reads the other.
	events, losses *gate
	// broken says that the last write ended amid a line; for who is behind the gate.
	broken  bool
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
		to: w, values: o.Values, log: o.Logger, events: newGate(), losses: newGate(),
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
	switch {
	case err != nil:
		l.lose(ctx, w, err)
	case !l.events.do(func() {
		if err := l.put(line); err != nil {
			l.lose(ctx, w, err)
			return
		}
		l.written.Inc()
	}):
		l.lose(ctx, w, errStalled)
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

// lose counts an event that is lost, and names it if the manager's log takes it.
func (l *Log) lose(ctx context.Context, w server.Write, err error) {
	l.lost.Inc()
	// The request may be over by now, and its context with it.
	ctx = context.WithoutCancel(ctx)
	l.losses.do(func() {
		l.log.ErrorContext(ctx, "an event of the provisioning log is lost", "error", err.Error(),
			"request", w.RequestID, "provider", w.Provider, "token", w.TokenID, "method", w.Method, "resource", w.Resource,
			"status", w.Status)
	})
}
