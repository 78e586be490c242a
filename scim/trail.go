package scim

import (
	"context"
	"sync"
)

// Action is what a write did to a resource.
type Action string

// The actions of a Change.
const (
	Created Action = "created"
	Updated Action = "updated"
	Deleted Action = "deleted"
	// Restored is a deleted user that is back under its old id.
	Restored Action = "restored"
	// Adopted is a resource that was there before, and nobody's.
	Adopted Action = "adopted"
)

// Change is one write of a directory to its storage.
type Change struct {
	Action Action
	// ID of the resource.
	ID string
	// Object is where it is stored.
	Object Object
	// Before and After are the resource without groups and members, which are
	// stored elsewhere. Before is nil where nothing was, After where nothing is.
	Before, After Resource
}

// Object names what a directory stores a resource in, in the storage's own terms.
type Object struct {
	Kind, Name, UID string
}

// Trail is where a Directory says what a request has stored, whatever becomes of the
// request after that: of one that fails halfway, the half is told. A write that leaves
// everything as it was says nothing. Its methods may be called concurrently, and of a
// nil *Trail, which nobody reads.
type Trail struct {
	mu      sync.Mutex
	changes []Change
	// joined and left are the members that a group has got and lost.
	joined, left []Member
}

type trailKey struct{}

// WithTrail returns a context for calls of a Directory, and where it tells of them.
func WithTrail(ctx context.Context) (context.Context, *Trail) {
	t := &Trail{}
	return context.WithValue(ctx, trailKey{}, t), t
}

// TrailOf returns the trail of a context; nil if nobody wants to know.
func TrailOf(ctx context.Context) *Trail {
	t, _ := ctx.Value(trailKey{}).(*Trail)
	return t
}

// Wrote tells of a write to a resource.
func (t *Trail) Wrote(c Change) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes = append(t.changes, c)
}

// Joined tells of a new member of a group. Its type is User if it is one of the
// directory; any other id is what the client sent.
func (t *Trail) Joined(m Member) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.joined = append(t.joined, m)
}

// Left tells, as Joined does, of a member that is none any more.
func (t *Trail) Left(m Member) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = append(t.left, m)
}

// Changes returns what was written, in that order.
func (t *Trail) Changes() []Change {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changes[:len(t.changes):len(t.changes)]
}

// Members returns the members that a group has got and lost, in no order.
func (t *Trail) Members() (joined, left []Member) {
	if t == nil {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.joined[:len(t.joined):len(t.joined)], t.left[:len(t.left):len(t.left)]
}
