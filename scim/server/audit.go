package server

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
)

// Auditor is told of writes, those that were refused included. The client's answer
// waits for it, so that nothing is answered that nobody could find out; an Auditor sees
// to it that this is no long time. It must be safe for concurrent use.
//
// It isn't told of requests that nobody has vouched for, which anybody can send in any
// number: to a provider that doesn't exist, beyond the cap on requests in flight, and
// without a valid token once the rate of these is exceeded. Metrics count them.
type Auditor interface {
	Audit(ctx context.Context, w Write)
}

// Write is a request to change something, or one operation of a bulk request: of a
// bulk request itself only when it was refused as a whole, since it does nothing else.
// Method, Provider and TokenID, RequestID and Client are known to be good; whatever
// else stands here of the request is what the client wrote.
type Write struct {
	// Time is when it began, and Took how long it was until the answer was ready.
	Time time.Time
	Took time.Duration
	// RequestID is in the answer's header too.
	RequestID string
	// Provider exists. TokenID is that of the token; empty when none was valid.
	Provider, TokenID string
	// Client is where the request came from; the zero value if nobody knows.
	Client netip.Addr
	// Method is POST, PUT, PATCH or DELETE. An operation of a bulk request is a PUT
	// too when it completes what it has created.
	Method string
	// Resource is a resource type, User or Group; else the endpoint, or nothing.
	Resource string
	// ID is that of the resource in the request's path, or of the one that was made.
	ID string
	// Bulk is nil for a request of its own.
	Bulk *BulkOperation
	// Status of the answer. Type and Detail are those of an error.
	Status int
	Type   scim.Type
	Detail string
	// Trail is what was stored.
	Trail *scim.Trail
}

// BulkOperation is which operation of a bulk request a Write is.
type BulkOperation struct {
	// Index counts from 0.
	Index int
	// BulkID is the client's name for it.
	BulkID string
}

// RequestIDHeader is in every answer.
const RequestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// WithRequestID returns the context of a request that has an id already. Others are
// given one; that of a client isn't asked for, who could give away somebody else's.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// NewRequestID returns an id that nobody has: letters and digits.
func NewRequestID() string { return rand.Text() }

func requestID(ctx context.Context) string {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok && id != "" {
		return id
	}
	return NewRequestID()
}

// writes says whether the request wants to change something.
func (x *exchange) writes() bool {
	switch x.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return !x.target.search
	}
	return false
}

// audited returns the context in which to do a write, and whom to tell of its answer.
func (h *handler) audited(ctx context.Context, x *exchange, start time.Time) (context.Context, func(response)) {
	if h.options.Auditor == nil || !x.writes() {
		return ctx, func(response) {}
	}
	ctx, trail := scim.WithTrail(ctx)
	return ctx, func(res response) {
		vouched := x.provider != "" && (x.tokenID != "" || res.status == http.StatusUnauthorized)
		if !vouched || x.bulk == nil && x.target.resource() == bulkName && res.status < http.StatusBadRequest {
			return
		}
		w := Write{
			Time: start, Took: h.now().Sub(start), RequestID: x.id, Provider: x.provider, TokenID: x.tokenID,
			Client: x.client, Method: x.Method, Resource: x.target.resource(), ID: x.logID,
			Bulk: x.bulk, Status: res.status, Type: res.scimType, Detail: res.detail, Trail: trail,
		}
		if x.target.endpoint != nil && x.target.endpoint.rt != nil {
			w.Resource = x.target.endpoint.rt.Name
		}
		h.options.Auditor.Audit(ctx, w)
	}
}
