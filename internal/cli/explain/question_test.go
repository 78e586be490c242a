package explain

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

func TestAllowedByIsTheAuthorizersComparison(t *testing.T) {
	deployments := rbacv1.PolicyRule{Verbs: []string{"create"}, APIGroups: []string{"apps"}, Resources: []string{"deployments"}}
	create := Question{Verb: "create", Group: "apps", Resource: "deployments", Namespace: "payments"}
	for _, test := range []struct {
		name string
		rule rbacv1.PolicyRule
		q    Question
		want bool
	}{
		{"the same", deployments, create, true},
		{"another verb", deployments, Question{Verb: "list", Group: "apps", Resource: "deployments"}, false},
		{"another group", deployments, Question{Verb: "create", Resource: "deployments"}, false},
		{"a subresource of it", deployments, Question{Verb: "create", Group: "apps", Resource: "deployments", Subresource: "scale"}, false},
		{"every verb", rbacv1.PolicyRule{Verbs: []string{"*"}, APIGroups: []string{"apps"}, Resources: []string{"deployments"}}, create, true},
		{"every group", rbacv1.PolicyRule{Verbs: []string{"create"}, APIGroups: []string{"*"}, Resources: []string{"deployments"}}, create, true},
		{"every resource", rbacv1.PolicyRule{Verbs: []string{"create"}, APIGroups: []string{"apps"}, Resources: []string{"*"}}, create, true},
		{
			"every resource's subresource", rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"*/log"}},
			Question{Verb: "get", Resource: "pods", Subresource: "log"}, true,
		},
		{
			"a subresource is not the resource", rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods/log"}},
			Question{Verb: "get", Resource: "pods"}, false,
		},
		{
			"one object is not all", rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"web"}},
			Question{Verb: "get", Resource: "pods"}, false,
		},
		{
			"one object", rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"web"}},
			Question{Verb: "get", Resource: "pods", Name: "web"}, true,
		},
		{"a path", rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}}, Question{Verb: "get", Path: "/metrics"}, true},
		{"paths below", rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/logs/*"}}, Question{Verb: "get", Path: "/logs/a/b"}, true},
		{"a longer path", rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}}, Question{Verb: "get", Path: "/metrics/a"}, false},
		{"a resource is no path", rbacv1.PolicyRule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}, Question{Verb: "get", Path: "/metrics"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.q.AllowedBy(test.rule); got != test.want {
				t.Errorf("%s by %s: %v", test.q, ruleWords(&test.rule), got)
			}
		})
	}
}

func TestQuestionsAreAskedAsTheyRead(t *testing.T) {
	q := Question{Verb: "get", Group: "apps", Resource: "deployments", Subresource: "scale", Name: "web", Namespace: "payments"}
	if got, want := q.String(), `get deployments.apps/scale named "web" in namespace "payments"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	a := q.Review("alice", []string{"system:authenticated"}).Spec.ResourceAttributes
	if a.Verb != "get" || a.Group != "apps" || a.Resource != "deployments" || a.Subresource != "scale" || a.Name != "web" || a.Namespace != "payments" {
		t.Errorf("the review asks for %v", a)
	}
	path := Question{Verb: "get", Path: "/metrics"}
	if got := path.String(); got != "get /metrics" {
		t.Errorf("got %s", got)
	}
	if s := path.Review("alice", nil).Spec; s.ResourceAttributes != nil || s.NonResourceAttributes.Path != "/metrics" {
		t.Errorf("the review asks for %v", s)
	}
}
