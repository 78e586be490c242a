package webhook

import (
	"slices"
	"testing"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const (
	plain         = v1alpha1.LevelUser
	teamLeader    = v1alpha1.LevelTeamLeader
	auditor       = v1alpha1.LevelAuditor
	administrator = v1alpha1.LevelAdministrator
)

type levels = []v1alpha1.PermissionLevel

func TestLevelsToAssign(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		old, new *v1alpha1.ProvisionedUser
		want     levels
	}{
		{"a new user without a level takes no right", nil, local(), nil},
		{"a new user with a level takes the right to it", nil, local(level(auditor)), levels{auditor}},
		{"giving", provisioned(), provisioned(level(auditor)), levels{auditor}},
		{"taking is asked like giving", provisioned(level(auditor)), provisioned(), levels{auditor}},
		{"exchanging takes both rights", local(level(auditor)), local(level(administrator)), levels{auditor, administrator}},
		{"an absent level is User", local(level("")), local(level(plain)), nil},
		{"another display of the same user", local(level(auditor)), local(level(auditor), func(u *v1alpha1.ProvisionedUser) { u.Spec.DisplayName = "A" }), nil},
		{"renaming a local user hands the level over", local(level(auditor)), local(userName("bob"), level(auditor)), levels{auditor}},
		{"a remoteIdentity does too", local(level(auditor)), local(level(auditor), remote("bob")), levels{auditor}},
		{"and a ServiceAccount", local(level(auditor)), local(level(auditor), robot), levels{auditor}},
		{"of a suspended one as well", local(level(auditor), suspended), local(level(auditor), suspended, remote("bob")), levels{auditor}},
		{"renaming a user without a level hands nothing over", local(), local(userName("bob")), nil},
		{"an email is no subject of a local user", local(level(auditor)), local(level(auditor), func(u *v1alpha1.ProvisionedUser) { u.Spec.Emails = []v1alpha1.Email{{Value: "x"}} }), nil},
		{"lifting a suspension brings the level back", provisioned(level(auditor), suspended), provisioned(level(auditor)), levels{auditor}},
		{"so does activating a local user", local(level(auditor), inactive), local(level(auditor)), levels{auditor}},
		{"lifting one of a user whose level is void does not",
			provisioned(level(auditor), suspensions(1), suspended), provisioned(level(auditor), suspensions(1)), nil},
		{"suspending takes no right: anybody on call may have to", provisioned(level(auditor)), provisioned(level(auditor), suspended), nil},
		{"a release hands nothing over", provisioned(level(auditor)), local(level(auditor)), nil},
		{"nor does an adoption", local(level(auditor)), provisioned(level(auditor), suspensions(1)), nil},
		{"a release that would bring a void level back takes the right",
			provisioned(level(auditor), stamped(0, "somebody")), local(level(auditor)), levels{auditor}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := changeOf(tc.old, tc.new).assigned(); !slices.Equal(got, tc.want) {
				t.Errorf("the levels to assign are %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRaisesOwnLevel(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		author   string
		old, new *v1alpha1.ProvisionedUser
		want     bool
	}{
		{"one's own", "alice", local(), local(level(auditor)), true},
		{"one's own, in other letters", "ALICE", local(), local(level(auditor)), true},
		{"one's own as the provider's rule makes it", "oidc:alice", provisioned(), provisioned(level(auditor)), true},
		{"somebody else's", "bob", local(), local(level(auditor)), false},
		{"a name without the provider's prefix is somebody else's", "alice", provisioned(), provisioned(level(auditor)), false},
		{"a new user of one's own name", "alice", nil, local(level(auditor)), true},
		{"up from where one is", "alice", local(level(auditor)), local(level(administrator)), true},
		{"sideways: neither includes the other", "alice", local(level(auditor)), local(level(teamLeader)), true},
		{"down", "alice", local(level(administrator)), local(level(auditor)), false},
		{"down to User", "alice", local(level(administrator)), local(), false},
		{"nothing", "alice", local(level(administrator)), local(level(administrator)), false},
		{"while suspended", "alice", provisioned(suspended), provisioned(suspended, level(auditor)), false}, // alice is oidc:alice there
		{"while suspended, by the right name", "oidc:alice", provisioned(suspended), provisioned(suspended, level(auditor)), true},
		{"by lifting one's own suspension", "alice", local(level(auditor), suspended), local(level(auditor)), true},
		{"by taking over somebody's subject", "bob", local(level(auditor)), local(level(auditor), remote("bob")), true},
		{"by going away from it", "alice", local(level(auditor)), local(level(auditor), remote("bob")), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := changeOf(tc.old, tc.new).raises(tc.author); got != tc.want {
				t.Errorf("raises(%q) = %v, want %v", tc.author, got, tc.want)
			}
		})
	}
}

func TestNoLevelGoesToNobody(t *testing.T) {
	t.Parallel()
	byEmail := entra()
	byEmail.Spec.Subject.From = v1alpha1.SubjectFromEmail
	c := change{old: provisioned(), new: provisioned(level(auditor)), oldProvider: byEmail, newProvider: byEmail}
	stampUser(c)
	if errs := validateLevel(c, "admin"); len(errs) != 1 || errs[0].Field != "spec.permissionLevel" {
		t.Errorf("a level for a user without the attribute that makes the subject: %v, want an error at spec.permissionLevel", errs)
	}
	c.newProvider = entra()
	stampUser(c)
	if errs := validateLevel(c, "admin"); len(errs) > 0 {
		t.Errorf("a level for a user with one: %v", errs)
	}
}
