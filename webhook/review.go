package webhook

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const (
	// attachVerb, on provisionedroles and named by the role, lets somebody attach
	// anybody to the role. RBAC knows the verb as it knows bind.
	attachVerb = "attach"
	// assignVerb, on permissionlevels and named by the level, lets somebody give and
	// take the level. There is no such resource but in RBAC.
	assignVerb = "assign"
)

// allowed asks the API server whether the author of a request may do what
// attributes say: the same question that RBAC asks for bind and escalate.
func (g *gate) allowed(ctx context.Context, author authenticationv1.UserInfo, attributes authorizationv1.ResourceAttributes) (bool, error) {
	extra := make(map[string]authorizationv1.ExtraValue, len(author.Extra))
	for k, v := range author.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               author.Username,
		Groups:             author.Groups,
		UID:                author.UID,
		Extra:              extra,
		ResourceAttributes: &attributes,
	}}
	if err := g.client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask whether %q may %s %s %q: %w",
			author.Username, attributes.Verb, attributes.Resource, attributes.Name, err)
	}
	return review.Status.Allowed, nil
}

// ours asks about a verb on a resource of our group.
func (g *gate) ours(ctx context.Context, author authenticationv1.UserInfo, verb, resource, name string) (bool, error) {
	return g.allowed(ctx, author, authorizationv1.ResourceAttributes{
		Verb:     verb,
		Group:    v1alpha1.GroupVersion.Group,
		Version:  v1alpha1.GroupVersion.Version,
		Resource: resource,
		Name:     name,
	})
}

// assign says, at path, which of the levels the author may not give or take.
func (g *gate) assign(ctx context.Context, author authenticationv1.UserInfo, levels []v1alpha1.PermissionLevel, path *field.Path) (field.ErrorList, error) {
	var errs field.ErrorList
	for _, l := range levels {
		ok, err := g.ours(ctx, author, assignVerb, "permissionlevels", string(l))
		if err != nil {
			return nil, err
		}
		switch {
		case ok:
		case l == everything:
			errs = append(errs, field.Forbidden(path, fmt.Sprintf(
				"%q may not assign every level: that takes the verb %q on all permissionlevels.%s",
				author.Username, assignVerb, v1alpha1.GroupVersion.Group)))
		default:
			errs = append(errs, field.Forbidden(path, fmt.Sprintf(
				"%q may not assign the level %s: that takes the verb %q on permissionlevels.%s named %q",
				author.Username, l, assignVerb, v1alpha1.GroupVersion.Group, l)))
		}
	}
	return errs, nil
}

// everything, as the name of a role or a level, asks for the right to all of them.
const everything = ""

// attachByRight says, at path, that the author does not hold the verb attach on a
// role.
func (g *gate) attachByRight(ctx context.Context, author authenticationv1.UserInfo, role string, path *field.Path, what string) (*field.Error, error) {
	ok, err := g.ours(ctx, author, attachVerb, "provisionedroles", role)
	if ok || err != nil {
		return nil, err
	}
	return field.Forbidden(path, fmt.Sprintf("%q may not %s: that takes %s", author.Username, what, attachRight(role))), nil
}

func attachRight(role string) string {
	if role == everything {
		return fmt.Sprintf("the verb %q on all provisionedroles.%s", attachVerb, v1alpha1.GroupVersion.Group)
	}
	return fmt.Sprintf("the verb %q on provisionedroles.%s named %q", attachVerb, v1alpha1.GroupVersion.Group, role)
}

// invalid is the error of a write that is refused for errs; nil for none.
func invalid(kind, name string, errs ...*field.Error) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: kind}, name, errs)
}

// forbidden is the error of a deletion that is refused.
func forbidden(resource, name, format string, args ...any) error {
	return apierrors.NewForbidden(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: resource}, name, fmt.Errorf(format, args...))
}
