//go:build integration

package guides_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/stall"
)

// company is one way of the page to bring both halves together: an issuer of
// tokens, whom the API server knows, and an identity provider with the subject rule
// that stands beside it.
type company struct {
	name, upn string

	issuer *issuer
	tenant *entra.Tenant
	job    *entra.Job

	mu sync.Mutex
	// patched is when the last PATCH was answered.
	patched time.Time
}

var companies atomic.Int64

const remoteIdentity = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User:defaultRemoteIdentity"

// newCompany sets up way number n of the page, with its manifest, for alice, who is
// in a group that may list pods in a namespace of the company's name.
func newCompany(ctx context.Context, n int, more ...entra.Attribute) *company {
	GinkgoHelper()
	manifests := blocks(oidcPage, "<!-- provider -->")
	Expect(manifests).To(HaveLen(len(issuers)), "each configuration of the page has an identity provider beside it")
	var provider v1alpha1.IdentityProvider
	Expect(strictly(manifests[n], &provider)).To(Succeed())
	c := &company{name: provider.Name, issuer: issuers[n], tenant: entra.NewTenant(time.Now)}
	// One for each spec: a provider's users outlive it.
	c.upn = fmt.Sprintf("alice%d@%s.example.com", companies.Add(1), c.name)
	Expect(shared.Apply(ctx, manifests[n])).To(Succeed())
	token, err := shared.NewToken(ctx, c.name)
	Expect(err).NotTo(HaveOccurred())
	mapping := append(entra.FullMapping(), more...)
	for i := range mapping {
		if mapping[i].Target == "externalId" {
			mapping[i].Source = func(p entra.Person) string { return p.ObjectID }
		}
	}
	c.job, err = entra.NewJob(c.tenant, manager.TenantURL(c.name), token, entra.Options{Mapping: mapping, Record: c.record})
	Expect(err).NotTo(HaveOccurred())
	_, err = c.tenant.AddPerson(entra.Person{
		UserPrincipalName: c.upn, GivenName: "Alice", Surname: "Moreau", Mail: c.upn,
	})
	Expect(err).NotTo(HaveOccurred())
	group := c.name + " Readers"
	Expect(c.tenant.AddGroup(group, c.upn)).To(Succeed())
	Expect(c.tenant.Assign(group)).To(Succeed())
	Expect(shared.Apply(ctx, fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: %[1]s-readers}
spec: {role: %[1]s-readers, provider: %[1]s, roleRef: {name: guides-reader}, namespaces: [%[1]s]}
`, c.name))).To(Succeed())
	c.cycle(ctx)
	return c
}

func (c *company) record(x entra.Exchange) {
	if x.Method == http.MethodPatch {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.patched = x.Answered
	}
}

func (c *company) cycle(ctx context.Context) {
	GinkgoHelper()
	report, err := c.job.Cycle(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(report.Failures).To(BeEmpty())
}

// claims are those of alice, as an identity provider has them.
func (c *company) claims() map[string]any {
	GinkgoHelper()
	for _, p := range c.tenant.Snapshot(entra.AssignedOnly).People {
		if p.UserPrincipalName == c.upn {
			return map[string]any{"upn": p.UserPrincipalName, "oid": p.ObjectID, "email": p.Mail, "email_verified": true}
		}
	}
	Fail("nobody is " + c.upn)
	return nil
}

// login is a client that has nothing but a token.
func login(token string) client.Client {
	GinkgoHelper()
	config, err := shared.User("nobody")
	Expect(err).NotTo(HaveOccurred())
	config.CertData, config.KeyData, config.BearerToken = nil, nil, token
	var c client.Client
	// The API server fetches the keys of its issuers by and by.
	Eventually(func(g Gomega) {
		c, err = client.New(config, client.Options{Scheme: cluster.Scheme()})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(c.Create(context.Background(), &authenticationv1.SelfSubjectReview{})).To(Succeed())
	}).WithTimeout(timeout).Should(Succeed())
	return c
}

// whoami is what kubectl auth whoami asks.
func whoami(ctx context.Context, as client.Client) string {
	GinkgoHelper()
	review := &authenticationv1.SelfSubjectReview{}
	Expect(as.Create(ctx, review)).To(Succeed(), "the token has to be good still")
	return review.Status.UserInfo.Username
}

// list does what the group may.
func (c *company) list(ctx context.Context, as client.Client) error {
	return as.List(ctx, &corev1.PodList{}, client.InNamespace(c.name))
}

func (c *company) isAllowed(ctx context.Context, as client.Client) {
	GinkgoHelper()
	Eventually(func(g Gomega) { g.Expect(c.list(ctx, as)).To(Succeed()) }).WithContext(ctx).Should(Succeed())
}

var _ = DescribeTableSubtree("Somebody with an OIDC token", Ordered, func(n int) {
	var (
		c     *company
		alice client.Client
	)
	BeforeAll(func(ctx SpecContext) {
		c = newCompany(ctx, n)
		alice = login(c.issuer.token(c.claims()))
	})

	It("is who Rollcall says, and has what the groups of the identity provider give", func(ctx SpecContext) {
		c.isAllowed(ctx, alice)
		Expect(whoami(ctx, alice)).To(Equal(user(ctx, Default, c.upn).Status.Subject))
		err := alice.List(ctx, &corev1.PodList{}, client.InNamespace("default"))
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	})

	It("loses it within a second of the suspension, while the token is good, and has it back by the same token", func(ctx SpecContext) {
		c.isAllowed(ctx, alice)
		machine := stall.Start(ctx)
		Expect(c.tenant.Disable(c.upn)).To(Succeed())
		c.cycle(ctx)
		var denied time.Time
		Eventually(func(g Gomega) {
			err := c.list(ctx, alice)
			denied = time.Now()
			g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		}).WithContext(ctx).WithPolling(2 * time.Millisecond).Should(Succeed())
		c.mu.Lock()
		took := denied.Sub(c.patched)
		c.mu.Unlock()
		AddReportEntry("from the answer to the 403", took.String(), ReportEntryVisibilityAlways)
		Expect(took).To(BeNumerically("<", time.Second+machine.Total()))
		Expect(whoami(ctx, alice)).To(Equal(user(ctx, Default, c.upn).Status.Subject), "it is the access that is gone, not the login")

		Expect(c.tenant.Enable(c.upn)).To(Succeed())
		c.cycle(ctx)
		c.isAllowed(ctx, alice)
	})
},
	Entry("by upn and a prefix", 0),
	Entry("by oid", 1),
	Entry("by e-mail address in lower case", 2),
)

var _ = Describe("A name in other letters", func() {
	It("is somebody else to the API server, unless an expression folds it", func(ctx SpecContext) {
		for n, folds := range []bool{false, true, true} {
			c := newCompany(ctx, n)
			c.isAllowed(ctx, login(c.issuer.token(c.claims())))
			claims := c.claims()
			for _, name := range []string{"upn", "email"} {
				claims[name] = strings.ToUpper(c.upn)
			}
			err := c.list(ctx, login(c.issuer.token(claims)))
			if folds {
				Expect(err).NotTo(HaveOccurred(), c.name)
			} else {
				Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", c.name, err)
			}
		}
	})
})

var _ = Describe("A defaultRemoteIdentity", func() {
	It("is the whole name, prefix and all", func(ctx SpecContext) {
		c := newCompany(ctx, 0, entra.Attribute{Target: remoteIdentity, Source: func(entra.Person) string { return "oidc:alice.admin@example.com" }})
		other := login(c.issuer.token(map[string]any{"upn": "alice.admin@example.com"}))
		c.isAllowed(ctx, other)
		Expect(whoami(ctx, other)).To(Equal("oidc:alice.admin@example.com"))
		err := c.list(ctx, login(c.issuer.token(c.claims())))
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	})
})
