package directory

import (
	"context"
	"math"
	"sync"

	"golang.org/x/sync/semaphore"
)

// locks are read-write locks by key. A key costs memory only while somebody
// holds it or waits for it.
type locks struct {
	mu    sync.Mutex
	byKey map[string]*lock
}

type lock struct {
	// held serves in the order of arrival, so that nobody waits for ever.
	held  *semaphore.Weighted
	users int
}

// What a holder takes of a lock.
const (
	shared    = 1
	exclusive = math.MaxInt64
)

// acquire waits for the lock of a key, which nobody else has then, no longer than
// the context lives.
func (l *locks) acquire(ctx context.Context, key string) (release func(), err error) {
	return l.take(ctx, key, exclusive)
}

// share is acquire for a lock that others may share.
func (l *locks) share(ctx context.Context, key string) (release func(), err error) {
	return l.take(ctx, key, shared)
}

func (l *locks) take(ctx context.Context, key string, part int64) (release func(), err error) {
	l.mu.Lock()
	k := l.byKey[key]
	if k == nil {
		k = &lock{held: semaphore.NewWeighted(exclusive)}
		if l.byKey == nil {
			l.byKey = map[string]*lock{}
		}
		l.byKey[key] = k
	}
	k.users++
	l.mu.Unlock()

	if err := k.held.Acquire(ctx, part); err != nil {
		l.forget(key, k)
		return nil, explain(err, "wait for another request on the same object")
	}
	return func() {
		k.held.Release(part)
		l.forget(key, k)
	}, nil
}

func (l *locks) forget(key string, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.byKey, key)
	}
}

// busy says whether somebody holds the lock of a key or waits for it.
func (l *locks) busy(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byKey[key] != nil
}

// held is at most one lock, which may be exchanged for another.
type held struct {
	locks   *locks
	key     string
	release func()
}

// take holds the lock of key, and no other.
func (h *held) take(ctx context.Context, key string) error {
	if h.release != nil && h.key == key {
		return nil
	}
	h.drop()
	release, err := h.locks.acquire(ctx, key)
	if err != nil {
		return err
	}
	h.key, h.release = key, release
	return nil
}

func (h *held) drop() {
	if h.release != nil {
		h.release()
		h.release = nil
	}
}
