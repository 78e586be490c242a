package directory

import (
	"context"
	"errors"
	"iter"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/names"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/fold"
)

// maxNames is how many object names are tried that follow from the SCIM name
// alone. Each that is taken belongs to a tombstone of the same name, to a renamed
// object or to another provider. The last resort has the id in it.
const maxNames = 8

// objectNames are the names for an object, in the order in which to try them.
// All but the last are a function of the SCIM name, so two processes that create
// the same user meet in etcd, whatever their caches know.
func (d *Directory) objectNames(of func(provider, name string) (base, alternate string), name, id string) iter.Seq[string] {
	return func(yield func(string) bool) {
		base, alternate := of(d.provider, name)
		if !yield(base) {
			return
		}
		for n := 2; n <= maxNames; n++ {
			if !yield(alternate) {
				return
			}
			// No provider has a slash in its name.
			_, alternate = of(d.provider+"/"+strconv.Itoa(n), name)
		}
		_, own := of(d.provider+"/"+id, name)
		yield(own)
	}
}

func (d *Directory) userNames(userName, id string) iter.Seq[string] {
	return d.objectNames(names.ForUser, userName, id)
}

func (d *Directory) roleNames(displayName, id string) iter.Seq[string] {
	return d.objectNames(names.ForRole, displayName, id)
}

// create stores a new object under the first name that is free, and waits until
// the cache has it. claims returns an error if the object that has a name is
// what the new one would be. The caller holds the lock of the SCIM name.
func create[T client.Object](ctx context.Context, d *Directory, object T, names iter.Seq[string], claims func(holder T) error) error {
	for name := range names {
		holder, err := empty(d.client, object)
		if err != nil {
			return err
		}
		switch err := d.cached(ctx, name, holder); {
		case err == nil:
			// The cache's holder may have got the name we want since then.
			taken, err := holderOf(ctx, d, object, name, claims)
			if err != nil {
				return err
			}
			if taken {
				continue
			}
		case !apierrors.IsNotFound(err):
			return explain(err, "look for %s", name)
		}
		object.SetName(name)
		err = d.doubtful(object, d.client.Create(ctx, object))
		if err == nil {
			d.told(ctx, nil, object)
			return d.settle(ctx, object)
		}
		if !apierrors.IsAlreadyExists(err) {
			return explain(err, "create %s", name)
		}
		// The cache doesn't know it yet.
		if _, err := holderOf(ctx, d, object, name, claims); err != nil {
			return err
		}
	}
	return explain(errors.New("every name is taken"), "create an object")
}

// holderOf asks the API server for the object that has a name: whether there is
// one, and what claims says of it.
func holderOf[T client.Object](ctx context.Context, d *Directory, like T, name string, claims func(holder T) error) (bool, error) {
	holder, err := empty(d.client, like)
	if err != nil {
		return false, err
	}
	err = d.live.Get(ctx, client.ObjectKey{Name: name}, holder)
	if err != nil {
		return false, explain(client.IgnoreNotFound(err), "read %s", name)
	}
	return true, claims(holder)
}

// userNameFree returns a Conflict if another user than self has the name, and
// refuses one that could never be a subject. A user who has such a name already
// isn't asked, or nobody could deactivate them. The caller holds the name's lock.
func (d *Directory) userNameFree(ctx context.Context, userName string, self types.UID) error {
	if reason, message := access.CheckSubject(userName); reason != "" {
		return scim.BadRequest(scim.InvalidValue, "the userName %s", message)
	}
	var list v1alpha1.ProvisionedUserList
	if err := d.list(ctx, &list, index.UserByUserName, fold.String(userName)); err != nil {
		return err
	}
	for i := range list.Items {
		u := &list.Items[i]
		if u.UID == self {
			continue
		}
		if err := d.userConflict(u, userName); err != nil {
			return err
		}
	}
	return nil
}

// userConflict returns a Conflict if u is why this provider can't have a user of
// that name.
func (d *Directory) userConflict(u *v1alpha1.ProvisionedUser, userName string) error {
	switch {
	case !fold.Equal(u.Spec.UserName, userName):
		return nil
	case d.mine(u):
		return scim.Conflict("a user with the userName %q exists", userName)
	case isLocal(u):
		return scim.Conflict("a local user with the userName %q exists (provisioneduser/%s): an identity provider takes a local user over by creating it, never by a rename; choose another userName, or have the local user renamed or removed first", userName, u.Name)
	default:
		return nil
	}
}

// displayNameFree is userNameFree for groups.
func (d *Directory) displayNameFree(ctx context.Context, displayName string, self types.UID) error {
	var list v1alpha1.ProvisionedRoleList
	if err := d.list(ctx, &list, index.RoleByDisplayName, fold.String(displayName)); err != nil {
		return err
	}
	for i := range list.Items {
		r := &list.Items[i]
		if r.UID == self {
			continue
		}
		if err := d.roleConflict(r, displayName); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) roleConflict(r *v1alpha1.ProvisionedRole, displayName string) error {
	switch {
	case !fold.Equal(r.Spec.DisplayName, displayName):
		return nil
	case d.mine(r):
		return scim.Conflict("a group with the displayName %q exists", displayName)
	case isLocal(r):
		return scim.Conflict("a local role with the displayName %q exists (provisionedrole/%s): an identity provider takes a local role over by creating it, never by a rename; choose another displayName, or have the local role renamed or removed first", displayName, r.Name)
	default:
		return nil
	}
}

// The keys of locks. They have different first letters.
func userLock(id string) string           { return "user " + id }
func userNameLock(userName string) string { return "name " + fold.String(userName) }
func roleLock(id string) string           { return "role " + id }
func displayNameLock(name string) string  { return "display " + fold.String(name) }
func memberLock(userID, roleID string) string {
	return "member " + strconv.Quote(userID) + " " + strconv.Quote(roleID)
}
