package access

import (
	"cmp"
	"slices"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Withheld decides which edges of a user do not count and why, sorted by the name
// of the role, each with its sources sorted by kind and name. Together with Roles
// it accounts for every edge: what gives a role is there, everything else is here.
func Withheld(f Facts) []v1alpha1.WithheldRole {
	byRole := make(map[string][]v1alpha1.WithheldSource)
	roles := make(map[string]*v1alpha1.ProvisionedRole, len(f.Roles))
	standing := State(f.User, f.Provider)
	for _, r := range f.Roles {
		if _, twice := roles[r.Name]; twice {
			continue
		}
		roles[r.Name] = r
		if standing.Suspended() && Member(f.User, r) {
			byRole[r.Name] = append(byRole[r.Name], v1alpha1.WithheldSource{
				RoleSource: v1alpha1.RoleSource{Kind: v1alpha1.SourceIdentityProvider, Name: f.User.Spec.Provider},
				Reason:     ReasonUserSuspended,
				Message:    "the user is suspended: " + standing.Message,
			})
		}
	}
	for _, a := range f.Attachments {
		if a.Spec.User != f.User.Name {
			continue
		}
		if e := Attachment(a, f.User, f.Provider, roles[a.Spec.Role], f.Now); !e.Active() {
			byRole[a.Spec.Role] = append(byRole[a.Spec.Role], v1alpha1.WithheldSource{
				RoleSource: attachmentSource(a), Reason: e.Reason, Message: e.Message,
			})
		}
	}
	withheld := make([]v1alpha1.WithheldRole, 0, len(byRole))
	for name, sources := range byRole {
		slices.SortFunc(sources, func(a, b v1alpha1.WithheldSource) int { return compareSources(a.RoleSource, b.RoleSource) })
		withheld = append(withheld, v1alpha1.WithheldRole{Name: name, Sources: sources})
	}
	slices.SortFunc(withheld, func(a, b v1alpha1.WithheldRole) int { return cmp.Compare(a.Name, b.Name) })
	return withheld
}
