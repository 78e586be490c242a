package leader

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// settled is how long nothing must be worked on before a server may close the
// connections that are left.
const settled = 100 * time.Millisecond

// work counts the requests that have come in full and are not answered yet. A client
// that is slow to send one has nothing to lose: nobody works on it.
type work struct{ requests atomic.Int64 }

// begin counts a request, from the end of its body on, until end is called. It returns
// one to work with: the server wants its own as it is.
func (w *work) begin(in *http.Request) (r *http.Request, end func()) {
	b := &arriving{ReadCloser: in.Body, work: w}
	if in.Body == nil || in.ContentLength == 0 {
		b.arrived()
		return in, b.end
	}
	r = in.WithContext(in.Context())
	r.Body = b
	return r, b.end
}

// arriving is a body that tells when it has come in full.
type arriving struct {
	io.ReadCloser
	work  *work
	state atomic.Int32
}

// The states of a request.
const (
	coming int32 = iota
	counted
	ended
)

func (b *arriving) arrived() {
	if b.state.CompareAndSwap(coming, counted) {
		b.work.requests.Add(1)
	}
}

func (b *arriving) end() {
	if b.state.Swap(ended) == counted {
		b.work.requests.Add(-1)
	}
}

// Read implements io.Reader.
func (b *arriving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.arrived()
	}
	return n, err
}

// Settle returns when no request has been worked on for a moment, or when ctx ends.
func (f *Front) Settle(ctx context.Context) {
	tick := time.NewTicker(settled / 4)
	defer tick.Stop()
	for quiet := time.Now(); time.Since(quiet) < settled; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if f.work.requests.Load() > 0 {
			quiet = time.Now()
		}
	}
}
