package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// +kubebuilder:rbac:groups="",resources=secrets,namespace=rollcall-system,verbs=get;list;watch

// ErrUnauthenticated says that a token is not good: malformed, unknown, expired,
// revoked, or another provider's.
var ErrUnauthenticated = errors.New("unauthenticated")

// ErrExpired is an ErrUnauthenticated that whoever presents the token must not be
// told of: the token was good once.
var ErrExpired = fmt.Errorf("%w: the token has expired", ErrUnauthenticated)

// Store checks tokens against the Secrets in the cache: a token works as soon as
// its Secret is there, and no longer than that.
type Store struct {
	reader    client.Reader
	namespace string
	clock     clock.PassiveClock
}

// NewStore reads the Secrets of a namespace.
func NewStore(reader client.Reader, namespace string, c clock.PassiveClock) *Store {
	return &Store{reader: reader, namespace: namespace, clock: c}
}

// Authenticate returns the id of a token that is good for the provider now, or
// ErrUnauthenticated.
func (s *Store) Authenticate(ctx context.Context, provider, presented string) (tokenID string, err error) {
	id, ok := parse(presented)
	if !ok {
		return "", ErrUnauthenticated
	}
	var secrets corev1.SecretList
	if err := s.reader.List(ctx, &secrets, client.InNamespace(s.namespace),
		client.MatchingLabels{v1alpha1.TokenLabel: provider}, client.UnsafeDisableDeepCopy); err != nil {
		return "", fmt.Errorf("read the tokens of %q: %w", provider, err)
	}
	owner := &v1alpha1.IdentityProvider{}
	if err := s.reader.Get(ctx, client.ObjectKey{Name: provider}, owner, client.UnsafeDisableDeepCopy); apierrors.IsNotFound(err) {
		return "", ErrUnauthenticated
	} else if err != nil {
		return "", fmt.Errorf("read IdentityProvider %q: %w", provider, err)
	}
	digest := sha256.Sum256([]byte(presented))
	now := s.clock.Now()
	for i := range secrets.Items {
		r, err := FromSecret(&secrets.Items[i])
		if err != nil || r.ID != id || Gone(&secrets.Items[i], owner) {
			continue
		}
		same := subtle.ConstantTimeCompare(r.digest[:], digest[:]) == 1
		switch {
		case same && now.Before(r.ExpiresAt):
			return r.ID, nil
		case same:
			return "", ErrExpired
		}
	}
	return "", ErrUnauthenticated
}
