package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
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
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ids[id].confirmed
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
	e, known := d.ids[id]
	if d.ids == nil || (!known && len(d.ids) >= maxDangling) {
		d.ids = make(map[string]danglingID)
	}
	change(&e)
	d.ids[id] = e
	return e
}

// roleGone asks the API server, once for each id, because a role that was just
// created may not be in the cache yet, and the membership in it must not be lost.
// An id comes back with the role alone that had it, when that is taken over again;
// the cache has the role then before anybody is made its member.
func (b base) roleGone(ctx context.Context, provider, id string) (bool, error) {
	if b.dangling.confirmed(id) {
		return true, nil
	}
	var list v1alpha1.ProvisionedRoleList
	if err := b.live.List(ctx, &list, client.MatchingFields{"spec.id": id}); err != nil {
		return false, fmt.Errorf("look for the role with id %q: %w", id, err)
	}
	for i := range list.Items {
		if list.Items[i].Spec.Provider == provider {
			return false, nil
		}
	}
	b.dangling.confirm(id)
	return true, nil
}
