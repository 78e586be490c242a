package access

import (
	"fmt"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Reach is whether a rule gives a role anything.
type Reach struct {
	Reaches bool
	Reason  string
	Message string
}

// Reaches decides whether a rule is for role r, the one of the name that it gives;
// nil when there is none. A rule that names a provider is for that provider's role
// alone: a name may pass from one identity provider to another.
func Reaches(rule *v1alpha1.AccessRule, r *v1alpha1.ProvisionedRole) Reach {
	switch want := rule.Spec.Provider; {
	case r == nil || r.DeletionTimestamp != nil:
		return Reach{Reason: v1alpha1.ReasonRoleNotFound,
			Message: fmt.Sprintf("there is no ProvisionedRole %q (yet)", rule.Spec.Role)}
	case want != "" && want != ManagerOf(r.Spec.Provider):
		return Reach{Reason: v1alpha1.ReasonRoleOfAnotherProvider,
			Message: fmt.Sprintf("role %q belongs to %q, and the rule is for a role of %q", r.Name, ManagerOf(r.Spec.Provider), want)}
	default:
		return Reach{Reaches: true, Reason: v1alpha1.ReasonReconciled,
			Message: fmt.Sprintf("every holder of role %q is bound", r.Name)}
	}
}

// ManagerOf is what status.managedBy shows for a provider's name: the name itself,
// or LocalManager for none.
func ManagerOf(provider string) string {
	if provider == "" {
		return v1alpha1.LocalManager
	}
	return provider
}
