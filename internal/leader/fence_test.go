package leader

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestFence(t *testing.T) {
	t.Parallel()
	clock := &testClock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	l := LeaseOn(&replica{&lock{}, "a:1_x"}, clock.now)
	sent := errors.New("sent")
	f := Fence(l, roundTripper(func(*http.Request) (*http.Response, error) { return nil, sent }))
	for _, tc := range []struct {
		method, path string
		fenced       bool
	}{
		{http.MethodPatch, "/apis/identity.rollcall.dev/v1alpha1/provisionedusers/alice", true},
		{http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", true},
		{http.MethodDelete, "/apis/identity.rollcall.dev/v1alpha1/roleattachments/a", true},
		{http.MethodPut, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/b", true},
		{http.MethodPatch, "/k8s/clusters/c-1/apis/identity.rollcall.dev/v1alpha1/provisionedusers/alice", true},
		{http.MethodGet, "/apis/identity.rollcall.dev/v1alpha1/provisionedusers", false},
		{http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", false},
		{http.MethodPut, "/api/v1/namespaces/rollcall-system/secrets/rollcall-webhook", false},
		{http.MethodPut, "/apis/coordination.k8s.io/v1/namespaces/rollcall-system/leases/rollcall-manager", false},
	} {
		send := func() error {
			r, err := http.NewRequestWithContext(t.Context(), tc.method, "https://cluster"+tc.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := f.RoundTrip(r)
			if response != nil {
				_ = response.Body.Close()
			}
			return err
		}
		if err := send(); errors.Is(err, ErrNotLeading) != tc.fenced {
			t.Errorf("%s %s of who never led: %v", tc.method, tc.path, err)
		}
		hold(t, l)
		if err := send(); !errors.Is(err, sent) {
			t.Errorf("%s %s of the leader: %v", tc.method, tc.path, err)
		}
		clock.advance(term)
		if err := send(); errors.Is(err, ErrNotLeading) != tc.fenced {
			t.Errorf("%s %s of who has led: %v", tc.method, tc.path, err)
		}
	}
}
