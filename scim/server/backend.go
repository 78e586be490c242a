package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollcall-dev/rollcall/scim"
)

// Backend knows the identity providers. It is asked on every request, so it
// answers from memory.
type Backend interface {
	// Directory returns the directory of one provider. ErrNoProvider is a 404,
	// ErrPaused a 503.
	Directory(ctx context.Context, provider string) (scim.Directory, error)
	// Authenticate returns the public id of a presented bearer token, or
	// ErrUnauthenticated. The token is empty when the request has none.
	Authenticate(ctx context.Context, provider, token string) (tokenID string, err error)
}

// The errors of a Backend.
var (
	// ErrNoProvider says that there is no provider of that name.
	ErrNoProvider = errors.New("no such identity provider")
	// ErrPaused says that the provider exists, and takes no requests for now.
	ErrPaused = errors.New("the identity provider is paused")
	// ErrUnauthenticated says that the token is none of the provider's: unknown,
	// expired, revoked or another provider's.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrExpired is an ErrUnauthenticated of a token that was good once. Metrics tell
	// the two apart, and answers don't.
	ErrExpired = fmt.Errorf("%w: the token has expired", ErrUnauthenticated)
)
