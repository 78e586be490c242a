package access_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

func TestState(t *testing.T) {
	t.Parallel()
	paused := entra(func(p *v1alpha1.IdentityProvider) { p.Spec.Paused = true })
	going := func(policy v1alpha1.DeletionPolicy) *v1alpha1.IdentityProvider {
		return entra(func(p *v1alpha1.IdentityProvider) {
			p.DeletionTimestamp, p.Spec.DeletionPolicy = at(-time.Second), policy
		})
	}
	abandoned := func(u *v1alpha1.ProvisionedUser) { u.Spec.ProviderDeletedAt = at(-time.Hour) }
	for _, tc := range []struct {
		name     string
		user     *v1alpha1.ProvisionedUser
		provider *v1alpha1.IdentityProvider
		state    v1alpha1.UserState
		reason   string
	}{
		{"active is the default", alice(), entra(), v1alpha1.StateActive, access.ReasonActive},
		{"active said aloud", alice(active(true)), entra(), v1alpha1.StateActive, access.ReasonActive},
		{"suspensions of the past don't matter", alice(suspensions(3)), entra(), v1alpha1.StateActive, access.ReasonActive},
		{"the identity provider deactivates", alice(active(false)), entra(), v1alpha1.StateSuspended, access.ReasonDeactivated},
		{"an administrator suspends", alice(suspended), entra(), v1alpha1.StateSuspended, access.ReasonSuspended},
		{"the identity provider can't lift a local suspension", alice(suspended, active(true)), entra(), v1alpha1.StateSuspended, access.ReasonSuspended},
		{"of both, the local suspension is shown: it is what remains", alice(suspended, active(false)), entra(), v1alpha1.StateSuspended, access.ReasonSuspended},
		{"the identity provider deletes", alice(deleted, active(false)), entra(), v1alpha1.StateDeprovisioned, access.ReasonDeleted},
		{"deleted though still active", alice(deleted, active(true)), entra(), v1alpha1.StateDeprovisioned, access.ReasonDeleted},
		{"deleted and suspended", alice(deleted, suspended), entra(), v1alpha1.StateDeprovisioned, access.ReasonDeleted},
		{"local user", alice(local), nil, v1alpha1.StateActive, access.ReasonActive},
		{"local user, inactive", alice(local, active(false)), nil, v1alpha1.StateSuspended, access.ReasonInactive},
		{"local user, suspended", alice(local, suspended), nil, v1alpha1.StateSuspended, access.ReasonSuspended},
		{"a paused provider suspends nobody", alice(), paused, v1alpha1.StateActive, access.ReasonActive},
		{"a paused provider restores nobody", alice(active(false)), paused, v1alpha1.StateSuspended, access.ReasonDeactivated},
		{"a missing provider suspends nobody", alice(), nil, v1alpha1.StateActive, access.ReasonActive},
		{"a provider that goes with policy Suspend suspends before the policy has reached the user", alice(), going(v1alpha1.DeletionSuspend), v1alpha1.StateSuspended, access.ReasonProviderDeleted},
		{"whom it had deactivated before, it had deactivated", alice(active(false)), going(v1alpha1.DeletionSuspend), v1alpha1.StateSuspended, access.ReasonDeactivated},
		{"a provider that goes with policy Freeze suspends nobody", alice(), going(v1alpha1.DeletionFreeze), v1alpha1.StateActive, access.ReasonActive},
		{"a provider that goes with policy Release suspends nobody", alice(), going(v1alpha1.DeletionRelease), v1alpha1.StateActive, access.ReasonActive},
		{"the policy carried out, the provider gone", alice(abandoned, active(false)), nil, v1alpha1.StateSuspended, access.ReasonProviderDeleted},
		{"activated by a provider of the same name", alice(abandoned, active(true)), entra(), v1alpha1.StateActive, access.ReasonActive},
		{"a local suspension is shown before the provider's end", alice(abandoned, active(false), suspended), nil, v1alpha1.StateSuspended, access.ReasonSuspended},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := access.State(tc.user, tc.provider)
			if got.State != tc.state || got.Reason != tc.reason {
				t.Errorf("State = %s/%s, want %s/%s", got.State, got.Reason, tc.state, tc.reason)
			}
			if got.Message == "" {
				t.Error("no message for people")
			}
			if suspended := access.Suspended(tc.user, tc.provider); suspended != (tc.state != v1alpha1.StateActive) {
				t.Errorf("Suspended = %v in state %s", suspended, tc.state)
			}
		})
	}
}

