package access_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

func TestAttachment(t *testing.T) {
	t.Parallel()
	unstamped := func(a *v1alpha1.RoleAttachment) { a.Spec.Epoch, a.Spec.UserID = nil, "" }
	forSomebodyElse := func(a *v1alpha1.RoleAttachment) { a.Spec.UserID = "id-of-another-alice" }
	ops := role("ops", "")
	for _, tc := range []struct {
		name       string
		attachment *v1alpha1.RoleAttachment
		user       *v1alpha1.ProvisionedUser
		role       *v1alpha1.ProvisionedRole
		state      v1alpha1.AttachmentState
		reason     string
		next       time.Duration // from noon; 0 is never
	}{
		{"for good", attach("a", "ops"), alice(), ops, v1alpha1.AttachmentActive, access.ReasonActive, 0},
		{"to a role of the identity provider", attach("a", "dev"), alice(), role("dev", "entra"), v1alpha1.AttachmentActive, access.ReasonActive, 0},
		{"of a local user", attach("a", "ops"), alice(local), ops, v1alpha1.AttachmentActive, access.ReasonActive, 0},

		{"before the start", attach("a", "ops", starts(time.Second)), alice(), ops, v1alpha1.AttachmentPending, access.ReasonNotStarted, time.Second},
		{"at the start to the instant", attach("a", "ops", starts(0)), alice(), ops, v1alpha1.AttachmentActive, access.ReasonActive, 0},
		{"before the end", attach("a", "ops", expires(time.Second)), alice(), ops, v1alpha1.AttachmentActive, access.ReasonActive, time.Second},
		{"a nanosecond before the end", attach("a", "ops", expires(1)), alice(), ops, v1alpha1.AttachmentActive, access.ReasonActive, 1},
		{"at the end to the instant", attach("a", "ops", expires(0)), alice(), ops, v1alpha1.AttachmentExpired, access.ReasonExpired, 0},
		{"after the end", attach("a", "ops", expires(-time.Second)), alice(), ops, v1alpha1.AttachmentExpired, access.ReasonExpired, 0},
		{"pending with an end", attach("a", "ops", starts(time.Minute), expires(time.Hour)), alice(), ops, v1alpha1.AttachmentPending, access.ReasonNotStarted, time.Minute},
		{"begun with an end", attach("a", "ops", starts(-time.Minute), expires(time.Hour)), alice(), ops, v1alpha1.AttachmentActive, access.ReasonActive, time.Hour},

		{"the user was suspended since", attach("a", "ops"), alice(suspensions(1)), ops, v1alpha1.AttachmentSuperseded, access.ReasonSuspendedSince, 0},
		{"the user is suspended now", attach("a", "ops"), alice(suspensions(1), active(false)), ops, v1alpha1.AttachmentSuperseded, access.ReasonSuspendedSince, 0},
		{"made after the restore", attach("a", "ops", epoch(1)), alice(suspensions(1)), ops, v1alpha1.AttachmentActive, access.ReasonActive, 0},
		{"made while suspended", attach("a", "ops", epoch(1)), alice(suspensions(1), active(false)), ops, v1alpha1.AttachmentIneffective, access.ReasonUserSuspended, 0},
		{"an epoch of the future", attach("a", "ops", epoch(2)), alice(suspensions(1)), ops, v1alpha1.AttachmentSuperseded, access.ReasonSuspendedSince, 0},
		{"superseded stays so when it would begin", attach("a", "ops", starts(time.Hour)), alice(suspensions(1)), ops, v1alpha1.AttachmentSuperseded, access.ReasonSuspendedSince, 0},
		{"a local suspension only pauses it", attach("a", "ops", expires(time.Hour)), alice(suspended), ops, v1alpha1.AttachmentIneffective, access.ReasonUserSuspended, time.Hour},
		{"never stamped, never suspended", attach("a", "ops", unstamped), alice(), ops, v1alpha1.AttachmentActive, access.ReasonActive, 0},
		{"never stamped, suspended since", attach("a", "ops", unstamped), alice(suspensions(1)), ops, v1alpha1.AttachmentSuperseded, access.ReasonSuspendedSince, 0},

		{"no such user", attach("a", "ops"), nil, ops, v1alpha1.AttachmentIneffective, access.ReasonUserNotFound, 0},
		{"no such user, and over", attach("a", "ops", expires(0)), nil, ops, v1alpha1.AttachmentExpired, access.ReasonExpired, 0},
		{"another user by that name", attach("a", "ops", forSomebodyElse), alice(), ops, v1alpha1.AttachmentSuperseded, access.ReasonUserReplaced, 0},
		{"another role by that name, whatever time it is", attach("a", "ops", forAnotherRole, expires(time.Hour)), alice(), ops, v1alpha1.AttachmentSuperseded, access.ReasonRoleReplaced, 0},
		{"another role by that name, and over", attach("a", "ops", forAnotherRole, expires(0)), alice(), ops, v1alpha1.AttachmentSuperseded, access.ReasonRoleReplaced, 0},
		{"no such role", attach("a", "ops"), alice(), nil, v1alpha1.AttachmentIneffective, access.ReasonRoleGone, 0},
		{"no such role yet, and later", attach("a", "ops", starts(time.Hour)), alice(), nil, v1alpha1.AttachmentIneffective, access.ReasonRoleGone, time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := access.Attachment(tc.attachment, tc.user, entra(), tc.role, noon)
			if got.State != tc.state || got.Reason != tc.reason || got.Message == "" {
				t.Errorf("Attachment = %+v, want %s/%s with a message", got, tc.state, tc.reason)
			}
			var next time.Time
			if tc.next != 0 {
				next = noon.Add(tc.next)
			}
			if !got.Next.Equal(next) {
				t.Errorf("Next = %s, want %s", got.Next, next)
			}
			if got.Active() != (tc.state == v1alpha1.AttachmentActive) {
				t.Errorf("Active = %v in state %s", got.Active(), got.State)
			}
		})
	}
}

func forAnotherRole(a *v1alpha1.RoleAttachment) { a.Spec.RoleID = "another" }

// Whoever waits for Next misses nothing.
func TestNothingChangesBeforeNext(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := world(t)
		a := anyAttachment(t, "a")
		if rapid.Bool().Draw(t, "for another role") {
			forAnotherRole(a)
		}
		var r *v1alpha1.ProvisionedRole
		for _, candidate := range f.Roles {
			if candidate.Name == a.Spec.Role {
				r = candidate
			}
		}
		now := access.Attachment(a, f.User, f.Provider, r, f.Now)
		at := f.Now.Add(rapid.SampledFrom([]time.Duration{1, time.Minute, time.Hour, 2 * time.Hour}).Draw(t, "later"))
		if !now.Next.IsZero() && !at.Before(now.Next) {
			return
		}
		if later := access.Attachment(a, f.User, f.Provider, r, at); later.State != now.State || later.Reason != now.Reason {
			t.Fatalf("%s/%s becomes %s/%s at %s, before %s", now.State, now.Reason, later.State, later.Reason, at, now.Next)
		}
	})
}

func TestEarlier(t *testing.T) {
	t.Parallel()
	never, soon, late := time.Time{}, noon, noon.Add(time.Hour)
	for _, tc := range []struct{ a, b, want time.Time }{
		{never, never, never}, {never, soon, soon}, {soon, never, soon},
		{soon, late, soon}, {late, soon, soon}, {soon, soon, soon},
	} {
		if got := access.Earlier(tc.a, tc.b); !got.Equal(tc.want) {
			t.Errorf("Earlier(%s, %s) = %s, want %s", tc.a, tc.b, got, tc.want)
		}
	}
}
