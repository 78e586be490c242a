package directory

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// CreateUser implements scim.Directory. A local user whom an administrator has
// marked for this provider becomes the new one. A deleted user that comes back
// under its externalId is the same user, whatever its userName is by now.
func (d *Directory) CreateUser(ctx context.Context, user scim.Resource) (scim.Resource, error) {
	u := &v1alpha1.ProvisionedUser{Spec: v1alpha1.ProvisionedUserSpec{
		Provider: d.provider,
		ID:       uuid.NewString(),
		Type:     v1alpha1.Person,
		Active:   ptr.To(true),
	}}
	if err := setUser(&u.Spec, user); err != nil {
		return nil, err
	}
	release, err := d.locks.acquire(ctx, userNameLock(u.Spec.UserName))
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()

	adopted, err := d.adoptUser(ctx, user)
	if err != nil {
		return nil, err
	}
	if adopted != nil {
		return d.showUser(ctx, adopted)
	}
	tombstone, err := d.tombstone(ctx, u.Spec.ExternalID)
	if err != nil {
		return nil, err
	}
	if tombstone != nil {
		resumed, err := d.resume(ctx, tombstone, user)
		if err != nil || resumed != nil {
			return resumed, err
		}
	}
	if err := d.userNameFree(ctx, u.Spec.UserName, ""); err != nil {
		return nil, err
	}
	err = create(ctx, d, u, d.userNames(u.Spec.UserName, u.Spec.ID), func(holder *v1alpha1.ProvisionedUser) error {
		if err := d.userConflict(holder, u.Spec.UserName); err == nil || !isLocal(holder) {
			return err
		}
		return unseen(d.mayAdoptUser(holder, u.Spec.UserName))
	})
	if err != nil {
		return nil, err
	}
	return d.showUser(ctx, u)
}

// tombstone returns the user that was deleted last of those with an externalId.
func (d *Directory) tombstone(ctx context.Context, externalID string) (*v1alpha1.ProvisionedUser, error) {
	if externalID == "" {
		return nil, nil
	}
	var list v1alpha1.ProvisionedUserList
	if err := d.list(ctx, &list, index.UserByExternalID, index.Scoped(d.provider, externalID)); err != nil {
		return nil, err
	}
	var last *v1alpha1.ProvisionedUser
	for i := range list.Items {
		u := &list.Items[i]
		if u.Spec.DeprovisionedAt == nil || u.DeletionTimestamp != nil {
			continue
		}
		if last == nil || last.Spec.DeprovisionedAt.Before(u.Spec.DeprovisionedAt) {
			last = u
		}
	}
	return last, nil
}

// resume brings a tombstone back. Local grants from before stay void, because
// spec.suspensions stays as the deletion left it, memberships begin empty, and a
// release that the deletion came before is off.
// It returns nil when somebody else was faster, or the retention was over. There
// is no lock but the name's to hold: a writer who holds a user's lock may be
// waiting for that.
func (d *Directory) resume(ctx context.Context, tombstone *v1alpha1.ProvisionedUser, user scim.Resource) (scim.Resource, error) {
	if err := d.userNameFree(ctx, user.String(attrUserName), tombstone.UID); err != nil {
		return nil, err
	}
	lost := scim.NotFound(schema.User.Name, tombstone.Spec.ID)
	resumed, err := revise(ctx, d, tombstone, d.userRevision(
		func(u *v1alpha1.ProvisionedUser) error {
			if u.Spec.ID != tombstone.Spec.ID || u.Spec.Provider != d.provider || u.Spec.DeprovisionedAt == nil || u.DeletionTimestamp != nil {
				return lost
			}
			return nil
		},
		func(u *v1alpha1.ProvisionedUser) error {
			u.Spec.DeprovisionedAt, u.Spec.ProviderDeletedAt = nil, nil
			u.Spec.Memberships = nil
			u.Spec.Active = ptr.To(true)
			// A release was asked for with what the user had before.
			delete(u.Annotations, v1alpha1.ReleaseAnnotation)
			return setUser(&u.Spec, user)
		}))
	if errors.Is(err, lost) {
		return nil, d.resumedAlready(ctx, tombstone)
	}
	if err != nil {
		return nil, err
	}
	return d.showUser(ctx, resumed)
}

// resumedAlready returns a Conflict if what the cache has as a tombstone is alive.
func (d *Directory) resumedAlready(ctx context.Context, tombstone *v1alpha1.ProvisionedUser) error {
	now := &v1alpha1.ProvisionedUser{}
	if err := d.live.Get(ctx, client.ObjectKeyFromObject(tombstone), now); err != nil {
		return explain(client.IgnoreNotFound(err), "read %s again", tombstone.Name)
	}
	if d.mine(now) && now.Spec.ExternalID == tombstone.Spec.ExternalID {
		return scim.Conflict("a user with the externalId %q exists", now.Spec.ExternalID)
	}
	return nil
}

