package server

import (
	"io"
	"net/http"
	"sync"

	"github.com/rollcall-dev/rollcall/scim"
)

// shares are how much each provider has of what all have together. One alone gets no
// more than three quarters: whoever holds its token, and means harm, leaves room for
// the others.
type shares struct {
	mu    sync.Mutex
	left  int64
	most  int64
	taken map[string]int64
}

func newShares(all int64) *shares {
	return &shares{left: all, most: all - all/4, taken: map[string]int64{}}
}

// take returns false if there isn't as much left, or not for this provider.
func (s *shares) take(provider string, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > s.left || s.taken[provider]+n > s.most {
		return false
	}
	s.left -= n
	s.taken[provider] += n
	return true
}

// give gives back what was taken.
func (s *shares) give(provider string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += n
	if s.taken[provider] -= n; s.taken[provider] <= 0 {
		delete(s.taken, provider)
	}
}

// enter counts a request that was let in, until leave.
func (h *handler) enter(x *exchange) error {
	if !h.requests.take(x.provider, 1) {
		h.metrics.throttled.WithLabelValues(limitProvider).Inc()
		return busy("too many requests of this identity provider at once: try again later")
	}
	x.entered = true
	return nil
}

// leave gives that back.
func (h *handler) leave(x *exchange) {
	if x.entered {
		h.requests.give(x.provider, 1)
	}
}

// release gives back the memory that the request has had, when its answer has been
// sent, which takes some until then.
func (h *handler) release(x *exchange) { h.memory.give(x.provider, x.memory) }

// mayShow counts memory for what an answer will show: decoded, and as JSON for each
// resource and for all.
func (h *handler) mayShow(x *exchange, s scim.Stored) error {
	n := weigh(s.JSON) + 4*int64(len(s.JSON)) + listedWeight*int64(s.Listed)
	if x.memory+n > h.memory.most {
		return scim.BadRequest(scim.TooMany, "the answer would be too large: ask for fewer resources at once, by count, or with excludedAttributes=members")
	}
	return h.occupy(x, n)
}

// occupy counts memory that the request's body takes, or its answer, until release.
func (h *handler) occupy(x *exchange, n int64) error {
	if x.memory+n > h.memory.most {
		return &scim.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: "the body has too many values: send less at once",
		}
	}
	if !h.memory.take(x.provider, n) {
		h.metrics.throttled.WithLabelValues(limitMemory).Inc()
		return busy("too many large bodies and answers at once: try again later, or with less at once")
	}
	x.memory += n
	return nil
}

func busy(detail string) *scim.Error {
	return &scim.Error{Status: http.StatusServiceUnavailable, RetryAfter: retryBusy, Detail: detail}
}

// occupying is a body that counts for its memory as it arrives: a client that says how
// long it will be, or doesn't, and sends nothing, takes none.
type occupying struct {
	io.Reader
	h *handler
	x *exchange
}

// Read implements io.Reader.
func (o *occupying) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	// Once as it came, and once as the texts in it.
	if refused := o.h.occupy(o.x, 2*int64(n)); refused != nil {
		return n, refused
	}
	return n, err
}

// What decoded JSON takes beside its texts, in bytes, at most: an object with one
// member, whose map has room for several; an empty object or array; and a value of an
// array.
const (
	memberWeight    = 300
	containerWeight = 64
	valueWeight     = 48
)

// listedWeight is what a member of a group, or a group of a user, takes in an answer, in
// bytes: as the directory gives it, as it is shown with its $ref, and as JSON.
const listedWeight = 1200

// weigh returns how much memory JSON takes when it is decoded, beside its texts.
func weigh(data []byte) int64 {
	var weight int64
	for _, c := range unquoted(data) {
		switch c {
		case ':':
			weight += memberWeight
		case '{', '[':
			weight += containerWeight
		case ',':
			weight += valueWeight
		}
	}
	return weight
}
