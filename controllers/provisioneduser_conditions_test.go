package controllers

import (
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

func sent(attributes string) func(*v1alpha1.ProvisionedUser) {
	return func(u *v1alpha1.ProvisionedUser) { u.Spec.Attributes = &apiextensionsv1.JSON{Raw: []byte(attributes)} }
}

func TestIgnoredLevelIsShownWhileItIsSent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		attributes string
		shown      bool
	}{
		{"a level", `{"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":"Administrator"}}`, true},
		{"in another case", `{"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"PermissionLEVEL":null}}`, true},
		{"something else of ours", `{"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"other":1}}`, false},
		{"of another schema", `{"urn:example:2.0:User":{"permissionLevel":"Administrator"},"x":"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User"}`, false},
		{"no object", `{"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":"permissionLevel"}`, false},
		{"no JSON", `{"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel"`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			u, status := person(sent(tc.attributes)), &v1alpha1.ProvisionedUserStatus{}
			showIgnoredLevel(status, u)
			c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionPermissionLevelIgnored)
			if (c != nil) != tc.shown {
				t.Fatalf("condition = %+v", c)
			}
			if c != nil && (c.Status != metav1.ConditionTrue || !strings.Contains(c.Message, "kubectl patch provisioneduser alice ") || strings.Contains(c.Message, "Administrator")) {
				t.Errorf("condition = %+v: want how to set one, and nothing of what was sent", c)
			}
			showIgnoredLevel(status, person())
			if len(status.Conditions) > 0 {
				t.Error("it is shown though it is sent no longer")
			}
			showIgnoredLevel(status, person(sent(tc.attributes), func(u *v1alpha1.ProvisionedUser) { u.Spec.Provider = "" }))
			if len(status.Conditions) > 0 {
				t.Error("a local user has no identity provider that could send anything")
			}
		})
	}
}

func TestLevelInForceIsShownOfThoseWhoAreGivenOne(t *testing.T) {
	t.Parallel()
	auditor := func(u *v1alpha1.ProvisionedUser) { u.Spec.PermissionLevel = v1alpha1.LevelAuditor }
	accepted, taken := access.Subject{Name: "alice"}, access.Subject{Name: "alice", Refused: true, Message: `user "al" has the same subject`}
	for _, tc := range []struct {
		name    string
		user    *v1alpha1.ProvisionedUser
		subject access.Subject
		level   v1alpha1.PermissionLevel
		reason  string // empty without a condition
		status  metav1.ConditionStatus
	}{
		{"none given", person(), accepted, v1alpha1.LevelUser, "", ""},
		{"in force", person(auditor), accepted, v1alpha1.LevelAuditor, access.ReasonActive, metav1.ConditionTrue},
		{"of a suspended user", person(auditor, inactive), accepted, v1alpha1.LevelUser, access.ReasonUserSuspended, metav1.ConditionFalse},
		{"given before a suspension", person(auditor, func(u *v1alpha1.ProvisionedUser) { u.Spec.Suspensions++ }), accepted, v1alpha1.LevelUser, access.ReasonSuspendedSince, metav1.ConditionFalse},
		{"given to another name", person(auditor, func(u *v1alpha1.ProvisionedUser) { u.Spec.PermissionLevelSubject = "bob" }), accepted, v1alpha1.LevelUser, access.ReasonSubjectChanged, metav1.ConditionFalse},
		{"bound to nobody", person(auditor), taken, v1alpha1.LevelUser, v1alpha1.ReasonSubjectRefused, metav1.ConditionFalse},
		{"given before a suspension, and bound to nobody", person(auditor, func(u *v1alpha1.ProvisionedUser) { u.Spec.Suspensions++ }), taken, v1alpha1.LevelUser, access.ReasonSuspendedSince, metav1.ConditionFalse},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status := &v1alpha1.ProvisionedUserStatus{}
			showLevel(status, tc.user, access.Level(tc.user, nil), tc.subject)
			c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionPermissionLevelInForce)
			switch {
			case status.PermissionLevel != tc.level:
				t.Errorf("level %s, want %s", status.PermissionLevel, tc.level)
			case tc.reason == "" && c != nil:
				t.Errorf("condition %+v of a user to whom no level was given", c)
			case tc.reason != "" && (c == nil || c.Reason != tc.reason || c.Status != tc.status || c.Message == ""):
				t.Errorf("condition %+v, want %s/%s with a message", c, tc.status, tc.reason)
			}
		})
	}
}
