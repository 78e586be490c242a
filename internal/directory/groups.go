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
// created, or may have been: nobody knows their ids. A restart forgets them; then
// the same POST is answered with 409, whereupon clients look the group up by name.
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

// CreateGroup implements scim.Directory. A local role that an administrator has
// marked for this provider becomes the new group. When it fails, the group stays with the
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
	if err != nil {
		return nil, err
	}
	edit := func(*v1alpha1.ProvisionedRole) error { return nil }
	if begun != nil {
		edit = func(r *v1alpha1.ProvisionedRole) error { return setRole(&r.Spec, group) }
	} else if begun, err = d.adoptRole(ctx, group, change, role.Spec.ID); err != nil {
		return nil, err
	}
	if begun != nil {
		role, change.Reset = begun, true
	} else if err := d.createRole(ctx, role, change); err != nil {
		return nil, err
	}
	role, err = d.changeRole(ctx, role.Spec.ID, func(r *v1alpha1.ProvisionedRole) (scim.MemberChange, error) {
		return change, edit(r)
	})
	if err != nil {
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
		if err := d.roleConflict(holder, role.Spec.DisplayName); err == nil || !isLocal(holder) {
			return err
		}
		return unseen(d.mayAdoptRole(holder, role.Spec.DisplayName))
	})
	if err == nil || d.unsettled.has(role) {
		d.unfinished.set(role.Spec.DisplayName, role.Spec.ID)
	}
	return err
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
	if err := d.mayShowRole(ctx, role, withMembers); err != nil {
		return nil, err
	}
	return d.showRole(ctx, role, withMembers)
}

// groupMutation is the argument of UpdateGroup.
type groupMutation = func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error)

// UpdateGroup implements scim.Directory. Requests that add or remove members and
// do nothing else share the role's lock: they neither wait for each other nor
// write the role. Any other has the lock to itself, because it depends on all of
// the group: what it replaces, or the version that it asks for.
func (d *Directory) UpdateGroup(ctx context.Context, id string, match scim.Match, withMembers bool, mutate groupMutation) (scim.Resource, error) {
	var role *v1alpha1.ProvisionedRole
	var done bool
	var err error
	edit := func(ctx context.Context, role *v1alpha1.ProvisionedRole) (scim.MemberChange, error) {
		if err := d.mayShowRole(ctx, role, withMembers); err != nil {
			return scim.MemberChange{}, err
		}
		return d.mutateRole(ctx, role, mutate)
	}
	if match == nil {
		if role, done, err = d.changeMembers(ctx, id, edit); err != nil {
			return nil, err
		}
	}
	if !done {
		if role, err = d.updateRole(ctx, id, match, edit); err != nil {
			return nil, err
		}
	}
	d.unfinished.clear(id)
	return d.showRole(ctx, role, withMembers)
}

// roleEdit returns the change of the members, and makes that of the role.
type roleEdit = func(context.Context, *v1alpha1.ProvisionedRole) (scim.MemberChange, error)

// mutateRole is a roleEdit.
func (d *Directory) mutateRole(ctx context.Context, role *v1alpha1.ProvisionedRole, mutate groupMutation) (scim.MemberChange, error) {
	current, err := roleResource(role)
	if err != nil {
		return scim.MemberChange{}, err
	}
	next, change, err := mutate(current, func() ([]scim.Member, error) { return d.members(ctx, role) })
	if err != nil {
		return change, err
	}
	return change, setRole(&role.Spec, next)
}

// changeMembers carries out a request that adds or removes members. It does
// nothing, or not all, and says that it isn't done when the role has to be
// written for it.
func (d *Directory) changeMembers(ctx context.Context, id string, edit roleEdit) (role *v1alpha1.ProvisionedRole, done bool, err error) {
	release, err := d.locks.share(ctx, roleLock(id))
	if err != nil {
		return nil, false, err
	}
	defer release()
	ctx, cancel, err := d.begin(ctx)
	if err != nil {
		return nil, false, err
	}
	defer cancel()
	if role, err = d.role(ctx, id); err != nil {
		return nil, false, err
	}
	edited := role.DeepCopy()
	change, err := edit(ctx, edited)
	if err != nil || change.Reset {
		return role, false, err
	}
	p, err := d.plan(ctx, edited, change, nil)
	if err != nil {
		return role, false, err
	}
	edited.Spec.UnresolvedMembers = p.unresolved
	same, err := equalSpecs(&role.Spec, &edited.Spec)
	if err != nil || !same {
		return role, false, err
	}
	vanished, err := d.write(ctx, role, p)
	return role, len(vanished) == 0, err
}

