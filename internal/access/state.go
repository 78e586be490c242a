package access

import (
	"fmt"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Standing is the effective state of a user.
type Standing struct {
	State   v1alpha1.UserState
	Reason  string
	Message string
}

// Suspended says that the user holds no role and no level.
func (s Standing) Suspended() bool { return s.State != v1alpha1.StateActive }

// State decides whether a user is Active, Suspended or Deprovisioned. p is the
// user's IdentityProvider; nil for a local user and when it does not exist. A
// paused or missing provider suspends nobody: access stays as it was. One that is
// being deleted with the policy Suspend suspends its users from that moment on,
// before the policy has been carried out on each.
func State(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) Standing {
	for _, rule := range []func(*v1alpha1.ProvisionedUser, *v1alpha1.IdentityProvider) (Standing, bool){
		deletedByProvider, leaving, suspendedLocally, providerGone, deactivated,
	} {
		if s, decided := rule(u, p); decided {
			return s
		}
	}
	return Standing{v1alpha1.StateActive, ReasonActive, "the user holds every role below"}
}

// Suspended is State(u, p).Suspended().
func Suspended(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) bool {
	return State(u, p).Suspended()
}

func deletedByProvider(u *v1alpha1.ProvisionedUser, _ *v1alpha1.IdentityProvider) (Standing, bool) {
	if u.Spec.DeprovisionedAt == nil {
		return Standing{}, false
	}
	return Standing{v1alpha1.StateDeprovisioned, ReasonDeleted,
		fmt.Sprintf("%s deleted the user at %s", provider(u), stamp(u.Spec.DeprovisionedAt.Time))}, true
}

// leaving: an object on its way out gives nothing, however long a finalizer
// holds it.
func leaving(u *v1alpha1.ProvisionedUser, _ *v1alpha1.IdentityProvider) (Standing, bool) {
	if u.DeletionTimestamp == nil {
		return Standing{}, false
	}
	return Standing{v1alpha1.StateSuspended, ReasonLeaving, "the object is being deleted"}, true
}

// suspendedLocally comes before deactivated, so that whoever lifts the
// suspension in the identity provider sees that it is not enough.
func suspendedLocally(u *v1alpha1.ProvisionedUser, _ *v1alpha1.IdentityProvider) (Standing, bool) {
	if !u.Spec.Suspend {
		return Standing{}, false
	}
	return Standing{v1alpha1.StateSuspended, ReasonSuspended,
		"an administrator set spec.suspend; the identity provider can't lift it"}, true
}

// providerGone comes before deactivated, which is true then too.
func providerGone(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) (Standing, bool) {
	inactive := u.Spec.Active != nil && !*u.Spec.Active
	switch {
	case u.Spec.ProviderDeletedAt != nil && inactive:
		return Standing{v1alpha1.StateSuspended, ReasonProviderDeleted,
			fmt.Sprintf("%s was deleted at %s, and its deletionPolicy suspended the user", provider(u), stamp(u.Spec.ProviderDeletedAt.Time))}, true
	case !inactive && p != nil && p.DeletionTimestamp != nil && p.Spec.DeletionPolicy == v1alpha1.DeletionSuspend:
		return Standing{v1alpha1.StateSuspended, ReasonProviderDeleted,
			provider(u) + " is being deleted, and its deletionPolicy suspends the user"}, true
	}
	return Standing{}, false
}

func deactivated(u *v1alpha1.ProvisionedUser, _ *v1alpha1.IdentityProvider) (Standing, bool) {
	switch {
	case u.Spec.Active == nil || *u.Spec.Active:
		return Standing{}, false
	case u.Spec.Provider == "":
		return Standing{v1alpha1.StateSuspended, ReasonInactive, "spec.active is false"}, true
	default:
		return Standing{v1alpha1.StateSuspended, ReasonDeactivated,
			provider(u) + " deactivated the user"}, true
	}
}

func provider(u *v1alpha1.ProvisionedUser) string {
	if u.Spec.Provider == "" {
		return "an administrator"
	}
	return fmt.Sprintf("identity provider %q", u.Spec.Provider)
}
