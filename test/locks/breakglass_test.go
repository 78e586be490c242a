//go:build integration

package locks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
	"github.com/rollcall-dev/rollcall/hack/rights"
)

// installPolicies makes the policies again what they are in config/policy.
func installPolicies(ctx context.Context) {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	text, err := shared.Kubectl(ctx, "kustomize", filepath.Join(root, "config", "policy"))
	Expect(err).NotTo(HaveOccurred())
	Expect(shared.Apply(ctx, text)).To(Succeed())
}

// breakGlass installs the component that is off by default, and takes it back.
func breakGlass() {
	Context("with a break-glass group", Ordered, func() {
		var glass client.Client
		BeforeAll(func(ctx SpecContext) {
			glass = person("firefighter@example.com", "rollcall-break-glass", "administrators")
			Expect(merge(ctx, glass, puser("ben"), `{"spec":{"displayName":"x"}}`)).To(refusedBy("rollcall-users", there))

			kustomization := filepath.Join(GinkgoT().TempDir(), "kustomization.yaml")
			root, err := checkout.Root()
			Expect(err).NotTo(HaveOccurred())
			// kustomize takes no absolute paths.
			config, err := filepath.Rel(filepath.Dir(kustomization), filepath.Join(root, "config"))
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(kustomization, fmt.Appendf(nil, "resources: [%[1]s/policy]\ncomponents: [%[1]s/policy-breakglass]\n", config), 0o600)).To(Succeed())
			broken, err := shared.Kubectl(ctx, "kustomize", filepath.Dir(kustomization))
			Expect(err).NotTo(HaveOccurred())
			Expect(shared.Apply(ctx, broken)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) {
				installPolicies(ctx)
				for _, a := range attacks() {
					Eventually(func(g Gomega) {
						g.Expect(a.do(ctx, client.NewDryRunClient(glass))).To(refusedBy(a.policy, a.says))
					}).WithContext(ctx).Should(Succeed())
				}
			})
		})

		for _, a := range attacks() {
			It("let its members through, and nobody else: who "+a.does, func(ctx SpecContext) {
				Eventually(func(g Gomega) {
					g.Expect(a.do(ctx, client.NewDryRunClient(glass))).To(Succeed())
				}).WithContext(ctx).Should(Succeed())
				Expect(a.do(ctx, root)).To(refusedBy(a.policy, a.says))
				Expect(a.do(ctx, master)).To(refusedBy(a.policy, a.says))
			})
		}
	})

	It("are part of the whole operator, without a break-glass group", func(ctx SpecContext) {
		root, err := checkout.Root()
		Expect(err).NotTo(HaveOccurred())
		whole, err := shared.Kubectl(ctx, "kustomize", filepath.Join(root, "config", "default"))
		Expect(err).NotTo(HaveOccurred())
		for _, name := range []string{"rollcall-bindings", "rollcall-lease", "rollcall-roles", "rollcall-status", "rollcall-users"} {
			Expect(whole).To(ContainSubstring("kind: ValidatingAdmissionPolicy\nmetadata:\n  labels:\n    app.kubernetes.io/name: rollcall\n  name: " + name + "\n"))
			Expect(whole).To(ContainSubstring("  policyName: " + name + "\n"))
		}
		Expect(whole).NotTo(ContainSubstring("break-glass"))
	})
}

// refusalsOf are somebody's requests that were allowed by RBAC and refused all the
// same, according to the audit log.
func refusalsOf(g Gomega, account, verb, resource, name string) []rights.Event {
	events, err := rights.ReadAudit(shared.AuditLogPath(), account)
	g.Expect(err).NotTo(HaveOccurred())
	var refusals []rights.Event
	for _, e := range events {
		if e.Verb == verb && e.ObjectRef.Resource == resource && e.ObjectRef.Name == name && e.ResponseStatus.Code == 403 && !e.Forbidden() {
			refusals = append(refusals, e)
		}
	}
	return refusals
}
