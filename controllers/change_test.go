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
