package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

const (
	// parallelWrites is how many members of one request are written at once.
	parallelWrites = 16
	// maxUnresolved and maxUnresolvedLength are the limits of
	// spec.unresolvedMembers. What goes beyond is dropped: an id that is nobody
	// gives nobody access, and refusing it would refuse the others with it.
	maxUnresolved       = 1000
	maxUnresolvedLength = 256
)

// membershipPlan is what a change of a group's members takes.
type membershipPlan struct {
	// add and remove are the users to write, those that are already so left out.
	add, remove []*v1alpha1.ProvisionedUser
	// unresolved is the new spec.unresolvedMembers, sorted if it is another.
	unresolved []string
}

// plan looks every member up before anything is written. Ids that are no live
// user of this provider are unresolved: nested groups, local users, those of
// other providers, deleted and unknown ones, and those in vanished. A lookup need
// not wait for writes in flight: nobody has been told of their ids yet.
func (d *Directory) plan(ctx context.Context, role *v1alpha1.ProvisionedRole, change scim.MemberChange, vanished map[string]bool) (membershipPlan, error) {
	p := membershipPlan{unresolved: role.Spec.UnresolvedMembers}
	if change.Empty() {
		return p, nil
	}
	unresolved := map[string]bool{}
	if !change.Reset {
		for _, id := range role.Spec.UnresolvedMembers {
			unresolved[id] = true
		}
	}
	stays := make(map[string]bool, len(change.Add))
	for _, m := range change.Add {
		if stays[m.ID] {
			continue
		}
		stays[m.ID] = true
		u, err := d.findUser(ctx, m.ID)
		if err != nil {
			return p, err
		}
		if u == nil || vanished[m.ID] {
			unresolved[m.ID] = true
			continue
		}
		delete(unresolved, m.ID)
		if !holds(u, role.Spec.ID) || d.writing(u, role.Spec.ID) {
			p.add = append(p.add, u)
		}
	}
	if change.Reset {
		members, err := d.holders(ctx, role.Spec.ID)
		if err != nil {
			return p, err
		}
		for _, u := range members {
			if !stays[u.Spec.ID] {
				p.remove = append(p.remove, u)
			}
		}
	}
	for _, id := range change.Remove {
		delete(unresolved, id)
		u, err := d.findUser(ctx, id)
		if err != nil {
			return p, err
		}
		if u != nil && (holds(u, role.Spec.ID) || d.writing(u, role.Spec.ID)) {
			p.remove = append(p.remove, u)
		}
	}
	if p.unresolved = bounded(unresolved, role.Spec.UnresolvedMembers); sameStrings(p.unresolved, role.Spec.UnresolvedMembers) {
		p.unresolved = role.Spec.UnresolvedMembers
	}
	return p, nil
}

