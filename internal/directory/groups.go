package directory

import (
	"context"
	"maps"
	"sync"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// unfinished are groups by folded displayName whose POST failed after they were
// created, or may have been: nobody knows their ids.
type unfinished struct {
	mu sync.Mutex
	id map[string]string
}

func (u *unfinished) set(displayName, id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.id == nil {
		u.id = map[string]string{}
	}
	u.id[fold.String(displayName)] = id
}

func (u *unfinished) get(displayName string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.id[fold.String(displayName)]
}

// clear forgets the group of that id.
func (u *unfinished) clear(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.id, func(_, other string) bool { return other == id })
}

// CreateGroup implements scim.Directory. When it fails, the group stays with the
// members it has got, and the same request again goes on with it: a large group
// would never be finished if each try began anew.
func (d *Directory) CreateGroup(ctx context.Context, group scim.Resource, members []scim.Member) (scim.Resource, error) {
	role := &v1alpha1.ProvisionedRole{Spec: v1alpha1.ProvisionedRoleSpec{Provider: d.provider, ID: uuid.NewString()}}
	if err := setRole(&role.Spec, group); err != nil {
		return nil, err
	}
	release, err := d.locks.acquire(ctx, displayNameLock(role.Spec.DisplayName))
	if err != nil {
		return nil, err
	}
	defer release()
	request := ctx
	ctx, cancel, err := d.begin(request)
	if err != nil {
		return nil, err
	}
	defer cancel()
	change := scim.MemberChange{Add: members}
	begun, err := d.begun(ctx, role)
	switch {
	case err != nil:
		return nil, err
	case begun != nil:
		role, change.Reset = begun, true
		role, err = d.editRole(ctx, role.Spec.ID, func(r *v1alpha1.ProvisionedRole) error { return setRole(&r.Spec, group) })
	default:
		err = d.createRole(ctx, role, change)
	}
	if err != nil {
		return nil, err
	}
	if role, err = d.changeMembers(ctx, role, change); err != nil {
		return nil, err
	}
	if request.Err() == nil { // otherwise the client isn't told, and will ask again
		d.unfinished.clear(role.Spec.ID)
	}
	return d.showRole(ctx, role, true)
}

// begun returns the group that an earlier request for the same one has left, if
// any.
func (d *Directory) begun(ctx context.Context, want *v1alpha1.ProvisionedRole) (*v1alpha1.ProvisionedRole, error) {
	id := d.unfinished.get(want.Spec.DisplayName)
	if id == "" {
		return nil, nil
	}
	role, err := d.findRole(ctx, id)
	if err != nil || role == nil || role.Spec.ExternalID != want.Spec.ExternalID || !fold.Equal(role.Spec.DisplayName, want.Spec.DisplayName) {
		return nil, err
	}
	return role, nil
}

// createRole creates a group without its members, and marks it unfinished.
func (d *Directory) createRole(ctx context.Context, role *v1alpha1.ProvisionedRole, change scim.MemberChange) error {
	if err := d.displayNameFree(ctx, role.Spec.DisplayName, ""); err != nil {
		return err
	}
	p, err := d.plan(ctx, role, change, nil)
	if err != nil {
		return err
	}
	role.Spec.UnresolvedMembers = p.unresolved
	err = create(ctx, d, role, d.roleNames(role.Spec.DisplayName, role.Spec.ID), func(holder *v1alpha1.ProvisionedRole) error {
		return d.roleConflict(holder, role.Spec.DisplayName)
	})
	if err == nil || d.unsettled.has(role) {
		d.unfinished.set(role.Spec.DisplayName, role.Spec.ID)
	}
	return err
}

// editRole revises a role under its lock.
func (d *Directory) editRole(ctx context.Context, id string, edit func(*v1alpha1.ProvisionedRole) error) (*v1alpha1.ProvisionedRole, error) {
	release, err := d.locks.acquire(ctx, roleLock(id))
	if err != nil {
		return nil, err
	}
	defer release()
	if err := d.catchUp(ctx, id); err != nil {
		return nil, err
	}
	role, err := d.role(ctx, id)
	if err != nil {
		return nil, err
	}
	return revise(ctx, d, role, d.roleRevision(id, edit))
}

