//go:build integration

package install_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/image"
)

// By the command of README.md, and from the image: nothing is brought into it, or left
// out, for the sake of the test. The certificate of the webhooks is the manager's own.
var _ = Describe("An installation with the defaults", Ordered, func() {
	var (
		i *installation
		c *container
	)

	BeforeAll(func(ctx SpecContext) {
		if err := image.Unavailable(); err != nil {
			Skip("NOT PROVEN on this machine: that the image runs as the chart says: " + err.Error())
		}
		i = newInstallation(ctx, usual)
		i.role = "edit"
		_, err := helm(ctx, i.Cluster, "install", "rollcall", chart(), "--namespace", usual, "--create-namespace",
			"--set", "image.repository=example.com/rollcall", "--set", "ingress.enabled=true", "--set", "ingress.host=scim.example.com")
		Expect(err).NotTo(HaveOccurred())
		built, err := image.Build(ctx, root, GinkgoT().TempDir(), nil)
		Expect(err).NotTo(HaveOccurred())
		c = i.startContainer(ctx, built)
	}, NodeTimeout(8*time.Minute))

	It("gets ready from nothing, without a file that it could write", func(ctx SpecContext) {
		c.isReady(ctx)
		c.isConfined()
	}, NodeTimeout(time.Minute))

	It("provisions, and is asked by the API server over the certificate that it made", func(ctx SpecContext) {
		i.activate(ctx, c.scimURL)
		i.provision(ctx)
		i.isLocked(ctx, i.Client(), true)
		i.asksWebhooks(ctx)
	}, NodeTimeout(3*time.Minute))

	It("is the only one that a cluster takes", func(ctx SpecContext) {
		_, err := helm(ctx, i.Cluster, "install", "second", chart(), "--namespace", other, "--create-namespace")
		Expect(err).To(MatchError(ContainSubstring(`"meta.helm.sh/release-name" must equal "second"`)))
	}, NodeTimeout(time.Minute))

	It("ends when it is told to", func(ctx SpecContext) {
		c.stop(ctx)
	}, NodeTimeout(time.Minute))
})
