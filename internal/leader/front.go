package leader

import (
	"context"
	"errors"
	"log/slog"
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
	// maxForwarded bounds the requests that are handed over, or wait for it, at once.
	maxForwarded = 256
)

// Front takes SCIM requests on every replica.
type Front struct {
	lease *Lease
	local http.Handler
	proxy *httputil.ReverseProxy
	log   *slog.Logger
	// ready says that this replica can answer as soon as it leads.
	ready atomic.Bool
	held  chan struct{}
	work  work
	// patience is how long a request waits for somebody to lead.
	patience time.Duration
}

// NewFront returns the front of a replica: local answers where this one leads.
// Others are reached through peers. Without a lease this one always leads. log takes
// a line for each request that could not be handed over; nil for none.
func NewFront(lease *Lease, local http.Handler, peers Peers, log *slog.Logger) *Front {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &Front{lease: lease, local: local, log: log, held: make(chan struct{}, maxForwarded), patience: patience}
	f.proxy = &httputil.ReverseProxy{
		Transport:    &forwarder{front: f, peers: peers.through},
		ErrorHandler: f.failed,
		ErrorLog:     slog.NewLogLogger(log.Handler(), slog.LevelInfo),
		ModifyResponse: func(*http.Response) error {
			handovers.WithLabelValues(resultAnswered).Inc()
			return nil
		},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.Host = peers.scheme(), r.In.Host
			// What the proxy in front of us said stays as it is, for whoever trusts it.
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values := r.In.Header.Values(name); len(values) > 0 {
					r.Out.Header[name] = values
				}
			}
			// They would let the transport send a request twice of its own accord.
			r.Out.Header.Del("Idempotency-Key")
			r.Out.Header.Del("X-Idempotency-Key")
			clearHandOver(r.Out.Header)
		},
	}
	return f
}

// SetReady says whether this replica can answer as soon as it leads.
func (f *Front) SetReady(ready bool) { f.ready.Store(ready) }

// Leads says whether this replica answers requests itself.
func (f *Front) Leads() bool { return f.ready.Load() && f.holds() }

func (f *Front) holds() bool { return f.lease == nil || f.lease.Leads() }

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fromReplica := r.Header.Get(handedOver) != ""
	h := f.takeOver(r)
	ctx := context.WithValue(server.WithRequestID(r.Context(), h.id), handedKey{}, h)
	r = r.WithContext(ctx)
	r.RemoteAddr = h.from
	r, end := f.work.begin(r)
	defer end()
	switch {
	case f.Leads():
		f.answer(w, r)
		return
	case fromReplica:
		server.Refuse(w, r, &scim.Error{Status: http.StatusMisdirectedRequest, Detail: "this replica does not lead"})
		return
	case f.lease != nil && f.lease.Lost():
		// What comes out of its sockets when it thaws may have been given up and done
		// again since: it would undo what came after.
		f.refuse(w, r, ErrNotLeading)
		return
	}
	waiting, err := receive(r)
	if err != nil {
		server.Refuse(w, r, scim.BadRequest(scim.InvalidSyntax, "the body did not arrive in full"))
		return
	}
	select {
	case f.held <- struct{}{}:
		defer func() { <-f.held }()
	default:
		handovers.WithLabelValues(resultRefused).Inc()
		// Not in the log, which whoever sends so many could flood.
		server.Refuse(w, r, scim.Unavailable(retryAfter, errors.New("too many requests wait for the leader")))
		return
	}
	f.proxy.ServeHTTP(w, waiting.WithContext(context.WithValue(ctx, waitingKey{}, waiting)))
}

// answer works on a request here.
func (f *Front) answer(w http.ResponseWriter, r *http.Request) {
	f.local.ServeHTTP(&reply{ResponseWriter: w, front: f, request: r}, r)
}

// failed answers a request that could not be handed over.
func (f *Front) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errLeads) {
		handovers.WithLabelValues(resultKept).Inc()
		f.answer(w, received(r).Request)
		return
	}
	handovers.WithLabelValues(resultFailed).Inc()
	f.refuse(w, received(r).Request, err)
}

func (f *Front) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h, _ := r.Context().Value(handedKey{}).(handed)
	// The path may name somebody.
	f.log.ErrorContext(r.Context(), "a SCIM request could not be answered", "request", h.id, "method", r.Method, "error", err.Error())
	server.Refuse(w, r, scim.Unavailable(retryAfter, err))
}

var (
	// errLeads says that this replica leads by now.
	errLeads = errors.New("this replica leads")
	// errNobody says that nobody led for as long as a request waits.
	errNobody = errors.New("no replica leads")
)

// reply is what the client is told of a request that was worked on here. One that was
// frozen in the middle of it must not tell what it knew before.
type reply struct {
	http.ResponseWriter
	front   *Front
	request *http.Request
	// begun says that the header was written, and late that it was another one.
	begun, late bool
}

// WriteHeader implements http.ResponseWriter.
func (a *reply) WriteHeader(status int) {
	a.begun = true
	if a.late = !a.front.holds(); a.late {
		clear(a.Header())
		a.front.refuse(a.ResponseWriter, a.request, ErrNotLeading)
		return
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (a *reply) Write(p []byte) (int, error) {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	if a.late {
		return len(p), nil
	}
	return a.ResponseWriter.Write(p)
}