// bounded returns the ids that can be kept, sorted; those that are kept already
// come first.
func bounded(ids map[string]bool, kept []string) []string {
	list := make([]string, 0, len(ids))
	for id := range ids {
		if id != "" && len(id) <= maxUnresolvedLength {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	if len(list) > maxUnresolved {
		old := make(map[string]bool, len(kept))
		for _, id := range kept {
			old[id] = true
		}
		slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(rank(old[a]), rank(old[b])) })
		list = list[:maxUnresolved]
		slices.Sort(list)
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// sameStrings says whether two lists have the same elements.
func sameStrings(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// writing says that what the cache has of a membership may be about to change.
func (d *Directory) writing(u *v1alpha1.ProvisionedUser, roleID string) bool {
	return d.locks.busy(memberLock(u.Spec.ID, roleID)) || d.unsettled.has(u)
}

// write carries a plan out. Every write may be repeated. vanished are the users
// whose objects were gone when their turn came. On an error some are written and
// some are not; the same request again does the rest.
func (d *Directory) write(ctx context.Context, role *v1alpha1.ProvisionedRole, p membershipPlan) (vanished []string, err error) {
	release, err := d.lockMembers(ctx, role.Spec.ID, p)
	if err != nil {
		return nil, err
	}
	defer release()
	var mu sync.Mutex
	var failed atomic.Bool
	written := make([]client.Object, 0, len(p.add)+len(p.remove))
	// One failure starts no more additions, and leaves what is under way to end. Every
	// withdrawal is tried: that one member can't be written is no reason for others to
	// keep what they have lost.
	var tasks errgroup.Group
	tasks.SetLimit(parallelWrites)
	start := func(u *v1alpha1.ProvisionedUser, member bool) {
		tasks.Go(func() error {
			if member && failed.Load() {
				return nil
			}
			now, err := d.setMembership(ctx, u, role.Spec.ID, member)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				failed.Store(true)
				return err
			case now != nil:
				written = append(written, now)
			case member:
				vanished = append(vanished, u.Spec.ID)
			}
			return nil
		})
	}
	// Withdrawals first: they are what must not wait.
	for _, u := range p.remove {
		start(u, false)
	}
	for _, u := range p.add {
		start(u, true)
	}
	err = tasks.Wait()
	var late error
	for _, u := range written {
		if late != nil {
			d.unsettled.add(u, true) // no use in waiting for each
			continue
		}
		late = d.settle(ctx, u)
	}
	if err = cmp.Or(err, late); err != nil {
		return nil, err
	}
	return vanished, nil
}

// lockMembers takes the locks of all memberships that a plan writes, always in
// the same order.
func (d *Directory) lockMembers(ctx context.Context, roleID string, p membershipPlan) (release func(), err error) {
	keys := make([]string, 0, len(p.add)+len(p.remove))
	for _, u := range slices.Concat(p.remove, p.add) {
		keys = append(keys, memberLock(u.Spec.ID, roleID))
	}
	slices.Sort(keys)
	var held []func()
	release = func() {
		for _, r := range held {
			r()
		}
	}
	for _, key := range slices.Compact(keys) {
		r, err := d.locks.acquire(ctx, key)
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, r)
	}
	return release, nil
}

// setMembership writes one key of one user, whatever else happens to the object
// meanwhile. The uid keeps it from another object that has the name by now, and
// the rules of the kind from a user who is local by now. It returns the user as it
// is then, or nil when there is no such user of this provider any more.
func (d *Directory) setMembership(ctx context.Context, u *v1alpha1.ProvisionedUser, roleID string, member bool) (*v1alpha1.ProvisionedUser, error) {
	var value any
	if member {
		value = v1alpha1.Membership{}
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": u.UID},
		"spec":     map[string]any{"memberships": map[string]any{roleID: value}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode a membership: %w", err)
	}
	tell := d.tellMembership(ctx, u, roleID, member)
	written := &v1alpha1.ProvisionedUser{}
	written.Name = u.Name
	var pace backoff
	for {
		err = d.doubtful(u, d.client.Patch(ctx, written, client.RawPatch(types.MergePatchType, patch)))
		switch {
		case apierrors.IsNotFound(err):
			return nil, nil
		case err == nil:
			tell()
			return written, nil
		case !apierrors.IsConflict(err) && !apierrors.IsInvalid(err):
			return written, explain(err, "change a membership of %s", u.Name)
		}
		// Without resourceVersion the API server repeats the patch itself, a few
		// times; beyond that, and when the object is another one, it is for us.
		now := &v1alpha1.ProvisionedUser{}
		if found := d.live.Get(ctx, client.ObjectKeyFromObject(u), now); client.IgnoreNotFound(found) != nil {
			return nil, explain(found, "read %s again", u.Name)
		}
		if now.UID != u.UID || now.Spec.Provider != d.provider {
			return nil, nil
		}
		if apierrors.IsInvalid(err) {
			return nil, explain(err, "change a membership of %s", u.Name)
		}
		if err := pace.wait(ctx); err != nil {
			return nil, err
		}
	}
}

func holds(u *v1alpha1.ProvisionedUser, roleID string) bool {
	_, member := u.Spec.Memberships[roleID]
	return member
}

// holders are the live users with a membership in a role.
func (d *Directory) holders(ctx context.Context, roleID string) ([]*v1alpha1.ProvisionedUser, error) {
	return d.listUsers(ctx, index.UserByRoleID, roleID)
}

// members are a group's members, sorted by id.
func (d *Directory) members(ctx context.Context, role *v1alpha1.ProvisionedRole) ([]scim.Member, error) {
	users, err := d.holders(ctx, role.Spec.ID)
	if err != nil {
		return nil, err
	}
	members := make([]scim.Member, 0, len(users)+len(role.Spec.UnresolvedMembers))
	for i, u := range users {
		if err := alive(ctx, i); err != nil {
			return nil, err
		}
		members = append(members, userMember(u))
	}
	for i, id := range role.Spec.UnresolvedMembers {
		if err := alive(ctx, i); err != nil {
			return nil, err
		}
		m, err := d.unresolvedMember(ctx, id)
		if err != nil {
			return nil, err
		}
		if m != nil {
			members = append(members, *m)
		}
	}
	slices.SortFunc(members, func(a, b scim.Member) int { return cmp.Compare(a.ID, b.ID) })
	return members, nil
}

func userMember(u *v1alpha1.ProvisionedUser) scim.Member {
	return scim.Member{ID: u.Spec.ID, Type: schema.User.Name, Display: cmp.Or(u.Spec.DisplayName, u.Spec.UserName)}
}

// unresolvedMember says what an unresolved id is. One that is a user after all,
// because it was deleted when the client sent it and has come back since, is no
// member: shown as one, it would never be sent again.
func (d *Directory) unresolvedMember(ctx context.Context, id string) (*scim.Member, error) {
	u, err := d.findUser(ctx, id)
	if err != nil || u != nil {
		return nil, err
	}
	role, err := d.findRole(ctx, id)
	if err != nil {
		return nil, err
	}
	if role != nil {
		return &scim.Member{ID: id, Type: schema.Group.Name, Display: role.Spec.DisplayName}, nil
	}
	return &scim.Member{ID: id}, nil
}

// memberValues is the members attribute.
func memberValues(members []scim.Member) []any {
	values := make([]any, 0, len(members))
	for _, m := range members {
		value := map[string]any{"value": m.ID}
		give(value, "type", m.Type)
		give(value, "display", m.Display)
		values = append(values, value)
	}
	return values
}

// groupsOf is the groups attribute of a user: its memberships in roles that
// exist.
func (d *Directory) groupsOf(ctx context.Context, u *v1alpha1.ProvisionedUser) ([]any, error) {
	var groups []any
	for _, id := range slices.Sorted(maps.Keys(u.Spec.Memberships)) {
		role, err := d.findRole(ctx, id)
		if err != nil {
			return nil, err
		}
		if role != nil {
			groups = append(groups, map[string]any{"value": id, "display": role.Spec.DisplayName, "type": "direct"})
		}
	}
	return groups, nil
}
