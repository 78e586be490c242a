// Package backend is what the SCIM server asks about identity providers: which
// exist, who may speak for them, and where their users and groups are.
package backend

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/internal/token"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=identityproviders,verbs=get;list;watch

// Backend is server.Backend over the IdentityProviders in the cache.
type Backend struct {
	client client.Client
	live   client.Reader
	tally  *directory.Tally
	tokens *token.Store

	mu sync.Mutex
	// directories by provider: their locks must outlive a request.
	directories map[string]*directory.Directory
}

var _ server.Backend = (*Backend)(nil)

// New takes what directory.New takes, and the store of tokens.
func New(c client.Client, live client.Reader, tally *directory.Tally, tokens *token.Store) *Backend {
	return &Backend{client: c, live: live, tally: tally, tokens: tokens, directories: make(map[string]*directory.Directory)}
}

// Directory implements server.Backend.
func (b *Backend) Directory(ctx context.Context, provider string) (scim.Directory, error) {
	p := &v1alpha1.IdentityProvider{}
	err := b.client.Get(ctx, client.ObjectKey{Name: provider}, p,
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err):
		return nil, server.ErrNoProvider
	case err != nil:
		return nil, fmt.Errorf("read IdentityProvider %q: %w", provider, err)
	case p.DeletionTimestamp != nil:
		return nil, server.ErrNoProvider
	case p.Spec.Paused:
		return nil, server.ErrPaused
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d, ok := b.directories[provider]
	if !ok {
		d = directory.New(b.client, b.live, b.tally, provider, clock.RealClock{})
		b.directories[provider] = d
	}
	return d, nil
}

// Authenticate implements server.Backend.
func (b *Backend) Authenticate(ctx context.Context, provider, presented string) (string, error) {
	id, err := b.tokens.Authenticate(ctx, provider, presented)
	switch {
	case errors.Is(err, token.ErrExpired):
		return "", server.ErrExpired
	case errors.Is(err, token.ErrUnauthenticated):
		return "", server.ErrUnauthenticated
	}
	return id, err
}
