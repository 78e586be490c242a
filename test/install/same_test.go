//go:build integration

package install_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// onlyKustomize are objects that the chart has no business with.
var onlyKustomize = map[string]string{
	"Namespace /rollcall-system": "Helm makes the namespace of a release itself, by --create-namespace, and a chart that had it would delete it",
}

// differs are fields in which the two may differ, and why.
var differs = []struct {
	reason string
	fields [][]string
}{
	{"the chart alone can leave the kinds, with all users and rules, when it is uninstalled", [][]string{
		{"metadata", "annotations", "helm.sh/resource-policy"},
	}},
	{"given by the API server, even to what it does not keep", [][]string{
		{"metadata", "uid"}, {"metadata", "creationTimestamp"}, {"metadata", "managedFields"},
		{"spec", "clusterIP"}, {"spec", "clusterIPs"}, {"status"},
	}},
}

var _ = Describe("The chart and kustomize say the same", func() {
	compare := func(ctx context.Context, chart, kustomize []*unstructured.Unstructured) {
		GinkgoHelper()
		have, want := asAccepted(ctx, chart), asAccepted(ctx, kustomize)
		for name := range onlyKustomize {
			Expect(want).To(HaveKey(name))
			Expect(have).NotTo(HaveKey(name))
			delete(want, name)
		}
		for name, text := range want {
			Expect(have).To(HaveKey(name), "the chart lacks it")
			Expect(have[name]).To(Equal(text), name)
		}
		for name := range have {
			Expect(want).To(HaveKey(name), "kustomize lacks it")
		}
	}

	It("by default", func(ctx SpecContext) {
		compare(ctx,
			rendering{namespace: usual, values: "externalURL: https://scim.example.com"}.objects(ctx),
			kustomize(ctx))
	})

	It("of certificates by cert-manager", func(ctx SpecContext) {
		compare(ctx,
			rendering{namespace: usual, values: "externalURL: https://scim.example.com\ncertificates: {mode: certManager}"}.objects(ctx),
			kustomize(ctx, "certmanager"))
	})

	It("of everything that is off by default", func(ctx SpecContext) {
		compare(ctx, rendering{namespace: usual, kinds: monitoring, values: `
ingress: {enabled: true, host: scim.example.com, tlsSecretName: rollcall-scim}
httpRoute: {enabled: true, hostname: scim.example.com, parentRefs: [{name: public, namespace: gateways}]}
networkPolicy: {enabled: true}
metrics: {dashboard: {enabled: true}}
breakGlass: {group: rollcall-break-glass}
`}.objects(ctx), kustomize(ctx, "selfsigned", "ingress", "gateway", "networkpolicy", "prometheus", "grafana", "policy-breakglass"))
	})
})

// asAccepted are the objects as the API server understands them: with its defaults,
// and without what may differ.
func asAccepted(ctx context.Context, objects []*unstructured.Unstructured) map[string]string {
	GinkgoHelper()
	texts := map[string]string{}
	for _, o := range objects {
		name := key(o)
		if o.GetKind() == "Namespace" {
			name = o.GetKind() + " /" + o.GetName()
		}
		accepted := dryRun(ctx, o)
		relabelled(accepted)
		for _, d := range differs {
			for _, field := range d.fields {
				if accepted.GetKind() == "Service" && field[0] == "spec" && headless(o) {
					continue
				}
				unstructured.RemoveNestedField(accepted.Object, field...)
			}
		}
		if len(accepted.GetAnnotations()) == 0 {
			accepted.SetAnnotations(nil)
		}
		text, err := yaml.Marshal(unfolded(accepted.Object))
		Expect(err).NotTo(HaveOccurred())
		Expect(texts).NotTo(HaveKey(name), "rendered twice")
		texts[name] = string(text)
	}
	return texts
}

// headless Services ask for what the API server gives to others.
func headless(o *unstructured.Unstructured) bool {
	ip, _, err := unstructured.NestedString(o.Object, "spec", "clusterIP")
	Expect(err).NotTo(HaveOccurred())
	return strings.EqualFold(ip, "None")
}

// unfolded has each text on one line: kustomize writes the folded ones anew, and
// breaks their lines once more where they are indented. To CEL and PromQL it is all
// the same.
func unfolded(value any) any {
	switch v := value.(type) {
	case string:
		return strings.Join(strings.Fields(v), " ")
	case []any:
		for i := range v {
			v[i] = unfolded(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = unfolded(v[name])
		}
	}
	return value
}
