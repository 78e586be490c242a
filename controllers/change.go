package controllers

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
)

// userChange is what a change of a user can mean for access.
type userChange struct {
	// whole says that something changed that decides about every role.
	whole bool
	// roleIDs are the memberships that it is about: all, or those that came and
	// went.
	roleIDs []string
	// providers are those whose roles the ids can mean: the user's, before and
	// now.
	providers []string
	// loses says that the user may hold fewer roles than before.
	loses bool
	// level says that the permission level was given or taken away: to the user,
	// to another name, or anew. It is nothing to any role.
	level bool
	// standing says that the status changed by which the user keeps a subject from
	// others, or others from the user. The roles are the same.
	standing bool
	// subjects are the folded names that the user may have claimed before or
	// claims now; set when the whole or the standing changed.
	subjects []string
}

// nothing says that the user holds the same roles as before, under the same
// subject.
func (c userChange) nothing() bool { return !c.whole && len(c.roleIDs) == 0 }

// compareUsers finds out what a change means. old is nil for a new user, and
// user for a deleted one.
func compareUsers(old, user *v1alpha1.ProvisionedUser) userChange {
	var c userChange
	switch {
	case old == nil:
		c.whole = true
	case user == nil:
		c.whole, c.loses = true, true
	default:
		c.whole = decisive(old) != decisive(user) ||
			!equality.Semantic.DeepEqual(old.Spec.Emails, user.Spec.Emails) ||
			!equality.Semantic.DeepEqual(old.Spec.ServiceAccountRef, user.Spec.ServiceAccountRef)
		c.loses = c.whole && !access.Suspended(old, nil)
		c.level = grantOf(old) != grantOf(user)
		c.standing = access.SubjectInForce(old) != access.SubjectInForce(user)
	}
	for _, u := range []*v1alpha1.ProvisionedUser{old, user} {
		if u != nil && !slices.Contains(c.providers, u.Spec.Provider) {
			c.providers = append(c.providers, u.Spec.Provider)
		}
	}
	before, now := memberships(old), memberships(user)
	if c.whole {
		both := maps.Clone(before)
		if both == nil {
			both = make(map[string]v1alpha1.Membership)
		}
		maps.Copy(both, now)
		c.roleIDs = slices.Sorted(maps.Keys(both))
	}
	if c.whole || c.standing {
		c.subjects = claims(old, user)
	}
	if c.whole {
		return c
	}
	for id := range before {
		if _, ok := now[id]; !ok {
			c.roleIDs, c.loses = append(c.roleIDs, id), true
		}
	}
	for id := range now {
		if _, ok := before[id]; !ok {
			c.roleIDs = append(c.roleIDs, id)
		}
	}
	slices.Sort(c.roleIDs)
	return c
}

// claims are the names that a user may claim, before or after a change.
func claims(users ...*v1alpha1.ProvisionedUser) []string {
	var all []string
	for _, u := range users {
		if u != nil {
			all = append(all, index.SubjectCandidates(u)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// decision is the part of a user that decides about every role and can be
// compared.
type decision struct {
	provider, id, userName, externalID, remoteIdentity string
	userType                                           v1alpha1.UserType
	active, deleted, abandoned, suspend, leaving       bool
	suspensions                                        int64
}

func decisive(u *v1alpha1.ProvisionedUser) decision {
	s := &u.Spec
	return decision{
		provider: s.Provider, id: s.ID, userName: s.UserName, externalID: s.ExternalID,
		remoteIdentity: s.RemoteIdentity, userType: s.Type,
		active: s.Active == nil || *s.Active, deleted: s.DeprovisionedAt != nil,
		abandoned: s.ProviderDeletedAt != nil, suspend: s.Suspend, suspensions: s.Suspensions,
		leaving: u.DeletionTimestamp != nil,
	}
}

// levelGrant is how a permission level was given.
type levelGrant struct {
	level   v1alpha1.PermissionLevel
	epoch   int64
	subject string
}

func grantOf(u *v1alpha1.ProvisionedUser) levelGrant {
	return levelGrant{access.Given(u), u.Spec.PermissionLevelEpoch, u.Spec.PermissionLevelSubject}
}

// sameProvider says that a provider names its users as before, and lets them have
// access as before.
func sameProvider(old, p *v1alpha1.IdentityProvider) bool {
	return old != nil && p != nil &&
		old.UID == p.UID && old.Spec.Subject == p.Spec.Subject && suspending(old) == suspending(p)
}

// suspending says that a provider is being deleted and suspends its users with
// that.
func suspending(p *v1alpha1.IdentityProvider) bool {
	return p.DeletionTimestamp != nil && p.Spec.DeletionPolicy == v1alpha1.DeletionSuspend
}

// sameAttachment says that an attachment gives the same as before. Its reason and
// its author give nobody anything.
func sameAttachment(old, a *v1alpha1.RoleAttachment) bool {
	if old == nil || a == nil || (old.DeletionTimestamp == nil) != (a.DeletionTimestamp == nil) {
		return false
	}
	was, is := old.Spec, a.Spec
	was.Reason, was.Author, is.Reason, is.Author = "", nil, "", nil
	return equality.Semantic.DeepEqual(was, is)
}

// sameRole says that a role reaches its members as before.
func sameRole(old, role *v1alpha1.ProvisionedRole) bool {
	return old != nil && role != nil &&
		old.Spec.Provider == role.Spec.Provider && old.Spec.ID == role.Spec.ID &&
		(old.DeletionTimestamp == nil) == (role.DeletionTimestamp == nil)
}

func memberships(u *v1alpha1.ProvisionedUser) map[string]v1alpha1.Membership {
	if u == nil {
		return nil
	}
	return u.Spec.Memberships
}
