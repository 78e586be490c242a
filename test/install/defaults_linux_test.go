//go:build integration

package install_test

import (
	"context"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/image"
)

// By the commands of README.md, and from the image: nothing is brought into it, or left
// out, for the sake of the test. The certificate of the webhooks is the manager's own.
// Where images can't run, as the tests of the image say there, the manager is a process.
var _ = Describe("An installation with the defaults", Ordered, func() {
	var built *image.Image

	BeforeAll(func(ctx SpecContext) {
		err := image.Unavailable()
		if err != nil {
			AddReportEntry("as a process", err.Error())
			return
		}
		built, err = image.Build(ctx, root, GinkgoT().TempDir(), nil)
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(8*time.Minute))

	byHelm := func(ctx context.Context, i *installation) error {
		_, err := helm(ctx, i.Cluster, "install", "rollcall", chart(), "--namespace", usual, "--create-namespace",
			"--set", "image.repository=example.com/rollcall", "--set", "ingress.enabled=true", "--set", "ingress.host=scim.example.com")
		return err
	}
	byKustomize := func(ctx context.Context, i *installation) error {
		_, err := i.Kubectl(ctx, "apply", "-k", filepath.Join(root, "config", "default"))
		return err
	}

	DescribeTable("runs as it is", func(ctx SpecContext, install func(context.Context, *installation) error) {
		i := newInstallation(ctx, usual)
		i.role = "edit"
		Expect(install(ctx, i)).To(Succeed())
		c := i.startContainer(ctx, built)
		By("getting ready from nothing, without a file that it could write")
		c.isReady(ctx)
		if built != nil {
			c.isConfined()
		}
		By("provisioning, and being asked by the API server over the certificate that it made")
		i.activate(ctx, c.scimURL)
		i.provision(ctx)
		i.isLocked(ctx, i.Client(), true)
		i.asksWebhooks(ctx)
		By("being the only one that Helm adds to the cluster")
		_, err := helm(ctx, i.Cluster, "install", "second", chart(), "--namespace", other, "--create-namespace")
		Expect(err).To(MatchError(ContainSubstring("invalid ownership metadata")))
		By("ending when it is told to")
		c.stop(ctx)
	},
		Entry("by Helm", byHelm, NodeTimeout(5*time.Minute)),
		Entry("by kustomize", byKustomize, NodeTimeout(5*time.Minute)),
	)
})
