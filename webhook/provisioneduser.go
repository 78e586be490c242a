package webhook

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// userWebhook stamps the epoch of a permission level and the id of a local
// user, and asks whether the author may give the level.
type userWebhook struct {
	client  client.Client
	decoder admission.Decoder
}

var (
	_ admission.Defaulter[*v1alpha1.ProvisionedUser] = (*userWebhook)(nil)
	_ admission.Validator[*v1alpha1.ProvisionedUser] = (*userWebhook)(nil)
)

// Default implements admission.Defaulter.
func (w *userWebhook) Default(ctx context.Context, u *v1alpha1.ProvisionedUser) error {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	var old *v1alpha1.ProvisionedUser
	if req.Operation == admissionv1.Update {
		old = &v1alpha1.ProvisionedUser{}
		if err := w.decoder.DecodeRaw(req.OldObject, old); err != nil {
			return err
		}
	}
	stampUser(u, old)
	return nil
}

// stampUser sets what no author may choose: the epoch of the permission level,
// which moves only when the level does, and the id of a local user. old is nil
// on creation.
func stampUser(u, old *v1alpha1.ProvisionedUser) {
	switch {
	case old == nil:
		u.Spec.PermissionLevelEpoch = u.Spec.Suspensions
	case level(u) != level(old):
		u.Spec.PermissionLevelEpoch = u.Spec.Suspensions
	default:
		u.Spec.PermissionLevelEpoch = old.Spec.PermissionLevelEpoch
	}
	if u.Spec.ID == "" {
		if old != nil && old.Spec.ID != "" {
			u.Spec.ID = old.Spec.ID
		} else if u.Spec.Provider == "" {
			u.Spec.ID = uuid.NewString()
		}
	}
}

// ValidateCreate implements admission.Validator.
func (w *userWebhook) ValidateCreate(ctx context.Context, u *v1alpha1.ProvisionedUser) (admission.Warnings, error) {
	if level(u) == v1alpha1.LevelUser {
		return nil, nil
	}
	return nil, w.mayAssign(ctx, u, level(u))
}

// ValidateUpdate implements admission.Validator.
func (w *userWebhook) ValidateUpdate(ctx context.Context, old, u *v1alpha1.ProvisionedUser) (admission.Warnings, error) {
	if level(u) == level(old) {
		return nil, nil
	}
	// Taking a level away asks for the same right as giving it: otherwise
	// anybody who can patch a user could disarm the administrators.
	for _, l := range []v1alpha1.PermissionLevel{level(old), level(u)} {
		if l == v1alpha1.LevelUser {
			continue
		}
		if err := w.mayAssign(ctx, u, l); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// ValidateDelete implements admission.Validator.
func (w *userWebhook) ValidateDelete(context.Context, *v1alpha1.ProvisionedUser) (admission.Warnings, error) {
	return nil, nil
}

func (w *userWebhook) mayAssign(ctx context.Context, u *v1alpha1.ProvisionedUser, l v1alpha1.PermissionLevel) error {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	ok, err := allowed(ctx, w.client, req.UserInfo, authorizationv1.ResourceAttributes{
		Verb:     "assign",
		Group:    v1alpha1.GroupVersion.Group,
		Version:  v1alpha1.GroupVersion.Version,
		Resource: "permissionlevels",
		Name:     string(l),
	})
	if err != nil {
		return err
	}
	if ok {
		return nil
	}
	return invalid("ProvisionedUser", u.Name, field.Forbidden(field.NewPath("spec", "permissionLevel"),
		fmt.Sprintf("%s may not assign the level %s: that takes the verb \"assign\" on permissionlevels.%s named %q",
			author(req.UserInfo), l, v1alpha1.GroupVersion.Group, l)))
}

func level(u *v1alpha1.ProvisionedUser) v1alpha1.PermissionLevel {
	if u.Spec.PermissionLevel == "" {
		return v1alpha1.LevelUser
	}
	return u.Spec.PermissionLevel
}

func author(info authenticationv1.UserInfo) string { return fmt.Sprintf("%q", info.Username) }

func invalid(kind, name string, errs ...*field.Error) error {
	return apierrors.NewInvalid(schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: kind}, name, errs)
}
