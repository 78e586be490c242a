package leader

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// The headers of a request from another replica.
const (
	// handedOver has the identity of whom the request is for, which nobody knows but
	// who reads the lease. One that has it is handed to nobody else: two replicas that
	// take each other for the leader would never end.
	handedOver = "Rollcall-Handed-Over"
	// handedID and handedFrom are the request's id, and the address of its client.
	handedID   = "Rollcall-Request-Id"
	handedFrom = "Rollcall-Client"
)

// traces are the headers that say to which trace a request belongs (W3C Trace
// Context). A client's own go no further than the replica that has heard them.
var traces = []string{"Traceparent", "Tracestate", "Baggage"}

type handedKey struct{}

// handed is what the leader is told of a request beside the request itself.
type handed struct{ id, from string }

// Vouched says whether a request comes from another replica, and not from somebody who
// only says so.
func (f *Front) Vouched(r *http.Request) bool {
	got := r.Header.Get(handedOver)
	if got == "" || f.lease == nil {
		return false
	}
	// Digests are of one length, and tell no more by the time that comparing takes.
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(f.lease.Identity()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// takeOver returns the context of a request that has the id and the client that
// another replica says, or an id of its own; and takes the marks of a hand-over away.
func (f *Front) takeOver(r *http.Request) (ctx context.Context, from string) {
	h := handed{id: server.NewRequestID(), from: r.RemoteAddr}
	if f.Vouched(r) {
		if id := r.Header.Get(handedID); isRequestID(id) {
			h.id = id
		}
		h.from = r.Header.Get(handedFrom)
	}
	clearHandOver(r.Header)
	return context.WithValue(server.WithRequestID(r.Context(), h.id), handedKey{}, h), h.from
}

// handOver marks a request for the replica of an identity.
func handOver(r *http.Request, holder string) {
	h, _ := r.Context().Value(handedKey{}).(handed)
	r.Header.Set(handedOver, holder)
	r.Header.Set(handedID, h.id)
	r.Header.Set(handedFrom, h.from)
}

// clearHandOver takes away what a replica would believe, or take for its own.
func clearHandOver(header http.Header) {
	for _, name := range slices.Concat([]string{handedOver, handedID, handedFrom}, traces) {
		header.Del(name)
	}
}

// isRequestID says whether an id is one that a replica has made.
func isRequestID(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}
