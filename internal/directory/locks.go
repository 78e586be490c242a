package directory

import (
	"context"
	"sync"
)

// locks are mutexes by key. A key costs memory only while somebody holds it or
// waits for it.
type locks struct {
	mu    sync.Mutex
	byKey map[string]*lock
}

type lock struct {
	// held has room for one token: whoever put it in has the lock.
	held  chan struct{}
	users int
}

// acquire waits for the lock of a key, no longer than the context lives.
func (l *locks) acquire(ctx context.Context, key string) (release func(), err error) {
	l.mu.Lock()
	k := l.byKey[key]
	if k == nil {
		k = &lock{held: make(chan struct{}, 1)}
		if l.byKey == nil {
			l.byKey = map[string]*lock{}
		}
		l.byKey[key] = k
	}
	k.users++
	l.mu.Unlock()

	select {
	case k.held <- struct{}{}:
		return func() {
			<-k.held
			l.forget(key, k)
		}, nil
	case <-ctx.Done():
		l.forget(key, k)
		return nil, explain(ctx.Err(), "wait for another request on the same object")
	}
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
