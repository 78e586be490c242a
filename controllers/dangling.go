package controllers

import (
	"sync"
	"time"
)

// dangling remembers the ids that memberships name and no role has, and when
// they may be swept. Nothing but tidiness hangs on it: such a membership gives
// no access.
type dangling struct {
	mu  sync.Mutex
	ids map[string]danglingID
}

type danglingID struct {
	due       time.Time
	confirmed bool
}

// maxDangling bounds the memory. Whatever is dropped waits once more.
const maxDangling = 10_000

// deleted notes that a role was seen being deleted: its id can be swept now.
func (d *dangling) deleted(id string, now time.Time) {
	d.update(id, func(e *danglingID) { e.due = now })
}

// due is when an id may be swept. One that nobody saw being deleted has to wait
// from the first time it is met: users may have been restored before roles.
func (d *dangling) due(id string, now time.Time, wait time.Duration) time.Time {
	return d.update(id, func(e *danglingID) {
		if e.due.IsZero() {
			e.due = now.Add(wait)
		}
	}).due
}

// confirm notes that the API server has no role with this id.
func (d *dangling) confirm(id string) { d.update(id, func(e *danglingID) { e.confirmed = true }) }

func (d *dangling) confirmed(id string) bool {
	return d.update(id, func(*danglingID) {}).confirmed
}

// created forgets an id that a role has after all, as after a restore.
func (d *dangling) created(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.ids, id)
}

func (d *dangling) update(id string, change func(*danglingID)) danglingID {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ids == nil || len(d.ids) >= maxDangling {
		d.ids = make(map[string]danglingID)
	}
	e := d.ids[id]
	change(&e)
	d.ids[id] = e
	return e
}
