//go:build integration

package webhook_test

import (
	"context"
	"flag"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/manager"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// A cluster of its own, whose webhooks are installed and at first served by nobody.
var _ = Describe("Webhooks", Ordered, func() {
	var (
		c            *cluster.Cluster
		port         int
		certificates string
		root, writer client.Client
	)
	BeforeAll(func(ctx SpecContext) {
		var err error
		c, err = cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(c.Stop()).To(Succeed()) })
		root, writer = clientOf(c.Admin()), clientOf(c.Manager())
		create(ctx, root, object("kind: IdentityProvider\nmetadata: {name: entra}"))
		create(ctx, root, localUser("friend", ""))
		port, certificates, err = c.Webhooks(ctx)
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(time.Minute))

	It("have no say in what the manager writes for an identity provider, and are not called for it", func(ctx SpecContext) {
		user := idpUser("ann", "entra", "")
		create(ctx, writer, user)
		create(ctx, writer, object("kind: ProvisionedRole\nmetadata: {name: team}\nspec: {displayName: team, provider: entra, id: 6fa459ea-ee8a-4ca4-894e-db77e160355e}"))
		for _, change := range []string{
			`{"spec":{"userName":"ann.b","displayName":"Ann","emails":[{"value":"ann@example.com"}],"remoteIdentity":"ann"}}`,
			`{"spec":{"memberships":{"6fa459ea-ee8a-4ca4-894e-db77e160355e":{}}}}`,
			`{"spec":{"active":false,"suspensions":1}}`, `{"spec":{"active":true}}`,
			`{"spec":{"active":false,"suspensions":2,"deprovisionedAt":"2026-01-01T00:00:00Z"}}`,
			`{"spec":{"active":true,"deprovisionedAt":null}}`,
			`{"metadata":{"annotations":{"identity.rollcall.dev/release":null}},"spec":{"provider":null,"memberships":null}}`,
			`{"spec":{"provider":"entra","suspensions":3}}`,
		} {
			Expect(patch(ctx, writer, "ProvisionedUser", "ann", "%s", change)).To(Succeed(), change)
		}
		for _, change := range []string{`{"spec":{"displayName":"Team"}}`, `{"spec":{"unresolvedMembers":["x"]}}`, `{"spec":{"provider":null}}`} {
			Expect(patch(ctx, writer, "ProvisionedRole", "team", "%s", change)).To(Succeed(), change)
		}
		status := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"state":"Active"}}`))
		for _, name := range []string{"ann", "friend"} {
			Expect(writer.Status().Patch(ctx, localUser(name, ""), status)).To(Succeed())
		}
		Expect(writer.Delete(ctx, user)).To(Succeed())
		Expect(patch(ctx, root, "IdentityProvider", "entra", `{"metadata":{"finalizers":["identity.rollcall.dev/deletion-policy"]}}`)).To(Succeed())
		Expect(patch(ctx, root, "IdentityProvider", "entra", `{"metadata":{"finalizers":null}}`)).To(Succeed())
	})

	DescribeTable("let nothing pass unseen in which they have one",
		func(ctx SpecContext, write func(context.Context) error) {
			Expect(write(ctx)).To(MatchError(ContainSubstring("failed calling webhook")))
		},
		Entry("a local user", func(ctx context.Context) error { return root.Create(ctx, localUser("zed", "")) }),
		Entry("a change of one", func(ctx context.Context) error {
			return patch(ctx, root, "ProvisionedUser", "friend", `{"spec":{"displayName":"x"}}`)
		}),
		Entry("the deletion of one", func(ctx context.Context) error { return root.Delete(ctx, localUser("friend", "")) }),
		Entry("a mark for adoption", func(ctx context.Context) error { return patch(ctx, root, "ProvisionedUser", "friend", everything) }),
		Entry("a local role", func(ctx context.Context) error { return root.Create(ctx, localRole("zeds", "")) }),
		Entry("leaders of a role", func(ctx context.Context) error {
			return patch(ctx, root, "ProvisionedRole", "team", `{"spec":{"leaders":["friend"]}}`)
		}),
		Entry("an attachment", func(ctx context.Context) error { return root.Create(ctx, attachment("friend", "team", "")) }),
		Entry("a rule", func(ctx context.Context) error {
			return root.Create(ctx, object("kind: AccessRule\nmetadata: {name: r}\nspec: {role: r, roleRef: {name: view}, clusterWide: true}"))
		}),
		Entry("a change of an identity provider", func(ctx context.Context) error {
			return patch(ctx, root, "IdentityProvider", "entra", `{"spec":{"subject":{"prefix":"x"}}}`)
		}),
		Entry("the deletion of one", func(ctx context.Context) error {
			return root.Delete(ctx, object("kind: IdentityProvider\nmetadata: {name: entra}"))
		}),
	)

	It("are served by a replica that another one leads", func(ctx SpecContext) {
		Expect(writer.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: "rollcall-manager"},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity: ptr.To("another"), LeaseDurationSeconds: ptr.To[int32](3600),
				AcquireTime: ptr.To(metav1.NowMicro()), RenewTime: ptr.To(metav1.NowMicro()),
			},
		})).To(Succeed())
		var options manager.Options
		flags := flag.NewFlagSet("standby", flag.ContinueOnError)
		options.BindFlags(flags)
		Expect(flags.Parse([]string{
			"--leader-elect", "--scim-bind-address=127.0.0.1:0", "--metrics-bind-address=0", "--health-probe-bind-address=0",
			"--webhook-port=" + strconv.Itoa(port), "--webhook-cert-dir=" + certificates,
		})).To(Succeed())
		standby, err := manager.New(ctx, c.Manager(), options)
		Expect(err).NotTo(HaveOccurred())
		running, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- standby.Start(running) }()
		DeferCleanup(func() {
			stop()
			Eventually(done).Should(Receive(BeNil()))
		})
		Eventually(func(g Gomega) {
			g.Expect(root.Create(ctx, object("kind: ProvisionedUser\nmetadata: {name: wrong}\nspec: {userName: right}"))).To(refusedWith("metadata.name"))
		}).WithContext(ctx).Should(Succeed())
		create(ctx, root, localUser("served", ""))
		u := &v1alpha1.ProvisionedUser{}
		Expect(root.Get(ctx, client.ObjectKey{Name: "served"}, u)).To(Succeed())
		Expect(u.Spec.ID).NotTo(BeEmpty())
		lease := &coordinationv1.Lease{}
		Expect(root.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: "rollcall-manager"}, lease)).To(Succeed())
		Expect(lease.Spec.HolderIdentity).To(HaveValue(Equal("another")))
	})
})