// Group implements scim.Directory.
func (d *Directory) Group(ctx context.Context, id string, withMembers bool) (scim.Resource, error) {
	if err := d.catchUp(ctx, id); err != nil {
		return nil, err
	}
	role, err := d.role(ctx, id)
	if err != nil {
		return nil, err
	}
	return d.showRole(ctx, role, withMembers)
}

// groupMutation is the argument of UpdateGroup.
type groupMutation = func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error)

// UpdateGroup implements scim.Directory. Requests that change members alone
// neither wait for each other nor write the role.
func (d *Directory) UpdateGroup(ctx context.Context, id string, match scim.Match, withMembers bool, mutate groupMutation) (scim.Resource, error) {
	ctx, cancel, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	role, err := d.role(ctx, id)
	if err != nil {
		return nil, err
	}
	next, change, err := d.mutateRole(ctx, role, mutate)
	if err != nil {
		return nil, err
	}
	edited := role.DeepCopy()
	if err := setRole(&edited.Spec, next); err != nil {
		return nil, err
	}
	same, err := equalSpecs(&role.Spec, &edited.Spec)
	if err != nil {
		return nil, err
	}
	// The cache may not have yet what the lock's holder is writing.
	if !same || d.locks.busy(roleLock(id)) {
		if role, change, err = d.updateRole(ctx, id, mutate); err != nil {
			return nil, err
		}
	}
	if role, err = d.changeMembers(ctx, role, change); err != nil {
		return nil, err
	}
	d.unfinished.clear(id)
	return d.showRole(ctx, role, withMembers)
}

func (d *Directory) mutateRole(ctx context.Context, role *v1alpha1.ProvisionedRole, mutate groupMutation) (scim.Resource, scim.MemberChange, error) {
	current, err := roleResource(role)
	if err != nil {
		return nil, scim.MemberChange{}, err
	}
	return mutate(current, func() ([]scim.Member, error) { return d.members(ctx, role) })
}

// updateRole writes the group's own attributes, and returns the change of its
// members that goes with what was written.
func (d *Directory) updateRole(ctx context.Context, id string, mutate groupMutation) (*v1alpha1.ProvisionedRole, scim.MemberChange, error) {
	var change scim.MemberChange
	release, err := d.locks.acquire(ctx, roleLock(id))
	if err != nil {
		return nil, change, err
	}
	defer release()
	if err := d.catchUp(ctx, ""); err != nil {
		return nil, change, err
	}
	role, err := d.role(ctx, id)
	if err != nil {
		return nil, change, err
	}
	name := held{locks: &d.locks}
	defer name.drop()
	role, err = revise(ctx, d, role, d.roleRevision(id, func(r *v1alpha1.ProvisionedRole) error {
		var next scim.Resource
		var err error
		if next, change, err = d.mutateRole(ctx, r, mutate); err != nil {
			return err
		}
		before := r.Spec.DisplayName
		if err := setRole(&r.Spec, next); err != nil {
			return err
		}
		if fold.Equal(before, r.Spec.DisplayName) {
			return nil
		}
		if err := name.take(ctx, displayNameLock(r.Spec.DisplayName)); err != nil {
			return err
		}
		if err := d.catchUp(ctx, ""); err != nil {
			return err // who had the name's lock may have left something
		}
		return d.displayNameFree(ctx, r.Spec.DisplayName, id)
	}))
	return role, change, err
}

// changeMembers carries a change out, and returns the role as it is then.
func (d *Directory) changeMembers(ctx context.Context, role *v1alpha1.ProvisionedRole, change scim.MemberChange) (*v1alpha1.ProvisionedRole, error) {
	if change.Empty() {
		return role, nil
	}
	vanished := map[string]bool{}
	for {
		p, err := d.plan(ctx, role, change, vanished)
		if err != nil {
			return role, err
		}
		if role, err = d.keepUnresolved(ctx, role, p.unresolved, change, vanished); err != nil {
			return role, err
		}
		gone, err := d.write(ctx, role, p)
		if err != nil || len(gone) == 0 {
			return role, err
		}
		// Their objects went away under our hands; now they are ids of nobody.
		for _, id := range gone {
			vanished[id] = true
		}
	}
}

