//go:build integration

package install_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = Describe("The API server takes what is rendered", func() {
	for _, v := range variants {
		It("by the chart: "+v.name, func(ctx SpecContext) {
			objects := v.objects(ctx)
			for _, o := range objects {
				dryRun(ctx, o)
			}
			var have []string
			for _, o := range objects {
				have = append(have, o.GetKind()+" "+o.GetName())
			}
			for _, want := range v.has {
				Expect(have).To(ContainElement(want))
			}
			for _, unwanted := range v.lacks {
				Expect(have).NotTo(ContainElement(unwanted))
			}
			Expect(slices.Compact(slices.Sorted(slices.Values(have)))).To(HaveLen(len(have)), "an object is rendered twice")
		})

		It("and lets its pods run, at the level restricted: "+v.name, func(ctx SpecContext) {
			objects := v.objects(ctx)
			deployment := find(objects, "Deployment", "rollcall-manager")
			Expect(deployment).NotTo(BeNil())
			pod := podOf(deployment)
			// Admission asks whether the account is there.
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Spec.ServiceAccountName}}
			Expect(shared.Client().Create(ctx, account)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(shared.Client().Delete(ctx, account)).To(Succeed()) })
			Expect(shared.Client().Create(ctx, pod, client.DryRunAll)).To(Succeed())

			// What a probe or a Service calls a port, and a policy numbers, is one of the pod.
			ports := map[any]bool{}
			for _, p := range pod.Spec.Containers[0].Ports {
				ports[p.Name], ports[int64(p.ContainerPort)] = true, true
			}
			for _, o := range objects {
				for _, port := range portsMeant(o) {
					Expect(ports).To(HaveKey(port), "%s means a port of the pods", key(o))
				}
			}
			isWired(objects)
		})
	}

	It("by kustomize, with every component", func(ctx SpecContext) {
		for _, components := range [][]string{
			{"selfsigned", "ingress", "gateway", "networkpolicy", "prometheus", "policy-breakglass"},
			{"certmanager"},
		} {
			objects := kustomize(ctx, components...)
			for _, o := range objects {
				dryRun(ctx, o)
			}
			isWired(objects)
		}
	})

	It("and nothing of another namespace is left in it", func(ctx SpecContext) {
		for _, values := range []string{everything, "certificates: {mode: certManager}"} {
			text, err := rendering{namespace: other, values: values, kinds: monitoring}.text(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(text).NotTo(ContainSubstring(usual))
		}
	})

	It("and lets the account of the release, and no other, pass the policies", func(ctx SpecContext) {
		for _, o := range (rendering{namespace: other, values: "serviceAccount: {name: scim-operator}"}).objects(ctx) {
			if o.GetKind() != "ValidatingAdmissionPolicy" {
				continue
			}
			passes, _, err := unstructured.NestedSlice(o.Object, "spec", "matchConditions")
			Expect(err).NotTo(HaveOccurred())
			Expect(passes).To(ContainElement(map[string]any{
				"name":       "not-the-manager",
				"expression": "request.userInfo.username != 'system:serviceaccount:identity:scim-operator'",
			}), key(o))
			Expect(fmt.Sprint(o.Object)).NotTo(ContainSubstring("break-glass"))
		}
	})
})

// dryRun has the API server judge an object as if it were created. An unknown or a
// repeated field is an error.
func dryRun(ctx context.Context, o *unstructured.Unstructured) *unstructured.Unstructured {
	GinkgoHelper()
	o = o.DeepCopy()
	if o.GetKind() == "Namespace" {
		o.SetName(o.GetName() + "-dry") // the other is there
	}
	strict := client.WithFieldValidation(shared.Client(), metav1.FieldValidationStrict)
	Expect(strict.Create(ctx, o, client.DryRunAll)).To(Succeed(), key(o))
	return o
}

// podOf is a pod as the Deployment makes them.
func podOf(deployment *unstructured.Unstructured) *corev1.Pod {
	GinkgoHelper()
	template, _, err := unstructured.NestedMap(deployment.Object, "spec", "template")
	Expect(err).NotTo(HaveOccurred())
	pod := &corev1.Pod{}
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(template, pod, true)).To(Succeed())
	pod.Name, pod.Namespace = "rollcall-manager", deployment.GetNamespace()
	return pod
}

// portsMeant are the ports of the manager's pods that an object means, by name or by
// number.
func portsMeant(o *unstructured.Unstructured) []any {
	GinkgoHelper()
	list := func(fields ...string) []any {
		found, _, err := unstructured.NestedSlice(o.Object, fields...)
		Expect(err).NotTo(HaveOccurred())
		Expect(found).NotTo(BeEmpty(), key(o))
		return found
	}
	var meant []any
	switch o.GetKind() {
	case "Service":
		for _, p := range list("spec", "ports") {
			meant = append(meant, p.(map[string]any)["targetPort"])
		}
	case "NetworkPolicy":
		for _, rule := range list("spec", "ingress") {
			for _, p := range rule.(map[string]any)["ports"].([]any) {
				meant = append(meant, p.(map[string]any)["port"])
			}
		}
		for _, rule := range list("spec", "egress") {
			// What goes to pods goes to the manager's own.
			if rule := rule.(map[string]any); rule["to"] != nil {
				meant = append(meant, rule["ports"].([]any)[0].(map[string]any)["port"])
			}
		}
	case "Deployment":
		container := list("spec", "template", "spec", "containers")[0].(map[string]any)
		for _, probe := range []string{"livenessProbe", "readinessProbe"} {
			name, _, err := unstructured.NestedString(container, probe, "httpGet", "port")
			Expect(err).NotTo(HaveOccurred())
			meant = append(meant, name)
		}
	}
	return meant
}

// relabelled removes what Helm says about its releases.
func relabelled(o *unstructured.Unstructured) {
	all := o.GetLabels()
	for name := range all {
		if strings.HasPrefix(name, "helm.sh/") || slices.Contains([]string{
			"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version",
		}, name) {
			delete(all, name)
		}
	}
	o.SetLabels(all)
}