func TestLevel(t *testing.T) {
	t.Parallel()
	const admin = v1alpha1.LevelAdministrator
	for _, tc := range []struct {
		name   string
		user   *v1alpha1.ProvisionedUser
		level  v1alpha1.PermissionLevel
		reason string
	}{
		{"nothing given", alice(), v1alpha1.LevelUser, access.ReasonDefaultLevel},
		{"User given", alice(level(v1alpha1.LevelUser, 0)), v1alpha1.LevelUser, access.ReasonDefaultLevel},
		{"TeamLeader", alice(level(v1alpha1.LevelTeamLeader, 0)), v1alpha1.LevelTeamLeader, access.ReasonActive},
		{"Auditor", alice(level(v1alpha1.LevelAuditor, 0)), v1alpha1.LevelAuditor, access.ReasonActive},
		{"Administrator", alice(level(admin, 0)), admin, access.ReasonActive},
		{"suspended by the identity provider", alice(level(admin, 1), active(false), suspensions(1)), v1alpha1.LevelUser, access.ReasonUserSuspended},
		{"suspended by an administrator", alice(level(admin, 0), suspended), v1alpha1.LevelUser, access.ReasonUserSuspended},
		{"deleted", alice(level(admin, 0), deleted), v1alpha1.LevelUser, access.ReasonUserSuspended},
		{"restored: the level does not come back", alice(level(admin, 0), active(true), suspensions(1)), v1alpha1.LevelUser, access.ReasonSuspendedSince},
		{"given again after the restore", alice(level(admin, 1), active(true), suspensions(1)), admin, access.ReasonActive},
		{"suspended twice since", alice(level(admin, 1), suspensions(3)), v1alpha1.LevelUser, access.ReasonSuspendedSince},
		{"an epoch of the future is no better", alice(level(admin, 5), suspensions(3)), v1alpha1.LevelUser, access.ReasonSuspendedSince},
		{"local user", alice(local, level(admin, 0)), admin, access.ReasonActive},
		{"given to the name the user has", alice(level(admin, 0), givenTo("alice@example.com")), admin, access.ReasonActive},
		{"another case of the same name is another name to RBAC", alice(level(admin, 0), givenTo("Alice@EXAMPLE.com")), v1alpha1.LevelUser, access.ReasonSubjectChanged},
		{"a name that folds into it is somebody else's", alice(level(admin, 0), givenTo("weiss@example.com"), func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = "weiß@example.com" }), v1alpha1.LevelUser, access.ReasonSubjectChanged},
		{"renamed since", alice(level(admin, 0), givenTo("alice@example.com"), func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = "mallory@example.com" }), v1alpha1.LevelUser, access.ReasonSubjectChanged},
		{"given a remote identity since", alice(level(admin, 0), givenTo("alice@example.com"), func(u *v1alpha1.ProvisionedUser) { u.Spec.RemoteIdentity = "mallory" }), v1alpha1.LevelUser, access.ReasonSubjectChanged},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := access.Level(tc.user, entra())
			if got.Level != tc.level || got.Reason != tc.reason || got.Message == "" {
				t.Errorf("Level = %+v, want %s/%s with a message", got, tc.level, tc.reason)
			}
		})
	}
}

