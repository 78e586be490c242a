package webhook

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestBindScopes(t *testing.T) {
	for _, tc := range []struct {
		name string
		spec v1alpha1.AccessRuleSpec
		want []string
	}{
		{"named namespaces ask in each", v1alpha1.AccessRuleSpec{Namespaces: []string{"a", "b"}}, []string{"a", "b"}},
		{"a cluster-wide rule asks for the cluster", v1alpha1.AccessRuleSpec{ClusterWide: true}, []string{""}},
		{"a selector asks for the cluster, since it matches later namespaces too",
			v1alpha1.AccessRuleSpec{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}}, []string{""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := bindScopes(&v1alpha1.AccessRule{Spec: tc.spec}); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
