package leader

import (
	"bytes"
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
	body, _ := r.Context().Value(bodyKey{}).([]byte)
	end := time.NewTimer(t.front.patience)
	defer end.Stop()
	pause := time.NewTicker(look)
	defer pause.Stop()
	for {
		if t.front.Leads() {
			return nil, errLeads
		}
		if holder, until := t.front.lease.other(); addressOf(holder) != "" {
			response, err := t.send(r, holder, until, body)
			if response != nil || err != nil {
				return response, err
			}
		}
		select {
		case <-pause.C:
		case <-end.C:
			return nil, errNobody
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// errOvertaken says that somebody else leads before the leader has answered. Nobody
// knows what became of the request.
var errOvertaken = errors.New("the leader was replaced before it answered")

// send returns neither a response nor an error when the other has not worked on the
// request.
func (t *forwarder) send(r *http.Request, holder string, until <-chan struct{}, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	answered := make(chan struct{})
	defer close(answered)
	go func() {
		select {
		case <-until: // it may be frozen, and hold the connection for ever
			cancel(errOvertaken)
		case <-answered:
		}
	}()
	// Without a connection nothing was sent.
	var connected atomic.Bool
	out := r.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	out.URL.Host = addressOf(holder)
	handOver(out, holder)
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	out.Body, _ = out.GetBody()
	out.ContentLength = int64(len(body))
	if len(body) == 0 {
		out.Body, out.GetBody = http.NoBody, nil
	}
	response, err := t.peers.RoundTrip(out)
	if err != nil {
		defer cancel(err)
		if !connected.Load() {
			return nil, nil //nolint:nilnil // see above
		}
		return nil, errors.Join(err, context.Cause(ctx))
	}
	if response.StatusCode == http.StatusMisdirectedRequest {
		_ = response.Body.Close()
		cancel(nil)
		return nil, nil //nolint:nilnil // see above
	}
	response.Body = &streamed{response.Body, cancel}
	return response, nil
}

// streamed ends its request's context when it has been read.
type streamed struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (s *streamed) Close() error {
	defer s.cancel(nil)
	return s.ReadCloser.Close()
}
