package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

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
	// unresolved is the new spec.unresolvedMembers, sorted.
	unresolved []string
}

// plan looks every member up before anything is written. Ids that are no live
// user of this provider are unresolved: nested groups, local users, those of
// other providers, deleted and unknown ones, and those in vanished. A lookup need
// not wait for writes in flight: nobody has been told of their ids yet.
func (d *Directory) plan(ctx context.Context, role *v1alpha1.ProvisionedRole, change scim.MemberChange, vanished map[string]bool) (membershipPlan, error) {
	var p membershipPlan
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
		if !holds(u, role.Spec.ID) {
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
		if u != nil && holds(u, role.Spec.ID) {
			p.remove = append(p.remove, u)
		}
	}
	p.unresolved = bounded(unresolved, role.Spec.UnresolvedMembers)
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

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// write carries a plan out. Every write may be repeated. vanished are the users
// whose objects were gone when their turn came. On an error some are written and
// some are not; the same request again does the rest.
func (d *Directory) write(ctx context.Context, role *v1alpha1.ProvisionedRole, p membershipPlan) (vanished []string, err error) {
	var mu sync.Mutex
	written := make([]client.Object, 0, len(p.add)+len(p.remove))
	tasks, inner := errgroup.WithContext(ctx)
	tasks.SetLimit(parallelWrites)
	start := func(u *v1alpha1.ProvisionedUser, member bool) {
		tasks.Go(func() error {
			now, err := d.setMembership(inner, u, role.Spec.ID, member)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
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
	if err := tasks.Wait(); err != nil {
		return nil, err
	}
	for _, u := range written {
		if err := d.settle(ctx, u); err != nil {
			return nil, err
		}
	}
	return vanished, nil
}

// setMembership writes one key of one user, whatever else happens to the object
// meanwhile. The uid keeps it from another object that has the name by now. It
// returns the user as it is then, or nil when the user's object is gone.
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
	written := &v1alpha1.ProvisionedUser{}
	written.Name = u.Name
	var pace backoff
	for {
		err = d.client.Patch(ctx, written, client.RawPatch(types.MergePatchType, patch))
		switch {
		case apierrors.IsNotFound(err):
			return nil, nil
		case !apierrors.IsConflict(err):
			return written, explain(err, "change a membership of %s", u.Name)
		}
		// Without resourceVersion the API server repeats the patch itself, a few
		// times; beyond that, and when the object is another one, it is for us.
		now := &v1alpha1.ProvisionedUser{}
		if err := d.live.Get(ctx, client.ObjectKeyFromObject(u), now); apierrors.IsNotFound(err) || err == nil && now.UID != u.UID {
			return nil, nil
		} else if err != nil {
			return nil, explain(err, "read %s again", u.Name)
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
	var list v1alpha1.ProvisionedUserList
	if err := d.list(ctx, &list, index.UserByRoleID, roleID); err != nil {
		return nil, err
	}
	users := make([]*v1alpha1.ProvisionedUser, 0, len(list.Items))
	for i := range list.Items {
		if u := &list.Items[i]; d.mine(u) {
			users = append(users, u)
		}
	}
	return users, nil
}

// members are a group's members, sorted by id.
func (d *Directory) members(ctx context.Context, role *v1alpha1.ProvisionedRole) ([]scim.Member, error) {
	users, err := d.holders(ctx, role.Spec.ID)
	if err != nil {
		return nil, err
	}
	members := make([]scim.Member, 0, len(users)+len(role.Spec.UnresolvedMembers))
	for _, u := range users {
		members = append(members, userMember(u))
	}
	for _, id := range role.Spec.UnresolvedMembers {
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

// someMembers are those of the ids that are members of a group.
func (d *Directory) someMembers(ctx context.Context, role *v1alpha1.ProvisionedRole, ids []string) ([]scim.Member, error) {
	var members []scim.Member
	for _, id := range ids {
		u, err := d.findUser(ctx, id)
		switch {
		case err != nil:
			return nil, err
		case u != nil && holds(u, role.Spec.ID):
			members = append(members, userMember(u))
		case u == nil && slices.Contains(role.Spec.UnresolvedMembers, id):
			members = append(members, scim.Member{ID: id})
		}
	}
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
