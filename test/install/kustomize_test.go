//go:build integration

package install_test

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

var _ = Describe("An installation by kustomize", Ordered, func() {
	var (
		i      *installation
		m      *cluster.Manager
		folder string
	)
	// edit is what an administrator does to a file of config/.
	edit := func(file, from, to string) {
		GinkgoHelper()
		path := filepath.Join(filepath.Dir(folder), file)
		text, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(ContainSubstring(from))
		Expect(os.WriteFile(path, []byte(strings.ReplaceAll(string(text), from, to)), 0o600)).To(Succeed())
	}

	BeforeAll(func(ctx SpecContext) {
		i = newInstallation(ctx, usual)
		folder = overlay("certmanager")
		edit("rbac/bindable_roles.yaml", "[view, edit]", `[view, edit, "example:deployer"]`)
	}, NodeTimeout(5*time.Minute))

	It("provisions", func(ctx SpecContext) {
		_, err := i.Kubectl(ctx, "apply", "-k", folder)
		Expect(err).NotTo(HaveOccurred())
		m = i.startPod(ctx)
		i.activate(ctx, m.SCIMURL)
		i.provision(ctx)
		i.isLocked(ctx, i.Client(), true)
		i.asksWebhooks(ctx)
	}, NodeTimeout(3*time.Minute))

	It("takes a change", func(ctx SpecContext) {
		before := i.settled(ctx)
		edit("default/kustomization.yaml", externalURL, "https://other.example.com")
		// They lead to this machine, which config/ knows nothing of.
		for _, c := range i.webhookConfigurations(ctx) {
			Expect(i.Client().Delete(ctx, c)).To(Succeed())
		}
		_, err := i.Kubectl(ctx, "apply", "-k", folder)
		Expect(err).NotTo(HaveOccurred())
		Expect(i.deployment(ctx).Spec.Template.Spec.Containers[0].Args).To(ContainElement("--external-url=https://other.example.com"))
		Expect(m.Stop()).To(Succeed())
		m = i.startPod(ctx)
		i.isConnected(ctx)
		Expect(i.users(ctx)).To(ConsistOf(before))
		Eventually(func(g Gomega) {
			url, err := i.Kubectl(ctx, "get", "identityprovider", "entra", "-o", "jsonpath={.status.tenantURL}")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(url).To(Equal("https://other.example.com/entra/scim/v2"))
		}).WithContext(ctx).Should(Succeed())
	}, NodeTimeout(2*time.Minute))

	It("goes, and takes everything along", func(ctx SpecContext) {
		i.leave(ctx)
		Expect(m.Stop()).To(Succeed())
		Expect(i.parts(ctx, Default)).To(haveAllKinds)
		_, err := i.Kubectl(ctx, "delete", "-k", folder, "--wait=false")
		Expect(err).NotTo(HaveOccurred())
		i.kindsGone(ctx)
		Eventually(func(g Gomega) {
			g.Expect(i.parts(ctx, g)).To(BeEmpty())
			err := i.Client().Get(ctx, client.ObjectKey{Name: usual}, &corev1.Namespace{})
			g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
		}).WithContext(ctx).WithTimeout(patience).Should(Succeed())
	}, NodeTimeout(4*time.Minute))
})
