package webhook

import (
	"testing"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestStampUser(t *testing.T) {
	user := func(level v1alpha1.PermissionLevel, epoch, suspensions int64) *v1alpha1.ProvisionedUser {
		return &v1alpha1.ProvisionedUser{Spec: v1alpha1.ProvisionedUserSpec{
			Provider: "entra", ID: "5f1c1a52-7c4e-4c57-9d6b-0a3c1a0f4a11",
			PermissionLevel: level, PermissionLevelEpoch: epoch, Suspensions: suspensions,
		}}
	}
	for _, tc := range []struct {
		name      string
		old, sent *v1alpha1.ProvisionedUser
		want      int64
	}{
		{"a new level takes the count of suspensions now",
			user("User", 0, 3), user("Administrator", 0, 3), 3},
		{"a level applied again keeps its epoch: a manifest is not a new grant",
			user("Administrator", 0, 1), user("Administrator", 0, 1), 0},
		{"an epoch can't be chosen without changing the level",
			user("Administrator", 0, 1), user("Administrator", 1, 1), 0},
		{"an epoch can't be chosen together with a level",
			user("User", 0, 1), user("Auditor", 99, 1), 1},
		{"taking a level away is a change too",
			user("Auditor", 0, 2), user("User", 0, 2), 2},
		{"an absent level is User, so spelling it out changes nothing",
			user("", 0, 2), user("User", 2, 2), 0},
		{"a user made with a level starts at the count sent",
			nil, user("Auditor", 7, 0), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stampUser(tc.sent, tc.old)
			if got := tc.sent.Spec.PermissionLevelEpoch; got != tc.want {
				t.Errorf("permissionLevelEpoch = %d, want %d", got, tc.want)
			}
		})
	}
}

func TestStampUserGivesLocalUsersAnID(t *testing.T) {
	local := &v1alpha1.ProvisionedUser{Spec: v1alpha1.ProvisionedUserSpec{UserName: "build-robot"}}
	stampUser(local, nil)
	if local.Spec.ID == "" {
		t.Fatal("a new local user has no id")
	}
	replaced := &v1alpha1.ProvisionedUser{Spec: v1alpha1.ProvisionedUserSpec{UserName: "build-robot"}}
	stampUser(replaced, local)
	if replaced.Spec.ID != local.Spec.ID {
		t.Errorf("a manifest without id changed it from %q to %q", local.Spec.ID, replaced.Spec.ID)
	}
	foreign := &v1alpha1.ProvisionedUser{Spec: v1alpha1.ProvisionedUserSpec{UserName: "a", Provider: "entra"}}
	stampUser(foreign, nil)
	if foreign.Spec.ID != "" {
		t.Errorf("an identity provider's user got the id %q at admission: only the SCIM server gives it", foreign.Spec.ID)
	}
}
