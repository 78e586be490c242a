package access

import (
	"fmt"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Grade is the permission level in force.
type Grade struct {
	Level   v1alpha1.PermissionLevel
	Reason  string
	Message string
}

// Level decides which permission level counts: User for a suspended user, and
// for one whom the identity provider suspended after the level was given, even
// when restored since.
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
			fmt.Sprintf("level %s was given before %s last suspended the user: give it again", given, provider(u))}
	default:
		return Grade{given, ReasonActive, fmt.Sprintf("level %s is in force", given)}
	}
}
