package scim

import "context"

type memoryKey struct{}

// WithMemory returns a context for calls of a Directory, which asks may whenever it is
// about to decode JSON of its storage that the answer will hold. A resource can take
// fifty times as much as what is stored of it, and a page has many.
func WithMemory(ctx context.Context, may func(json []byte) error) context.Context {
	return context.WithValue(ctx, memoryKey{}, may)
}

// MayDecode returns the error for a request that would take too much memory.
func MayDecode(ctx context.Context, json []byte) error {
	if may, ok := ctx.Value(memoryKey{}).(func([]byte) error); ok {
		return may(json)
	}
	return nil
}
