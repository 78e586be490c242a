package access

import (
	"cmp"
	"fmt"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// SubjectConflict returns the user who keeps the subject that all holders have
// in common: the oldest, and of equally old ones the first by name. Pass active
// users alone: a suspended one stands in nobody's way, and takes its subject
// back when it is restored. It returns nil for no holders.
func SubjectConflict(holders []*v1alpha1.ProvisionedUser) *v1alpha1.ProvisionedUser {
	var keeper *v1alpha1.ProvisionedUser
	for _, u := range holders {
		if keeper == nil || Older(u, keeper) {
			keeper = u
		}
	}
	return keeper
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
	s.Message = fmt.Sprintf("the older user %q has the same subject", keeper.Name)
	return s
}
