package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Grade is the permission level in force.
type Grade struct {
	Level   v1alpha1.PermissionLevel
	Reason  string
	Message string
}

// Level decides which permission level counts: User for a suspended user, for
// one whom the identity provider suspended after the level was given, even when
// restored since, and for one who has been renamed: whoever may rename a user must
// not be able to hand the user's level to somebody.
func Level(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) Grade {
	given := u.Spec.PermissionLevel
	switch {
	case given == "" || given == v1alpha1.LevelUser:
		return Grade{v1alpha1.LevelUser, ReasonDefaultLevel, "no permission level was given"}
	case Suspended(u, p):
		return Grade{v1alpha1.LevelUser, ReasonUserSuspended,
			fmt.Sprintf("level %s does not count while the user is suspended", given)}
	case u.Spec.PermissionLevelEpoch != u.Spec.Suspensions:
		return Grade{v1alpha1.LevelUser, ReasonSuspendedSince,
			fmt.Sprintf("level %s was given before %s last suspended or took over the user: give it again", given, provider(u))}
	case renamed(u, p):
		return Grade{v1alpha1.LevelUser, ReasonSubjectChanged,
			fmt.Sprintf("level %s was given to %q, and the user is called something else now: give it again", given, strings.TrimSpace(u.Spec.PermissionLevelSubject))}
	default:
		return Grade{given, ReasonActive, fmt.Sprintf("level %s is in force", given)}
	}
}

// renamed says whether the user has another name than the level was given to, to
// the letter, as RBAC compares: names that fold into one, such as weiss and weiß,
// can be two people's. A level without a name never went through admission.
func renamed(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) bool {
	given := u.Spec.PermissionLevelSubject
	return given != "" && given != SubjectOf(u, p).Value
}

// Rank orders levels by what they allow. TeamLeader and Auditor are equal:
// neither includes the other.
func Rank(l v1alpha1.PermissionLevel) int {
	switch l {
	case v1alpha1.LevelAdministrator:
		return 2
	case v1alpha1.LevelTeamLeader, v1alpha1.LevelAuditor:
		return 1
	default:
		return 0
	}
}

// Given is the level that a user's spec asks for.
func Given(u *v1alpha1.ProvisionedUser) v1alpha1.PermissionLevel {
	if u.Spec.PermissionLevel == "" {
		return v1alpha1.LevelUser
	}
	return u.Spec.PermissionLevel
}

// Leads says whether the user may attach others to a role and detach them: at
// level TeamLeader, and named by the role.
func Leads(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider, r *v1alpha1.ProvisionedRole) bool {
	return Level(u, p).Level == v1alpha1.LevelTeamLeader && slices.Contains(r.Spec.Leaders, u.Name)
}
