package webhook

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestLevelsMovedByASubjectRule(t *testing.T) {
	t.Parallel()
	rule := func(from v1alpha1.SubjectSource, prefix string) *v1alpha1.IdentityProvider {
		p := entra()
		p.Spec.Subject = v1alpha1.SubjectRule{From: from, Prefix: prefix}
		return p
	}
	leaving := func(policy v1alpha1.DeletionPolicy) *v1alpha1.IdentityProvider {
		p := entra()
		p.DeletionTimestamp, p.Spec.DeletionPolicy = &metav1.Time{Time: noon}, policy
		return p
	}
	inForce := func(u *v1alpha1.ProvisionedUser) { u.Status.Subject = "oidc:alice" }
	one := provisioned(level(administrator), inForce)
	void := provisioned(level(auditor), suspensions(1), inForce)
	pinned := provisioned(level(teamLeader), remote("al"))
	for _, tc := range []struct {
		name     string
		users    []*v1alpha1.ProvisionedUser
		old, new *v1alpha1.IdentityProvider
		want     levels
	}{
		{"the same rule", []*v1alpha1.ProvisionedUser{one}, entra(), entra(), nil},
		{"another prefix", []*v1alpha1.ProvisionedUser{one, one}, entra(), rule(v1alpha1.SubjectFromUserName, "x:"), levels{administrator}},
		{"another attribute", []*v1alpha1.ProvisionedUser{one}, entra(), rule(v1alpha1.SubjectFromExternalID, "oidc:"), levels{administrator}},
		{"a policy that suspended them is changed on the way", []*v1alpha1.ProvisionedUser{one},
			leaving(v1alpha1.DeletionSuspend), leaving(v1alpha1.DeletionFreeze), levels{administrator}},
		{"a void level moves nowhere", []*v1alpha1.ProvisionedUser{void}, entra(), rule(v1alpha1.SubjectFromUserName, "x:"), nil},
		{"nor does who has a remoteIdentity", []*v1alpha1.ProvisionedUser{pinned}, entra(), rule(v1alpha1.SubjectFromUserName, "x:"), nil},
		{"a new provider that goes on where another ended", []*v1alpha1.ProvisionedUser{one}, nil, entra(), nil},
		{"a new provider with another rule", []*v1alpha1.ProvisionedUser{one}, nil, rule(v1alpha1.SubjectFromUserName, "x:"), levels{administrator}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := levelsMoved(tc.users, tc.old, tc.new); !slices.Equal(got, tc.want) {
				t.Errorf("levels %q, want %q", got, tc.want)
			}
		})
	}
}
