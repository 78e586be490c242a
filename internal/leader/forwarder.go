package leader

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// forwarder sends requests to whoever leads.
type forwarder struct {
	front *Front
	peers http.RoundTripper
}

// RoundTrip implements http.RoundTripper. It tries again as long as it is certain
// that nobody has worked on the request.
func (t *forwarder) RoundTrip(r *http.Request) (*http.Response, error) {
	waiting := received(r)
	body := &unread{Reader: waiting.Body}
	patience := t.front.patience
	if !waiting.whole {
		patience = 0
	}
	end := time.NewTimer(patience)
	defer end.Stop()
	pause := time.NewTicker(look)
	defer pause.Stop()
	var missed error
	for r.Context().Err() == nil {
		if t.front.Leads() {
			return nil, errLeads
		}
		if holder, until := t.front.lease.other(); addressOf(holder) != "" {
			response, untouched, err := t.send(r, holder, until, body) //nolint:contextcheck // it has that of the request as it came
			if !untouched {
				return response, err
			}
			missed = err
		}
		select {
		case <-pause.C:
		case <-end.C:
			return nil, errors.Join(errNobody, missed)
		case <-r.Context().Done():
		}
	}
	return nil, r.Context().Err()
}

var (
	// errOvertaken says that somebody else leads before the leader has answered.
	// Nobody knows what became of the request.
	errOvertaken = errors.New("the leader was replaced before it answered")
	// errElsewhere says that the other one doesn't lead.
	errElsewhere = errors.New("the replica that the lease names does not lead")
)

// send says untouched when certainly nobody has worked on the request, and the error
// why.
func (t *forwarder) send(r *http.Request, holder string, until <-chan struct{}, body *unread) (response *http.Response, untouched bool, err error) {
	ctx, cancel := context.WithCancelCause(received(r).Context())
	go func() {
		select {
		case <-until: // it may be frozen, and hold the connection for ever
			cancel(errOvertaken)
		case <-ctx.Done():
		}
	}()
	// Without a connection nothing was sent.
	var connected atomic.Bool
	out := r.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	out.URL.Host = addressOf(holder)
	handOver(out, holder)
	body.attach(out)
	response, err = t.peers.RoundTrip(out)
	switch {
	case err != nil:
		defer cancel(err)
		return nil, !connected.Load() || body.harmless(out), errors.Join(err, context.Cause(ctx))
	case response.StatusCode == http.StatusMisdirectedRequest:
		_ = response.Body.Close()
		cancel(nil)
		return nil, !body.begun.Load(), errElsewhere
	}
	response.Body = &streamed{response.Body, cancel}
	return response, false, nil
}

// unread is a request's body, which may be offered to one replica after the other as
// long as none has taken any of it. The leader takes it once it has let the request
// in.
type unread struct {
	io.Reader
	begun atomic.Bool
}

var errTaken = errors.New("the body has been sent")

// attach makes it the body of a request.
func (b *unread) attach(r *http.Request) {
	r.Header.Del("Expect")
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default: // a body means nothing
		r.ContentLength = 0
	}
	if r.ContentLength == 0 {
		r.Body, r.GetBody = http.NoBody, nil
		return
	}
	r.Header.Set("Expect", "100-continue")
	r.Body = b
	r.GetBody = func() (io.ReadCloser, error) {
		if b.begun.Load() {
			return nil, errTaken
		}
		return b, nil
	}
}

// harmless says that nobody can have worked on a request that was sent, and got no
// answer: it asks for nothing but an answer, or the body that it takes is still here.
func (b *unread) harmless(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	}
	return r.Body == b && !b.begun.Load()
}

// Read implements io.Reader.
func (b *unread) Read(p []byte) (int, error) {
	b.begun.Store(true)
	return b.Reader.Read(p)
}

// Close implements io.Closer. Whoever has received the body closes it.
func (b *unread) Close() error { return nil }

// streamed ends its request's context when it has been read.
type streamed struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close implements io.Closer.
func (s *streamed) Close() error {
	defer s.cancel(nil)
	return s.ReadCloser.Close()
}
