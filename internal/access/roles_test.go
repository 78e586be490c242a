package access_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

func TestRoles(t *testing.T) {
	t.Parallel()
	dev, ops, foreign := role("dev", "entra"), role("ops", ""), role("dev", "okta")
	foreign.Name = "okta-dev"
	everything := []*v1alpha1.ProvisionedRole{ops, foreign, dev}
	for _, tc := range []struct {
		name        string
		user        *v1alpha1.ProvisionedUser
		attachments []*v1alpha1.RoleAttachment
		want        string
	}{
		{"nothing", alice(), nil, ""},
		{"a membership", alice(member("id-of-dev")), nil, "dev(IdentityProvider/entra)"},
		{"a membership in a role that is gone", alice(member("id-of-gone")), nil, ""},
		{"a membership never reaches another provider's role, though the id is the same", alice(member("id-of-dev")), nil, "dev(IdentityProvider/entra)"},
		{"a membership never reaches a local role", alice(member("id-of-ops")), nil, ""},
		{"an attachment", alice(), []*v1alpha1.RoleAttachment{attach("a", "ops")}, "ops(RoleAttachment/a)"},
		{"an attachment to another provider's role", alice(), []*v1alpha1.RoleAttachment{attach("a", "okta-dev")}, "okta-dev(RoleAttachment/a)"},
		{"both, sorted", alice(member("id-of-dev")), []*v1alpha1.RoleAttachment{attach("z", "ops"), attach("a", "dev"), attach("b", "ops")},
			"dev(IdentityProvider/entra RoleAttachment/a) ops(RoleAttachment/b RoleAttachment/z)"},
		{"somebody else's attachment", alice(), []*v1alpha1.RoleAttachment{attach("a", "ops", func(a *v1alpha1.RoleAttachment) { a.Spec.User = "bob" })}, ""},
		{"over, not begun, superseded", alice(suspensions(1), member("id-of-dev")), []*v1alpha1.RoleAttachment{
			attach("over", "ops", epoch(1), expires(0)), attach("later", "ops", epoch(1), starts(1)), attach("before", "ops"),
		}, "dev(IdentityProvider/entra)"},
		{"suspended by the identity provider: nothing at all", alice(active(false), suspensions(1), member("id-of-dev")),
			[]*v1alpha1.RoleAttachment{attach("a", "ops", epoch(1))}, ""},
		{"suspended by an administrator: nothing at all", alice(suspended, member("id-of-dev")), []*v1alpha1.RoleAttachment{attach("a", "ops")}, ""},
		{"deleted: nothing at all", alice(deleted, member("id-of-dev")), []*v1alpha1.RoleAttachment{attach("a", "ops")}, ""},
		{"restored: what the identity provider holds now, and nothing local", alice(active(true), suspensions(1), member("id-of-dev")),
			[]*v1alpha1.RoleAttachment{attach("a", "ops"), attach("temporary", "ops", expires(time.Hour))}, "dev(IdentityProvider/entra)"},
		{"a local user has no memberships", alice(member("id-of-dev"), func(u *v1alpha1.ProvisionedUser) { u.Spec.Provider = "" }), nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			facts := access.Facts{User: tc.user, Provider: entra(), Roles: everything, Attachments: tc.attachments, Now: noon}
			if got := render(access.Roles(facts)); got != tc.want {
				t.Errorf("Roles = %q, want %q", got, tc.want)
			}
			for _, r := range everything {
				holds := access.Holds(tc.user, entra(), r, tc.attachments, noon)
				if listed := slices.ContainsFunc(access.Roles(facts), func(e v1alpha1.EffectiveRole) bool { return e.Name == r.Name }); holds != listed {
					t.Errorf("Holds(%s) = %v, but listed is %v", r.Name, holds, listed)
				}
			}
		})
	}
}

func TestRolesSayWhenAnAttachmentEnds(t *testing.T) {
	t.Parallel()
	facts := access.Facts{
		User: alice(), Provider: entra(), Roles: []*v1alpha1.ProvisionedRole{role("ops", "")},
		Attachments: []*v1alpha1.RoleAttachment{attach("a", "ops", expires(time.Hour)), attach("b", "ops", expires(time.Minute))}, Now: noon,
	}
	roles := access.Roles(facts)
	if len(roles) != 1 || len(roles[0].Sources) != 2 || !roles[0].Sources[0].ExpiresAt.Equal(at(time.Hour)) {
		t.Errorf("Roles = %+v", roles)
	}
	if next := access.NextChange(facts); !next.Equal(noon.Add(time.Minute)) {
		t.Errorf("NextChange = %s, want a minute past noon", next)
	}
}

func render(roles []v1alpha1.EffectiveRole) string {
	var text string
	for i, r := range roles {
		if i > 0 {
			text += " "
		}
		text += r.Name + "("
		for j, s := range r.Sources {
			if j > 0 {
				text += " "
			}
			text += string(s.Kind) + "/" + s.Name
		}
		text += ")"
	}
	return text
}

