package access

import (
	"fmt"
	"time"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Edge is whether an attachment gives its role now.
type Edge struct {
	State   v1alpha1.AttachmentState
	Reason  string
	Message string
	// Next is when time alone changes the answer; zero when it never does.
	Next time.Time
}

// Active says that the attachment gives its role.
func (e Edge) Active() bool { return e.State == v1alpha1.AttachmentActive }

// Attachment decides whether a counts at now. u is the user it names and p that
// user's IdentityProvider, r is the role it names; each nil when it does not
// exist. The rules that time can't change come first.
func Attachment(a *v1alpha1.RoleAttachment, u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider, r *v1alpha1.ProvisionedRole, now time.Time) Edge {
	e := edge(a, u, p, r, now)
	switch e.State {
	case v1alpha1.AttachmentSuperseded, v1alpha1.AttachmentExpired:
	default:
		e.Next = nextChange(a, now)
	}
	return e
}

func edge(a *v1alpha1.RoleAttachment, u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider, r *v1alpha1.ProvisionedRole, now time.Time) Edge {
	s := a.Spec
	switch {
	case u != nil && s.UserID != "" && s.UserID != u.Spec.ID:
		return Edge{State: v1alpha1.AttachmentSuperseded, Reason: ReasonUserReplaced,
			Message: fmt.Sprintf("the attachment was made for another user who was called %q: make a new one", s.User)}
	case u != nil && epoch(a) != u.Spec.Suspensions:
		return Edge{State: v1alpha1.AttachmentSuperseded, Reason: ReasonSuspendedSince,
			Message: fmt.Sprintf("the attachment was made before %s last suspended or took over the user: make a new one", provider(u))}
	case s.RoleID != "" && r != nil && s.RoleID != r.Spec.ID:
		return Edge{State: v1alpha1.AttachmentSuperseded, Reason: ReasonRoleReplaced,
			Message: fmt.Sprintf("the attachment was made for another role that was called %q: make a new one", s.Role)}
	case s.ExpiresAt != nil && !now.Before(s.ExpiresAt.Time):
		return Edge{State: v1alpha1.AttachmentExpired, Reason: ReasonExpired,
			Message: "the attachment ended at " + stamp(s.ExpiresAt.Time)}
	case u == nil:
		return Edge{State: v1alpha1.AttachmentIneffective, Reason: ReasonUserNotFound,
			Message: fmt.Sprintf("there is no ProvisionedUser %q", s.User)}
	case r == nil || r.DeletionTimestamp != nil:
		return Edge{State: v1alpha1.AttachmentIneffective, Reason: ReasonRoleGone,
			Message: fmt.Sprintf("there is no ProvisionedRole %q, or no longer", s.Role)}
	case Suspended(u, p):
		return Edge{State: v1alpha1.AttachmentIneffective, Reason: ReasonUserSuspended,
			Message: "the user is suspended: " + State(u, p).Message}
	case s.StartsAt != nil && now.Before(s.StartsAt.Time):
		return Edge{State: v1alpha1.AttachmentPending, Reason: ReasonNotStarted,
			Message: "the attachment starts at " + stamp(s.StartsAt.Time)}
	default:
		return Edge{State: v1alpha1.AttachmentActive, Reason: ReasonActive,
			Message: fmt.Sprintf("the user holds role %q", s.Role)}
	}
}

// epoch of an attachment that never went through admission is the lowest: it
// counts for a user who was never suspended, and is void after the first time.
func epoch(a *v1alpha1.RoleAttachment) int64 {
	if a.Spec.Epoch == nil {
		return 0
	}
	return *a.Spec.Epoch
}

func nextChange(a *v1alpha1.RoleAttachment, now time.Time) time.Time {
	if t := a.Spec.StartsAt; t != nil && t.After(now) {
		return t.Time
	}
	if t := a.Spec.ExpiresAt; t != nil && t.After(now) {
		return t.Time
	}
	return time.Time{}
}

// Earlier returns the earlier of two moments, of which zero is never.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
