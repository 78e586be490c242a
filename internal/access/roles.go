package access

import (
	"cmp"
	"slices"
	"time"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Facts are everything that decides about one user.
type Facts struct {
	// User to decide about.
	User *v1alpha1.ProvisionedUser
	// Provider of the user; nil for a local user, and when it does not exist.
	Provider *v1alpha1.IdentityProvider
	// Roles that the memberships or the attachments of the user name and that
	// exist. Others in the list do no harm.
	Roles []*v1alpha1.ProvisionedRole
	// Attachments to the user. Others in the list do no harm.
	Attachments []*v1alpha1.RoleAttachment
	// Now is the moment to decide for.
	Now time.Time
}

// Roles decides which roles the user holds, sorted by name, each with its
// sources sorted by kind and name.
func Roles(f Facts) []v1alpha1.EffectiveRole {
	if Suspended(f.User, f.Provider) {
		return nil
	}
	roles := make([]v1alpha1.EffectiveRole, 0, len(f.Roles))
	for _, r := range f.Roles {
		if sources := Sources(f.User, f.Provider, r, f.Attachments, f.Now); len(sources) > 0 {
			roles = append(roles, v1alpha1.EffectiveRole{Name: r.Name, Sources: sources})
		}
	}
	slices.SortFunc(roles, func(a, b v1alpha1.EffectiveRole) int { return cmp.Compare(a.Name, b.Name) })
	return slices.CompactFunc(roles, func(a, b v1alpha1.EffectiveRole) bool { return a.Name == b.Name })
}

// Sources decides why the user holds role r; nothing when the user does not.
// Attachments to other users or roles are passed over.
func Sources(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider, r *v1alpha1.ProvisionedRole, attachments []*v1alpha1.RoleAttachment, now time.Time) []v1alpha1.RoleSource {
	if Suspended(u, p) {
		return nil
	}
	var sources []v1alpha1.RoleSource
	if Member(u, r) {
		sources = append(sources, v1alpha1.RoleSource{Kind: v1alpha1.SourceIdentityProvider, Name: u.Spec.Provider})
	}
	for _, a := range attachments {
		if a.Spec.User == u.Name && a.Spec.Role == r.Name && Attachment(a, u, p, r, now).Active() {
			sources = append(sources, attachmentSource(a))
		}
	}
	slices.SortFunc(sources, compareSources)
	return sources
}

func attachmentSource(a *v1alpha1.RoleAttachment) v1alpha1.RoleSource {
	s := v1alpha1.RoleSource{Kind: v1alpha1.SourceRoleAttachment, Name: a.Name, ExpiresAt: a.Spec.ExpiresAt}
	if a.Spec.Author != nil {
		s.Author = a.Spec.Author.Username
	}
	return s
}

func compareSources(a, b v1alpha1.RoleSource) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// Holds says whether the user holds role r now. It is len(Sources(…)) > 0
// without the list.
func Holds(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider, r *v1alpha1.ProvisionedRole, attachments []*v1alpha1.RoleAttachment, now time.Time) bool {
	if Suspended(u, p) {
		return false
	}
	return Member(u, r) || slices.ContainsFunc(attachments, func(a *v1alpha1.RoleAttachment) bool {
		return a.Spec.User == u.Name && a.Spec.Role == r.Name && Attachment(a, u, p, r, now).Active()
	})
}

// Member says whether u is a member of r by the word of the identity provider
// that owns both, suspended or not. A membership never reaches a role of
// another provider, whatever its id.
func Member(u *v1alpha1.ProvisionedUser, r *v1alpha1.ProvisionedRole) bool {
	return r.DeletionTimestamp == nil && named(u, r)
}

// named is Member for a role that may be on its way out.
func named(u *v1alpha1.ProvisionedUser, r *v1alpha1.ProvisionedRole) bool {
	if u.Spec.Provider == "" || u.Spec.Provider != r.Spec.Provider || r.Spec.ID == "" {
		return false
	}
	_, ok := u.Spec.Memberships[r.Spec.ID]
	return ok
}

// NextChange returns when time alone next changes what the user holds, or zero.
func NextChange(f Facts) time.Time {
	roles := make(map[string]*v1alpha1.ProvisionedRole, len(f.Roles))
	for _, r := range f.Roles {
		roles[r.Name] = r
	}
	var next time.Time
	for _, a := range f.Attachments {
		if a.Spec.User == f.User.Name {
			next = Earlier(next, Attachment(a, f.User, f.Provider, roles[a.Spec.Role], f.Now).Next)
		}
	}
	return next
}
