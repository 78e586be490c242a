package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func person(change ...func(*v1alpha1.ProvisionedUser)) *v1alpha1.ProvisionedUser {
	u := &v1alpha1.ProvisionedUser{
		ObjectMeta: metav1.ObjectMeta{Name: "alice", UID: "alice", Generation: 1, ResourceVersion: "10"},
		Spec: v1alpha1.ProvisionedUserSpec{
			Provider: "entra", ID: "1", UserName: "alice@example.com",
			Memberships: map[string]v1alpha1.Membership{"dev": {}, "ops": {}},
		},
	}
	for _, f := range change {
		f(u)
	}
	return u
}

func inactive(u *v1alpha1.ProvisionedUser) { u.Spec.Active = new(bool) }

func TestCompareUsers(t *testing.T) {
	t.Parallel()
	now := metav1.Now()
	with := func(f func(*v1alpha1.ProvisionedUser)) *v1alpha1.ProvisionedUser { return person(f) }
	for _, tc := range []struct {
		name         string
		old, user    *v1alpha1.ProvisionedUser
		whole, loses bool
		roles        []string
	}{
		{"nothing", person(), person(), false, false, nil},
		{"a new user", nil, person(), true, false, []string{"dev", "ops"}},
		{"a user who is gone", person(), nil, true, true, []string{"dev", "ops"}},
		{"one more role", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.Memberships["new"] = v1alpha1.Membership{} }), false, false, []string{"new"}},
		{"one role less", person(), with(func(u *v1alpha1.ProvisionedUser) { delete(u.Spec.Memberships, "ops") }), false, true, []string{"ops"}},
		{"one for another", person(), with(func(u *v1alpha1.ProvisionedUser) {
			u.Spec.Memberships = map[string]v1alpha1.Membership{"dev": {}, "new": {}}
		}), false, true, []string{"new", "ops"}},
		{"deactivated", person(), person(inactive), true, true, []string{"dev", "ops"}},
		{"restored", person(inactive), person(), true, false, []string{"dev", "ops"}},
		{"restored with fewer roles", person(inactive), with(func(u *v1alpha1.ProvisionedUser) { delete(u.Spec.Memberships, "ops") }), true, false, []string{"dev", "ops"}},
		{"suspended", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.Suspend = true }), true, true, []string{"dev", "ops"}},
		{"suspended once more", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.Suspensions++ }), true, true, []string{"dev", "ops"}},
		{"deleted", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.DeprovisionedAt, u.Spec.Memberships = &now, nil }), true, true, []string{"dev", "ops"}},
		{"on the way out", person(), with(func(u *v1alpha1.ProvisionedUser) { u.DeletionTimestamp = &now }), true, true, []string{"dev", "ops"}},
		{"of another provider", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.Provider = "okta" }), true, true, []string{"dev", "ops"}},
		{"renamed", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = "alicia" }), true, true, []string{"dev", "ops"}},
		{"another address", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.Emails = []v1alpha1.Email{{Value: "a@b"}} }), true, true, []string{"dev", "ops"}},
		{"another remote identity", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.RemoteIdentity = "al" }), true, true, []string{"dev", "ops"}},
		{"a display name", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.DisplayName = "Alice" }), false, false, nil},
		{"a status", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Status.State = v1alpha1.StateActive }), false, false, nil},
		{"active said aloud", person(), with(func(u *v1alpha1.ProvisionedUser) { active := true; u.Spec.Active = &active }), false, false, nil},
		{"a level", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.PermissionLevel = v1alpha1.LevelAuditor }), false, false, nil},
		{"suspended with its provider", person(), person(inactive, func(u *v1alpha1.ProvisionedUser) { u.Spec.ProviderDeletedAt = &now }), true, true, []string{"dev", "ops"}},
		{"the end of its provider forgotten", person(func(u *v1alpha1.ProvisionedUser) { u.Spec.ProviderDeletedAt = &now }), person(), true, true, []string{"dev", "ops"}},
		{"released", person(), with(func(u *v1alpha1.ProvisionedUser) { u.Spec.Provider, u.Spec.Memberships = "", nil }), true, true, []string{"dev", "ops"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := compareUsers(tc.old, tc.user)
			if got.whole != tc.whole || got.loses != tc.loses || !slices.Equal(got.roleIDs, tc.roles) {
				t.Errorf("compareUsers = %+v, want whole %v, loses %v, roles %v", got, tc.whole, tc.loses, tc.roles)
			}
			if got.nothing() != (!tc.whole && len(tc.roles) == 0) {
				t.Errorf("nothing = %v", got.nothing())
			}
			if (len(got.subjects) > 0) != tc.whole {
				t.Errorf("subjects = %v", got.subjects)
			}
		})
	}
}

