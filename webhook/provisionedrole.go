package webhook

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// roleWebhook gives local roles an id and keeps their names unique; who may attach
// to a role is said by those who may themselves.
type roleWebhook struct{ *gate }

var (
	_ admission.Defaulter[*v1alpha1.ProvisionedRole] = (*roleWebhook)(nil)
	_ admission.Validator[*v1alpha1.ProvisionedRole] = (*roleWebhook)(nil)
)

// Default implements admission.Defaulter.
func (w *roleWebhook) Default(ctx context.Context, r *v1alpha1.ProvisionedRole) error {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	old, err := former(w.gate, req, &v1alpha1.ProvisionedRole{})
	if err != nil {
		return err
	}
	stampRole(r, old)
	return nil
}

// stampRole gives a local role an id, which attachments are stamped with. old is nil
// on creation.
func stampRole(r, old *v1alpha1.ProvisionedRole) {
	switch {
	case r.Spec.ID != "":
	case old != nil && old.Spec.ID != "":
		r.Spec.ID = old.Spec.ID
	case r.Spec.Provider == "":
		r.Spec.ID = uuid.NewString()
	}
}

// ValidateCreate implements admission.Validator.
func (w *roleWebhook) ValidateCreate(ctx context.Context, r *v1alpha1.ProvisionedRole) (admission.Warnings, error) {
	return w.validate(ctx, nil, r)
}

// ValidateUpdate implements admission.Validator.
func (w *roleWebhook) ValidateUpdate(ctx context.Context, old, r *v1alpha1.ProvisionedRole) (admission.Warnings, error) {
	return w.validate(ctx, old, r)
}

// ValidateDelete implements admission.Validator. A role that is gone gives nothing.
func (w *roleWebhook) ValidateDelete(context.Context, *v1alpha1.ProvisionedRole) (admission.Warnings, error) {
	return nil, nil
}

func (w *roleWebhook) validate(ctx context.Context, old, r *v1alpha1.ProvisionedRole) (admission.Warnings, error) {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return nil, err
	}
	local := r.Spec.Provider == "" && (old == nil || old.Spec.Provider == "")
	var errs field.ErrorList
	if local && old == nil {
		errs = validateRoleName(r)
	}
	if local && (old == nil || old.Spec.DisplayName != r.Spec.DisplayName) {
		taken, err := w.uniqueDisplayName(ctx, r)
		if err != nil {
			return nil, err
		}
		errs = append(errs, list(taken)...)
	}
	// Who leads a role may attach anybody to it, and an identity provider that adopts
	// it may make anybody a member.
	leaders := newLeaders(old, r)
	if len(leaders) > 0 {
		refused, err := w.attachByRight(ctx, req.UserInfo, r.Name, field.NewPath("spec", "leaders"),
			fmt.Sprintf("say who leads the role %q", r.Name))
		if err != nil {
			return nil, err
		}
		errs = append(errs, list(refused)...)
	}
	var marked marks
	if old != nil {
		marked = marksOf(old.Annotations)
	}
	if local && newlyAdoptable(marked, marksOf(r.Annotations)) {
		refused, err := w.attachByRight(ctx, req.UserInfo, r.Name, annotationsPath.Key(v1alpha1.AdoptableByAnnotation),
			fmt.Sprintf("leave the role %q to an identity provider", r.Name))
		if err != nil {
			return nil, err
		}
		errs = append(errs, list(refused)...)
	}
	if newlyReleased(marked, marksOf(r.Annotations)) {
		refused, err := w.attachByRight(ctx, req.UserInfo, r.Name, annotationsPath.Key(v1alpha1.ReleaseAnnotation),
			fmt.Sprintf("take the role %q from its identity provider", r.Name))
		if err != nil {
			return nil, err
		}
		errs = append(errs, list(refused)...)
	}
	if local && old == nil {
		refused, err := w.revives(ctx, req.UserInfo, r)
		if err != nil {
			return nil, err
		}
		errs = append(errs, list(refused)...)
	}
	if len(errs) > 0 {
		return nil, invalid("ProvisionedRole", r.Name, errs...)
	}
	return w.unknownLeaders(ctx, leaders)
}

// revives says why the author may not make a role again, with the id of one that is
// gone: the attachments to that one would count again.
func (w *roleWebhook) revives(ctx context.Context, author authenticationv1.UserInfo, r *v1alpha1.ProvisionedRole) (*field.Error, error) {
	list, err := w.live.Attachments(ctx, "spec.role", r.Name)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(list, func(a *v1alpha1.RoleAttachment) bool { return a.Spec.RoleID == r.Spec.ID }) {
		return nil, nil
	}
	return w.attachByRight(ctx, author, r.Name, field.NewPath("spec", "id"),
		fmt.Sprintf("make the role %q again, to which there are attachments", r.Name))
}

// newLeaders are the leaders whom a write adds.
func newLeaders(old, r *v1alpha1.ProvisionedRole) []string {
	if old == nil {
		return r.Spec.Leaders
	}
	return slices.DeleteFunc(slices.Clone(r.Spec.Leaders), func(name string) bool {
		return slices.Contains(old.Spec.Leaders, name)
	})
}

// unknownLeaders warns of leaders who don't exist: they may come later, and a
// userName in place of an object name is an easy mistake.
func (w *roleWebhook) unknownLeaders(ctx context.Context, leaders []string) (admission.Warnings, error) {
	var warnings admission.Warnings
	for _, name := range leaders {
		u, err := w.cache.User(ctx, name)
		if err != nil {
			return nil, err
		}
		if u == nil {
			warnings = append(warnings, fmt.Sprintf(
				"spec.leaders: there is no ProvisionedUser %q (yet); a leader is named by metadata.name, not by userName", name))
		}
	}
	return warnings, nil
}
