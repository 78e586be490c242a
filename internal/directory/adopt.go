package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/fold"
)

// errMovedOn says that an object is no longer what was to be adopted: it is
// deleted, renamed or somebody's.
var errMovedOn = errors.New("no longer a local object of that name")

// adoptUser takes over the local user who has the name of a new one, and returns
// nil if there is none. A local user whom no administrator has marked for this
// provider is a Conflict. The mark is an explicit act, so it comes before the
// tombstone of a user with the same externalId, which stays one.
func (d *Directory) adoptUser(ctx context.Context, user scim.Resource) (*v1alpha1.ProvisionedUser, error) {
	userName := user.String(attrUserName)
	return adopt(ctx, d, d.localUsers(userName), d.userRevision(
		func(u *v1alpha1.ProvisionedUser) error { return d.mayAdoptUser(u, userName) },
		func(u *v1alpha1.ProvisionedUser) error {
			if err := d.userNameFree(ctx, userName, u.UID); err != nil {
				return err
			}
			if err := d.userIDFree(ctx, u); err != nil {
				return err
			}
			before := u.Spec.UserName
			u.Spec.Provider = d.provider
			if u.Spec.ID == "" {
				u.Spec.ID = uuid.NewString()
			}
			u.Spec.Active = ptr.To(true)
			if err := setUser(&u.Spec, user); err != nil {
				return err
			}
			keeps := handOver(u)
			if !keeps || !isActive(&u.Spec) {
				// In the same write, so that no local grant outlives it.
				u.Spec.Suspensions++
			}
			if keeps && u.Spec.PermissionLevelSubject == before {
				// A level counts for a name to the letter, and the administrator who
				// marked the user left it to this client how to write it.
				u.Spec.PermissionLevelSubject = u.Spec.UserName
			}
			return nil
		}))
}

// adoptRole is adoptUser for a role without its members, which is unfinished then.
// It gets the new id, so that what was attached to the old one is void, unless the
// administrator said that it shall stay.
func (d *Directory) adoptRole(ctx context.Context, group scim.Resource, change scim.MemberChange, id string) (*v1alpha1.ProvisionedRole, error) {
	displayName := group.String(attrDisplay)
	change.Reset = true // whatever is left from an earlier life of the role
	given := id
	adopted, err := adopt(ctx, d, d.localRoles(displayName), revision[*v1alpha1.ProvisionedRole]{
		spec:  roleSpec,
		stamp: d.stampRole,
		gone:  func(r *v1alpha1.ProvisionedRole) error { return d.mayAdoptRole(r, displayName) },
		edit: func(r *v1alpha1.ProvisionedRole) error {
			if err := d.displayNameFree(ctx, displayName, r.UID); err != nil {
				return err
			}
			if !handOver(r) || r.Spec.ID == "" {
				r.Spec.ID = id
			} else if err := d.roleIDFree(ctx, r); err != nil {
				return err
			}
			given, r.Spec.Provider = r.Spec.ID, d.provider
			if err := setRole(&r.Spec, group); err != nil {
				return err
			}
			p, err := d.plan(ctx, r, change, nil)
			r.Spec.UnresolvedMembers = p.unresolved
			return err
		},
	})
	if adopted != nil && (err == nil || d.unsettled.has(adopted)) {
		d.unfinished.set(displayName, given)
	}
	return adopted, err
}

// adopt makes a local object this provider's, in one write that nobody else's
// comes between. find returns the local objects of a name; the zero value of T
// says that there are none. The caller holds the lock of the name.
func adopt[T client.Object](ctx context.Context, d *Directory, find func(context.Context) ([]T, error), r revision[T]) (T, error) {
	var none T
	for {
		found, err := find(ctx)
		if err != nil || len(found) == 0 {
			return none, err
		}
		// What an administrator has just done counts: the mark was made so that
		// this request succeeds.
		if err := d.refresh(ctx, found[0]); err != nil {
			return none, err
		}
		if found, err = find(ctx); err != nil || len(found) == 0 {
			return none, err
		}
		if err := r.gone(found[0]); err != nil {
			return none, err
		}
		adopted, err := revise(ctx, d, found[0], r)
		if !errors.Is(err, errMovedOn) {
			return adopted, err
		}
	}
}

// handOver removes an administrator's marks, that of a release included, which was
// for an earlier owner, and says whether what was granted locally stays.
func handOver(o client.Object) (keeps bool) {
	marks := o.GetAnnotations()
	keeps = marks[v1alpha1.AdoptionKeepsAnnotation] == v1alpha1.AdoptionKeepsValue
	delete(marks, v1alpha1.AdoptableByAnnotation)
	delete(marks, v1alpha1.AdoptionKeepsAnnotation)
	delete(marks, v1alpha1.ReleaseAnnotation)
	return keeps
}

