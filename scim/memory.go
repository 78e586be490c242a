package scim

import "context"

// Stored is what a Directory is about to make a resource of an answer from.
type Stored struct {
	// JSON holds attributes that it will decode.
	JSON []byte
	// Listed is how many members of a group, or groups of a user, it will list.
	Listed int
}

type memoryKey struct{}

// WithMemory returns a context for calls of a Directory, which asks may before it makes a
// resource of an answer. One can take fifty times as much memory as what is stored of
// it, and a page has many.
func WithMemory(ctx context.Context, may func(Stored) error) context.Context {
	return context.WithValue(ctx, memoryKey{}, may)
}

// MayShow returns the error for a request whose answer would take too much memory. A
// Directory asks before it writes anything.
func MayShow(ctx context.Context, s Stored) error {
	if may, ok := ctx.Value(memoryKey{}).(func(Stored) error); ok {
		return may(s)
	}
	return nil
}
