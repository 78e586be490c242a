package webhook

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/names"
)

func called(name, userName string, options ...option) *v1alpha1.ProvisionedUser {
	u := local(options...)
	u.Name, u.Spec.UserName = name, userName
	return u
}

func TestNamesOfLocalUsers(t *testing.T) {
	t.Parallel()
	_, alternate := names.ForUser("", "Zoe@example.com")
	for _, tc := range []struct {
		name     string
		old, new *v1alpha1.ProvisionedUser
		field    string // of the error; none for a name that is right
		says     string
	}{
		{"made from the userName", nil, called("zoe--example.com", "Zoe@example.com"), "", ""},
		{"or the other one, when somebody has that", nil, called(alternate, "Zoe@example.com"), "", ""},
		{"another name is told the right ones", nil, called("zoe", "Zoe@example.com"), "metadata.name", `"zoe--example.com", or "` + alternate + `"`},
		{"a renamed user keeps the object's name", called("zoe", "zoe"), called("zoe", "zoe.b"), "", ""},
		{"reserved", nil, called("system-masters-x", "system:masters"), "spec.userName", "Kubernetes keeps"},
		{"reserved on update", called("zoe", "zoe"), called("zoe", "System:masters"), "spec.userName", "Kubernetes keeps"},
		{"a look-alike", called("zoe", "zoe"), called("zoe", "\u0455ystem:masters"), "spec.userName", "beyond ASCII"},
		{"unprintable", called("zoe", "zoe"), called("zoe", "zo\u0000e"), "spec.userName", "unprintable"},
		{"a reserved remoteIdentity", called("zoe", "zoe"), called("zoe", "zoe", remote("system:admin")), "spec.remoteIdentity", "Kubernetes keeps"},
		{"what was there before is nobody's fault now", called("zoe", "system:x", remote("system:y")),
			called("zoe", "system:x", remote("system:y"), suspended), "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			errs := validateUserNames(tc.old, tc.new)
			if tc.field == "" {
				if len(errs) > 0 {
					t.Errorf("refused: %v", errs)
				}
				return
			}
			for _, e := range errs {
				if e.Field == tc.field && strings.Contains(e.Detail, tc.says) {
					return
				}
			}
			t.Errorf("errors %v, want one at %s that says %q", errs, tc.field, tc.says)
		})
	}
}

func TestNamesOfLocalRoles(t *testing.T) {
	t.Parallel()
	role := func(name, displayName string) *v1alpha1.ProvisionedRole {
		return &v1alpha1.ProvisionedRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ProvisionedRoleSpec{DisplayName: displayName}}
	}
	if errs := validateRoleName(role("on-call", "On Call")); len(errs) > 0 {
		t.Errorf("refused: %v", errs)
	}
	errs := validateRoleName(role("ops", "On Call"))
	if len(errs) != 1 || errs[0].Field != "metadata.name" || !strings.Contains(errs[0].Detail, `"on-call"`) {
		t.Errorf("errors %v, want one at metadata.name that says \"on-call\"", errs)
	}
}
