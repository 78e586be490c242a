package explain

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

var (
	inPayments = Question{Verb: "create", Group: "apps", Resource: "deployments", Namespace: "payments"}
	anywhere   = Question{Verb: "create", Group: "apps", Resource: "deployments"}
)

// holder is an active user who holds a role of the identity provider.
func holder(name, subject string, roles ...string) *v1alpha1.ProvisionedUser {
	u := &v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ProvisionedUserSpec{Provider: "entra", UserName: subject}}
	u.Status = v1alpha1.ProvisionedUserStatus{State: v1alpha1.StateActive, Reason: access.ReasonActive, Subject: subject, PermissionLevel: v1alpha1.LevelUser}
	for _, r := range roles {
		u.Status.Roles = append(u.Status.Roles, v1alpha1.EffectiveRole{Name: r, Sources: []v1alpha1.RoleSource{{Kind: v1alpha1.SourceIdentityProvider, Name: "entra"}}})
	}
	return u
}

// scene has a role dev of entra, which a rule lets deploy in payments.
func scene(u *v1alpha1.ProvisionedUser, bindings ...projection.Binding) Scene {
	return Scene{
		User:  u,
		Roles: map[string]*v1alpha1.ProvisionedRole{"dev": {ObjectMeta: metav1.ObjectMeta{Name: "dev"}, Spec: v1alpha1.ProvisionedRoleSpec{Provider: "entra", DisplayName: "Dev"}}},
		Rules: []*v1alpha1.AccessRule{{
			ObjectMeta: metav1.ObjectMeta{Name: "dev-deploys"},
			Spec:       v1alpha1.AccessRuleSpec{Role: "dev", RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.ClusterRoleKind, Name: "deployer"}, Namespaces: []string{"payments"}},
		}},
		Permissions: map[RoleKey][]rbacv1.PolicyRule{
			{"", "deployer"}:         {{Verbs: []string{"create"}, APIGroups: []string{"apps"}, Resources: []string{"deployments"}}},
			{"payments", "local"}:    {{Verbs: []string{"create"}, APIGroups: []string{"apps"}, Resources: []string{"deployments"}}},
			{"", "rollcall-auditor"}: {{Verbs: []string{"list"}, APIGroups: []string{"identity.rollcall.dev"}, Resources: []string{"*"}}},
		},
		Namespaces: map[string]*corev1.Namespace{
			"payments": {ObjectMeta: metav1.ObjectMeta{Name: "payments", Labels: map[string]string{"team": "dev"}}},
			"orders":   {ObjectMeta: metav1.ObjectMeta{Name: "orders"}},
		},
		Bindings: bindings,
	}
}

func bindingOf(rule, namespace string, ref rbacv1.RoleRef, subjects ...rbacv1.Subject) projection.Binding {
	b := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "b"}, RoleRef: ref, Subjects: subjects}
	if rule != "" {
		b.Labels = map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue, v1alpha1.AccessRuleLabel: rule}
	}
	return projection.BindingOf(b)
}

func user(name string) rbacv1.Subject { return rbacv1.Subject{Kind: rbacv1.UserKind, Name: name} }

var (
	deployer = rbacv1.RoleRef{Kind: "ClusterRole", Name: "deployer"}
	local    = rbacv1.RoleRef{Kind: "Role", Name: "local"}
)

func TestTraceKnowsWhoseABindingIs(t *testing.T) {
	ours := bindingOf("dev-deploys", "payments", deployer, user("alice"))
	refused := holder("alice", "alice", "dev")
	refused.Status.Reason = v1alpha1.ReasonSubjectRefused
	suspended := holder("alice", "alice")
	suspended.Status.State, suspended.Status.Reason = v1alpha1.StateSuspended, access.ReasonDeactivated
	robot := holder("robot", "system:serviceaccount:ci:robot", "dev")
	robot.Spec = v1alpha1.ProvisionedUserSpec{Type: v1alpha1.ServiceAccount, ServiceAccountRef: &v1alpha1.ServiceAccountReference{Namespace: "ci", Name: "robot"}}
	for _, test := range []struct {
		name      string
		scene     Scene
		namesakes []*v1alpha1.ProvisionedUser
		want      []Origin
	}{
		{"by the role", scene(holder("alice", "alice", "dev"), ours), nil, []Origin{OriginRole}},
		{"not withdrawn yet", scene(holder("alice", "alice"), ours), nil, []Origin{OriginStale}},
		{"somebody else's", scene(suspended, ours), []*v1alpha1.ProvisionedUser{holder("other", "alice", "dev")}, []Origin{OriginNamesake}},
		{"a namesake without the role", scene(suspended, ours), []*v1alpha1.ProvisionedUser{holder("other", "alice")}, []Origin{OriginStale}},
		{"a namesake who is refused too", scene(suspended, ours), []*v1alpha1.ProvisionedUser{refused}, []Origin{OriginStale}},
		{"held, but refused", scene(refused, ours), []*v1alpha1.ProvisionedUser{holder("other", "alice", "dev")}, []Origin{OriginNamesake}},
		{"not Rollcall's", scene(holder("alice", "alice"), bindingOf("", "payments", local, user("alice"))), nil, []Origin{OriginElsewhere}},
		{"everybody's", scene(holder("alice", "alice"), bindingOf("", "payments", deployer, rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "system:authenticated"})), nil, []Origin{OriginElsewhere}},
		{"a ServiceAccount's", scene(robot, bindingOf("dev-deploys", "payments", deployer, rbacv1.Subject{Kind: "ServiceAccount", Namespace: "ci", Name: "robot"})), nil, []Origin{OriginRole}},
		{"another ServiceAccount's", scene(robot, bindingOf("dev-deploys", "payments", deployer, rbacv1.Subject{Kind: "ServiceAccount", Name: "robot"})), nil, nil},
		{"another namespace", scene(holder("alice", "alice", "dev"), bindingOf("dev-deploys", "orders", deployer, user("alice"))), nil, nil},
		{"another name", scene(holder("alice", "alice", "dev"), bindingOf("dev-deploys", "payments", deployer, user("Alice"))), nil, nil},
		{"no name at all", scene(holder("alice", "", "dev"), bindingOf("dev-deploys", "payments", deployer, user(""))), nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.scene.Namesakes = test.namesakes
			a := Trace(test.scene, inPayments)
			var got []Origin
			for _, p := range a.Paths {
				got = append(got, p.Origin)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if a.Strangers() != slices.Contains(test.want, OriginStale) {
				t.Error("Strangers() says otherwise")
			}
		})
	}
}