// A level is nothing to any role, and a role nothing to the level.
func TestCompareUsersTellsLevelsFromRoles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*v1alpha1.ProvisionedUser)
		level  bool
	}{
		{"given", func(u *v1alpha1.ProvisionedUser) { u.Spec.PermissionLevel = v1alpha1.LevelAuditor }, true},
		{"given anew", func(u *v1alpha1.ProvisionedUser) { u.Spec.PermissionLevelEpoch++ }, true},
		{"given to another name", func(u *v1alpha1.ProvisionedUser) { u.Spec.PermissionLevelSubject = "al" }, true},
		{"the lowest said aloud", func(u *v1alpha1.ProvisionedUser) { u.Spec.PermissionLevel = v1alpha1.LevelUser }, false},
		{"one role less", func(u *v1alpha1.ProvisionedUser) { delete(u.Spec.Memberships, "ops") }, false},
	} {
		got := compareUsers(person(), person(tc.change))
		if got.level != tc.level || (tc.level && !got.nothing()) {
			t.Errorf("%s: compareUsers = %+v, want level %v", tc.name, got, tc.level)
		}
	}
}

func TestSameProvider(t *testing.T) {
	t.Parallel()
	now := metav1.Now()
	leaving := func(policy v1alpha1.DeletionPolicy) func(*v1alpha1.IdentityProvider) {
		return func(p *v1alpha1.IdentityProvider) { p.DeletionTimestamp, p.Spec.DeletionPolicy = &now, policy }
	}
	provider := func(change func(*v1alpha1.IdentityProvider)) *v1alpha1.IdentityProvider {
		p := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "entra", UID: "1"}}
		change(p)
		return p
	}
	old := provider(func(*v1alpha1.IdentityProvider) {})
	for _, tc := range []struct {
		name string
		p    *v1alpha1.IdentityProvider
		same bool
	}{
		{"paused", provider(func(p *v1alpha1.IdentityProvider) { p.Spec.Paused = true }), true},
		{"another prefix", provider(func(p *v1alpha1.IdentityProvider) { p.Spec.Subject.Prefix = "oidc:" }), false},
		{"a policy for later", provider(func(p *v1alpha1.IdentityProvider) { p.Spec.DeletionPolicy = v1alpha1.DeletionSuspend }), true},
		{"deleted with policy Suspend", provider(leaving(v1alpha1.DeletionSuspend)), false},
		{"deleted with policy Freeze", provider(leaving(v1alpha1.DeletionFreeze)), true},
		{"deleted with policy Release", provider(leaving(v1alpha1.DeletionRelease)), true},
		{"another of the same name", provider(func(p *v1alpha1.IdentityProvider) { p.UID = "2" }), false},
		{"gone", nil, false},
	} {
		if got := sameProvider(old, tc.p); got != tc.same {
			t.Errorf("%s: sameProvider = %v", tc.name, got)
		}
	}
	if sameProvider(provider(leaving(v1alpha1.DeletionFreeze)), provider(leaving(v1alpha1.DeletionSuspend))) {
		t.Error("another policy during the deletion is nothing new")
	}
}

