//go:build integration

package install_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// serving is where controller-runtime looks for the certificate of webhooks.
const serving = "/tmp/k8s-webhook-server/serving-certs"

// wiring is what was rendered, whose objects name each other: the API server takes them
// one by one, and asks for none of the others.
type wiring struct {
	objects []*unstructured.Unstructured
	pod     *corev1.Pod
}

// isWired expects that what an object means is there.
func isWired(objects []*unstructured.Unstructured) {
	GinkgoHelper()
	w := wiring{objects, podOf(find(objects, "Deployment", "rollcall-manager"))}
	w.certificateOfWebhooks()
	w.certificateOfSCIM()
	for _, o := range objects {
		switch o.GetKind() {
		case "Service":
			w.selectsPods(o, as[corev1.Service](o).Spec.Selector)
		case "PodDisruptionBudget":
			w.selectsPods(o, as[policyv1.PodDisruptionBudget](o).Spec.Selector.MatchLabels)
		case "NetworkPolicy":
			w.networkPolicy(o)
		case "Ingress":
			for _, rule := range as[networkingv1.Ingress](o).Spec.Rules {
				for _, path := range rule.HTTP.Paths {
					backend := path.Backend.Service
					w.hasPort(o, o.GetNamespace(), backend.Name, backend.Port.Name, backend.Port.Number)
				}
			}
		case "HTTPRoute":
			for _, rule := range maps(o.Object, "spec", "rules") {
				for _, backend := range maps(rule, "backendRefs") {
					w.hasPort(o, o.GetNamespace(), backend["name"].(string), "", int32(backend["port"].(int64)))
				}
			}
		case "ServiceMonitor":
			w.serviceMonitor(o)
		}
	}
}

// certificateOfWebhooks: the API server trusts what the manager serves with, by the name
// by which it asks.
func (w wiring) certificateOfWebhooks() {
	GinkgoHelper()
	mounted := w.secretAt(serving)
	Expect(mounted).NotTo(BeEmpty())
	var certificates []*unstructured.Unstructured
	for _, o := range w.objects {
		if o.GetKind() == "Certificate" {
			certificates = append(certificates, o)
		}
	}
	if len(certificates) == 0 {
		Expect(w.pod.Spec.Containers[0].Args).To(ContainElement("--self-signed-certificates"))
		Expect(w.namespaced("Secret", mounted)).NotTo(BeNil(), "the manager fills it, and doesn't make it")
	} else {
		Expect(certificates).To(HaveLen(1))
		Expect(certificates[0].GetNamespace()).To(Equal(w.pod.Namespace))
		Expect(w.pod.Spec.Containers[0].Args).NotTo(ContainElement("--self-signed-certificates"))
		Expect(stringAt(certificates[0], "spec", "secretName")).To(Equal(mounted))
		if stringAt(certificates[0], "spec", "issuerRef", "kind") == "Issuer" {
			Expect(w.namespaced("Issuer", stringAt(certificates[0], "spec", "issuerRef", "name"))).NotTo(BeNil())
		}
	}

	var asked int
	for _, o := range w.objects {
		var services []*admissionregistrationv1.ServiceReference
		switch o.GetKind() {
		case "MutatingWebhookConfiguration":
			for _, webhook := range as[admissionregistrationv1.MutatingWebhookConfiguration](o).Webhooks {
				services = append(services, webhook.ClientConfig.Service)
			}
		case "ValidatingWebhookConfiguration":
			for _, webhook := range as[admissionregistrationv1.ValidatingWebhookConfiguration](o).Webhooks {
				services = append(services, webhook.ClientConfig.Service)
			}
		default:
			continue
		}
		for _, s := range services {
			asked++
			w.hasPort(o, s.Namespace, s.Name, "", 443) // the default
		}
		from, injected := o.GetAnnotations()["cert-manager.io/inject-ca-from"]
		Expect(injected).To(Equal(len(certificates) == 1), key(o))
		if !injected {
			continue
		}
		Expect(from).To(Equal(certificates[0].GetNamespace()+"/"+certificates[0].GetName()), key(o))
		names, _, err := unstructured.NestedStringSlice(certificates[0].Object, "spec", "dnsNames")
		Expect(err).NotTo(HaveOccurred())
		for _, s := range services {
			Expect(names).To(ContainElement(fmt.Sprintf("%s.%s.svc", s.Name, s.Namespace)), key(o))
		}
	}
	Expect(asked).To(BeNumerically(">", 1), "webhooks")
}

// certificateOfSCIM is where the manager looks for it, and then the Service has the port
// of HTTPS.
func (w wiring) certificateOfSCIM() {
	GinkgoHelper()
	port := int32(80)
	for _, arg := range w.pod.Spec.Containers[0].Args {
		if folder, ok := strings.CutPrefix(arg, "--scim-cert-dir="); ok {
			port = 443
			Expect(w.secretAt(folder)).NotTo(BeEmpty(), arg)
		}
	}
	w.hasPort(find(w.objects, "Deployment", "rollcall-manager"), w.pod.Namespace, "rollcall-scim", "scim", port)
	Expect(w.pod.Spec.Containers[0].VolumeMounts).To(HaveLen(len(w.pod.Spec.Volumes)))
}