// isLocal says whether an object is the administrators' own, and there to stay.
func isLocal(o client.Object) bool {
	switch o := o.(type) {
	case *v1alpha1.ProvisionedUser:
		return o.Spec.Provider == "" && o.DeletionTimestamp == nil
	case *v1alpha1.ProvisionedRole:
		return o.Spec.Provider == "" && o.DeletionTimestamp == nil
	default:
		return false
	}
}

// localUsers finds the local users of a name in the cache. There is one at most,
// unless they are older than the admission that sees to it.
func (d *Directory) localUsers(userName string) func(context.Context) ([]*v1alpha1.ProvisionedUser, error) {
	return func(ctx context.Context) ([]*v1alpha1.ProvisionedUser, error) {
		var list v1alpha1.ProvisionedUserList
		if err := d.list(ctx, &list, index.UserByUserName, fold.String(userName)); err != nil {
			return nil, err
		}
		return only(list.Items, func(u *v1alpha1.ProvisionedUser) bool { return isLocal(u) }), nil
	}
}

// localRoles is localUsers for roles.
func (d *Directory) localRoles(displayName string) func(context.Context) ([]*v1alpha1.ProvisionedRole, error) {
	return func(ctx context.Context) ([]*v1alpha1.ProvisionedRole, error) {
		var list v1alpha1.ProvisionedRoleList
		if err := d.list(ctx, &list, index.RoleByDisplayName, fold.String(displayName)); err != nil {
			return nil, err
		}
		return only(list.Items, func(r *v1alpha1.ProvisionedRole) bool { return isLocal(r) }), nil
	}
}

// mayAdoptUser returns errMovedOn if u isn't the local user of that name any more,
// and a Conflict if this provider may not take it over.
func (d *Directory) mayAdoptUser(u *v1alpha1.ProvisionedUser, userName string) error {
	switch {
	case !isLocal(u) || !fold.Equal(u.Spec.UserName, userName):
		return errMovedOn
	case u.Spec.Type == v1alpha1.ServiceAccount:
		return scim.Conflict("a local user of type ServiceAccount with the userName %q exists (provisioneduser/%s): no identity provider can take over a ServiceAccount; rename or remove it, or choose another userName",
			userName, u.Name)
	}
	return d.mayAdopt(u, fmt.Sprintf("user with the userName %q", userName), "provisioneduser")
}

// mayAdoptRole is mayAdoptUser for roles.
func (d *Directory) mayAdoptRole(r *v1alpha1.ProvisionedRole, displayName string) error {
	if !isLocal(r) || !fold.Equal(r.Spec.DisplayName, displayName) {
		return errMovedOn
	}
	return d.mayAdopt(r, fmt.Sprintf("role with the displayName %q", displayName), "provisionedrole")
}

// mayAdopt returns a Conflict that says what to do unless an administrator has
// marked the object for this provider. Another provider's name is not told.
func (d *Directory) mayAdopt(o client.Object, what, kind string) error {
	marked, is := o.GetAnnotations()[v1alpha1.AdoptableByAnnotation]
	if marked == d.provider {
		return nil
	}
	command := fmt.Sprintf("kubectl annotate %s %s %s=%s", kind, o.GetName(), v1alpha1.AdoptableByAnnotation, d.provider)
	if is {
		command += " --overwrite"
	}
	return scim.Conflict("a local %s exists (%s/%s): to let identity provider %q take it over, run: %s", what, kind, o.GetName(), d.provider, command)
}

// userIDFree returns a Conflict if another user of this provider has the id, which
// is the author's choice as long as a user is local. A user with two objects could
// be deactivated in one of them alone.
func (d *Directory) userIDFree(ctx context.Context, u *v1alpha1.ProvisionedUser) error {
	var list v1alpha1.ProvisionedUserList
	if err := d.list(ctx, &list, index.UserByID, d.scoped(u.Spec.ID)); err != nil {
		return err
	}
	if others := only(list.Items, func(o *v1alpha1.ProvisionedUser) bool { return o.UID != u.UID }); len(others) > 0 {
		return d.idTaken("provisioneduser", u.Name)
	}
	return nil
}

// roleIDFree is userIDFree for roles.
func (d *Directory) roleIDFree(ctx context.Context, r *v1alpha1.ProvisionedRole) error {
	var list v1alpha1.ProvisionedRoleList
	if err := d.list(ctx, &list, index.RoleByID, d.scoped(r.Spec.ID)); err != nil {
		return err
	}
	if others := only(list.Items, func(o *v1alpha1.ProvisionedRole) bool { return o.UID != r.UID }); len(others) > 0 {
		return d.idTaken("provisionedrole", r.Name)
	}
	return nil
}

func (d *Directory) idTaken(kind, name string) error {
	return scim.Conflict("%s/%s can't be taken over: its spec.id is that of another one of identity provider %q; create it again without spec.id", kind, name, d.provider)
}

// unseen is what to say of a local object that the cache doesn't know yet, once
// mayAdopt has no objection: the same request adopts it.
func unseen(err error) error {
	if err != nil {
		return err
	}
	return scim.Unavailable(time.Second, errors.New("a local object to adopt has just appeared"))
}
