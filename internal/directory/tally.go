package directory

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/util/resourceversion"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/scim"
)

// Tally keeps the sum of each role's members, for the version of a group: one
// that goes with every answer, and would otherwise take a look at all members of
// the group for each of them that comes or goes.
type Tally struct {
	synced <-chan struct{}

	mu sync.Mutex
	// roles by index.Scoped(provider, id). One without members isn't there.
	roles map[string]*tallied
	// seen are the resourceVersions of the users that are counted, by name, and
	// last is that of the newest event.
	seen map[string]string
	last string
	// next ends with the next event; nil while nobody waits for one.
	next chan struct{}
}

type tallied struct {
	members int
	sum     scim.MemberSum
}

// NewTally returns the tally of all users in a cache.
func NewTally(ctx context.Context, informers cache.Informers) (*Tally, error) {
	users, err := informers.GetInformer(ctx, &v1alpha1.ProvisionedUser{})
	if err != nil {
		return nil, fmt.Errorf("watch ProvisionedUsers: %w", err)
	}
	t := &Tally{roles: map[string]*tallied{}, seen: map[string]string{}}
	registration, err := users.AddEventHandler(t)
	if err != nil {
		return nil, fmt.Errorf("watch ProvisionedUsers: %w", err)
	}
	t.synced = registration.HasSyncedChecker().Done()
	return t, nil
}

var _ toolscache.ResourceEventHandler = (*Tally)(nil)

// OnAdd implements toolscache.ResourceEventHandler.
func (t *Tally) OnAdd(o any, _ bool) { t.change(nil, o) }

// OnUpdate implements toolscache.ResourceEventHandler.
func (t *Tally) OnUpdate(old, o any) { t.change(old, o) }

// OnDelete implements toolscache.ResourceEventHandler.
func (t *Tally) OnDelete(o any) {
	if unknown, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = unknown.Obj // as it was counted
	}
	t.change(o, nil)
}

// change counts a user as it was out, and as it is in.
func (t *Tally) change(old, now any) {
	before, _ := old.(*v1alpha1.ProvisionedUser)
	after, _ := now.(*v1alpha1.ProvisionedUser)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !countsAlike(before, after) {
		t.count(before, -1)
		t.count(after, 1)
	}
	switch {
	case after != nil:
		t.seen[after.Name], t.last = after.ResourceVersion, after.ResourceVersion
	case before != nil:
		delete(t.seen, before.Name)
		t.last = before.ResourceVersion // that of the deletion
	}
	if t.next != nil {
		close(t.next)
		t.next = nil
	}
}

// countsAlike says whether a user counts for the same as before, as after most writes:
// those of the status. The generation doesn't tell: in an etcd that was restored from a
// backup the same one comes again.
func countsAlike(before, after *v1alpha1.ProvisionedUser) bool {
	return before != nil && after != nil && before.Spec.ID == after.Spec.ID && before.Spec.Provider == after.Spec.Provider &&
		isLive(before) == isLive(after) && maps.Equal(before.Spec.Memberships, after.Spec.Memberships)
}

func (t *Tally) count(u *v1alpha1.ProvisionedUser, by int) {
	if u == nil || !isLive(u) {
		return
	}
	for id := range u.Spec.Memberships {
		key := index.Scoped(u.Spec.Provider, id)
		role := t.roles[key]
		if role == nil {
			role = &tallied{}
			t.roles[key] = role
		}
		if role.members += by; role.members == 0 {
			delete(t.roles, key)
			continue
		}
		if by > 0 {
			role.sum.Add(u.Spec.ID)
		} else {
			role.sum.Remove(u.Spec.ID)
		}
	}
}

// of returns the number and the sum of the members of a role that are users.
func (t *Tally) of(ctx context.Context, provider, roleID string) (tallied, error) {
	select {
	case <-t.synced:
	case <-ctx.Done():
		return tallied{}, explain(ctx.Err(), "count the members")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if role := t.roles[index.Scoped(provider, roleID)]; role != nil {
		return *role, nil
	}
	return tallied{}, nil
}

// await waits until an object that the cache has is counted as it is there, or as
// it became later. Only users are counted.
func (t *Tally) await(ctx context.Context, o client.Object) error {
	if _, user := o.(*v1alpha1.ProvisionedUser); !user {
		return nil
	}
	for {
		counted, next, err := t.counted(o)
		if err != nil || counted {
			return explain(err, "compare the versions of %s", o.GetName())
		}
		select {
		case <-next:
		case <-ctx.Done():
			return explain(ctx.Err(), "wait for %s to be counted", o.GetName())
		}
	}
}

// counted says whether an object is counted, and otherwise when to ask again.
func (t *Tally) counted(o client.Object) (bool, <-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen, known := t.seen[o.GetName()]
	if !known {
		seen = t.last // nobody by that name any more
	}
	if seen != "" {
		if order, err := resourceversion.CompareResourceVersion(seen, o.GetResourceVersion()); err != nil || order >= 0 {
			return true, nil, err
		}
	}
	if t.next == nil {
		t.next = make(chan struct{})
	}
	return false, t.next, nil
}
