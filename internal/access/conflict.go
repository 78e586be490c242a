package access

import (
	"cmp"
	"fmt"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim/fold"
)

// SubjectConflict returns the user who keeps the subject key that all holders
// have in common: whoever has it in force already, so that no rename and no
// return takes it from somebody; else the oldest, and of equally old ones the
// first by name. Pass active users alone: a suspended one stands in nobody's way.
// It returns nil for no holders.
func SubjectConflict(key string, holders []*v1alpha1.ProvisionedUser) *v1alpha1.ProvisionedUser {
	var keeper *v1alpha1.ProvisionedUser
	for _, u := range holders {
		if keeper == nil || precedes(key, u, keeper) {
			keeper = u
		}
	}
	return keeper
}

func precedes(key string, a, b *v1alpha1.ProvisionedUser) bool {
	if x, y := inForce(key, a), inForce(key, b); x != y {
		return x
	}
	return Older(a, b)
}

// inForce says whether the user was last seen active under the subject.
func inForce(key string, u *v1alpha1.ProvisionedUser) bool {
	s := SubjectInForce(u)
	return s != "" && (s == key || fold.String(s) == key)
}

// SubjectInForce is the subject that a user has by its status: one that is active, and
// that nobody else keeps from it. It is empty for none.
func SubjectInForce(u *v1alpha1.ProvisionedUser) string {
	if u.Status.State != v1alpha1.StateActive || u.Status.Reason == v1alpha1.ReasonSubjectRefused {
		return ""
	}
	return u.Status.Subject
}

// Older orders users by creation, then by name.
func Older(a, b *v1alpha1.ProvisionedUser) bool {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Name, b.Name),
	) < 0
}

// Taken is the subject of a user that keeper keeps from it.
func Taken(s Subject, keeper *v1alpha1.ProvisionedUser) Subject {
	s.Refused, s.Reason = true, ReasonSubjectTaken
	s.Message = fmt.Sprintf("user %q has the same subject", keeper.Name)
	return s
}
