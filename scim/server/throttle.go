package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// buckets are token buckets by key, of bounded memory: full buckets, which are
// as good as new ones, are forgotten when there are too many, and keys for which
// there is no room share one bucket.
type buckets struct {
	limit rate.Limit
	burst int

	mu       sync.Mutex
	byKey    map[string]*rate.Limiter
	overflow *rate.Limiter
	swept    time.Time
}

func newBuckets(perSecond float64, burst int) *buckets {
	return &buckets{
		limit:    rate.Limit(perSecond),
		burst:    burst,
		byKey:    map[string]*rate.Limiter{},
		overflow: rate.NewLimiter(rate.Limit(perSecond), burst),
	}
}

// take takes a token from the key's bucket. When there is none it returns how
// long to wait for the next.
func (b *buckets) take(key string, now time.Time) (wait time.Duration) {
	r := b.bucket(key, now).ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func (b *buckets) bucket(key string, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.byKey[key]; l != nil {
		return l
	}
	if len(b.byKey) >= maxTracked {
		b.sweep(now)
	}
	if len(b.byKey) >= maxTracked {
		return b.overflow
	}
	l := rate.NewLimiter(b.limit, b.burst)
	b.byKey[key] = l
	return l
}

// sweep forgets full buckets, at most once a second: under attack there may be
// none.
func (b *buckets) sweep(now time.Time) {
	if now.Sub(b.swept) < time.Second {
		return
	}
	b.swept = now
	for key, l := range b.byKey {
		if l.TokensAt(now) >= float64(b.burst) {
			delete(b.byKey, key)
		}
	}
}
