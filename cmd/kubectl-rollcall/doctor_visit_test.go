//go:build integration

package main

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/cli/doctor"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
)

var _ = Describe("the visit of doctor", func() {
	var authority *pki
	front := func(with func(http.Handler) http.Handler) *front {
		GinkgoHelper()
		authority = newPKI(GinkgoT().TempDir())
		return newFront(manager.SCIMURL, authority, authority.issue("localhost", time.Now().Add(90*24*time.Hour)), nil, with)
	}
	// A provider of which nothing was heard, and whose limit of wrong tokens nobody
	// has used.
	activate := func(ctx context.Context, provider string) (token []string) {
		GinkgoHelper()
		token = secretToken.FindStringSubmatch(root.ok(ctx, "activate", provider))
		root.eventually(ctx, "tokens", provider).Should(ContainSubstring(" Live "))
		return token
	}

	It("is no contact, and its token none that ends soon", func(ctx SpecContext) {
		const provider = "entradoc"
		token := activate(ctx, provider)
		noted := make(chan *v1alpha1.IdentityProvider, 1)
		f := front(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer GinkgoRecover()
				answer := httptest.NewRecorder()
				next.ServeHTTP(answer, r)
				if answer.Code == http.StatusOK {
					noted <- afterUse(r.Context(), provider)
				}
				maps.Copy(w.Header(), answer.Header())
				w.WriteHeader(answer.Code)
				_, err := w.Write(answer.Body.Bytes())
				Expect(err).NotTo(HaveOccurred())
			})
		})
		Expect(root.examine(ctx, provider, "--url", f.url, "--trust", authority.path)).To(And(
			finding("identity providers", doctor.OK, "1 can authenticate"),
			finding("test connection: "+provider, doctor.OK, "200 and an empty list")))

		By("the manager telling it from the identity provider while it is there")
		var during *v1alpha1.IdentityProvider
		Expect(noted).To(Receive(&during))
		Expect(during.Status.Tokens).To(ConsistOf(
			And(HaveField("ID", token[2]), HaveField("Probe", false), HaveField("LastUsedAt", BeNil())),
			And(HaveField("Probe", true), HaveField("LastUsedAt", Not(BeNil())))))
		Expect(during.Status.LastContactAt).To(BeNil())
		Expect(meta.FindStatusCondition(during.Status.Conditions, v1alpha1.ConditionTokenExpiring)).To(HaveField("Reason", v1alpha1.ReasonNotSoon))

		By("its being gone afterwards")
		var secrets corev1.SecretList
		Expect(shared.Client().List(ctx, &secrets, client.InNamespace(cluster.Namespace), client.MatchingLabels{v1alpha1.TokenLabel: provider})).To(Succeed())
		Expect(secrets.Items).To(HaveLen(1))
		Eventually(func(g Gomega) {
			p := &v1alpha1.IdentityProvider{}
			g.Expect(shared.Client().Get(ctx, client.ObjectKey{Name: provider}, p)).To(Succeed())
			g.Expect(p.Status.Tokens).To(ConsistOf(HaveField("ID", token[2])))
			g.Expect(p.Status.LastContactAt).To(BeNil())
		}).WithContext(ctx).Should(Succeed())

		By("the first contact being that of the identity provider")
		c, err := entra.NewClient(manager.TenantURL(provider), token[1], entra.Options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Send(ctx, http.MethodGet, "/Users?count=1", nil).Status).To(Equal(http.StatusOK))
		Eventually(func(g Gomega) {
			g.Expect(eventReasons(ctx, g, during)).To(ContainElement("Contacted"))
		}).WithContext(ctx).Should(Succeed())
		Expect(eventReasons(ctx, Default, during)).NotTo(ContainElement(v1alpha1.ConditionTokenExpiring))
	})

	It("finds a proxy that takes the token off", func(ctx SpecContext) {
		const provider = "docbare"
		activate(ctx, provider)
		f := front(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Authorization")
				next.ServeHTTP(w, r)
			})
		})
		Expect(root.examine(ctx, provider, "--url", f.url, "--trust", authority.path)).To(
			finding("test connection: "+provider, doctor.Failed, "401 with a token that is good"))
	})
})

// afterUse is a provider once the manager has noted that one of its tokens was used.
func afterUse(ctx context.Context, provider string) *v1alpha1.IdentityProvider {
	GinkgoHelper()
	p := &v1alpha1.IdentityProvider{}
	Eventually(func(g Gomega) {
		g.Expect(shared.Client().Get(ctx, client.ObjectKey{Name: provider}, p)).To(Succeed())
		g.Expect(p.Status.Tokens).To(ContainElement(HaveField("LastUsedAt", Not(BeNil()))))
	}).WithContext(ctx).Should(Succeed())
	return p
}

// eventReasons are the reasons of the Events on a provider, which are kept in the
// namespace default.
func eventReasons(ctx context.Context, g Gomega, p *v1alpha1.IdentityProvider) (reasons []string) {
	GinkgoHelper()
	var list eventsv1.EventList
	g.Expect(shared.Client().List(ctx, &list, client.InNamespace(metav1.NamespaceDefault))).To(Succeed())
	for i := range list.Items {
		if list.Items[i].Regarding.UID == p.UID {
			reasons = append(reasons, list.Items[i].Reason)
		}
	}
	return reasons
}
