package webhook

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/names"
	"github.com/rollcall-dev/rollcall/scim/fold"
)

var (
	namePath     = field.NewPath("metadata", "name")
	userNamePath = field.NewPath("spec", "userName")
	identityPath = field.NewPath("spec", "remoteIdentity")
	displayPath  = field.NewPath("spec", "displayName")
)

// validateUserNames checks what a local user may be called. old is nil on creation.
// What was stored before is left alone: a user who has been released by an identity
// provider keeps what that called them.
func validateUserNames(old, u *v1alpha1.ProvisionedUser) field.ErrorList {
	var errs field.ErrorList
	if old == nil {
		base, alternate := names.ForUser("", u.Spec.UserName)
		errs = append(errs, validateObjectName(u.Name, "user", "userName", u.Spec.UserName, base, alternate)...)
	}
	if old == nil || old.Spec.UserName != u.Spec.UserName {
		if reason, message := access.CheckSubject(u.Spec.UserName); reason != "" {
			errs = append(errs, field.Invalid(userNamePath, u.Spec.UserName, "the userName "+message))
		}
	}
	if identity := u.Spec.RemoteIdentity; identity != "" && (old == nil || old.Spec.RemoteIdentity != identity) {
		if reason, message := access.CheckSubject(identity); reason != "" {
			errs = append(errs, field.Invalid(identityPath, identity, "the remoteIdentity "+message))
		}
	}
	return errs
}

// validateRoleName checks what a new local role may be called.
func validateRoleName(r *v1alpha1.ProvisionedRole) field.ErrorList {
	base, alternate := names.ForRole("", r.Spec.DisplayName)
	return validateObjectName(r.Name, "role", "displayName", r.Spec.DisplayName, base, alternate)
}

// validateObjectName keeps metadata.name a function of the value that is unique, so
// that two objects with one value meet in etcd.
func validateObjectName(name, kind, of, value, base, alternate string) field.ErrorList {
	if name == base || name == alternate {
		return nil
	}
	return field.ErrorList{field.Invalid(namePath, name, fmt.Sprintf(
		"the name of a local %s is made from its %s: call the one with the %s %q %q, or %q if that is somebody else's",
		kind, of, of, value, base, alternate))}
}

// uniqueUserName says who has the userName of a local user already: anybody but
// those whom their identity provider has deleted.
func (g *gate) uniqueUserName(ctx context.Context, u *v1alpha1.ProvisionedUser) (*field.Error, error) {
	others, err := g.cache.Users(ctx, index.UserByUserName, fold.String(u.Spec.UserName))
	if err != nil {
		return nil, err
	}
	// Whoever came a moment ago has the name that everybody tries first.
	base, _ := names.ForUser("", u.Spec.UserName)
	if latest, err := g.live.User(ctx, base); err != nil {
		return nil, err
	} else if latest != nil {
		others = append(others, latest)
	}
	for _, o := range others {
		if o.Name != u.Name && o.Spec.DeprovisionedAt == nil && o.DeletionTimestamp == nil && fold.Equal(o.Spec.UserName, u.Spec.UserName) {
			return duplicate(userNamePath, u.Spec.UserName, "user", o.Name, o.Spec.Provider), nil
		}
	}
	return nil, nil
}

// uniqueDisplayName says which role has the displayName of a local role already.
func (g *gate) uniqueDisplayName(ctx context.Context, r *v1alpha1.ProvisionedRole) (*field.Error, error) {
	var list v1alpha1.ProvisionedRoleList
	if err := g.cache.List(ctx, &list, index.RoleByDisplayName, fold.String(r.Spec.DisplayName)); err != nil {
		return nil, err
	}
	base, _ := names.ForRole("", r.Spec.DisplayName)
	if latest, err := g.live.Role(ctx, base); err != nil {
		return nil, err
	} else if latest != nil {
		list.Items = append(list.Items, *latest)
	}
	for i := range list.Items {
		o := &list.Items[i]
		if o.Name != r.Name && o.DeletionTimestamp == nil && fold.Equal(o.Spec.DisplayName, r.Spec.DisplayName) {
			return duplicate(displayPath, r.Spec.DisplayName, "role", o.Name, o.Spec.Provider), nil
		}
	}
	return nil, nil
}

func duplicate(path *field.Path, value, kind, holder, provider string) *field.Error {
	e := field.Duplicate(path, value)
	e.Detail = fmt.Sprintf("the %s %q of %q has it, case and width aside: choose another", kind, holder, access.ManagerOf(provider))
	return e
}