// A prefix belongs to the API server's configuration: it says nothing about who
// somebody is.
func TestLevelOutlivesAChangeOfThePrefix(t *testing.T) {
	t.Parallel()
	prefixed := entra(func(p *v1alpha1.IdentityProvider) { p.Spec.Subject.Prefix = "oidc:" })
	u := alice(level(v1alpha1.LevelAuditor, 0), givenTo("alice@example.com"))
	if got := access.Level(u, prefixed); got.Level != v1alpha1.LevelAuditor {
		t.Errorf("Level = %+v", got)
	}
}

func TestLevelGoesToNobodyByARemoteIdentityWithoutThePrefix(t *testing.T) {
	t.Parallel()
	prefixed := entra(func(p *v1alpha1.IdentityProvider) { p.Spec.Subject.Prefix = "oidc:" })
	called := func(identity string) *v1alpha1.ProvisionedUser {
		return alice(level(v1alpha1.LevelAdministrator, 0), givenTo("alice@example.com"), func(u *v1alpha1.ProvisionedUser) {
			u.Spec.UserName, u.Spec.RemoteIdentity = "mallory@example.com", identity
		})
	}
	if got := access.Level(called("alice@example.com"), prefixed); got.Level != v1alpha1.LevelUser || got.Reason != access.ReasonSubjectChanged {
		t.Errorf("for another subject Level = %+v", got)
	}
	if got := access.Level(called("alice@example.com"), nil); got.Level != v1alpha1.LevelUser || got.Reason != access.ReasonSubjectChanged {
		t.Errorf("when the provider is gone Level = %+v", got)
	}
}

// A level that was given to a remote identity stays when the provider is deleted.
func TestLevelOfARemoteIdentityOutlivesTheProvider(t *testing.T) {
	t.Parallel()
	prefixed := entra(func(p *v1alpha1.IdentityProvider) { p.Spec.Subject.Prefix = "oidc:" })
	u := alice(level(v1alpha1.LevelAuditor, 0), func(u *v1alpha1.ProvisionedUser) { u.Spec.RemoteIdentity = "al" })
	givenTo(access.SubjectOf(u, prefixed).Value)(u)
	for _, p := range []*v1alpha1.IdentityProvider{prefixed, nil} {
		if got := access.Level(u, p); got.Level != v1alpha1.LevelAuditor {
			t.Errorf("Level = %+v", got)
		}
	}
}

func TestLeads(t *testing.T) {
	t.Parallel()
	ops := role("ops", "")
	ops.Spec.Leaders = []string{"alice"}
	leader := level(v1alpha1.LevelTeamLeader, 0)
	for name, tc := range map[string]struct {
		user *v1alpha1.ProvisionedUser
		role *v1alpha1.ProvisionedRole
		want bool
	}{
		"a team leader whom the role names":                 {alice(leader), ops, true},
		"a role that does not name her":                     {alice(leader), role("dev", ""), false},
		"named, but no team leader":                         {alice(), ops, false},
		"named, and an auditor":                             {alice(level(v1alpha1.LevelAuditor, 0)), ops, false},
		"suspended":                                         {alice(leader, suspended), ops, false},
		"restored: the level is gone, and the lead with it": {alice(leader, suspensions(1)), ops, false},
	} {
		if got := access.Leads(tc.user, entra(), tc.role); got != tc.want {
			t.Errorf("%s: Leads = %v", name, got)
		}
	}
}

func TestRank(t *testing.T) {
	t.Parallel()
	levels := []v1alpha1.PermissionLevel{"", v1alpha1.LevelUser, v1alpha1.LevelTeamLeader, v1alpha1.LevelAuditor, v1alpha1.LevelAdministrator}
	if !slices.IsSortedFunc(levels, func(a, b v1alpha1.PermissionLevel) int { return access.Rank(a) - access.Rank(b) }) ||
		access.Rank(v1alpha1.LevelAuditor) != access.Rank(v1alpha1.LevelTeamLeader) {
		t.Error("levels are not in the order of what they allow")
	}
}
