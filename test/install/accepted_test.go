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

			// What a probe, a Service or a policy calls a port is one of the pod.
			ports := map[string]bool{}
			for _, p := range pod.Spec.Containers[0].Ports {
				ports[p.Name] = true
			}
			for _, o := range objects {
				for _, name := range portsNamed(o) {
					Expect(ports).To(HaveKey(name), "%s means a port of the pods", key(o))
				}
			}
		})
	}

	It("by kustomize, with every component", func(ctx SpecContext) {
		for _, o := range kustomize(ctx, "selfsigned", "ingress", "gateway", "networkpolicy", "prometheus", "policy-breakglass") {
			dryRun(ctx, o)
		}
		for _, o := range kustomize(ctx, "certmanager") {
			dryRun(ctx, o)
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

// portsNamed are the ports of the manager's pods that an object means by name.
func portsNamed(o *unstructured.Unstructured) []string {
	GinkgoHelper()
	var named []string
	note := func(value any) {
		if name, ok := value.(string); ok {
			named = append(named, name)
		}
	}
	switch o.GetKind() {
	case "Service":
		list, _, err := unstructured.NestedSlice(o.Object, "spec", "ports")
		Expect(err).NotTo(HaveOccurred())
		for _, p := range list {
			note(p.(map[string]any)["targetPort"])
		}
	case "NetworkPolicy":
		list, _, err := unstructured.NestedSlice(o.Object, "spec", "ingress")
		Expect(err).NotTo(HaveOccurred())
		for _, rule := range list {
			for _, p := range rule.(map[string]any)["ports"].([]any) {
				note(p.(map[string]any)["port"])
			}
		}
	case "Deployment":
		for _, probe := range []string{"livenessProbe", "readinessProbe"} {
			containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
			Expect(err).NotTo(HaveOccurred())
			name, _, err := unstructured.NestedString(containers[0].(map[string]any), probe, "httpGet", "port")
			Expect(err).NotTo(HaveOccurred())
			named = append(named, name)
		}
	}
	return named
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
