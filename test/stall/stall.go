// Package stall tells a slow machine from slow code: a test that bounds a time from
// above allows for what the machine itself took.
package stall

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	every = 20 * time.Millisecond
	// late is from when on a tick says that the machine was busy elsewhere.
	late = 100 * time.Millisecond
)

// Watch adds up for how long this process was kept from running.
type Watch struct{ total atomic.Int64 }

// Start returns a Watch that runs until ctx ends.
func Start(ctx context.Context) *Watch {
	w := &Watch{}
	tick := time.NewTicker(every)
	go func() {
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			now := time.Now()
			if gap := now.Sub(last); gap > late {
				w.total.Add(int64(gap - every))
			}
			last = now
		}
	}()
	return w
}

// Total is how long that was, since Start.
func (w *Watch) Total() time.Duration { return time.Duration(w.total.Load()) }