// User implements scim.Directory.
func (d *Directory) User(ctx context.Context, id string) (scim.Resource, error) {
	if err := d.catchUp(ctx, id); err != nil {
		return nil, err
	}
	u, err := d.user(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := mayShowUser(ctx, u); err != nil {
		return nil, err
	}
	return d.showUser(ctx, u)
}

// UpdateUser implements scim.Directory.
func (d *Directory) UpdateUser(ctx context.Context, id string, match scim.Match, mutate func(scim.Resource) (scim.Resource, error)) (scim.Resource, error) {
	release, err := d.locks.acquire(ctx, userLock(id))
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	u, err := d.user(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := mayShowUser(ctx, u); err != nil {
		return nil, err
	}
	name := held{locks: &d.locks}
	defer name.drop()
	updated, err := revise(ctx, d, u, d.userRevision(d.visible(id), func(u *v1alpha1.ProvisionedUser) error {
		if err := d.checkUser(ctx, match, u); err != nil {
			return err
		}
		current, err := d.showUser(ctx, u)
		if err != nil {
			return err
		}
		next, err := mutate(current)
		if err != nil {
			return err
		}
		before := *u.Spec.DeepCopy()
		if err := setUser(&u.Spec, next); err != nil {
			return err
		}
		if isActive(&before) && !isActive(&u.Spec) {
			// In the same write, so that no local grant outlives the suspension.
			u.Spec.Suspensions++
		}
		if fold.Equal(before.UserName, u.Spec.UserName) {
			return nil
		}
		if err := name.take(ctx, userNameLock(u.Spec.UserName)); err != nil {
			return err
		}
		if err := d.catchUp(ctx, ""); err != nil {
			return err // who had the name's lock may have left something
		}
		return d.userNameFree(ctx, u.Spec.UserName, u.UID)
	}))
	if err != nil {
		return nil, err
	}
	return d.showUser(ctx, updated)
}

// DeleteUser implements scim.Directory. It leaves a tombstone. The count of
// suspensions goes up even if the user was suspended already: a grant that was
// made since then must not wait for the user's return.
func (d *Directory) DeleteUser(ctx context.Context, id string, match scim.Match) error {
	release, err := d.locks.acquire(ctx, userLock(id))
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	u, err := d.user(ctx, id)
	if err != nil {
		return err
	}
	_, err = revise(ctx, d, u, d.userRevision(d.visible(id), func(u *v1alpha1.ProvisionedUser) error {
		if err := d.checkUser(ctx, match, u); err != nil {
			return err
		}
		u.Spec.Active = ptr.To(false)
		u.Spec.Suspensions++
		u.Spec.DeprovisionedAt = d.modified(u)
		u.Spec.ProviderDeletedAt = nil
		u.Spec.Memberships = nil
		return nil
	}))
	return err
}

// checkUser asks a client's precondition of a user.
func (d *Directory) checkUser(ctx context.Context, match scim.Match, u *v1alpha1.ProvisionedUser) error {
	return check(match, schema.User.Name, u.Spec.ID, func() (scim.Resource, error) { return d.showUser(ctx, u) })
}

// user returns the live user of that id, or NotFound. It belongs to the cache.
func (d *Directory) user(ctx context.Context, id string) (*v1alpha1.ProvisionedUser, error) {
	u, err := d.findUser(ctx, id)
	if err == nil && u == nil {
		return nil, scim.NotFound(schema.User.Name, id)
	}
	return u, err
}

// findUser returns the live user of that id, or nil.
func (d *Directory) findUser(ctx context.Context, id string) (*v1alpha1.ProvisionedUser, error) {
	return first(d.listUsers(ctx, index.UserByID, d.scoped(id)))
}

// visible returns NotFound for everything but the live user of that id.
func (d *Directory) visible(id string) func(*v1alpha1.ProvisionedUser) error {
	return func(u *v1alpha1.ProvisionedUser) error {
		if !d.mine(u) || u.Spec.ID != id {
			return scim.NotFound(schema.User.Name, id)
		}
		return nil
	}
}

func (d *Directory) userRevision(gone, edit func(*v1alpha1.ProvisionedUser) error) revision[*v1alpha1.ProvisionedUser] {
	return revision[*v1alpha1.ProvisionedUser]{
		spec:  func(u *v1alpha1.ProvisionedUser) any { return &u.Spec },
		stamp: func(u *v1alpha1.ProvisionedUser) { u.Spec.ModifiedAt = d.modified(u) },
		gone:  gone,
		edit:  edit,
	}
}

func isActive(spec *v1alpha1.ProvisionedUserSpec) bool { return ptr.Deref(spec.Active, true) }

// showUser is what the client sees of a user.
func (d *Directory) showUser(ctx context.Context, u *v1alpha1.ProvisionedUser) (scim.Resource, error) {
	user, err := userResource(u)
	if err != nil {
		return nil, err
	}
	groups, err := d.groupsOf(ctx, u)
	if err != nil {
		return nil, err
	}
	if len(groups) > 0 {
		user[attrGroups] = groups
	}
	setVersion(user, nil)
	return user, nil
}
