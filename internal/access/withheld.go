package access

import (
	"cmp"
	"slices"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Withheld decides which edges of a user do not count and why, sorted by the name
// of the role, each with its sources sorted by kind and name. Together with Roles
// it accounts for every edge to a role that has a name: what gives the role is
// there, everything else is here. A membership in a role that is gone has no name
// to be shown under, and is swept.
func Withheld(f Facts) []v1alpha1.WithheldRole {
	byRole := make(map[string][]v1alpha1.WithheldSource)
	roles := make(map[string]*v1alpha1.ProvisionedRole, len(f.Roles))
	standing := State(f.User, f.Provider)
	for _, r := range f.Roles {
		if _, twice := roles[r.Name]; twice {
			continue
		}
		roles[r.Name] = r
		if source, ok := withheldMembership(f.User, r, standing); ok {
			byRole[r.Name] = append(byRole[r.Name], source)
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

// withheldMembership says why a membership of the user in a role does not count; ok
// is false when there is none, or it does.
func withheldMembership(u *v1alpha1.ProvisionedUser, r *v1alpha1.ProvisionedRole, standing Standing) (source v1alpha1.WithheldSource, ok bool) {
	source.RoleSource = v1alpha1.RoleSource{Kind: v1alpha1.SourceIdentityProvider, Name: u.Spec.Provider}
	switch {
	case !named(u, r):
		return source, false
	case standing.Suspended():
		source.Reason, source.Message = ReasonUserSuspended, "the user is suspended: "+standing.Message
	case r.DeletionTimestamp != nil:
		source.Reason, source.Message = ReasonRoleGone, "the role is being deleted"
	default:
		return source, false
	}
	return source, true
}
