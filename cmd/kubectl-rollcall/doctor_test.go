//go:build integration

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/internal/cli/doctor"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// examine runs doctor, and checks that its exit code says what its findings do.
func (t *terminal) examine(ctx context.Context, args ...string) []doctor.Finding {
	GinkgoHelper()
	p := t.run(ctx, append([]string{"doctor", "-o", "json"}, args...)...)
	var findings []doctor.Finding
	Expect(json.Unmarshal([]byte(p.Out), &findings)).To(Succeed(), p.Err)
	want := 0
	if doctor.Count(findings, doctor.Failed) > 0 {
		want = 1
	}
	Expect(p.Code).To(Equal(want))
	for _, f := range findings {
		GinkgoWriter.Printf("%-8s %s: %s\n         %s\n", f.Result, f.Check, f.Message, f.Cure)
	}
	return findings
}

// finding is one with a result, a message and, unless all is well, a cure.
func finding(check string, result doctor.Result, message string) gomegatypes.GomegaMatcher {
	cure := Not(BeEmpty())
	if result == doctor.OK {
		cure = BeEmpty()
	}
	return ContainElement(And(
		HaveField("Check", check), HaveField("Result", result), HaveField("Message", ContainSubstring(message)), HaveField("Cure", cure)))
}

// front is what stands between an identity provider and Rollcall: a proxy that
// terminates TLS.
type front struct {
	url  string
	pki  *pki
	port string
}

// newFront starts a proxy that shows a certificate; with changes what it does.
func newFront(scimURL string, p *pki, c tls.Certificate, config *tls.Config, with func(http.Handler) http.Handler) *front {
	GinkgoHelper()
	target, err := url.Parse(scimURL)
	Expect(err).NotTo(HaveOccurred())
	var handler http.Handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	if with != nil {
		handler = with(handler)
	}
	if config == nil {
		config = &tls.Config{}
	}
	config.Certificates = []tls.Certificate{c}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	Expect(err).NotTo(HaveOccurred())
	server := &http.Server{Handler: handler}
	go func() {
		defer GinkgoRecover()
		Expect(server.Serve(listener)).To(MatchError(http.ErrServerClosed))
	}()
	DeferCleanup(server.Close)
	port := listener.Addr().String()[strings.LastIndex(listener.Addr().String(), ":")+1:]
	return &front{"https://localhost:" + port, p, port}
}

