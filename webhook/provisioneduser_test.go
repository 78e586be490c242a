package webhook

import (
	"testing"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestStampUser(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		old, sent *v1alpha1.ProvisionedUser
		epoch     int64
		subject   string
	}{
		{"a new level takes the count of suspensions now",
			provisioned(suspensions(3)), provisioned(suspensions(3), level(administrator)), 3, "alice"},
		{"a level applied again keeps its epoch: a manifest is not a new grant",
			provisioned(suspensions(1), level(administrator)), provisioned(suspensions(1), level(administrator)), 0, "alice"},
		{"an epoch and a subject can't be chosen without changing the level",
			provisioned(suspensions(1), level(administrator)), provisioned(suspensions(1), level(administrator), stamped(1, "mallory")), 0, "alice"},
		{"nor together with a level",
			provisioned(suspensions(1)), provisioned(suspensions(1), level(auditor), stamped(99, "mallory")), 1, "alice"},
		{"taking a level away is a change too",
			provisioned(suspensions(2), level(auditor)), provisioned(suspensions(2)), 2, ""},
		{"an absent level is User, so spelling it out changes nothing",
			provisioned(suspensions(2)), provisioned(suspensions(2), level(plain), stamped(2, "x")), 0, ""},
		{"a user made with a level is given it now",
			nil, provisioned(suspensions(3), level(auditor), stamped(0, "")), 3, "alice"},
		{"a user made again keeps an epoch that voids the level",
			nil, provisioned(suspensions(3), level(auditor), stamped(2, "alice")), 2, "alice"},
		{"and a name that does, but no epoch of the future",
			nil, local(level(auditor), stamped(7, "x")), 0, "x"},
		{"the subject is without the provider's prefix, which says nothing about who somebody is",
			provisioned(), provisioned(level(auditor)), 0, "alice"},
		{"a remoteIdentity takes no prefix, and is never taken for what a prefix was put in front of",
			provisioned(remote("al")), provisioned(remote("al"), level(auditor)), 0, " al"},
		{"a local user who is renamed takes the level along: whoever does that may assign it",
			local(level(auditor)), local(level(auditor), userName("bob")), 0, "bob"},
		{"a ServiceAccount is the subject",
			local(level(auditor)), local(level(auditor), robot), 0, "system:serviceaccount:ci:robot"},
		{"an identity provider's user who is renamed does not",
			provisioned(level(auditor)), provisioned(userName("bob"), level(auditor)), 0, "alice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			stampUser(changeOf(tc.old, tc.sent))
			if got := tc.sent.Spec.PermissionLevelEpoch; got != tc.epoch {
				t.Errorf("permissionLevelEpoch = %d, want %d", got, tc.epoch)
			}
			if got := tc.sent.Spec.PermissionLevelSubject; got != tc.subject {
				t.Errorf("permissionLevelSubject = %q, want %q", got, tc.subject)
			}
		})
	}
}

func TestStampUserGivesLocalUsersAnID(t *testing.T) {
	t.Parallel()
	withoutID := func(u *v1alpha1.ProvisionedUser) { u.Spec.ID = "" }
	fresh := local(withoutID)
	stampUser(changeOf(nil, fresh))
	if fresh.Spec.ID == "" {
		t.Fatal("a new local user has no id")
	}
	replaced := local(withoutID)
	stampUser(changeOf(fresh, replaced))
	if replaced.Spec.ID != fresh.Spec.ID {
		t.Errorf("a manifest without id changed it from %q to %q", fresh.Spec.ID, replaced.Spec.ID)
	}
	foreign := provisioned(withoutID)
	stampUser(changeOf(nil, foreign))
	if foreign.Spec.ID != "" {
		t.Errorf("an identity provider's user got the id %q at admission: only the SCIM server gives it", foreign.Spec.ID)
	}
}

func TestFieldOfARemoval(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		want     string
		old, new *v1alpha1.ProvisionedUser
	}{
		{"spec.permissionLevel", local(level(administrator)), local()},
		{"spec.suspend", local(level(administrator)), local(level(administrator), suspended)},
		{"spec.active", local(level(administrator)), local(level(administrator), inactive)},
		{"spec.remoteIdentity", local(level(administrator)), local(level(administrator), remote("system:admin"))},
		{"spec.userName", local(level(administrator)), local(level(administrator), userName("bob"))},
		{"spec.type", local(level(administrator)), local(level(administrator), robot)},
	} {
		if got := removalPath(changeOf(tc.old, tc.new)).String(); got != tc.want {
			t.Errorf("the path is %s, want %s", got, tc.want)
		}
	}
}
