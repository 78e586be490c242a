package leader

import (
	"errors"
	"net/http"
	"strings"
)

// ErrNotLeading is why a write was not sent.
var ErrNotLeading = errors.New("this replica does not lead any more")

// fenced are the API groups that nobody but the leader writes to. Reviews, and the
// certificate of the webhooks, are every replica's business.
var fenced = []string{"/apis/identity.rollcall.dev/", "/apis/rbac.authorization.k8s.io/"}

// Fence keeps the writes of a replica that has lost its lease from the API server. A
// leader that was frozen goes on where it was: in the middle of a request that its
// client has given up and repeated elsewhere, or of a grant that was withdrawn since.
// What passes the fence and is frozen then, on the last step, carries the version
// that it was decided on, as almost all our writes do.
func Fence(lease *Lease, next http.RoundTripper) http.RoundTripper {
	return &fence{lease, next}
}

type fence struct {
	lease *Lease
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (f *fence) RoundTrip(r *http.Request) (*http.Response, error) {
	if isFenced(r) && !f.lease.Leads() {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper has to
		}
		return nil, ErrNotLeading
	}
	return f.next.RoundTrip(r)
}

func isFenced(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	for _, group := range fenced {
		// A proxy in front of the API server may have a path of its own.
		if strings.Contains(r.URL.Path, group) {
			return true
		}
	}
	return false
}