// keepUnresolved writes spec.unresolvedMembers if it differs from what is
// wanted. When others have written it meanwhile, it is planned anew.
func (d *Directory) keepUnresolved(ctx context.Context, role *v1alpha1.ProvisionedRole, want []string,
	change scim.MemberChange, vanished map[string]bool,
) (*v1alpha1.ProvisionedRole, error) {
	id := role.Spec.ID
	if sameStrings(role.Spec.UnresolvedMembers, want) && !d.locks.busy(roleLock(id)) {
		return role, nil
	}
	current, err := d.editRole(ctx, id, func(r *v1alpha1.ProvisionedRole) error {
		p, err := d.plan(ctx, r, change, vanished)
		r.Spec.UnresolvedMembers = p.unresolved
		return err
	})
	if err != nil {
		return role, err
	}
	return current, nil
}

// DeleteGroup implements scim.Directory. Its memberships dangle then: ids are
// never used again, so they mean nothing until they are swept.
func (d *Directory) DeleteGroup(ctx context.Context, id string, match scim.Match) error {
	release, err := d.locks.acquire(ctx, roleLock(id))
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	role, err := d.role(ctx, id)
	if err != nil {
		return err
	}
	return d.deleteRole(ctx, role)
}

func (d *Directory) deleteRole(ctx context.Context, role *v1alpha1.ProvisionedRole) error {
	err := d.doubtful(role, d.client.Delete(ctx, role.DeepCopy(), client.Preconditions{UID: ptr.To(role.UID)}))
	if apierrors.IsNotFound(err) {
		return scim.NotFound(schema.Group.Name, role.Spec.ID)
	}
	if err != nil {
		return explain(err, "delete %s", role.Name)
	}
	if err := d.await(ctx, role); err != nil {
		d.unsettled.add(role, false)
		return err
	}
	d.unfinished.clear(role.Spec.ID)
	return nil
}

// role returns the role of that id, or NotFound. It belongs to the cache.
func (d *Directory) role(ctx context.Context, id string) (*v1alpha1.ProvisionedRole, error) {
	role, err := d.findRole(ctx, id)
	if err == nil && role == nil {
		return nil, scim.NotFound(schema.Group.Name, id)
	}
	return role, err
}

// findRole returns the role of that id, or nil.
func (d *Directory) findRole(ctx context.Context, id string) (*v1alpha1.ProvisionedRole, error) {
	var list v1alpha1.ProvisionedRoleList
	if err := d.list(ctx, &list, index.RoleByID, index.Scoped(d.provider, id)); err != nil {
		return nil, err
	}
	for i := range list.Items {
		if r := &list.Items[i]; d.mine(r) {
			return r, nil
		}
	}
	return nil, nil
}

func (d *Directory) roleRevision(id string, edit func(*v1alpha1.ProvisionedRole) error) revision[*v1alpha1.ProvisionedRole] {
	return revision[*v1alpha1.ProvisionedRole]{
		spec:  func(r *v1alpha1.ProvisionedRole) any { return &r.Spec },
		stamp: func(r *v1alpha1.ProvisionedRole) { r.Spec.ModifiedAt = d.modified(r) },
		gone: func(r *v1alpha1.ProvisionedRole) error {
			if !d.mine(r) || r.Spec.ID != id {
				return scim.NotFound(schema.Group.Name, id)
			}
			return nil
		},
		edit: edit,
	}
}

// showRole is what the client sees of a role.
func (d *Directory) showRole(ctx context.Context, role *v1alpha1.ProvisionedRole, withMembers bool) (scim.Resource, error) {
	group, err := roleResource(role)
	if err != nil || !withMembers {
		return group, err
	}
	members, err := d.members(ctx, role)
	if err != nil {
		return nil, err
	}
	if len(members) > 0 {
		group[attrMembers] = memberValues(members)
	}
	return group, nil
}
