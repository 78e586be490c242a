//go:build integration

package samples_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

func TestSamples(t *testing.T) {
	SetDefaultEventuallyTimeout(20 * time.Second)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RegisterFailHandler(Fail)
	RunSpecs(t, "Samples")
}

var (
	shared *cluster.Cluster
	root   string
)

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	root, err = checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	// For view and edit, which are empty without it.
	shared, err = cluster.Start(ctx, cluster.Options{KubeControllerManager: true, Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(shared.Stop()).To(Succeed()) })
	_, err = shared.StartManager(ctx, cluster.ManagerOptions{})
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(10*time.Minute))

func kubectl(ctx context.Context, args ...string) string {
	GinkgoHelper()
	out, err := shared.Kubectl(ctx, args...)
	Expect(err).NotTo(HaveOccurred())
	return out
}

// ready is the reason of the condition Ready, by kind/name.
func ready(ctx context.Context, g Gomega) map[string]string {
	out, err := shared.Kubectl(ctx, "get", "rollcall", "-o",
		`jsonpath={range .items[*]}{.kind}/{.metadata.name}={.status.conditions[?(@.type=="Ready")].reason}{"\n"}{end}`)
	g.Expect(err).NotTo(HaveOccurred())
	reasons := map[string]string{}
	for line := range strings.Lines(out) {
		name, reason, _ := strings.Cut(strings.TrimSpace(line), "=")
		reasons[name] = reason
	}
	return reasons
}

// tidy deletes what a spec has applied. Users go after what is attached to them.
func tidy(ctx context.Context) {
	GinkgoHelper()
	for _, kind := range []string{"roleattachments", "accessrules", "provisionedusers", "provisionedroles", "identityproviders"} {
		kubectl(ctx, "delete", kind, "--all", "--wait")
	}
}

var _ = Describe("The samples", Ordered, func() {
	AfterAll(func(ctx SpecContext) { tidy(ctx) })

	It("are applied as they are, and become what they say", func(ctx SpecContext) {
		// In the order in which a person would, for want of kustomize: users before
		// what attaches them.
		for _, kind := range []string{"identityprovider", "provisioneduser", "provisionedrole", "accessrule", "roleattachment"} {
			kubectl(ctx, "apply", "-f", filepath.Join(root, "config", "samples", "identity_v1alpha1_"+kind+".yaml"))
		}
		Eventually(func(g Gomega) {
			g.Expect(ready(ctx, g)).To(Equal(map[string]string{
				"IdentityProvider/entra":                  "NoToken",
				"ProvisionedUser/support--vendor.example": "Active",
				"ProvisionedUser/build-robot":             "Active",
				"ProvisionedUser/auditor--example.com":    "Active",
				"ProvisionedRole/on-call":                 "Reconciled",
				"AccessRule/platform-engineers-edit":      "RoleNotFound",
				"AccessRule/on-call-view":                 "Reconciled",
				"RoleAttachment/build-robot-on-call":      "Active",
				"RoleAttachment/support-on-call-2099":     "NotStarted",
			}))
		}).WithContext(ctx).Should(Succeed())
		Eventually(func(g Gomega) {
			out, err := shared.Kubectl(ctx, "auth", "can-i", "list", "pods", "-A", "--as", "system:serviceaccount:ci:build-robot")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(out).To(HavePrefix("yes"))
		}).WithContext(ctx).Should(Succeed())
		for _, kind := range []string{"provisionedusers", "provisionedroles", "roleattachments", "accessrules", "identityproviders"} {
			AddReportEntry("kubectl get "+kind, kubectl(ctx, "get", kind), ReportEntryVisibilityAlways)
		}
	})

	It("are all in the kustomization, and apply again without a change", func(ctx SpecContext) {
		out := kubectl(ctx, "apply", "-k", filepath.Join(root, "config", "samples"))
		Expect(strings.Count(out, "\n")).To(Equal(strings.Count(out, " unchanged\n")), out)
		Expect(strings.Count(out, "\n")).To(Equal(9), out)
	})
})

// blocks are the runnable manifests of a page, in order.
func blocks(path string) []string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(root, path))
	Expect(err).NotTo(HaveOccurred())
	var all []string
	for _, rest := range strings.Split(string(text), "<!-- apply -->\n")[1:] {
		Expect(rest).To(HavePrefix("```yaml\n"), "what is to be applied in %s", path)
		block, _, found := strings.Cut(strings.TrimPrefix(rest, "```yaml\n"), "```")
		Expect(found).To(BeTrue())
		all = append(all, block)
	}
	return all
}

var _ = DescribeTable("The manifests of the page",
	func(ctx SpecContext, path string) {
		DeferCleanup(tidy)
		manifests := blocks(path)
		Expect(manifests).NotTo(BeEmpty())
		for i, text := range manifests {
			file := filepath.Join(GinkgoT().TempDir(), fmt.Sprintf("%d.yaml", i))
			Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
			kubectl(ctx, "apply", "-f", file)
		}
		Eventually(func(g Gomega) {
			for name, reason := range ready(ctx, g) {
				g.Expect(reason).NotTo(BeEmpty(), name)
			}
		}).WithContext(ctx).Should(Succeed())
		AddReportEntry("kubectl get rollcall", kubectl(ctx, "get", "rollcall", "-o", "wide"), ReportEntryVisibilityFailureOrVerbose)
	},
	Entry("ProvisionedUser", "docs/kinds/provisioneduser.md"),
	Entry("ProvisionedRole", "docs/kinds/provisionedrole.md"),
	Entry("RoleAttachment", "docs/kinds/roleattachment.md"),
	Entry("AccessRule", "docs/kinds/accessrule.md"),
	Entry("IdentityProvider", "docs/kinds/identityprovider.md"),
	Entry("Roles, access and who may change what", "docs/guides/access.md"),
	Entry("Provision from Microsoft Entra ID", "docs/guides/entra.md"),
	Entry("Provision from Okta", "docs/guides/okta.md"),
)
