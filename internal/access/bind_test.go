package access_test

import (
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

func rule(change ...func(*v1alpha1.AccessRuleSpec)) *v1alpha1.AccessRule {
	r := &v1alpha1.AccessRule{
		ObjectMeta: metav1.ObjectMeta{Name: "deployers"},
		Spec: v1alpha1.AccessRuleSpec{
			Role: "dev", RoleRef: v1alpha1.RoleReference{Name: "edit"}, Namespaces: []string{"a", "b"},
			Author: &v1alpha1.Author{Username: "ann"},
		},
	}
	for _, f := range change {
		f(&r.Spec)
	}
	return r
}

// What a rule can reach tomorrow, its author must be allowed today.
func TestBindScopes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rule *v1alpha1.AccessRule
		want []string
	}{
		"namespaces by name":   {rule(), []string{"a", "b"}},
		"the whole cluster":    {rule(func(s *v1alpha1.AccessRuleSpec) { s.Namespaces, s.ClusterWide = nil, true }), []string{""}},
		"a selector":           {rule(func(s *v1alpha1.AccessRuleSpec) { s.Namespaces, s.NamespaceSelector = nil, &metav1.LabelSelector{} }), []string{""}},
		"a selector, and more": {rule(func(s *v1alpha1.AccessRuleSpec) { s.NamespaceSelector = &metav1.LabelSelector{} }), []string{""}},
	} {
		if got := access.BindScopes(tc.rule); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestBindAttributes(t *testing.T) {
	t.Parallel()
	want := authorizationv1.ResourceAttributes{
		Verb: "bind", Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles", Name: "edit", Namespace: "a",
	}
	if got := access.BindAttributes(rule(), "a"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want.Resource, want.Namespace = "roles", ""
	if got := access.BindAttributes(rule(func(s *v1alpha1.AccessRuleSpec) { s.RoleRef.Kind = v1alpha1.RoleKind }), ""); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestAuthorMayBind(t *testing.T) {
	t.Parallel()
	nobody := func(s *v1alpha1.AccessRuleSpec) { s.Author = nil }
	for _, tc := range []struct {
		name   string
		rule   *v1alpha1.AccessRule
		denied []string
		status metav1.ConditionStatus
		reason string
		says   []string
	}{
		{"allowed everywhere", rule(), nil, metav1.ConditionTrue, access.ReasonAuthorMayBind, []string{`"ann"`, `ClusterRole "edit"`}},
		{"denied somewhere", rule(), []string{"b"}, metav1.ConditionFalse, access.ReasonAuthorLostRight, []string{`"ann"`, `ClusterRole "edit"`, `in namespace "b"`, "bindings stay", "delete the rule"}},
		{"denied in the cluster", rule(), []string{""}, metav1.ConditionFalse, access.ReasonAuthorLostRight, []string{"in every namespace"}},
		{"denied in many places", rule(), []string{"a", "b", "c", "d", "e"}, metav1.ConditionFalse, access.ReasonAuthorLostRight, []string{`in namespace "c", and in 2 more`}},
		{"nobody knows", rule(nobody), nil, metav1.ConditionUnknown, access.ReasonAuthorUnknown, []string{"next change"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := access.AuthorMayBind(tc.rule, tc.denied)
			if got.Status != tc.status || got.Reason != tc.reason {
				t.Errorf("%+v, want %s/%s", got, tc.status, tc.reason)
			}
			for _, part := range tc.says {
				if !strings.Contains(got.Message, part) {
					t.Errorf("%q does not say %q", got.Message, part)
				}
			}
		})
	}
}