var _ = Describe("doctor", Ordered, func() {
	const provider = "doc"
	var authority *pki

	BeforeAll(func(ctx SpecContext) {
		d := newDirectory(ctx, provider)
		d.user(ctx, "somebody@doc.example.com")
		authority = newPKI(GinkgoT().TempDir())
	})

	good := func() tls.Certificate { return authority.issue("localhost", time.Now().Add(90*24*time.Hour)) }
	look := func(ctx context.Context, f *front) []doctor.Finding {
		GinkgoHelper()
		return root.examine(ctx, provider, "--url", f.url, "--trust", f.pki.path)
	}

	It("finds nothing where nothing is wrong", func(ctx SpecContext) {
		f := newFront(manager.SCIMURL, authority, good(), nil, nil)
		Eventually(func() []doctor.Finding { return look(ctx, f) }).WithContext(ctx).Should(And(
			HaveEach(HaveField("Result", doctor.OK)),
			finding("authorization", doctor.OK, "denies what nothing allows"),
			finding("kinds", doctor.OK, "five kinds"),
			finding("manager's rights", doctor.OK, "may do what it needs"),
			finding("leader", doctor.OK, "leads"),
			finding("webhooks", doctor.OK, "9 webhooks"),
			finding("webhooks answer", doctor.OK, "is"),
			finding("locks", doctor.OK, "policies"),
			finding("access rules", doctor.OK, "may be bound"),
			finding("identity providers", doctor.OK, "1 can authenticate"),
			finding("dns", doctor.OK, "127.0.0.1"),
			finding("tls", doctor.OK, "TLS 1.3, certificate of"),
			finding("unknown provider", doctor.OK, "404"),
			finding("clock", doctor.OK, "no more than"),
			finding("wrong token: doc", doctor.OK, "401"),
			finding("test connection: doc", doctor.OK, "200 and an empty list")))
		By("leaving no token behind")
		root.eventually(ctx, "tokens", provider).Should(And(MatchRegexp(`\ndoc +[0-9a-f]{10} +Live +\S+ +\S+ +\S+\n$`), Not(ContainSubstring("Probe"))))
		By("saying so to people")
		Expect(root.ok(ctx, "doctor", provider, "--url", f.url, "--trust", authority.path, "--read-only")).To(And(
			ContainSubstring("OK       leader: "), Not(ContainSubstring("test connection"))))
	})

	DescribeTable("finds what is wrong with the way in",
		func(ctx SpecContext, plant func() *front, found gomegatypes.GomegaMatcher) {
			Expect(look(ctx, plant())).To(found)
		},
		Entry("no encryption", func() *front { return &front{url: manager.SCIMURL, pki: authority} },
			And(finding("tls", doctor.Failed, "is not encrypted"), finding("test connection: doc", doctor.Skipped, "no token is sent"))),
		Entry("no such name", func() *front { return &front{url: "https://scim.invalid", pki: authority} },
			finding("dns", doctor.Failed, `the host "scim.invalid" is not found`)),
		Entry("nobody there", func() *front { return &front{url: "https://localhost:1", pki: authority} },
			finding("tls", doctor.Failed, "no TLS connection")),
		Entry("an authority that nobody trusts", func() *front {
			f := newFront(manager.SCIMURL, authority, newPKI(GinkgoT().TempDir()).issue("localhost", time.Now().Add(time.Hour)), nil, nil)
			return f
		}, And(finding("tls", doctor.Failed, "authority is not trusted"), finding("unknown provider", doctor.OK, "404"),
			finding("test connection: doc", doctor.Skipped, "no token is sent"))),
		Entry("a certificate that has ended", func() *front {
			return newFront(manager.SCIMURL, authority, authority.issue("localhost", time.Now().Add(-time.Hour)), nil, nil)
		}, finding("tls", doctor.Failed, "the certificate is good from")),
		Entry("a certificate that ends soon", func() *front {
			return newFront(manager.SCIMURL, authority, authority.issue("localhost", time.Now().Add(48*time.Hour)), nil, nil)
		}, finding("tls", doctor.Warning, "the certificate ends in 48h")),
		Entry("a certificate for somebody else", func() *front {
			return newFront(manager.SCIMURL, authority, authority.issue("other.example.com", time.Now().Add(time.Hour)), nil, nil)
		}, finding("tls", doctor.Failed, "the certificate is not for localhost")),
		Entry("old TLS", func() *front {
			return newFront(manager.SCIMURL, authority, good(), &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, nil)
		}, finding("tls", doctor.Failed, "the endpoint speaks TLS 1.1")),
		Entry("no manager behind the proxy", func() *front {
			return newFront(manager.SCIMURL, authority, good(), nil, answering(http.StatusServiceUnavailable))
		}, finding("unknown provider", doctor.Failed, "answers 503: it reaches no manager")),
		Entry("a login page", func() *front {
			return newFront(manager.SCIMURL, authority, good(), nil, func(http.Handler) http.Handler { return http.RedirectHandler("/login", http.StatusFound) })
		}, finding("unknown provider", doctor.Failed, `the endpoint redirects to "/login"`)),
		Entry("authentication of the proxy's own", func() *front {
			return newFront(manager.SCIMURL, authority, good(), nil, answering(http.StatusUnauthorized))
		}, finding("unknown provider", doctor.Failed, "something in front of Rollcall answers 401")),
		Entry("another service on the host", func() *front {
			return newFront(manager.SCIMURL, authority, good(), nil, answering(http.StatusOK))
		}, finding("unknown provider", doctor.Failed, "something other than Rollcall answers 200")),
		Entry("a proxy that takes the query off", func() *front {
			return newFront(manager.SCIMURL, authority, good(), nil, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.URL.RawQuery = ""
					next.ServeHTTP(w, r)
				})
			})
		}, finding("test connection: doc", doctor.Failed, "users are found of whom none can exist")),
		Entry("a proxy that changes the path", func() *front {
			return newFront(manager.SCIMURL, authority, good(), nil, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.URL.Path = strings.Replace(r.URL.Path, "/doc/", "/elsewhere/", 1)
					next.ServeHTTP(w, r)
				})
			})
		}, finding("wrong token: doc", doctor.Failed, `404: the endpoint knows no provider "doc"`)),
		Entry("a clock that is wrong", func() *front {
			return newFront(manager.SCIMURL, authority, good(), nil, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(late{w}, r)
				})
			})
		}, finding("clock", doctor.Failed, "differ by 10m")),
	)

	It("finds rules that can't work", func(ctx SpecContext) {
		const rules = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: unbindable}
rules: [{apiGroups: [""], resources: [secrets], verbs: [list]}]
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: doc-unbindable}
spec: {role: doc, roleRef: {kind: ClusterRole, name: unbindable}, clusterWide: true}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: doc-missing}
spec: {role: doc, roleRef: {kind: ClusterRole, name: no-such-role}, namespaces: [default]}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: doc-missing-role}
spec: {role: doc, roleRef: {kind: Role, name: no-such-role}, namespaces: [default]}
`
		apply(ctx, rules)
		DeferCleanup(func(ctx SpecContext) {
			for _, name := range []string{"doc-unbindable", "doc-missing", "doc-missing-role"} {
				_, err := shared.Kubectl(ctx, "delete", "accessrule", name)
				Expect(err).NotTo(HaveOccurred())
			}
		})
		Expect(root.examine(ctx, provider, "--read-only")).To(And(
			finding("access rules", doctor.Failed, `AccessRule "doc-unbindable" gives ClusterRole "unbindable", which the manager may not bind in every namespace`),
			finding("access rules", doctor.Failed, `AccessRule "doc-missing" gives ClusterRole "no-such-role", which does not exist`),
			finding("access rules", doctor.Warning, `AccessRule "doc-missing-role" gives Role "no-such-role", which does not exist in namespace "default"`)))
	})

	It("finds providers that can't connect", func(ctx SpecContext) {
		apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: IdentityProvider
metadata: {name: doc-paused}
spec: {paused: true}
`)
		Expect(root.examine(ctx, "doc-paused")).To(And(
			finding("identity providers", doctor.Failed, `"doc-paused" has no live token`),
			finding("identity providers", doctor.Warning, `"doc-paused" is paused`)))
		Expect(root.examine(ctx, "nosuch")).To(And(
			finding("identity providers", doctor.Failed, `there is no IdentityProvider "nosuch"`),
			ContainElement(HaveField("Cure", HavePrefix("kubectl get identityproviders")))))
	})

	It("finds a manager that is not where it is looked for", func(ctx SpecContext) {
		Expect(root.examine(ctx, provider, "--read-only", "--manager-namespace", "default")).To(And(
			finding("manager's rights", doctor.Failed, "ServiceAccount default/rollcall-manager may not watch secrets"),
			finding("leader", doctor.Failed, "there is no Lease default/rollcall-manager")))
	})

	It("asks for the rights of the ServiceAccount that the manager runs as", func(ctx SpecContext) {
		apply(ctx, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: rollcall-manager, namespace: %s}
spec:
  replicas: 0
  selector: {matchLabels: {app: doc}}
  template:
    metadata: {labels: {app: doc}}
    spec: {serviceAccountName: scim-operator, containers: [{name: manager, image: rollcall}]}
`, cluster.Namespace)
		DeferCleanup(func(ctx SpecContext) {
			_, err := shared.Kubectl(ctx, "-n", cluster.Namespace, "delete", "deployment", "rollcall-manager")
			Expect(err).NotTo(HaveOccurred())
		})
		Expect(root.examine(ctx, provider, "--read-only")).To(
			finding("manager's rights", doctor.Failed, "ServiceAccount rollcall-system/scim-operator may not watch secrets"))
		apply(ctx, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: scim-operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, namespace: %s, name: scim-operator}]
`, cluster.Namespace)
		Eventually(func() []doctor.Finding { return root.examine(ctx, provider, "--read-only") }).WithContext(ctx).Should(
			finding("manager's rights", doctor.OK, "ServiceAccount rollcall-system/scim-operator may do what it needs"))
	})

	It("says what it could not see", func(ctx SpecContext) {
		Expect(terminalOf("stranger@example.com").examine(ctx)).To(And(
			finding("authorization", doctor.Skipped, "is forbidden"), finding("kinds", doctor.Failed, "nothing can be examined")))
	})

	It("finds a manager that has gone, and one that was stopped", func(ctx SpecContext) {
		c, err := cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(c.Stop()).To(Succeed()) })
		m, err := c.StartManager(ctx, cluster.ManagerOptions{LeaderElect: true})
		Expect(err).NotTo(HaveOccurred())
		there := adminOf(c)
		Expect(c.Apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: IdentityProvider
metadata: {name: here}
`)).To(Succeed())
		Eventually(func() []doctor.Finding { return there.examine(ctx, "--read-only") }).WithContext(ctx).Should(And(
			finding("leader", doctor.OK, "leads"), finding("webhooks answer", doctor.OK, ""),
			finding("identity providers", doctor.Failed, `"here" has no live token`), finding("unknown provider", doctor.OK, "404")))

		Expect(m.Stop()).To(Succeed())
		Expect(there.examine(ctx, "--read-only")).To(And(
			finding("leader", doctor.Failed, "nobody leads"),
			finding("webhooks answer", doctor.Failed, "failed calling webhook"),
			finding("unknown provider", doctor.Failed, "no answer")))
		// As the manager, which alone may write it.
		itself, err := client.New(c.Manager(), client.Options{Scheme: cluster.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: "rollcall-manager"}}
		Expect(itself.Get(ctx, client.ObjectKeyFromObject(lease), lease)).To(Succeed())
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = ptr.To("pod-1"), ptr.To(int32(15))
		lease.Spec.RenewTime = ptr.To(metav1.NewMicroTime(time.Now().Add(-time.Hour)))
		Expect(itself.Update(ctx, lease)).To(Succeed())
		Expect(there.examine(ctx, "--read-only")).To(finding("leader", doctor.Failed, "pod-1 last renewed its Lease"))
	})

	It("finds what an installation lacks", func(ctx SpecContext) {
		c, err := cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(c.Stop()).To(Succeed()) })
		there := adminOf(c)
		Expect(c.Apply(ctx, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: wide-open}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]
`)).To(Succeed())
		Eventually(func() []doctor.Finding { return there.examine(ctx) }).WithContext(ctx).Should(And(
			finding("authorization", doctor.Failed, `lets a user whom nobody knows bind cluster-admin. RBAC: allowed by ClusterRoleBinding "wide-open"`),
			finding("leader", doctor.Failed, "there is no Lease"),
			finding("webhooks", doctor.Failed, `there is no MutatingWebhookConfiguration "rollcall"`),
			finding("webhooks", doctor.Failed, `there is no ValidatingWebhookConfiguration "rollcall"`),
			finding("webhooks answer", doctor.Failed, "no webhook has a say"),
			finding("identity providers", doctor.Failed, "there is no IdentityProvider")))

		By("webhooks whose Service nobody answers")
		text, err := os.ReadFile(filepath.Join("..", "..", "config", "webhook", "manifests.yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Apply(ctx, strings.Replace(string(text), "failurePolicy: Fail", "failurePolicy: Ignore", 1))).To(Succeed())
		Expect(there.examine(ctx)).To(And(
			finding("webhooks", doctor.Failed, "is passed over when it doesn't answer"),
			finding("webhooks", doctor.Failed, "has no caBundle"),
			finding("webhooks", doctor.Failed, "there is no Service rollcall-system/rollcall-webhook")))
		text, err = os.ReadFile(filepath.Join("..", "..", "config", "webhook", "service.yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Apply(ctx, string(text))).To(Succeed())
		Expect(there.examine(ctx)).To(finding("webhooks", doctor.Failed, "has no endpoint"))

		By("locks that are open")
		_, err = c.Kubectl(ctx, "delete", "validatingadmissionpolicybinding", "rollcall-users")
		Expect(err).NotTo(HaveOccurred())
		_, err = c.Kubectl(ctx, "patch", "validatingadmissionpolicybinding", "rollcall-roles", "--type=merge", "-p", `{"spec":{"validationActions":["Audit"]}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(there.examine(ctx)).To(And(
			finding("locks", doctor.Failed, `there is no ValidatingAdmissionPolicyBinding "rollcall-users"`),
			finding("locks", doctor.Failed, "the policy rollcall-roles denies nothing")))

		By("a kind that is not there")
		_, err = c.Kubectl(ctx, "delete", "crd", "accessrules.identity.rollcall.dev")
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() []doctor.Finding { return there.examine(ctx) }).WithContext(ctx).Should(
			finding("kinds", doctor.Failed, "does not know the kind AccessRule"))
		Expect(there.refused(ctx, "status")).To(ContainSubstring("Is Rollcall installed in this cluster?"))
	})
})

// answering is a proxy that answers everything itself.
func answering(status int) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not Rollcall", status) })
	}
}

// late answers with a clock that is ten minutes slow.
type late struct{ http.ResponseWriter }

func (l late) WriteHeader(status int) {
	l.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
	l.ResponseWriter.WriteHeader(status)
}

// adminOf is a terminal at another cluster.
func adminOf(c *cluster.Cluster) *terminal {
	GinkgoHelper()
	path, err := c.Kubeconfig("doctor", c.Admin())
	Expect(err).NotTo(HaveOccurred())
	return &terminal{kubeconfig: path, cache: c.Dir() + "/discovery"}
}
