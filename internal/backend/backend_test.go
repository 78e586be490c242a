//go:build integration

package backend_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/backend"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/internal/token"
	"github.com/rollcall-dev/rollcall/scim/server"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

func TestBackend(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	RunSpecs(t, "Backend")
}

var (
	admin  client.Client
	cached client.Client
	b      *backend.Backend
)

// The rights are those of the manager's ServiceAccount: it reads token Secrets
// and writes none.
var _ = BeforeSuite(func(ctx SpecContext) {
	control, err := cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(control.Stop()).To(Succeed()) })
	admin = control.Client()
	running, stop := context.WithCancel(context.Background())
	DeferCleanup(stop)
	var live client.Reader
	var tally *directory.Tally
	cached, live, tally, err = cluster.Cache(running, control.Manager())
	Expect(err).NotTo(HaveOccurred())
	b = backend.New(cached, live, tally, token.NewStore(cached, cluster.Namespace, clock.RealClock{}))
	SetDefaultEventuallyTimeout(10 * time.Second)
})

var _ = Describe("An identity provider", func() {
	It("has one directory, unless it is paused or gone", func(ctx SpecContext) {
		_, err := b.Directory(ctx, "entra")
		Expect(err).To(MatchError(server.ErrNoProvider))

		provider := newProvider(ctx, "entra")
		Eventually(b.Directory).WithArguments(ctx, "entra").ShouldNot(BeNil())
		first, err := b.Directory(ctx, "entra")
		Expect(err).NotTo(HaveOccurred())
		Expect(b.Directory(ctx, "entra")).To(BeIdenticalTo(first), "its locks are its own")

		provider.Spec.Paused = true
		Expect(admin.Update(ctx, provider)).To(Succeed())
		Eventually(directoryError).WithArguments(ctx, "entra").Should(MatchError(server.ErrPaused))

		Expect(admin.Delete(ctx, provider)).To(Succeed())
		Eventually(directoryError).WithArguments(ctx, "entra").Should(MatchError(server.ErrNoProvider))
	})

	It("accepts its own tokens, as long as they exist (fact 13)", func(ctx SpecContext) {
		newProvider(ctx, "okta")
		newProvider(ctx, "ping")
		first, second := newToken(ctx, "okta"), newToken(ctx, "okta")
		for _, t := range []token.Token{first, second} {
			Eventually(b.Authenticate).WithArguments(ctx, "okta", t.Secret).Should(Equal(t.ID))
			_, err := b.Authenticate(ctx, "ping", t.Secret)
			Expect(err).To(MatchError(server.ErrUnauthenticated))
		}
		for _, presented := range []string{"", "x", first.Secret + "x", first.Secret[:len(first.Secret)-1]} {
			_, err := b.Authenticate(ctx, "okta", presented)
			Expect(err).To(MatchError(server.ErrUnauthenticated))
		}

		By("revoking one")
		Expect(admin.Delete(ctx, first.ToSecret(cluster.Namespace, readProvider(ctx, "okta")))).To(Succeed())
		Eventually(func() error {
			_, err := b.Authenticate(ctx, "okta", first.Secret)
			return err
		}).Should(MatchError(server.ErrUnauthenticated))
		Expect(b.Authenticate(ctx, "okta", second.Secret)).To(Equal(second.ID))
	})

	It("is told apart from a Secret that only looks like one of its tokens", func(ctx SpecContext) {
		newProvider(ctx, "onelogin")
		genuine := newToken(ctx, "onelogin")
		Eventually(b.Authenticate).WithArguments(ctx, "onelogin", genuine.Secret).Should(Equal(genuine.ID))

		elsewhere, err := token.Generate(time.Now(), time.Hour)
		Expect(err).NotTo(HaveOccurred())
		Expect(admin.Create(ctx, elsewhere.ToSecret("default", readProvider(ctx, "onelogin")))).To(Succeed())
		later := newToken(ctx, "onelogin")
		// Secrets of other namespaces aren't even read, so a later one shows that
		// time was enough.
		Eventually(b.Authenticate).WithArguments(ctx, "onelogin", later.Secret).Should(Equal(later.ID))
		_, err = b.Authenticate(ctx, "onelogin", elsewhere.Secret)
		Expect(err).To(MatchError(server.ErrUnauthenticated))
	})
})

func directoryError(ctx context.Context, provider string) error {
	_, err := b.Directory(ctx, provider)
	return err
}

func newProvider(ctx context.Context, name string) *v1alpha1.IdentityProvider {
	GinkgoHelper()
	p := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(admin.Create(ctx, p)).To(Succeed())
	return p
}

func readProvider(ctx context.Context, name string) *v1alpha1.IdentityProvider {
	GinkgoHelper()
	p := &v1alpha1.IdentityProvider{}
	Expect(admin.Get(ctx, client.ObjectKey{Name: name}, p)).To(Succeed())
	return p
}

func newToken(ctx context.Context, provider string) token.Token {
	GinkgoHelper()
	t, err := token.Generate(time.Now(), time.Hour)
	Expect(err).NotTo(HaveOccurred())
	Expect(admin.Create(ctx, t.ToSecret(cluster.Namespace, readProvider(ctx, provider)))).To(Succeed())
	return t
}
