//go:build integration

package install_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

var _ = Describe("An installation by Helm", Ordered, func() {
	var (
		i      *installation
		m      *cluster.Manager
		glass  client.Client
		values = []string{
			"--namespace", other, "--set", "certificates.mode=certManager", "--set", "serviceAccount.name=scim-operator",
			"--set", "externalURL=" + externalURL, "--set", "bindableRoles.clusterRoles={view,edit,example:deployer}",
		}
	)
	release := func(verb string, more ...string) []string {
		return append(append([]string{verb, "rollcall", chart()}, values...), more...)
	}

	BeforeAll(func(ctx SpecContext) {
		i = newInstallation(ctx, other)
		config, err := i.User("firefighter@example.com", "firefighters", "system:masters")
		Expect(err).NotTo(HaveOccurred())
		glass, err = client.New(config, client.Options{Scheme: cluster.Scheme()})
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(5*time.Minute))

	It("says what comes next", func(ctx SpecContext) {
		out, err := helm(ctx, i.Cluster, release("install", "--create-namespace")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("kubectl rollcall activate entra --manager-namespace identity"))
		Expect(i.deployment(ctx).Spec.Replicas).To(Equal(ptr.To[int32](2)))
	})

	It("watches itself where the cluster has the kinds for it", func(ctx SpecContext) {
		out, err := i.Kubectl(ctx, "-n", other, "get", "servicemonitors,prometheusrules", "-o", "name")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(And(ContainSubstring("servicemonitor"), ContainSubstring("prometheusrule")))
	})

	It("provisions, under the release's own ServiceAccount", func(ctx SpecContext) {
		m = i.startPod(ctx)
		i.activate(ctx, m.SCIMURL)
		i.provision(ctx)
		i.isLocked(ctx, i.Client(), true)
		i.isLocked(ctx, glass, true)
		i.asksWebhooks(ctx)
	}, NodeTimeout(3*time.Minute))

	It("has the metrics that its alerts ask for", func(ctx SpecContext) {
		i.provoke(ctx, m)
		Eventually(func(g Gomega) { alertsFindTheirMetrics(ctx, g, m) }).WithContext(ctx).Should(Succeed())
	})

	It("takes a changed value without an interruption of what it keeps", func(ctx SpecContext) {
		before := i.settled(ctx)
		// They lead to this machine, which the chart knows nothing of.
		for _, c := range i.webhookConfigurations(ctx) {
			Expect(i.Client().Delete(ctx, c)).To(Succeed())
		}
		_, err := helm(ctx, i.Cluster, release("upgrade", "--set", "replicas=3", "--set", "breakGlass.group=firefighters")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(i.deployment(ctx).Spec.Replicas).To(Equal(ptr.To[int32](3)))
		i.isLocked(ctx, glass, false)
		i.isLocked(ctx, i.Client(), true)

		Expect(m.Stop()).To(Succeed())
		m = i.startPod(ctx)
		i.isConnected(ctx)
		Expect(i.users(ctx)).To(ConsistOf(before))
		i.expect(ctx, deploy(alice), true)
		Expect(i.tenant.Disable(bob)).To(Succeed())
		i.cycle(ctx)
		i.expect(ctx, deploy(bob), false)
		Expect(i.tenant.Enable(bob)).To(Succeed())
		i.cycle(ctx)
		i.expect(ctx, deploy(bob), true)
	}, NodeTimeout(2*time.Minute))

	It("leaves kinds, users and access when it is uninstalled, and takes them up again", func(ctx SpecContext) {
		before := i.settled(ctx)
		Expect(i.parts(ctx, Default)).To(haveAllKinds)
		Expect(m.Stop()).To(Succeed())
		_, err := helm(ctx, i.Cluster, "uninstall", "rollcall", "--namespace", other)
		Expect(err).NotTo(HaveOccurred())
		Expect(i.users(ctx)).To(ConsistOf(before))
		i.expect(ctx, deploy(alice), true)
		Expect(i.parts(ctx, Default)).To(BeEmpty())

		_, err = helm(ctx, i.Cluster, release("install")...)
		Expect(err).NotTo(HaveOccurred())
		m = i.startPod(ctx)
		i.isConnected(ctx)
		Expect(i.cycle(ctx).Empty()).To(BeTrue(), "the provider has to say something again")
		Expect(i.users(ctx)).To(ConsistOf(before))
		i.isLocked(ctx, i.Client(), true)
	}, NodeTimeout(2*time.Minute))

	It("takes the kinds along if it is told so", func(ctx SpecContext) {
		i.leave(ctx)
		for _, c := range i.webhookConfigurations(ctx) {
			Expect(i.Client().Delete(ctx, c)).To(Succeed())
		}
		_, err := helm(ctx, i.Cluster, release("upgrade", "--set", "crds.keep=false")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(m.Stop()).To(Succeed())
		_, err = helm(ctx, i.Cluster, "uninstall", "rollcall", "--namespace", other)
		Expect(err).NotTo(HaveOccurred())
		i.kindsGone(ctx)
	}, NodeTimeout(2*time.Minute))

	It("leaves to the manager what it writes of certificates", func(ctx SpecContext) {
		defaults := []string{"--namespace", other}
		_, err := helm(ctx, i.Cluster, append([]string{"install", "rollcall", chart()}, defaults...)...)
		Expect(err).NotTo(HaveOccurred())
		config, err := i.Account(ctx, other, "rollcall-manager")
		Expect(err).NotTo(HaveOccurred())
		manager, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
		Expect(err).NotTo(HaveOccurred())

		secret := &corev1.Secret{}
		name := client.ObjectKey{Namespace: other, Name: "rollcall-webhook"}
		Eventually(func(g Gomega) {
			g.Expect(manager.Get(ctx, name, secret)).To(Succeed())
			secret.Data = map[string][]byte{"tls.crt": []byte("certificate")}
			g.Expect(manager.Update(ctx, secret)).To(Succeed())
		}).WithContext(ctx).Should(Succeed())
		for _, c := range i.webhookConfigurations(ctx) {
			Expect(manager.Get(ctx, client.ObjectKeyFromObject(c), c)).To(Succeed())
			setAuthorities(c, authority)
			Expect(manager.Update(ctx, c)).To(Succeed())
		}
		secrets := &corev1.SecretList{}
		err = manager.List(ctx, secrets, client.InNamespace("kube-system"))
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)

		_, err = helm(ctx, i.Cluster, append([]string{"upgrade", "rollcall", chart(), "--set", "replicas=3"}, defaults...)...)
		Expect(err).NotTo(HaveOccurred())
		Expect(i.deployment(ctx).Spec.Replicas).To(Equal(ptr.To[int32](3)))
		Expect(i.Client().Get(ctx, name, secret)).To(Succeed())
		Expect(secret.Data).To(HaveKeyWithValue("tls.crt", []byte("certificate")))
		for _, c := range i.webhookConfigurations(ctx) {
			Expect(authorities(c)).To(HaveEach(authority))
		}
	}, NodeTimeout(2*time.Minute))

	It("goes to cert-manager and back", func(ctx SpecContext) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "rollcall-webhook"}}
		name := client.ObjectKeyFromObject(secret)
		upgrade := []string{"upgrade", "rollcall", chart(), "--namespace", other}
		_, err := helm(ctx, i.Cluster, append(upgrade, "--set", "certificates.mode=certManager")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(apierrors.IsNotFound(i.Client().Get(ctx, name, secret))).To(BeTrue())
		// As cert-manager makes it, without Helm's marks.
		secret = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "rollcall-webhook"},
			Type:       corev1.SecretTypeTLS,
			Data:       map[string][]byte{"tls.crt": []byte("certificate"), "tls.key": []byte("key")},
		}
		Expect(i.Client().Create(ctx, secret)).To(Succeed())

		upgrade = append(upgrade, "--reset-values")
		_, err = helm(ctx, i.Cluster, upgrade...)
		Expect(err).To(MatchError(ContainSubstring(`Secret "rollcall-webhook"`)))
		_, err = helm(ctx, i.Cluster, append(upgrade, "--take-ownership")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(i.Client().Get(ctx, name, secret)).To(Succeed())
		Expect(secret.Labels).To(HaveKeyWithValue("app.kubernetes.io/managed-by", "Helm"))
	}, NodeTimeout(time.Minute))

	It("gives way to a release of another name and namespace, to which it leaves the kinds", func(ctx SpecContext) {
		_, err := helm(ctx, i.Cluster, "uninstall", "rollcall", "--namespace", other)
		Expect(err).NotTo(HaveOccurred())
		moved := []string{"install", "scim", chart(), "--namespace", usual, "--create-namespace"}
		_, err = helm(ctx, i.Cluster, moved...)
		Expect(err).To(MatchError(ContainSubstring("CustomResourceDefinition")))
		_, err = helm(ctx, i.Cluster, append(moved, "--take-ownership")...)
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(time.Minute))
})

// authority is a bundle, as base64.
const authority = "LS0tLS1CRUdJTg=="

func setAuthorities(c *unstructured.Unstructured, bundle string) {
	GinkgoHelper()
	webhooks, _, err := unstructured.NestedSlice(c.Object, "webhooks")
	Expect(err).NotTo(HaveOccurred())
	for _, w := range webhooks {
		Expect(unstructured.SetNestedField(w.(map[string]any), bundle, "clientConfig", "caBundle")).To(Succeed())
	}
	Expect(unstructured.SetNestedSlice(c.Object, webhooks, "webhooks")).To(Succeed())
}

func authorities(c *unstructured.Unstructured) []string {
	GinkgoHelper()
	webhooks, _, err := unstructured.NestedSlice(c.Object, "webhooks")
	Expect(err).NotTo(HaveOccurred())
	Expect(webhooks).NotTo(BeEmpty())
	var all []string
	for _, w := range webhooks {
		bundle, _, err := unstructured.NestedString(w.(map[string]any), "clientConfig", "caBundle")
		Expect(err).NotTo(HaveOccurred())
		all = append(all, bundle)
	}
	return all
}
