package leader

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

const (
	// patience is how long a request waits for somebody to lead: a hand-over takes
	// less, and clients need not know of it.
	patience = 5 * time.Second
	// look is how often a request that waits looks who leads.
	look = 50 * time.Millisecond
	// retryAfter is what a client is told that has waited in vain.
	retryAfter = 5 * time.Second
	// maxForwarded bounds the requests whose bodies are held in memory here.
	maxForwarded = 256
	// handedOver marks a request from another replica, which is handed to nobody
	// else: two that take each other for the leader would never end.
	handedOver = "Rollcall-Handed-Over"
)

// Front takes SCIM requests on every replica.
type Front struct {
	lease *Lease
	local http.Handler
	proxy *httputil.ReverseProxy
	// ready says that this replica can answer as soon as it leads.
	ready atomic.Bool
	held  chan struct{}
	// patience is how long a request waits for somebody to lead.
	patience time.Duration
}

// NewFront returns the front of a replica: local answers where this one leads.
// Others are reached through peers, by scheme. Without a lease this one always
// leads.
func NewFront(lease *Lease, local http.Handler, scheme string, peers http.RoundTripper) *Front {
	f := &Front{lease: lease, local: local, held: make(chan struct{}, maxForwarded), patience: patience}
	f.proxy = &httputil.ReverseProxy{
		Transport:    &forwarder{front: f, peers: peers},
		ErrorHandler: f.failed,
		ModifyResponse: func(*http.Response) error {
			handovers.WithLabelValues(resultAnswered).Inc()
			return nil
		},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.Host = scheme, r.In.Host
			// What the proxy in front of us said stays as it is, for whoever trusts it.
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values := r.In.Header.Values(name); len(values) > 0 {
					r.Out.Header[name] = values
				}
			}
			r.Out.Header.Set(handedOver, "1")
		},
	}
	return f
}

// SetReady says whether this replica can answer as soon as it leads.
func (f *Front) SetReady(ready bool) { f.ready.Store(ready) }

// Leads says whether this replica answers requests itself.
func (f *Front) Leads() bool { return f.ready.Load() && (f.lease == nil || f.lease.Leads()) }

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Leads():
		f.local.ServeHTTP(w, r)
		return
	case r.Header.Get(handedOver) != "":
		server.Refuse(w, &scim.Error{Status: http.StatusMisdirectedRequest, Detail: "this replica does not lead"})
		return
	}
	select {
	case f.held <- struct{}{}:
		defer func() { <-f.held }()
	default:
		handovers.WithLabelValues(resultRefused).Inc()
		server.Refuse(w, scim.Unavailable(retryAfter, errors.New("too many requests wait for a leader")))
		return
	}
	// The body is kept, so that it can be sent again to another replica when the
	// first one turns out not to lead.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, server.MaxBody))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			server.Refuse(w, &scim.Error{Status: http.StatusRequestEntityTooLarge, Detail: "the body is too large"})
			return
		}
		server.Refuse(w, scim.Unavailable(retryAfter, err))
		return
	}
	f.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), bodyKey{}, body)))
}

type bodyKey struct{}

// failed answers a request that could not be handed over.
func (f *Front) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errLeads) {
		handovers.WithLabelValues(resultKept).Inc()
		body, _ := r.Context().Value(bodyKey{}).([]byte)
		r.Header.Del(handedOver)
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.local.ServeHTTP(w, r)
		return
	}
	handovers.WithLabelValues(resultFailed).Inc()
	server.Refuse(w, scim.Unavailable(retryAfter, err))
}

var (
	// errLeads says that this replica leads by now.
	errLeads = errors.New("this replica leads")
	// errNobody says that nobody led for as long as a request waits.
	errNobody = errors.New("no replica leads")
)
