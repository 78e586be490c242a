package access

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Releasable says whether a user belongs to an identity provider and can become a
// local one: tombstones can't, nor what is on its way out.
func Releasable(u *v1alpha1.ProvisionedUser) bool {
	return u.Spec.Provider != "" && u.Spec.DeprovisionedAt == nil && u.DeletionTimestamp == nil
}

// ReleaseUser makes a user a local one. p is the user's provider; nil when it does
// not exist. Memberships go: attachments must stand in for them before. The RBAC
// subject stays whatever rule the provider had for it, and with it the level:
// without the rule and its prefix the name could be somebody else's. A level that a
// rename had made void goes for good, or it would count again under a name without
// the prefix. A user whose
// subject was refused had nothing bound, and must not get it under a name that
// nobody chose: such a user is left inactive, for an administrator to see to.
func ReleaseUser(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) {
	before := SubjectOf(u, p)
	s := &u.Spec
	if renamed(u, p) {
		s.PermissionLevelSubject = nobody + strings.TrimSpace(s.PermissionLevelSubject)
	}
	s.Provider, s.Memberships, s.ProviderDeletedAt = "", nil, nil
	dropMarks(u.Annotations)
	if before.Name != "" && SubjectOf(u, nil).Name != before.Name {
		s.RemoteIdentity = before.Name
	}
	after := SubjectOf(u, nil)
	if before.Refused && !after.Refused {
		inactive := false
		s.Active = &inactive
		return
	}
	if given := s.PermissionLevelSubject; given != "" && given == before.Value {
		s.PermissionLevelSubject = after.Value
	}
}

// nobody, in front of whom a level was given to, is nobody's: no subject's value
// starts with two spaces.
const nobody = "  "

// dropMarks removes what annotations say about who is to manage an object. Marks for
// an adoption mean nothing on an identity provider's object, so that nobody was
// asked about them.
func dropMarks(annotations map[string]string) {
	for _, mark := range []string{v1alpha1.ReleaseAnnotation, v1alpha1.AdoptableByAnnotation, v1alpha1.AdoptionKeepsAnnotation} {
		delete(annotations, mark)
	}
}

// ReleaseRole makes a role a local one. Its id stays, and members whom the
// identity provider named and nobody knows are dropped.
func ReleaseRole(r *v1alpha1.ProvisionedRole) {
	r.Spec.Provider, r.Spec.UnresolvedMembers = "", nil
	dropMarks(r.Annotations)
}

// SuspendWithProvider suspends a user whose IdentityProvider is deleted, at that
// moment. The count of suspensions grows with an active user alone, and makes
// every local grant void, as if the identity provider had suspended the user.
func SuspendWithProvider(u *v1alpha1.ProvisionedUser, at time.Time) {
	if u.Spec.Active == nil || *u.Spec.Active {
		u.Spec.Suspensions++
	}
	inactive := false
	u.Spec.Active = &inactive
	u.Spec.ProviderDeletedAt = &metav1.Time{Time: at}
}

// SuspendedWithProvider says whether SuspendWithProvider has nothing left to do.
func SuspendedWithProvider(u *v1alpha1.ProvisionedUser) bool {
	return u.Spec.ProviderDeletedAt != nil && u.Spec.Active != nil && !*u.Spec.Active
}

// Substitute is the attachment that stands in for a membership of u in r, without
// a name. The stamps are those that admission gives it.
func Substitute(u *v1alpha1.ProvisionedUser, r *v1alpha1.ProvisionedRole) v1alpha1.RoleAttachmentSpec {
	epoch := u.Spec.Suspensions
	return v1alpha1.RoleAttachmentSpec{
		User: u.Name, Role: r.Name,
		Reason: fmt.Sprintf("released from identity provider %q", u.Spec.Provider),
		Epoch:  &epoch, UserID: u.Spec.ID, RoleID: r.Spec.ID,
	}
}

// Substitutes says whether a gives u for good what a membership in r does: now, or
// once the user is suspended no longer.
func Substitutes(a *v1alpha1.RoleAttachment, u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider, r *v1alpha1.ProvisionedRole, now time.Time) bool {
	if a.DeletionTimestamp != nil || a.Spec.ExpiresAt != nil || a.Spec.User != u.Name || a.Spec.Role != r.Name {
		return false
	}
	e := Attachment(a, u, p, r, now)
	return e.Active() || e.Reason == ReasonUserSuspended
}
