package explain

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// Account is what is in force for one user, and why.
type Account struct {
	Name     string                   `json:"name"`
	UserName string                   `json:"userName"`
	Provider string                   `json:"provider"`
	State    v1alpha1.UserState       `json:"state,omitempty"`
	Level    v1alpha1.PermissionLevel `json:"level,omitempty"`
	Subject  string                   `json:"subject,omitempty"`
	// Reason and Message say why the state is what it is.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
	// LevelMessage says why the level is what it is.
	LevelMessage string `json:"levelMessage"`
	// Bound is false when roles are held and nothing is bound, because the subject
	// is refused.
	Bound    bool                     `json:"bound"`
	Roles    []v1alpha1.EffectiveRole `json:"roles,omitempty"`
	Withheld []v1alpha1.WithheldRole  `json:"withheld,omitempty"`
	// Notes are about everything else that somebody should know.
	Notes []string `json:"notes,omitempty"`
}

// AccountOf tells a user's story from the status that the manager wrote; now tells
// whether the manager is late.
func AccountOf(u *v1alpha1.ProvisionedUser, now time.Time) Account {
	s := u.Status
	a := Account{
		Name: u.Name, UserName: u.Spec.UserName, Provider: access.ManagerOf(u.Spec.Provider),
		State: s.State, Level: s.PermissionLevel, Subject: s.Subject, Reason: s.Reason,
		Bound: Bound(u), Roles: s.Roles, Withheld: s.Withheld,
	}
	a.Message = message(u, v1alpha1.ConditionReady)
	a.LevelMessage = message(u, v1alpha1.ConditionPermissionLevelInForce)
	if a.LevelMessage == "" {
		a.LevelMessage = access.Level(&v1alpha1.ProvisionedUser{}, nil).Message
	}
	a.Notes = notes(u, now)
	return a
}

// ProviderNote says what keeps a user's identity provider from having its say; empty
// when nothing does, and for local users. p is nil when there is none.
func ProviderNote(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) string {
	switch {
	case u.Spec.Provider == "":
		return ""
	case p == nil:
		return fmt.Sprintf("There is no IdentityProvider %q any more: what it said last stays, until there is one of that name again, or the user is released.", u.Spec.Provider)
	case p.DeletionTimestamp != nil:
		return fmt.Sprintf("Identity provider %q is being deleted, with the policy %s.", p.Name, p.Spec.DeletionPolicy)
	case p.Spec.Paused:
		return fmt.Sprintf("Identity provider %q is paused: what it said last stays, and what it says now is not heard.", p.Name)
	default:
		return ""
	}
}

// Bound says whether what the user holds is bound to their subject.
func Bound(u *v1alpha1.ProvisionedUser) bool {
	return u.Status.State == v1alpha1.StateActive && u.Status.Reason != v1alpha1.ReasonSubjectRefused
}

func message(u *v1alpha1.ProvisionedUser, condition string) string {
	if c := meta.FindStatusCondition(u.Status.Conditions, condition); c != nil {
		return c.Message
	}
	return ""
}

func notes(u *v1alpha1.ProvisionedUser, now time.Time) []string {
	var all []string
	switch {
	case u.Status.State == "":
		return []string{"The manager has not looked at this user yet: is it running? (kubectl rollcall doctor)"}
	case u.Status.ObservedGeneration < u.Generation:
		all = append(all, "The manager has not seen the last change of this user yet; what is shown was in force before it.")
	}
	for _, r := range u.Status.Roles {
		for _, source := range r.Sources {
			if source.ExpiresAt != nil && !now.Before(source.ExpiresAt.Time) {
				all = append(all, fmt.Sprintf("%s ended at %s, and role %s is still in force: is the manager running, and this clock right? (kubectl rollcall doctor)",
					SourceWords(source), source.ExpiresAt.UTC().Format(time.RFC3339), r.Name))
			}
		}
	}
	if c := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionServiceAccountFound); c != nil && c.Status != "True" {
		all = append(all, sentence(c.Message))
	}
	if m := message(u, v1alpha1.ConditionPermissionLevelIgnored); m != "" {
		all = append(all, sentence(m))
	}
	if provider := u.Annotations[v1alpha1.AdoptableByAnnotation]; provider != "" && u.Spec.Provider == "" {
		all = append(all, fmt.Sprintf("Identity provider %q may take this user over.", provider))
	}
	if u.Annotations[v1alpha1.ReleaseAnnotation] != "" && u.Spec.Provider != "" {
		all = append(all, "The release of this user to a local one is under way.")
	}
	return all
}