// world draws a user with memberships and attachments of every sort.
func world(t *rapid.T) access.Facts {
	u := alice(suspensions(rapid.Int64Range(0, 3).Draw(t, "suspensions")))
	u.Spec.Suspend = rapid.Bool().Draw(t, "suspend")
	u.Spec.PermissionLevel = rapid.SampledFrom([]v1alpha1.PermissionLevel{"", v1alpha1.LevelUser, v1alpha1.LevelAdministrator}).Draw(t, "level")
	u.Spec.PermissionLevelEpoch = rapid.Int64Range(0, 3).Draw(t, "level epoch")
	if rapid.Bool().Draw(t, "has active") {
		active(rapid.Bool().Draw(t, "active"))(u)
	}
	if rapid.IntRange(0, 5).Draw(t, "deleted") == 0 {
		deleted(u)
	}
	f := access.Facts{User: u, Provider: entra(), Now: noon}
	for i := range 4 {
		r := role(fmt.Sprintf("r%d", i), rapid.SampledFrom([]string{"", "entra", "okta"}).Draw(t, "provider"))
		f.Roles = append(f.Roles, r)
		if rapid.IntRange(0, 4).Draw(t, "leaving") == 0 {
			r.DeletionTimestamp = at(0)
		}
		if rapid.Bool().Draw(t, "member") {
			u.Spec.Memberships[r.Spec.ID] = v1alpha1.Membership{}
		}
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "attachments") {
		f.Attachments = append(f.Attachments, anyAttachment(t, fmt.Sprintf("a%d", i)))
	}
	return f
}

func anyAttachment(t *rapid.T, name string) *v1alpha1.RoleAttachment {
	a := attach(name, fmt.Sprintf("r%d", rapid.IntRange(0, 5).Draw(t, "role")), epoch(rapid.Int64Range(0, 3).Draw(t, "epoch")))
	moment := rapid.SampledFrom([]time.Duration{-time.Hour, -1, 0, 1, time.Hour})
	if rapid.Bool().Draw(t, "has start") {
		starts(moment.Draw(t, "start"))(a)
	}
	if rapid.Bool().Draw(t, "has end") {
		expires(moment.Draw(t, "end"))(a)
	}
	return a
}

func names(roles []v1alpha1.EffectiveRole) map[string]bool {
	set := make(map[string]bool)
	for _, r := range roles {
		set[r.Name] = true
	}
	return set
}

func TestLaws(t *testing.T) {
	t.Parallel()
	law := func(name string, check func(*rapid.T, access.Facts)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { check(t, world(t)) })
		})
	}
	law("the suspended have no roles and level User", func(t *rapid.T, f access.Facts) {
		if !access.Suspended(f.User, f.Provider) {
			return
		}
		if roles := access.Roles(f); len(roles) > 0 {
			t.Fatalf("roles: %s", render(roles))
		}
		if l := access.Level(f.User, f.Provider).Level; l != v1alpha1.LevelUser {
			t.Fatalf("level: %s", l)
		}
	})
	law("one more attachment takes no role away", func(t *rapid.T, f access.Facts) {
		before := names(access.Roles(f))
		f.Attachments = append(f.Attachments, anyAttachment(t, "more"))
		after := names(access.Roles(f))
		for r := range before {
			if !after[r] {
				t.Fatalf("lost %s", r)
			}
		}
	})
	law("a suspension by the identity provider voids everything local for good", func(t *rapid.T, f access.Facts) {
		f.User.Spec.Suspensions += 4 // above every epoch drawn
		active(true)(f.User)
		f.User.Spec.Suspend, f.User.Spec.DeprovisionedAt = false, nil
		for _, r := range access.Roles(f) {
			for _, s := range r.Sources {
				if s.Kind != v1alpha1.SourceIdentityProvider {
					t.Fatalf("%s survives", s.Name)
				}
			}
		}
		if l := access.Level(f.User, f.Provider).Level; l != v1alpha1.LevelUser {
			t.Fatalf("level %s survives", l)
		}
	})
	law("every role has a source, roles and sources are sorted, without doubles", func(t *rapid.T, f access.Facts) {
		roles := access.Roles(f)
		for i, r := range roles {
			if len(r.Sources) == 0 {
				t.Fatalf("%s has no source", r.Name)
			}
			if i > 0 && roles[i-1].Name >= r.Name {
				t.Fatalf("%s after %s", r.Name, roles[i-1].Name)
			}
		}
	})
	law("the order of the facts doesn't matter", func(t *rapid.T, f access.Facts) {
		before := render(access.Roles(f))
		slices.Reverse(f.Roles)
		slices.Reverse(f.Attachments)
		if after := render(access.Roles(f)); before != after {
			t.Fatalf("%s, then %s", before, after)
		}
	})
	law("nothing changes before the next change", func(t *rapid.T, f access.Facts) {
		before := render(access.Roles(f))
		next := access.NextChange(f)
		if next.IsZero() {
			next = noon.AddDate(10, 0, 0)
		}
		f.Now = next.Add(-1)
		if after := render(access.Roles(f)); !next.Equal(noon.Add(1)) && before != after {
			t.Fatalf("%s, then %s", before, after)
		}
	})
}
