package webhook

import (
	"context"
	"fmt"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// ownRoles is how the names of the manager's own ClusterRoles start. RBAC lets
// the manager bind whatever grants no more than it holds, and that includes them.
const ownRoles = "rollcall-"

// maxGroups is how many of an author's groups a rule keeps.
const maxGroups = 1000

// ruleWebhook stamps who wrote a rule, and lets nobody give a role more than they
// could bind themselves.
type ruleWebhook struct{ *gate }

var (
	_ admission.Defaulter[*v1alpha1.AccessRule] = (*ruleWebhook)(nil)
	_ admission.Validator[*v1alpha1.AccessRule] = (*ruleWebhook)(nil)
)

// Default implements admission.Defaulter.
func (w *ruleWebhook) Default(ctx context.Context, r *v1alpha1.AccessRule) error {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	old, err := former(w.gate, req, &v1alpha1.AccessRule{})
	if err != nil {
		return err
	}
	stampRuleAuthor(r, old, req.UserInfo)
	return nil
}

// stampRuleAuthor names who made the rule, or last changed anything that it says.
// old is nil on creation.
func stampRuleAuthor(r, old *v1alpha1.AccessRule, author authenticationv1.UserInfo) {
	if old != nil && equality.Semantic.DeepEqual(anonymous(old), anonymous(r)) {
		r.Spec.Author = old.Spec.Author
		return
	}
	// Whoever is in more groups is asked about by the first of them: that can only
	// show a right as lost.
	groups := author.Groups[:min(len(author.Groups), maxGroups)]
	r.Spec.Author = &v1alpha1.Author{Username: author.Username, UID: author.UID, Groups: groups}
}

// anonymous is what a rule says, whoever wrote it.
func anonymous(r *v1alpha1.AccessRule) v1alpha1.AccessRuleSpec {
	spec := r.Spec
	spec.Author = nil
	return spec
}

// ValidateCreate implements admission.Validator.
func (w *ruleWebhook) ValidateCreate(ctx context.Context, r *v1alpha1.AccessRule) (admission.Warnings, error) {
	return nil, w.validate(ctx, r)
}

// ValidateUpdate implements admission.Validator.
func (w *ruleWebhook) ValidateUpdate(ctx context.Context, old, r *v1alpha1.AccessRule) (admission.Warnings, error) {
	if equality.Semantic.DeepEqual(anonymous(old), anonymous(r)) {
		// Labels and finalizers give nobody anything.
		return nil, nil
	}
	return nil, w.validate(ctx, r)
}

// ValidateDelete implements admission.Validator.
func (w *ruleWebhook) ValidateDelete(context.Context, *v1alpha1.AccessRule) (admission.Warnings, error) {
	return nil, nil
}

func (w *ruleWebhook) validate(ctx context.Context, r *v1alpha1.AccessRule) error {
	if errs := metav1validation.ValidateLabelSelector(r.Spec.NamespaceSelector,
		metav1validation.LabelSelectorValidationOptions{}, field.NewPath("spec", "namespaceSelector")); len(errs) > 0 {
		return invalid("AccessRule", r.Name, errs...)
	}
	if strings.HasPrefix(r.Spec.RoleRef.Name, ownRoles) {
		return invalid("AccessRule", r.Name, field.Forbidden(field.NewPath("spec", "roleRef", "name"),
			fmt.Sprintf("roles that start with %q are Rollcall's own, and not for its users", ownRoles)))
	}
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	for _, scope := range access.BindScopes(r) {
		ok, err := w.allowed(ctx, req.UserInfo, access.BindAttributes(r, scope))
		if err != nil {
			return err
		}
		if !ok {
			return invalid("AccessRule", r.Name, field.Forbidden(field.NewPath("spec", "roleRef"),
				fmt.Sprintf("%q may not bind %s %q %s: an AccessRule can give only what its author may bind",
					req.UserInfo.Username, r.Spec.RoleRef.Kind, r.Spec.RoleRef.Name, access.ScopeWords(scope))))
		}
	}
	return nil
}
