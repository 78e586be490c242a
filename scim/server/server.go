package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-dev/rollcall/scim"
)

// Options of New. The zero value is usable.
type Options struct {
	// ExternalURL is where clients reach the server, such as
	// "https://scim.example.com"; locations and $ref start with it. Empty means
	// what the request says.
	ExternalURL string
	// TrustForwarded believes X-Forwarded-Proto and the last X-Forwarded-For.
	// Only for servers that nobody reaches but through a proxy that sets both.
	TrustForwarded bool
	// Limits overrides the limits of this package.
	Limits Limits
	// Registerer takes the metrics; nil for none.
	Registerer prometheus.Registerer
	// Logger takes a line per failure of the server, per refused read, up to a rate, and,
	// without an Auditor, per write; nil for none.
	Logger *slog.Logger
	// Auditor is told of every write before its client is; nil for nobody.
	Auditor Auditor
	// OnContact is called for every authenticated request. It must be fast and
	// safe for concurrent use.
	OnContact func(provider, tokenID string, at time.Time)
	// OnPanic is called when an operation has panicked.
	OnPanic func(requestID string, recovered any)
	// CursorKey signs the cursors of paged searches: 32 random bytes, the same for
	// all servers behind one URL. nil for a key of this server alone, whose cursors
	// end with it.
	CursorKey []byte
	// Now is the clock; nil for time.Now.
	Now func() time.Time
}

type handler struct {
	backend  Backend
	options  Options
	limits   Limits
	log      *slog.Logger
	metrics  *metrics
	now      func() time.Time
	inFlight chan struct{}
	// bulks has an element for each bulk request that is worked on.
	bulks chan struct{}
	// memberLists has an element for each list of groups with members that is
	// being made or sent.
	memberLists chan struct{}
	// requests are those in flight, and memory is what their bodies and answers take, of
	// each provider.
	requests, memory *shares
	cursors          cursorKey
	providers        *buckets
	failures         *buckets
	// refusals limits the log's lines about refused reads.
	refusals *buckets
}

