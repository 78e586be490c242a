package webhook

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
)

// providerWebhook keeps the last Administrator when an identity provider changes or
// goes, and levels from passing to other names by its subject rule.
type providerWebhook struct {
	*gate
	administrators *administrators
}

var _ admission.Validator[*v1alpha1.IdentityProvider] = (*providerWebhook)(nil)

var subjectRulePath = field.NewPath("spec", "subject")

// ValidateCreate implements admission.Validator. There may be users already, of a
// provider of the same name that was deleted.
func (w *providerWebhook) ValidateCreate(ctx context.Context, p *v1alpha1.IdentityProvider) (admission.Warnings, error) {
	return nil, w.validate(ctx, nil, p)
}

// ValidateUpdate implements admission.Validator.
func (w *providerWebhook) ValidateUpdate(ctx context.Context, old, p *v1alpha1.IdentityProvider) (admission.Warnings, error) {
	return nil, w.validate(ctx, old, p)
}

// ValidateDelete implements admission.Validator.
func (w *providerWebhook) ValidateDelete(ctx context.Context, p *v1alpha1.IdentityProvider) (admission.Warnings, error) {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return nil, err
	}
	going := p.DeepCopy()
	if going.DeletionTimestamp == nil {
		going.DeletionTimestamp = &metav1.Time{Time: w.clock.Now()}
	}
	last, err := w.administrators.providerChanges(ctx, p, going, isDryRun(req))
	if err == nil && last {
		err = forbidden("identityproviders", p.Name, "its deletionPolicy %s takes effect: %s", p.Spec.DeletionPolicy, lastAdministrator)
	}
	return nil, err
}

func (w *providerWebhook) validate(ctx context.Context, old, p *v1alpha1.IdentityProvider) error {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	users, err := w.levelled(ctx, p.Name)
	if err != nil {
		return err
	}
	errs, err := w.assign(ctx, req.UserInfo, levelsMoved(users, old, p), subjectRulePath)
	if err != nil {
		return err
	}
	if len(errs) > 0 {
		return invalid("IdentityProvider", p.Name, errs...)
	}
	last, err := w.administrators.providerChanges(ctx, old, p, isDryRun(req))
	if err == nil && last {
		path := subjectRulePath
		if old != nil && old.Spec.Subject == p.Spec.Subject {
			path = field.NewPath("spec", "deletionPolicy")
		}
		err = invalid("IdentityProvider", p.Name, field.Forbidden(path, lastAdministrator))
	}
	return err
}

// levelled are the users of a provider with a level above User.
func (w *providerWebhook) levelled(ctx context.Context, provider string) ([]*v1alpha1.ProvisionedUser, error) {
	var levelled []*v1alpha1.ProvisionedUser
	for _, l := range []v1alpha1.PermissionLevel{v1alpha1.LevelTeamLeader, v1alpha1.LevelAuditor, v1alpha1.LevelAdministrator} {
		users, err := w.cache.Users(ctx, index.UserByLevel, string(l))
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			if u.Spec.Provider == provider {
				levelled = append(levelled, u)
			}
		}
	}
	return levelled, nil
}

// levelsMoved are the levels, sorted, that a provider's new rule for subjects would
// give to other names than those who have them. A level that an identity provider's
// suspension has voided moves nowhere.
func levelsMoved(users []*v1alpha1.ProvisionedUser, old, p *v1alpha1.IdentityProvider) []v1alpha1.PermissionLevel {
	var levels []v1alpha1.PermissionLevel
	for _, u := range users {
		if u.Spec.PermissionLevelEpoch != u.Spec.Suspensions {
			continue
		}
		if access.SubjectOf(u, old).Name != access.SubjectOf(u, p).Name {
			levels = append(levels, access.Given(u))
		}
	}
	slices.Sort(levels)
	return slices.Compact(levels)
}
