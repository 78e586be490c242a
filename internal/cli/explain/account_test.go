package explain

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestAccountOfSaysWhatTheStatusDoesNot(t *testing.T) {
	fresh := &v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Name: "alice"}}
	late := holder("alice", "alice", "dev")
	late.Status.Roles[0].Sources = []v1alpha1.RoleSource{{Kind: v1alpha1.SourceRoleAttachment, Name: "a", ExpiresAt: &metav1.Time{Time: noon.Add(-time.Minute)}}}
	behind := holder("alice", "alice")
	behind.Generation = 2
	ignored := holder("alice", "alice")
	ignored.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPermissionLevelIgnored, Status: "True", Message: "it was sent"}}
	robot := holder("robot", "robot")
	robot.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionServiceAccountFound, Status: "False", Message: "there is none"}}
	adoptable := holder("alice", "alice")
	adoptable.Spec.Provider, adoptable.Annotations = "", map[string]string{v1alpha1.AdoptableByAnnotation: "entra"}
	releasing := holder("alice", "alice")
	releasing.Annotations = map[string]string{v1alpha1.ReleaseAnnotation: v1alpha1.ReleaseValue}
	for _, test := range []struct {
		name string
		user *v1alpha1.ProvisionedUser
		want string
	}{
		{"never looked at", fresh, "has not looked at this user yet"},
		{"past its end", late, "ended at 2026-11-25T11:59:00Z, and role dev is still in force"},
		{"behind", behind, "has not seen the last change"},
		{"a level through SCIM", ignored, "It was sent."},
		{"no ServiceAccount", robot, "There is none."},
		{"adoptable", adoptable, `Identity provider "entra" may take this user over.`},
		{"being released", releasing, "The release of this user"},
		{"nothing", holder("alice", "alice"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			notes := strings.Join(AccountOf(test.user, noon).Notes, "\n")
			if !strings.Contains(notes, test.want) || (test.want == "" && notes != "") {
				t.Errorf("got %q", notes)
			}
		})
	}
}

func TestAccountOfTellsHeldFromBound(t *testing.T) {
	u := holder("alice", "alice", "dev")
	if a := AccountOf(u, noon); !a.Bound || len(a.Roles) != 1 || a.LevelMessage != "no permission level was given" {
		t.Errorf("got %+v", a)
	}
	u.Status.Reason = v1alpha1.ReasonSubjectRefused
	if AccountOf(u, noon).Bound {
		t.Error("a refused subject has nothing bound")
	}
	u.Status.State, u.Status.Reason = v1alpha1.StateSuspended, access.ReasonSuspended
	if AccountOf(u, noon).Bound {
		t.Error("a suspended user has nothing bound")
	}
}

func TestEdgesAreNamedWithAuthorAndEnd(t *testing.T) {
	s := v1alpha1.RoleSource{Kind: v1alpha1.SourceRoleAttachment, Name: "a", Author: "bob", ExpiresAt: &metav1.Time{Time: noon}}
	if got, want := HeldWords(s), `RoleAttachment "a" by bob, until 2026-11-25T12:00:00Z`; got != want {
		t.Errorf("got %s", got)
	}
	w := v1alpha1.WithheldSource{RoleSource: v1alpha1.RoleSource{Kind: v1alpha1.SourceIdentityProvider, Name: "entra"}, Message: "the user is suspended"}
	if got, want := WithheldWords(w), `identity provider "entra": the user is suspended`; got != want {
		t.Errorf("got %s", got)
	}
}
