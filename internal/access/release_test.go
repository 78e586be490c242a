package access_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// A release changes who manages a user, never who the user is, what level counts
// or whether anything does.
func TestReleaseKeepsSubjectAndLevel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pick := func(label string, values ...string) string { return rapid.SampledFrom(values).Draw(t, label) }
		p := entra(func(p *v1alpha1.IdentityProvider) {
			p.Spec.Subject.Prefix = pick("prefix", "", "oidc:", "System:", "corp#")
			p.Spec.Subject.From = v1alpha1.SubjectSource(pick("from", "UserName", "Email", "ExternalID"))
		})
		u := alice(active(rapid.Bool().Draw(t, "active")), suspensions(2), func(u *v1alpha1.ProvisionedUser) {
			u.Spec.UserName = pick("userName", "alice@example.com", " alice", "masters", "system:masters")
			u.Spec.ExternalID = pick("externalId", "", "4711", "system:x")
			u.Spec.RemoteIdentity = pick("remoteIdentity", "", "", "remote", "system:masters")
			if mail := pick("email", "", "alice@corp.example"); mail != "" {
				u.Spec.Emails = []v1alpha1.Email{{Value: mail}}
			}
			u.Spec.PermissionLevel = v1alpha1.LevelAdministrator
			u.Annotations = map[string]string{
				v1alpha1.ReleaseAnnotation: v1alpha1.ReleaseValue, v1alpha1.AdoptableByAnnotation: "okta", v1alpha1.AdoptionKeepsAnnotation: v1alpha1.AdoptionKeepsValue,
			}
			u.Spec.PermissionLevelEpoch = rapid.SampledFrom([]int64{1, 2}).Draw(t, "epoch")
		})
		if rapid.Bool().Draw(t, "stamped") {
			u.Spec.PermissionLevelSubject = pick("given to", access.SubjectOf(u, p).Value, "somebody else", "remote", "alice@example.com", p.Spec.Subject.Prefix+"alice@example.com")
		}
		before, grade := access.SubjectOf(u, p), access.Level(u, p)
		standing := access.State(u, p)

		access.ReleaseUser(u, p)

		after := access.SubjectOf(u, nil)
		effective := !before.Refused && !standing.Suspended()
		if got := !after.Refused && !access.Suspended(u, nil); got != effective {
			t.Fatalf("bound = %v, want %v", got, effective)
		}
		if effective && after.Name != before.Name {
			t.Fatalf("subject %q, want %q", after.Name, before.Name)
		}
		if got := access.Level(u, nil); effective && got.Level != grade.Level {
			t.Fatalf("level %s (%s), want %s (%s)", got.Level, got.Message, grade.Level, grade.Message)
		}
		if u.Spec.PermissionLevel != v1alpha1.LevelAdministrator {
			t.Fatal("the level itself may be changed by nobody who may not assign it")
		}
		if u.Spec.Suspensions != 2 || len(u.Annotations) > 0 || u.Spec.Provider != "" || u.Spec.Memberships != nil || u.Spec.ProviderDeletedAt != nil {
			t.Fatalf("not a local user as it was: %+v", u.Spec)
		}
	})
}

func TestSubstitutes(t *testing.T) {
	t.Parallel()
	ops := role("ops", "entra")
	substitute := func(u *v1alpha1.ProvisionedUser, change ...attachmentOption) *v1alpha1.RoleAttachment {
		a := &v1alpha1.RoleAttachment{Spec: access.Substitute(u, ops)}
		for _, f := range change {
			f(a)
		}
		return a
	}
	for _, tc := range []struct {
		name string
		user *v1alpha1.ProvisionedUser
		made *v1alpha1.ProvisionedUser
		with attachmentOption
		want bool
	}{
		{"as it was made", alice(suspensions(2)), alice(suspensions(2)), nil, true},
		{"for a suspended user it waits", alice(suspended), alice(), nil, true},
		{"the user was suspended since", alice(suspensions(3)), alice(suspensions(2)), nil, false},
		{"somebody gave it an end", alice(), alice(), func(a *v1alpha1.RoleAttachment) { a.Spec.ExpiresAt = at(time.Hour) }, false},
		{"somebody put it off", alice(), alice(), func(a *v1alpha1.RoleAttachment) { a.Spec.StartsAt = at(time.Hour) }, false},
		{"it is being deleted", alice(), alice(), func(a *v1alpha1.RoleAttachment) { a.DeletionTimestamp = at(0) }, false},
		{"for another role of that name", alice(), alice(), func(a *v1alpha1.RoleAttachment) { a.Spec.RoleID = "another" }, false},
		{"for another user", alice(), alice(), func(a *v1alpha1.RoleAttachment) { a.Spec.User = "bob" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var change []attachmentOption
			if tc.with != nil {
				change = append(change, tc.with)
			}
			if got := access.Substitutes(substitute(tc.made, change...), tc.user, entra(), ops, noon); got != tc.want {
				t.Errorf("Substitutes = %v, want %v", got, tc.want)
			}
		})
	}
}

// The count of suspensions makes local grants void, so that it must grow with a
// suspension and with nothing else, however often the policy is carried out.
func TestSuspendWithProvider(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		user *v1alpha1.ProvisionedUser
		want int64
	}{
		{"active", alice(active(true), suspensions(4)), 5},
		{"active by default", alice(), 1},
		{"suspended before", alice(active(false), suspensions(4)), 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				access.SuspendWithProvider(tc.user, noon)
				if tc.user.Spec.Suspensions != tc.want || !access.SuspendedWithProvider(tc.user) {
					t.Fatalf("suspensions %d, want %d: %+v", tc.user.Spec.Suspensions, tc.want, tc.user.Spec)
				}
			}
		})
	}
}
