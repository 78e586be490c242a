package directory

import (
	"context"
	"time"

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

// undoTimeout is how long it may take to remove a group that was made in vain.
const undoTimeout = 5 * time.Second

// CreateGroup implements scim.Directory.
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
	if err := d.displayNameFree(ctx, role.Spec.DisplayName, ""); err != nil {
		return nil, err
	}
	change := scim.MemberChange{Add: members}
	p, err := d.plan(ctx, role, change, nil)
	if err != nil {
		return nil, err
	}
	role.Spec.UnresolvedMembers = p.unresolved
	err = create(ctx, d, role, d.roleNames(role.Spec.DisplayName), func(holder *v1alpha1.ProvisionedRole) error {
		return d.roleConflict(holder, role.Spec.DisplayName)
	})
	if err != nil {
		return nil, err
	}
	if role, err = d.changeMembers(ctx, role, change); err != nil {
		// A group with some of its members would answer the client's next try
		// with a conflict. Whether this works or not, the error stays the same.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		_ = d.deleteRole(undo, role)
		return nil, err
	}
	return d.showRole(ctx, role, true)
}

// Group implements scim.Directory.
func (d *Directory) Group(ctx context.Context, id string, withMembers bool) (scim.Resource, error) {
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
func (d *Directory) UpdateGroup(ctx context.Context, id string, withMembers bool, mutate groupMutation) (scim.Resource, error) {
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
	if !same {
		if role, change, err = d.updateRole(ctx, id, mutate); err != nil {
			return nil, err
		}
	}
	if role, err = d.changeMembers(ctx, role, change); err != nil {
		return nil, err
	}
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
	if sameStrings(role.Spec.UnresolvedMembers, want) {
		return role, nil
	}
	id := role.Spec.ID
	release, err := d.locks.acquire(ctx, roleLock(id))
	if err != nil {
		return role, err
	}
	defer release()
	current, err := d.role(ctx, id)
	if err != nil {
		return role, err
	}
	return revise(ctx, d, current, d.roleRevision(id, func(r *v1alpha1.ProvisionedRole) error {
		p, err := d.plan(ctx, r, change, vanished)
		r.Spec.UnresolvedMembers = p.unresolved
		return err
	}))
}

// DeleteGroup implements scim.Directory. Its memberships dangle then: ids are
// never used again, so they mean nothing until they are swept.
func (d *Directory) DeleteGroup(ctx context.Context, id string) error {
	release, err := d.locks.acquire(ctx, roleLock(id))
	if err != nil {
		return err
	}
	defer release()
	role, err := d.role(ctx, id)
	if err != nil {
		return err
	}
	return d.deleteRole(ctx, role)
}

func (d *Directory) deleteRole(ctx context.Context, role *v1alpha1.ProvisionedRole) error {
	err := d.client.Delete(ctx, role.DeepCopy(), client.Preconditions{UID: ptr.To(role.UID)})
	if apierrors.IsNotFound(err) {
		return scim.NotFound(schema.Group.Name, role.Spec.ID)
	}
	if err != nil {
		return explain(err, "delete %s", role.Name)
	}
	return d.settle(ctx, role)
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
