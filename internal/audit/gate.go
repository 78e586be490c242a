package audit

import (
	"sync/atomic"
	"time"
)

// patience is how long anybody waits at a gate, and for what is done behind it.
const patience = 2 * time.Second

// gate lets one at a time do what may hang, such as a write that nobody reads, and
// lets nobody wait for that. Make one with newGate.
type gate struct {
	// turn is held by who is let through.
	turn chan struct{}
	// late is the end of what took longer than anybody waits; nil for none.
	late atomic.Pointer[chan struct{}]
}

func newGate() *gate { return &gate{turn: make(chan struct{}, 1)} }

// do calls f when its turn comes, and returns when f does, or early if that takes too
// long. It returns false if f won't be called.
func (g *gate) do(f func()) bool {
	if !g.take() {
		return false
	}
	done := make(chan struct{})
	// Nothing can be done about what hangs but to leave it alone.
	go func() {
		defer close(done)
		defer func() { <-g.turn }()
		f()
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		g.late.Store(&done)
	}
	return true
}

// take takes a turn. Once something hangs nobody waits for theirs.
func (g *gate) take() bool {
	if g.hangs() {
		select {
		case g.turn <- struct{}{}:
			return true
		default:
			return false
		}
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case g.turn <- struct{}{}:
		return true
	case <-late.C:
		return false
	}
}

func (g *gate) hangs() bool {
	done := g.late.Load()
	if done == nil {
		return false
	}
	select {
	case <-*done:
		return false
	default:
		return true
	}
}