func TestSameAttachment(t *testing.T) {
	t.Parallel()
	now := metav1.Now()
	attachment := func(change func(*v1alpha1.RoleAttachment)) *v1alpha1.RoleAttachment {
		a := &v1alpha1.RoleAttachment{Spec: v1alpha1.RoleAttachmentSpec{User: "alice", Role: "dev", UserID: "1"}}
		change(a)
		return a
	}
	old := attachment(func(*v1alpha1.RoleAttachment) {})
	for _, tc := range []struct {
		name string
		a    *v1alpha1.RoleAttachment
		same bool
	}{
		{"another author", attachment(func(a *v1alpha1.RoleAttachment) { a.Spec.Author = &v1alpha1.Author{Username: "ann"} }), true},
		{"another reason", attachment(func(a *v1alpha1.RoleAttachment) { a.Spec.Reason = "INC-1" }), true},
		{"another end", attachment(func(a *v1alpha1.RoleAttachment) { a.Spec.ExpiresAt = &now }), false},
		{"another epoch", attachment(func(a *v1alpha1.RoleAttachment) { a.Spec.Epoch = new(int64) }), false},
		{"another role by that name", attachment(func(a *v1alpha1.RoleAttachment) { a.Spec.RoleID = "2" }), false},
		{"on the way out", attachment(func(a *v1alpha1.RoleAttachment) { a.DeletionTimestamp = &now }), false},
		{"gone", nil, false},
	} {
		if got := sameAttachment(old, tc.a); got != tc.same {
			t.Errorf("%s: sameAttachment = %v", tc.name, got)
		}
	}
}

func TestCompareUsersKnowsBothProviders(t *testing.T) {
	t.Parallel()
	moved := compareUsers(person(), person(func(u *v1alpha1.ProvisionedUser) { u.Spec.Provider = "okta" }))
	if !slices.Equal(moved.providers, []string{"entra", "okta"}) {
		t.Errorf("providers = %v", moved.providers)
	}
	if same := compareUsers(person(), person(inactive)); !slices.Equal(same.providers, []string{"entra"}) {
		t.Errorf("providers = %v", same.providers)
	}
}

func TestSameRole(t *testing.T) {
	t.Parallel()
	role := func(change func(*v1alpha1.ProvisionedRole)) *v1alpha1.ProvisionedRole {
		r := &v1alpha1.ProvisionedRole{Spec: v1alpha1.ProvisionedRoleSpec{Provider: "entra", ID: "dev"}}
		change(r)
		return r
	}
	now := metav1.Now()
	old := role(func(*v1alpha1.ProvisionedRole) {})
	for _, tc := range []struct {
		name string
		role *v1alpha1.ProvisionedRole
		same bool
	}{
		{"a new name to show", role(func(r *v1alpha1.ProvisionedRole) { r.Spec.DisplayName = "Dev" }), true},
		{"another id", role(func(r *v1alpha1.ProvisionedRole) { r.Spec.ID = "ops" }), false},
		{"another provider", role(func(r *v1alpha1.ProvisionedRole) { r.Spec.Provider = "okta" }), false},
		{"on the way out", role(func(r *v1alpha1.ProvisionedRole) { r.DeletionTimestamp = &now }), false},
		{"gone", nil, false},
	} {
		if got := sameRole(old, tc.role); got != tc.same {
			t.Errorf("%s: sameRole = %v", tc.name, got)
		}
	}
}

func TestUnresolvedMessageCounts(t *testing.T) {
	t.Parallel()
	for want, ids := range map[string][]string{
		"1 member is no user of ":    {"a"},
		"2 members are no users of ": {"a", "b"},
	} {
		if got := unresolvedMessage(ids); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q…", got, want)
		}
	}
}

func TestPauseGrowsWithTheLoad(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]time.Duration{
		time.Millisecond: time.Second, 100 * time.Millisecond: 5 * time.Second, time.Minute: maxPause,
	} {
		if got := pause(time.Second, took); got != want {
			t.Errorf("after %s: %s, want %s", took, got, want)
		}
	}
}