func TestTraceTellsTheClusterFromANamespace(t *testing.T) {
	a := Trace(scene(holder("alice", "alice", "dev"), bindingOf("dev-deploys", "payments", deployer, user("alice"))), anywhere)
	if len(a.Paths) != 0 || len(a.Partly) != 1 || a.Partly[0].Namespace != "payments" || len(a.Gaps) != 0 {
		t.Errorf("got %+v", a)
	}
}

func TestGapsSayWhatIsMissing(t *testing.T) {
	withheld := holder("alice", "alice")
	withheld.Status.Withheld = []v1alpha1.WithheldRole{{Name: "dev", Sources: []v1alpha1.WithheldSource{{Reason: access.ReasonExpired, Message: "it is over"}}}}
	refused := holder("alice", "alice", "dev")
	refused.Status.Reason = v1alpha1.ReasonSubjectRefused
	refused.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: "False", Message: "SubjectTaken: by bob"}}
	outsider := holder("alice", "alice")
	outsider.Spec.Provider = ""
	for _, test := range []struct {
		name            string
		user            *v1alpha1.ProvisionedUser
		change          func(*Scene)
		reason, message string
	}{
		{"not held", holder("alice", "alice"), nil, ReasonNotHeld, `put them in group "Dev" of identity provider "entra"`},
		{"not held by a local user", outsider, nil, ReasonNotHeld, "only an attachment can give it (kubectl rollcall attach alice dev)"},
		{"withheld", withheld, nil, access.ReasonExpired, `role "dev" is withheld`},
		{"refused", refused, nil, v1alpha1.ReasonSubjectRefused, "by bob"},
		{"no role", holder("alice", "alice"), func(s *Scene) { s.Roles = nil }, v1alpha1.ReasonRoleNotFound, "(yet)"},
		{"another provider's role", holder("alice", "alice", "dev"), func(s *Scene) { s.Rules[0].Spec.Provider = "okta" }, v1alpha1.ReasonRoleOfAnotherProvider, `belongs to "entra"`},
		{"not bindable", holder("alice", "alice", "dev"), func(s *Scene) {
			s.Rules[0].Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: "False", Reason: v1alpha1.ReasonBindingsRefused, Message: "may not bind"}}
		}, v1alpha1.ReasonBindingsRefused, "may not bind"},
		{"on its way", holder("alice", "alice", "dev"), nil, ReasonOnItsWay, "not there (yet)"},
		{"by label", holder("alice", "alice", "dev"), func(s *Scene) {
			s.Rules[0].Spec.Namespaces, s.Rules[0].Spec.NamespaceSelector = nil, &metav1.LabelSelector{MatchLabels: map[string]string{"team": "dev"}}
		}, ReasonOnItsWay, "not there (yet)"},
		{"by Role", holder("alice", "alice", "dev"), func(s *Scene) {
			s.Rules[0].Spec.RoleRef = v1alpha1.RoleReference{Kind: v1alpha1.RoleKind, Name: "local"}
		}, ReasonOnItsWay, "not there (yet)"},
		{"cluster-wide", holder("alice", "alice"), func(s *Scene) {
			s.Rules[0].Spec.Namespaces, s.Rules[0].Spec.ClusterWide = nil, true
		}, ReasonNotHeld, "does not hold"},
		{"elsewhere", holder("alice", "alice"), func(s *Scene) { s.Rules[0].Spec.Namespaces = []string{"orders"} }, "", ""},
		{"something else", holder("alice", "alice"), func(s *Scene) { s.Permissions = nil }, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := scene(test.user)
			if test.change != nil {
				test.change(&s)
			}
			gaps := Trace(s, inPayments).Gaps
			if test.reason == "" {
				if len(gaps) > 0 {
					t.Fatalf("got %+v", gaps)
				}
				return
			}
			if len(gaps) != 1 || gaps[0].Reason != test.reason || !strings.Contains(gaps[0].Message, test.message) || gaps[0].AccessRule != "dev-deploys" {
				t.Fatalf("got %+v", gaps)
			}
		})
	}
}

func TestALevelThatDoesNotCountIsAGap(t *testing.T) {
	u := holder("alice", "alice")
	u.Spec.PermissionLevel = v1alpha1.LevelAuditor
	u.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPermissionLevelInForce, Status: "False", Reason: access.ReasonSuspendedSince, Message: "give it again"}}
	gaps := Trace(scene(u), Question{Verb: "list", Group: "identity.rollcall.dev", Resource: "accessrules"}).Gaps
	if len(gaps) != 1 || gaps[0].Level != v1alpha1.LevelAuditor || gaps[0].Reason != access.ReasonSuspendedSince || gaps[0].Message != "give it again" {
		t.Errorf("got %+v", gaps)
	}
}
