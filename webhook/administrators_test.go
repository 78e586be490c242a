package webhook

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestAdmittedRemovals(t *testing.T) {
	t.Parallel()
	now := clocktesting.NewFakePassiveClock(noon)
	a := newAdministrators(&gate{clock: now})
	user := func(uid types.UID, version string) *v1alpha1.ProvisionedUser {
		u := local()
		u.UID, u.ResourceVersion = uid, version
		return u
	}
	a.remember(user("ada", "7"))
	for _, tc := range []struct {
		name string
		user *v1alpha1.ProvisionedUser
		want bool
	}{
		{"until the write is there, the user goes", user("ada", "7"), true},
		{"once it is, the user speaks for themselves", user("ada", "8"), false},
		{"nobody else goes", user("bea", "7"), false},
	} {
		if got := a.isGoing(tc.user); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	now.SetTime(noon.Add(admittedFor))
	if a.isGoing(user("ada", "7")) {
		t.Error("a write that never came holds others up for good")
	}
	a.remember(user("bea", "9"))
	if len(a.admitted) != 1 {
		t.Errorf("%d removals are remembered, want the one that is not over", len(a.admitted))
	}
	now.SetTime(noon.Add(admittedFor + time.Second))
	if !a.isGoing(user("bea", "9")) {
		t.Error("the later removal is forgotten with the earlier one")
	}
}