// updateRole is UpdateGroup under a lock of its own.
func (d *Directory) updateRole(ctx context.Context, id string, match scim.Match, edit roleEdit) (*v1alpha1.ProvisionedRole, error) {
	name := held{locks: &d.locks}
	defer name.drop()
	return d.changeRole(ctx, id, func(r *v1alpha1.ProvisionedRole) (scim.MemberChange, error) {
		if err := d.checkRole(ctx, match, r); err != nil {
			return scim.MemberChange{}, err
		}
		before := r.Spec.DisplayName
		change, err := edit(ctx, r)
		if err != nil || fold.Equal(before, r.Spec.DisplayName) {
			return change, err
		}
		if err := name.take(ctx, displayNameLock(r.Spec.DisplayName)); err != nil {
			return change, err
		}
		if err := d.catchUp(ctx, ""); err != nil {
			return change, err // who had the name's lock may have left something
		}
		return change, d.displayNameFree(ctx, r.Spec.DisplayName, r.UID)
	})
}

// changeRole revises a role and its membership, with nobody else at it. It
// returns the role as it is then.
func (d *Directory) changeRole(ctx context.Context, id string, edit func(*v1alpha1.ProvisionedRole) (scim.MemberChange, error)) (*v1alpha1.ProvisionedRole, error) {
	release, err := d.locks.acquire(ctx, roleLock(id))
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	role, err := d.role(ctx, id)
	if err != nil {
		return nil, err
	}
	var change scim.MemberChange
	var p membershipPlan
	vanished := map[string]bool{}
	for edited := false; ; edited = true {
		role, err = revise(ctx, d, role, d.roleRevision(id, func(r *v1alpha1.ProvisionedRole) error {
			var err error
			if !edited {
				if change, err = edit(r); err != nil {
					return err
				}
			}
			p, err = d.plan(ctx, r, change, vanished)
			r.Spec.UnresolvedMembers = p.unresolved
			return err
		}))
		if err != nil {
			return nil, err
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
	if err := d.deleteRole(ctx, role, match); err != nil {
		return err
	}
	d.unfinished.clear(id)
	return nil
}

func (d *Directory) deleteRole(ctx context.Context, role *v1alpha1.ProvisionedRole, match scim.Match) error {
	var pace backoff
	for {
		if err := d.checkRole(ctx, match, role); err != nil {
			return err
		}
		// The version, so that no role is deleted that an administrator has just
		// released: it is local then.
		as := client.Preconditions{UID: ptr.To(role.UID), ResourceVersion: ptr.To(role.ResourceVersion)}
		err := d.doubtful(role, d.client.Delete(ctx, role.DeepCopy(), as))
		switch {
		case err == nil:
			d.told(ctx, role, nil)
			if err = d.await(ctx, role); err != nil {
				d.unsettled.add(role, false)
			}
			return err
		case apierrors.IsNotFound(err):
			return scim.NotFound(schema.Group.Name, role.Spec.ID)
		case !apierrors.IsConflict(err):
			return explain(err, "delete %s", role.Name)
		}
		if err := pace.wait(ctx); err != nil {
			return err
		}
		if role, err = again(ctx, d, role, d.roleGone(role.Spec.ID)); err != nil {
			return err
		}
	}
}

// checkRole asks a client's precondition of a role.
func (d *Directory) checkRole(ctx context.Context, match scim.Match, role *v1alpha1.ProvisionedRole) error {
	return check(match, schema.Group.Name, role.Spec.ID, func() (scim.Resource, error) { return d.showRole(ctx, role, false) })
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
	return first(d.listRoles(ctx, index.RoleByID, d.scoped(id)))
}

func (d *Directory) roleRevision(id string, edit func(*v1alpha1.ProvisionedRole) error) revision[*v1alpha1.ProvisionedRole] {
	return revision[*v1alpha1.ProvisionedRole]{
		spec:  roleSpec,
		stamp: d.stampRole,
		gone:  d.roleGone(id),
		edit:  edit,
	}
}

func roleSpec(r *v1alpha1.ProvisionedRole) any { return &r.Spec }

func (d *Directory) stampRole(r *v1alpha1.ProvisionedRole) { r.Spec.ModifiedAt = d.modified(r) }

// roleGone returns NotFound for everything but the role of that id.
func (d *Directory) roleGone(id string) func(*v1alpha1.ProvisionedRole) error {
	return func(r *v1alpha1.ProvisionedRole) error {
		if !d.mine(r) || r.Spec.ID != id {
			return scim.NotFound(schema.Group.Name, id)
		}
		return nil
	}
}

// showRole is what the client sees of a role.
func (d *Directory) showRole(ctx context.Context, role *v1alpha1.ProvisionedRole, withMembers bool) (scim.Resource, error) {
	group, err := roleResource(role)
	if err != nil {
		return nil, err
	}
	if !withMembers {
		sum, err := d.memberSum(ctx, role)
		if err != nil {
			return nil, err
		}
		setVersion(group, sum)
		return group, nil
	}
	members, err := d.members(ctx, role)
	if err != nil {
		return nil, err
	}
	var sum scim.MemberSum
	for _, m := range members {
		sum.Add(m.ID)
	}
	setVersion(group, &sum)
	if len(members) > 0 {
		group[attrMembers] = memberValues(members)
	}
	return group, nil
}
