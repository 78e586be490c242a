package controllers

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// is makes a list of one condition.
func is(kind string, status metav1.ConditionStatus, reason string) []metav1.Condition {
	return []metav1.Condition{{Type: kind, Status: status, Reason: reason, Message: "because"}}
}

func TestNewsOf(t *testing.T) {
	t.Parallel()
	const (
		yes, no, unknown = metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
		ready            = v1alpha1.ConditionReady
		level            = v1alpha1.ConditionPermissionLevelInForce
		account          = v1alpha1.ConditionServiceAccountFound
	)
	user := func(state v1alpha1.UserState, conditions []metav1.Condition, roles ...string) client.Object {
		u := &v1alpha1.ProvisionedUser{}
		u.Status.State, u.Status.Conditions = state, conditions
		for _, r := range roles {
			u.Status.Roles = append(u.Status.Roles, v1alpha1.EffectiveRole{Name: r,
				Sources: []v1alpha1.RoleSource{{Kind: v1alpha1.SourceIdentityProvider, Name: "entra"}}})
		}
		return u
	}
	leveled := func(l v1alpha1.PermissionLevel, conditions []metav1.Condition) client.Object {
		u := &v1alpha1.ProvisionedUser{}
		u.Status.State, u.Status.PermissionLevel, u.Status.Conditions = v1alpha1.StateActive, l, conditions
		return u
	}
	role := func(conditions []metav1.Condition) client.Object {
		return &v1alpha1.ProvisionedRole{Status: v1alpha1.ProvisionedRoleStatus{Conditions: conditions}}
	}
	attachment := func(state v1alpha1.AttachmentState, status metav1.ConditionStatus, reason string) client.Object {
		return &v1alpha1.RoleAttachment{Status: v1alpha1.RoleAttachmentStatus{State: state, Reason: reason, Conditions: is(ready, status, reason)}}
	}
	rule := func(conditions []metav1.Condition) client.Object {
		return &v1alpha1.AccessRule{Status: v1alpha1.AccessRuleStatus{Conditions: conditions}}
	}
	provider := func(conditions []metav1.Condition) client.Object {
		return &v1alpha1.IdentityProvider{Status: v1alpha1.IdentityProviderStatus{Conditions: conditions}}
	}
	expiring := func(message string) []metav1.Condition {
		c := is(v1alpha1.ConditionTokenExpiring, yes, v1alpha1.ReasonExpiresSoon)
		c[0].Message = message
		return c
	}
	active, suspended := is(ready, yes, access.ReasonActive), is(ready, yes, access.ReasonDeactivated)
	refused := is(ready, no, v1alpha1.ReasonSubjectRefused)
	in, void := is(level, yes, access.ReasonActive), is(level, no, access.ReasonSuspendedSince)
	nested := is(v1alpha1.ConditionNestedGroupNotSynced, yes, "UnresolvedMembers")

	for _, tc := range []struct {
		name          string
		before, after client.Object
		want          string // "Type Reason", joined by commas
	}{
		{"a new user", user("", nil), user(v1alpha1.StateActive, active, "a"), ""},
		{"a new user whose subject is taken", user("", nil), user(v1alpha1.StateActive, refused), "Warning SubjectRefused"},
		{"the same as before", user(v1alpha1.StateActive, active, "a"), user(v1alpha1.StateActive, active, "a"), ""},
		{"suspended, with all roles", user(v1alpha1.StateActive, active, "a"), user(v1alpha1.StateSuspended, suspended), "Normal DeactivatedByProvider"},
		{"restored, with a role", user(v1alpha1.StateSuspended, suspended), user(v1alpha1.StateActive, active, "a"), "Normal Restored"},
		{"suspended here as well", user(v1alpha1.StateSuspended, suspended), user(v1alpha1.StateSuspended, is(ready, yes, access.ReasonSuspended)),
			"Normal SuspendedLocally"},
		{"deleted", user(v1alpha1.StateSuspended, suspended), user(v1alpha1.StateDeprovisioned, is(ready, yes, access.ReasonDeleted)),
			"Normal DeletedByProvider"},
		{"the subject was taken meanwhile", user(v1alpha1.StateSuspended, suspended), user(v1alpha1.StateActive, refused), "Warning SubjectRefused"},
		{"the subject is free again", user(v1alpha1.StateActive, refused), user(v1alpha1.StateActive, active), "Normal Restored"},
		{"another role", user(v1alpha1.StateActive, active, "a", "b"), user(v1alpha1.StateActive, active, "b", "c"), "Normal RoleGained,Normal RoleLost"},
		{"many roles", user(v1alpha1.StateActive, active), user(v1alpha1.StateActive, active, "a", "b", "c", "d", "e", "f", "g"),
			strings.TrimSuffix(strings.Repeat("Normal RoleGained,", maxRoles+1), ",")},
		{"a level", leveled(v1alpha1.LevelUser, nil), leveled(v1alpha1.LevelAuditor, in), "Normal PermissionLevelInForce"},
		{"another level", leveled(v1alpha1.LevelAuditor, in), leveled(v1alpha1.LevelAdministrator, in), "Normal PermissionLevelInForce"},
		{"the same level", leveled(v1alpha1.LevelAuditor, in), leveled(v1alpha1.LevelAuditor, in), ""},
		{"a level that goes without saying", leveled(v1alpha1.LevelAuditor, in), leveled(v1alpha1.LevelUser, is(level, no, access.ReasonUserSuspended)), ""},
		{"a void level", leveled(v1alpha1.LevelUser, is(level, no, access.ReasonUserSuspended)), leveled(v1alpha1.LevelUser, void), "Warning SuspendedSince"},
		{"no level any more", leveled(v1alpha1.LevelAuditor, in), leveled(v1alpha1.LevelUser, nil), "Normal PermissionLevelTaken"},
		{"a level through SCIM", user("", nil), user(v1alpha1.StateActive, is(v1alpha1.ConditionPermissionLevelIgnored, yes, reasonSetThroughSCIM)),
			"Warning SetThroughSCIM"},
		{"no ServiceAccount yet", user("", nil), user(v1alpha1.StateActive, is(account, no, reasonServiceAccountNotFound)), ""},
		{"the ServiceAccount", user(v1alpha1.StateActive, is(account, no, "x")), user(v1alpha1.StateActive, is(account, yes, "y")), "Normal ServiceAccountFound"},
		{"no ServiceAccount any more", user(v1alpha1.StateActive, is(account, yes, "y")), user(v1alpha1.StateActive, is(account, no, "x")),
			"Warning ServiceAccountNotFound"},

		{"a new role", role(nil), role(is(ready, yes, v1alpha1.ReasonReconciled)), ""},
		{"a nested group", role(nil), role(nested), "Warning UnresolvedMembers"},
		{"a nested group still", role(nested), role(nested), ""},
		{"no nested group any more", role(nested), role(nil), "Normal MembersResolved"},
		{"a release that waits", role(is(ready, yes, v1alpha1.ReasonReconciled)), role(is(ready, no, v1alpha1.ReasonReleaseHeld)), "Warning ReleaseHeld"},
		{"a release that waited", role(is(ready, no, v1alpha1.ReasonReleaseHeld)), role(is(ready, yes, v1alpha1.ReasonReconciled)), "Normal Reconciled"},
		{"a role that goes", role(is(ready, yes, v1alpha1.ReasonReconciled)), role(is(ready, no, access.ReasonLeaving)), "Normal BeingDeleted"},

		{"a new attachment", &v1alpha1.RoleAttachment{}, attachment(v1alpha1.AttachmentActive, yes, access.ReasonActive), "Normal Active"},
		{"one for later", &v1alpha1.RoleAttachment{}, attachment(v1alpha1.AttachmentPending, no, access.ReasonNotStarted), "Normal NotStarted"},
		{"one that began", attachment(v1alpha1.AttachmentPending, no, access.ReasonNotStarted), attachment(v1alpha1.AttachmentActive, yes, access.ReasonActive), "Normal Active"},
		{"one that ended", attachment(v1alpha1.AttachmentActive, yes, access.ReasonActive), attachment(v1alpha1.AttachmentExpired, no, access.ReasonExpired), "Normal Expired"},
		{"one that is void", attachment(v1alpha1.AttachmentActive, yes, access.ReasonActive), attachment(v1alpha1.AttachmentSuperseded, no, access.ReasonSuspendedSince),
			"Warning SuspendedSince"},
		{"one to nothing", &v1alpha1.RoleAttachment{}, attachment(v1alpha1.AttachmentIneffective, no, access.ReasonRoleGone), "Warning RoleGone"},
		{"one that rests", attachment(v1alpha1.AttachmentActive, yes, access.ReasonActive), attachment(v1alpha1.AttachmentIneffective, no, access.ReasonUserSuspended),
			"Normal UserSuspended"},
		{"one that is as it was", attachment(v1alpha1.AttachmentExpired, no, access.ReasonExpired), attachment(v1alpha1.AttachmentExpired, no, access.ReasonExpired), ""},

		{"a rule before its role", rule(nil), rule(is(ready, no, v1alpha1.ReasonRoleNotFound)), "Normal RoleNotFound"},
		{"a rule whose role came", rule(is(ready, no, v1alpha1.ReasonRoleNotFound)), rule(is(ready, yes, v1alpha1.ReasonReconciled)), "Normal Reconciled"},
		{"a rule whose role went", rule(is(ready, yes, v1alpha1.ReasonReconciled)), rule(is(ready, no, v1alpha1.ReasonRoleNotFound)), "Warning RoleNotFound"},
		{"a refused rule", rule(nil), rule(is(ready, no, v1alpha1.ReasonBindingsRefused)), "Warning BindingsRefused"},
		{"an author who lost the right", rule(is(v1alpha1.ConditionAuthorMayBind, yes, access.ReasonAuthorMayBind)),
			rule(is(v1alpha1.ConditionAuthorMayBind, no, access.ReasonAuthorLostRight)), "Warning " + access.ReasonAuthorLostRight},
		{"an author who has it back", rule(is(v1alpha1.ConditionAuthorMayBind, no, access.ReasonAuthorLostRight)),
			rule(is(v1alpha1.ConditionAuthorMayBind, yes, access.ReasonAuthorMayBind)), "Normal AuthorMayBind"},
		{"an author who is known now", rule(is(v1alpha1.ConditionAuthorMayBind, unknown, "x")),
			rule(is(v1alpha1.ConditionAuthorMayBind, yes, access.ReasonAuthorMayBind)), ""},

		{"a new provider", provider(nil), provider(is(ready, no, v1alpha1.ReasonNoToken)), ""},
		{"a provider without a token, of which the tokens' Events speak", provider(is(ready, yes, v1alpha1.ReasonReconciled)), provider(is(ready, no, v1alpha1.ReasonNoToken)), ""},
		{"a paused provider", provider(is(ready, yes, v1alpha1.ReasonReconciled)), provider(is(ready, no, v1alpha1.ReasonPaused)), "Normal Paused"},
		{"a provider that goes on", provider(is(ready, no, v1alpha1.ReasonPaused)), provider(is(ready, yes, v1alpha1.ReasonReconciled)), "Normal Serving"},
		{"the first contact", provider(is(v1alpha1.ConditionConnected, no, "x")), provider(is(v1alpha1.ConditionConnected, yes, "Contacted")), "Normal Contacted"},
		{"a token that ends soon", provider(nil), provider(is(v1alpha1.ConditionTokenExpiring, yes, v1alpha1.ReasonExpiresSoon)), "Warning TokenExpiring"},
		{"the same warning", provider(expiring("within 30 days")), provider(expiring("within 30 days")), ""},
		{"the next warning", provider(expiring("within 30 days")), provider(expiring("within 7 days")), "Warning TokenExpiring"},
		{"a token that has ended", provider(expiring("within 1 day")), provider(is(v1alpha1.ConditionTokenExpiring, yes, v1alpha1.ReasonTokenExpired)),
			"Warning TokenExpired"},
		{"a token that is good for long", provider(expiring("within 1 day")), provider(is(v1alpha1.ConditionTokenExpiring, no, v1alpha1.ReasonNotSoon)), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			parts := map[string]bool{}
			for _, n := range newsOf(tc.before, tc.after) {
				got = append(got, n.kind+" "+n.reason)
				if n.message == "" || n.part == "" || parts[n.part+n.reason] {
					t.Errorf("%+v: want a message, and a part of its own", n)
				}
				parts[n.part+n.reason] = true
			}
			if got := strings.Join(got, ","); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// The API server refuses longer notes, and the recorder would drop the Event.
func TestANoteFitsIntoAnEvent(t *testing.T) {
	t.Parallel()
	for n := maxNote - 4; n < maxNote+4; n++ {
		message := strings.Repeat("x", n%3) + strings.Repeat("ü", n/2)
		short := note(message)
		if len(short) > maxNote || !utf8.ValidString(short) {
			t.Errorf("%d bytes became %d: %q", len(message), len(short), short)
		}
		if len(message) <= maxNote && short != message {
			t.Errorf("%d bytes were cut", len(message))
		}
	}
	if message := fmt.Sprintf("%0*d", maxNote, 1); note(message) != message {
		t.Error("a note at the limit was cut")
	}
}
