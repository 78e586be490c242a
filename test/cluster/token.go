package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/token"
)

// NewToken returns a new SCIM token of a provider, which it creates (type Entra)
// if there is none of that name. When it returns, the running managers accept it.
func (c *Cluster) NewToken(ctx context.Context, provider string) (string, error) {
	object := &v1alpha1.IdentityProvider{
		ObjectMeta: metav1.ObjectMeta{Name: provider},
		Spec:       v1alpha1.IdentityProviderSpec{Type: v1alpha1.ProviderEntra},
	}
	if err := client.IgnoreAlreadyExists(c.client.Create(ctx, object)); err != nil {
		return "", fmt.Errorf("creating the identity provider %q: %w", provider, err)
	}
	if err := c.client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return "", fmt.Errorf("reading the identity provider %q: %w", provider, err)
	}
	t, err := token.Generate(time.Now(), token.DefaultLifetime)
	if err != nil {
		return "", err
	}
	if err := c.client.Create(ctx, t.ToSecret(Namespace, object)); err != nil {
		return "", fmt.Errorf("storing the token's digest: %w", err)
	}
	c.mu.Lock()
	managers := c.managers
	c.mu.Unlock()
	for _, m := range managers {
		if err := m.accepts(ctx, provider, t.Secret); err != nil {
			return "", err
		}
	}
	return t.Secret, nil
}

// accepts waits until a new token works: the manager learns of it by its watch, a
// moment after the API server has it. It doesn't ask so often that the limit of failed
// attempts is near, since specs come after that count on it.
func (m *Manager) accepts(ctx context.Context, provider, secret string) error {
	var last string
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		select {
		case <-m.Done():
			return true, nil // a manager of the past
		default:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.TenantURL(provider)+"/Users?count=1", nil)
		if err != nil {
			return false, err
		}
		request.Header.Set("Authorization", "Bearer "+secret)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			last = err.Error()
			return false, nil
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return false, fmt.Errorf("reading the answer: %w", err)
		}
		last = response.Status
		return response.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the manager to accept the new token (last answer: %s): %w", last, err)
	}
	return nil
}
