package webhook

import (
	"context"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
)

// providerWebhook keeps the last Administrator when an identity provider changes or
// goes, levels and roles from passing to other names by its subject rule, and
// releases from those who may not attach.
type providerWebhook struct {
	*gate
	administrators *administrators
}

var _ admission.Validator[*v1alpha1.IdentityProvider] = (*providerWebhook)(nil)

var (
	subjectRulePath    = field.NewPath("spec", "subject")
	deletionPolicyPath = field.NewPath("spec", "deletionPolicy")
)

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
	if refused, err := w.releases(ctx, req.UserInfo, going); err != nil {
		return nil, err
	} else if refused != nil {
		return nil, forbidden("identityproviders", p.Name, "%s", refused.Detail)
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
	for _, check := range []func(context.Context, admission.Request, *v1alpha1.IdentityProvider, *v1alpha1.IdentityProvider) (field.ErrorList, error){
		w.levels, w.subjects, w.policy, w.notTheLast,
	} {
		// The last check remembers whom it lets go, so that it has to come after the
		// others have let the write pass.
		errs, err := check(ctx, req, old, p)
		if err != nil {
			return err
		}
		if len(errs) > 0 {
			return invalid("IdentityProvider", p.Name, errs...)
		}
	}
	return nil
}

// levels that a rule for subjects hands to other names, or a policy brings back into
// force, are asked about, and nobody gives themselves one by it.
func (w *providerWebhook) levels(ctx context.Context, req admission.Request, old, p *v1alpha1.IdentityProvider) (field.ErrorList, error) {
	users, err := w.levelled(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		c := change{old: u, new: u, oldProvider: old, newProvider: p}
		if c.raises(req.UserInfo.Username) {
			return field.ErrorList{field.Forbidden(changedPath(old, p), fmt.Sprintf(
				"the level of the user %q would be yours: nobody raises their own level, whatever their rights: have somebody else do it", u.Name))}, nil
		}
	}
	return w.assign(ctx, req.UserInfo, levelsMoved(users, old, p), changedPath(old, p))
}

// subjects: by a rule for them, everything that a provider's users have passes to
// other names at once.
func (w *providerWebhook) subjects(ctx context.Context, req admission.Request, old, p *v1alpha1.IdentityProvider) (field.ErrorList, error) {
	if old != nil && old.Spec.Subject == p.Spec.Subject {
		return nil, nil
	}
	users, err := w.cache.Users(ctx, index.UserByProvider, p.Name)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		before := access.SubjectOf(u, old).Name
		if before == "" || before == access.SubjectOf(u, p).Name {
			continue
		}
		refused, err := w.attachByRight(ctx, req.UserInfo, everything, subjectRulePath,
			fmt.Sprintf("give what the users of identity provider %q have to whom its users would be called", p.Name))
		return list(refused), err
	}
	return nil, nil
}

// policy: see releases. A release that is under way was asked about.
func (w *providerWebhook) policy(ctx context.Context, req admission.Request, old, p *v1alpha1.IdentityProvider) (field.ErrorList, error) {
	if old != nil && old.DeletionTimestamp != nil && old.Spec.DeletionPolicy == p.Spec.DeletionPolicy {
		return nil, nil
	}
	refused, err := w.releases(ctx, req.UserInfo, p)
	return list(refused), err
}

// releases says why the author may not have a provider that is being deleted release
// its users and roles: attachments are made of all memberships.
func (w *providerWebhook) releases(ctx context.Context, author authenticationv1.UserInfo, p *v1alpha1.IdentityProvider) (*field.Error, error) {
	if p.DeletionTimestamp == nil || p.Spec.DeletionPolicy != v1alpha1.DeletionRelease || w.isSelf(author) {
		return nil, nil
	}
	return w.attachByRight(ctx, author, everything, deletionPolicyPath,
		fmt.Sprintf("release the users and roles of identity provider %q", p.Name))
}

func (w *providerWebhook) notTheLast(ctx context.Context, req admission.Request, old, p *v1alpha1.IdentityProvider) (field.ErrorList, error) {
	last, err := w.administrators.providerChanges(ctx, old, p, isDryRun(req))
	if !last || err != nil {
		return nil, err
	}
	return field.ErrorList{field.Forbidden(changedPath(old, p), lastAdministrator)}, nil
}

// changedPath is the field by which a change of a provider reaches its users.
func changedPath(old, p *v1alpha1.IdentityProvider) *field.Path {
	if old != nil && old.Spec.Subject == p.Spec.Subject {
		return deletionPolicyPath
	}
	return subjectRulePath
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

// levelsMoved are the levels, sorted, that a changed provider would give to other
// names than those who have them, or bring into force. One that an identity
// provider's suspension has voided moves nowhere.
func levelsMoved(users []*v1alpha1.ProvisionedUser, old, p *v1alpha1.IdentityProvider) []v1alpha1.PermissionLevel {
	var levels []v1alpha1.PermissionLevel
	for _, u := range users {
		if u.Spec.PermissionLevelEpoch != u.Spec.Suspensions {
			continue
		}
		revived := access.Level(u, old).Level == v1alpha1.LevelUser && access.Level(u, p).Level != v1alpha1.LevelUser
		if revived || access.SubjectOf(u, old).Name != access.SubjectOf(u, p).Name {
			levels = append(levels, access.Given(u))
		}
	}
	slices.Sort(levels)
	return slices.Compact(levels)
}