// New returns the SCIM server.
func New(b Backend, o Options) http.Handler {
	h := &handler{
		backend: b,
		options: o,
		limits:  o.Limits.withDefaults(),
		log:     o.Logger,
		metrics: newMetrics(o.Registerer),
		now:     o.Now,
		cursors: newCursorKey(o.CursorKey),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.now == nil {
		h.now = time.Now
	}
	h.inFlight = make(chan struct{}, h.limits.MaxInFlight)
	h.bulks = make(chan struct{}, h.limits.MaxBulks)
	h.memberLists = make(chan struct{}, h.limits.MaxMemberLists)
	h.requests = newShares(int64(h.limits.MaxInFlight))
	h.memory = newShares(h.limits.MaxMemory)
	h.providers = newBuckets(h.limits.ProviderRate, h.limits.ProviderBurst)
	h.failures = newBuckets(h.limits.FailureRate, h.limits.FailureBurst)
	h.refusals = newBuckets(refusalRate, refusalBurst)
	return h
}

// exchange is one request on its way through the server.
type exchange struct {
	*http.Request
	w http.ResponseWriter
	// id is the request id.
	id string
	// client is where it comes from.
	client netip.Addr
	target target
	params params
	// provider is empty until it is known to exist.
	provider  string
	tokenID   string
	directory scim.Directory
	// base is the URL of the provider's endpoint, without a slash at the end.
	base string
	// logID is the id of the resource, for the log.
	logID string
	// decoded, if not nil, is the body, which has come within that of a bulk.
	decoded map[string]any
	// bulk, if not nil, is which operation of a bulk request this is.
	bulk *BulkOperation
	// entered says that it counts for its provider's share of the requests, and memory
	// is how much of the memory it has.
	entered bool
	memory  int64
	// sent, if not nil, is called when the answer has been sent.
	sent func()
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.now()
	x := &exchange{Request: r, w: w, id: requestID(r.Context()), client: h.clientAddress(r), target: parseTarget(r.URL)}
	x.logID = x.target.id
	h.metrics.inFlight.Inc()
	defer h.metrics.inFlight.Dec()

	ctx, cancel := context.WithTimeout(r.Context(), h.limits.RequestTimeout)
	defer cancel()
	defer func() {
		if x.sent != nil {
			x.sent()
		}
	}()
	defer h.release(x)
	ctx = scim.WithMemory(ctx, func(s scim.Stored) error { return h.mayShow(x, s) })
	ctx, audited := h.audited(ctx, x, start)
	res, err := h.guard(ctx, x)
	if err != nil {
		res = h.failure(ctx, x, err)
	}
	audited(res)
	res.write(w, x.id)
	h.record(ctx, x, res, h.now().Sub(start))
}

// guard answers the request, if there is room.
func (h *handler) guard(ctx context.Context, x *exchange) (response, error) {
	select {
	case h.inFlight <- struct{}{}:
	default:
		h.metrics.throttled.WithLabelValues(limitInFlight).Inc()
		return response{}, &scim.Error{
			Status: http.StatusServiceUnavailable, RetryAfter: retryBusy,
			Detail: "too many requests at once: try again later",
		}
	}
	defer func() { <-h.inFlight }()
	defer h.leave(x)
	return h.protect(x, func() (response, error) {
		if err := h.admit(ctx, x); err != nil {
			return response{}, err
		}
		op, err := x.target.operation(x.Method)
		if err != nil {
			return response{}, err
		}
		if x.params, err = parseParams(x.URL.RawQuery); err != nil {
			return response{}, err
		}
		return op(ctx, h, x)
	})
}

// protect calls do, and turns a panic into an error.
func (h *handler) protect(x *exchange, do func() (response, error)) (res response, err error) {
	defer func() {
		recovered := recover()
		if recovered == nil {
			return
		}
		if cause, ok := recovered.(error); ok && errors.Is(cause, http.ErrAbortHandler) {
			panic(recovered)
		}
		h.metrics.panics.Inc()
		if h.options.OnPanic != nil {
			h.options.OnPanic(x.id, recovered)
		}
		res, err = response{}, fmt.Errorf("panic: %v\n%s", recovered, debug.Stack())
	}()
	return do()
}

// admit lets a request in whose provider exists, whose token is good, and which
// is within its provider's rate.
func (h *handler) admit(ctx context.Context, x *exchange) error {
	if x.target.provider == "" {
		return &scim.Error{
			Status: http.StatusNotFound,
			Detail: "there is nothing here: a Tenant URL looks like https://HOST/PROVIDER/scim/v2",
		}
	}
	directory, unavailable := h.backend.Directory(ctx, x.target.provider)
	if errors.Is(unavailable, ErrNoProvider) {
		return &scim.Error{
			Status: http.StatusNotFound,
			Detail: "there is no such identity provider: check the Tenant URL",
		}
	}
	if unavailable != nil && !errors.Is(unavailable, ErrPaused) {
		return fmt.Errorf("find the provider's directory: %w", unavailable)
	}
	x.provider = x.target.provider
	x.base = h.baseURL(x.Request) + "/" + x.provider + "/scim/v2"

	token, _ := bearer(x.Header.Get("Authorization"))
	tokenID, err := h.backend.Authenticate(ctx, x.provider, token)
	if errors.Is(err, ErrUnauthenticated) {
		return h.refuse(ctx, x, whyRefused(token, err))
	}
	if err != nil {
		return fmt.Errorf("authenticate: %w", err)
	}
	x.tokenID = tokenID
	if h.options.OnContact != nil {
		h.options.OnContact(x.provider, tokenID, h.now())
	}
	if unavailable != nil {
		return &scim.Error{
			Status: http.StatusServiceUnavailable, RetryAfter: retryPaused,
			Detail: "provisioning is paused by an administrator: try again later",
		}
	}
	if err := h.throttle(x.provider); err != nil {
		return err
	}
	if err := h.enter(x); err != nil {
		return err
	}
	x.directory = directory
	return nil
}

// throttle counts for the provider's rate.
func (h *handler) throttle(provider string) error {
	if wait := h.providers.take(provider, h.now()); wait > 0 {
		h.metrics.throttled.WithLabelValues(limitRate).Inc()
		return tooMany(wait, "too many requests: try again later")
	}
	return nil
}

// refuse counts a failed authentication by its reason and returns its error. Clients with a
// good token never come here, even from the same address.
func (h *handler) refuse(ctx context.Context, x *exchange, reason string) error {
	h.metrics.authFailures.WithLabelValues(x.provider, reason).Inc()
	address := clientNetwork(x.client)
	if wait := h.failures.take(x.provider+" "+address, h.now()); wait > 0 {
		h.metrics.throttled.WithLabelValues(limitAuthentication).Inc()
		return tooMany(wait, "too many failed authentications: try again later")
	}
	h.log.InfoContext(ctx, "refused a SCIM request without a valid token",
		"request", x.id, "provider", x.provider, "address", address, "reason", reason)
	return &scim.Error{
		Status: http.StatusUnauthorized,
		Detail: "the bearer token is missing, unknown, expired or revoked: the Secret Token must be one that was made here for this " +
			"identity provider; tokens that the client issues itself are not accepted",
	}
}

// whyRefused is why a token is none, in a word for metrics and logs.
func whyRefused(token string, err error) string {
	switch {
	case token == "":
		return "missing"
	case errors.Is(err, ErrExpired):
		return "expired"
	default:
		return "unknown"
	}
}

func tooMany(wait time.Duration, detail string) *scim.Error {
	return &scim.Error{Status: http.StatusTooManyRequests, RetryAfter: wait, Detail: detail}
}

// bearer returns the token of an Authorization header.
func bearer(header string) (token string, ok bool) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}