// secretAt is the Secret that is mounted at a path; empty for none.
func (w wiring) secretAt(path string) string {
	for _, mount := range w.pod.Spec.Containers[0].VolumeMounts {
		for _, volume := range w.pod.Spec.Volumes {
			if mount.MountPath == path && volume.Name == mount.Name && volume.Secret != nil {
				return volume.Secret.SecretName
			}
		}
	}
	return ""
}

// hasPort expects a Service with a port of that name and that number, of those that are
// given.
func (w wiring) hasPort(o *unstructured.Unstructured, namespace, name, portName string, number int32) {
	GinkgoHelper()
	Expect(namespace).To(Equal(w.pod.Namespace), key(o))
	service := w.namespaced("Service", name)
	Expect(service).NotTo(BeNil(), "%s means the Service %s", key(o), name)
	var have []string
	for _, p := range as[corev1.Service](service).Spec.Ports {
		if (portName == "" || portName == p.Name) && (number == 0 || number == p.Port) {
			return
		}
		have = append(have, fmt.Sprintf("%s %d", p.Name, p.Port))
	}
	Fail(fmt.Sprintf("%s means the port %q %d of the Service %s, which has %v", key(o), portName, number, name, have))
}

func (w wiring) selectsPods(o *unstructured.Unstructured, selector map[string]string) {
	GinkgoHelper()
	Expect(selector).NotTo(BeEmpty(), key(o))
	Expect(labels.SelectorFromSet(selector).Matches(labels.Set(w.pod.Labels))).To(BeTrue(), "%s selects the manager's pods", key(o))
}

// networkPolicy lets in what the pod listens for, all of it.
func (w wiring) networkPolicy(o *unstructured.Unstructured) {
	GinkgoHelper()
	spec := as[networkingv1.NetworkPolicy](o).Spec
	w.selectsPods(o, spec.PodSelector.MatchLabels)
	var let, listens []int
	for _, rule := range spec.Ingress {
		for _, p := range rule.Ports {
			let = append(let, p.Port.IntValue())
		}
	}
	for _, p := range w.pod.Spec.Containers[0].Ports {
		listens = append(listens, int(p.ContainerPort))
	}
	Expect(let).To(ConsistOf(listens), key(o))
	var handsOver bool
	for _, rule := range spec.Egress {
		for _, to := range rule.To {
			handsOver = true
			w.selectsPods(o, to.PodSelector.MatchLabels)
		}
	}
	Expect(handsOver).To(BeTrue(), "%s lets replicas reach each other", key(o))
}

// serviceMonitor finds the Service with the metrics, and no other.
func (w wiring) serviceMonitor(o *unstructured.Unstructured) {
	GinkgoHelper()
	selector, _, err := unstructured.NestedStringMap(o.Object, "spec", "selector", "matchLabels")
	Expect(err).NotTo(HaveOccurred())
	var found []string
	for _, other := range w.objects {
		if other.GetKind() == "Service" && other.GetNamespace() == o.GetNamespace() &&
			labels.SelectorFromSet(selector).Matches(labels.Set(other.GetLabels())) {
			found = append(found, other.GetName())
		}
	}
	Expect(found).To(HaveExactElements("rollcall-metrics"), key(o))
	endpoints := maps(o.Object, "spec", "endpoints")
	Expect(endpoints).NotTo(BeEmpty(), key(o))
	for _, endpoint := range endpoints {
		w.hasPort(o, o.GetNamespace(), found[0], endpoint["port"].(string), 0)
	}
}

// namespaced finds an object in the namespace of the pods.
func (w wiring) namespaced(kind, name string) *unstructured.Unstructured {
	if o := find(w.objects, kind, name); o != nil && o.GetNamespace() == w.pod.Namespace {
		return o
	}
	return nil
}

// as is an object in its own type.
func as[T any](o *unstructured.Unstructured) *T {
	GinkgoHelper()
	typed := new(T)
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, typed)).To(Succeed(), key(o))
	return typed
}

func stringAt(o *unstructured.Unstructured, fields ...string) string {
	GinkgoHelper()
	value, _, err := unstructured.NestedString(o.Object, fields...)
	Expect(err).NotTo(HaveOccurred())
	return value
}

// maps are the elements of a list of objects.
func maps(o map[string]any, fields ...string) []map[string]any {
	GinkgoHelper()
	list, _, err := unstructured.NestedSlice(o, fields...)
	Expect(err).NotTo(HaveOccurred())
	var all []map[string]any
	for _, e := range list {
		all = append(all, e.(map[string]any))
	}
	return all
}
