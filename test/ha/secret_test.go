//go:build integration

package ha_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/token"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// secret is the Secret Token in the form of the identity provider, which sends it with
// each request, on a connection of its own.
type secret struct {
	transport http.Transport

	// mu is held for reading as long as a request is under way.
	mu    sync.RWMutex
	token string
}

func newSecret(token string) *secret {
	return &secret{token: token, transport: http.Transport{DisableKeepAlives: true}}
}

// RoundTrip implements http.RoundTripper.
func (s *secret) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+s.token)
	return s.transport.RoundTrip(r)
}

// text is what is sent now.
func (s *secret) text() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.token
}

// change is an administrator saving another token. No request is under way with the
// old one when it returns.
func (s *secret) change(token string) (old string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, s.token = s.token, token
	return old
}

// addToken makes another token of the provider, as kubectl rollcall rotate does.
func addToken(ctx context.Context) string {
	p := &v1alpha1.IdentityProvider{}
	Expect(control.Client().Get(ctx, client.ObjectKey{Name: provider}, p)).To(Succeed())
	t, err := token.Generate(time.Now(), token.DefaultLifetime)
	Expect(err).NotTo(HaveOccurred())
	Expect(control.Client().Create(ctx, t.ToSecret(cluster.Namespace, p))).To(Succeed())
	return t.Secret
}

// revoke ends a token, as kubectl rollcall revoke does.
func revoke(ctx context.Context, text string) {
	id := strings.Split(text, "_")[1]
	Expect(control.Client().Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: cluster.Namespace, Name: token.SecretName(provider, id),
	}})).To(Succeed())
}

// awaited is how long it takes until each replica answers a token with a status.
func awaited(ctx context.Context, text string, status int) (each [2]time.Duration) {
	begin := time.Now()
	var group sync.WaitGroup
	for i, m := range managers {
		asked := newLoad(m.TenantURL(provider), newSecret(text), "")
		group.Go(func() {
			for ctx.Err() == nil && asked.status(ctx) != status {
				wait(ctx)
			}
			each[i] = time.Since(begin)
		})
	}
	group.Wait()
	Expect(ctx.Err()).NotTo(HaveOccurred())
	return each
}

// status is what a search is answered with.
func (l *load) status(ctx context.Context) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.base+"/Users?count=0", http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	response, err := l.http.Do(r)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}
