//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
)

var secretToken = regexp.MustCompile(`Secret Token:  (rollcall_([0-9a-f]{10})_\S+)\n`)

var _ = Describe("tokens", Ordered, func() {
	const provider = "toks"
	var first, second []string // whole match, token, id

	status := func(ctx context.Context, token string) int {
		GinkgoHelper()
		c, err := entra.NewClient(manager.TenantURL(provider), token, entra.Options{})
		Expect(err).NotTo(HaveOccurred())
		x := c.Send(ctx, http.MethodGet, "/Users?count=1", nil)
		Expect(x.Err).NotTo(HaveOccurred())
		return x.Status
	}

	It("activates a provider that is new", func(ctx SpecContext) {
		p := root.run(ctx, "activate", provider, "--subject-prefix", "oidc:", "--subject-from", "Email")
		Expect(p.Code).To(Equal(0), p.Err)
		Expect(p.Out).To(HavePrefix("Tenant URL:    " + manager.TenantURL(provider) + "\nSecret Token:  rollcall_"))
		Expect(p.Err).To(And(HavePrefix("identityprovider.identity.rollcall.dev/toks created, of type Generic\n"), ContainSubstring("won't be shown again")))
		first = secretToken.FindStringSubmatch(p.Out)
		idp := get(ctx, provider, &v1alpha1.IdentityProvider{})
		Expect(idp.Spec.Type).To(Equal(v1alpha1.ProviderGeneric))
		Expect(idp.Spec.Subject).To(Equal(v1alpha1.SubjectRule{From: v1alpha1.SubjectFromEmail, Prefix: "oidc:"}))
		Eventually(func() int { return status(ctx, first[1]) }).WithContext(ctx).Should(Equal(http.StatusOK))

		By("the cluster holding no token")
		var secrets corev1.SecretList
		Expect(shared.Client().List(ctx, &secrets, client.InNamespace(cluster.Namespace), client.MatchingLabels{v1alpha1.TokenLabel: provider})).To(Succeed())
		Expect(secrets.Items).To(HaveLen(1))
		text, err := json.Marshal(secrets.Items[0])
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).NotTo(ContainSubstring(first[1]))
	})

	It("rotates", func(ctx SpecContext) {
		root.eventually(ctx, "tokens", provider).Should(MatchRegexp(`toks +` + first[2] + ` +Live +20\S+Z +20\S+Z +20\S+Z\n`))
		p := root.run(ctx, "rotate", provider)
		Expect(p.Code).To(Equal(0), p.Err)
		second = secretToken.FindStringSubmatch(p.Out)
		Expect(p.Err).To(HaveSuffix("  kubectl rollcall revoke toks " + first[2] + "\n"))
		Eventually(func() int { return status(ctx, second[1]) }).WithContext(ctx).Should(Equal(http.StatusOK))
		Expect(status(ctx, first[1])).To(Equal(http.StatusOK))
		Expect(root.refused(ctx, "rotate", "nosuch")).To(HavePrefix(`Error: there is no IdentityProvider "nosuch": kubectl get `))
		Expect(root.refused(ctx, "tokens", "nosuch")).To(HavePrefix(`Error: there is no IdentityProvider "nosuch": kubectl get `))
	})

	It("revokes", func(ctx SpecContext) {
		Expect(root.ok(ctx, "revoke", provider, first[2], "--dry-run=server")).To(ContainSubstring("(server dry run)"))
		Expect(root.ok(ctx, "revoke", provider, first[2])).To(Equal("identityprovider.identity.rollcall.dev/toks token " + first[2] + " revoked\n"))
		Eventually(func() int { return status(ctx, first[1]) }).WithContext(ctx).Should(Equal(http.StatusUnauthorized))
		Expect(status(ctx, second[1])).To(Equal(http.StatusOK))
		Expect(root.refused(ctx, "revoke", provider, first[2])).To(HavePrefix("Error: identity provider \"toks\" has no token \"" + first[2] + "\" in namespace "))

		root.eventually(ctx, "tokens", "-o", "json").ShouldNot(ContainSubstring(first[2]))
		p := root.run(ctx, "revoke", provider, second[2])
		Expect(p.Code).To(Equal(0))
		Expect(p.Err).To(HavePrefix("No live token is left: "))
		root.eventually(ctx, "status").Should(ContainSubstring("identityprovider/toks: NoToken: no live token: SCIM requests can't authenticate"))
	})

	It("says when a rotation stopped half way", func(ctx SpecContext) {
		const half = "tokshalf"
		old := secretToken.FindStringSubmatch(root.ok(ctx, "activate", half, "--expires-in", "20d"))
		c, err := entra.NewClient(manager.TenantURL(half), old[1], entra.Options{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() int { return c.Send(ctx, http.MethodGet, "/Users?count=1", nil).Status }).WithContext(ctx).Should(Equal(http.StatusOK))
		made := secretToken.FindStringSubmatch(root.ok(ctx, "rotate", half))
		told := fmt.Sprintf("identityprovider/%s: ExpiresSoon: the token %s ends at ", half, old[2])
		root.eventually(ctx, "tokens", half).Should(And(
			MatchRegexp(old[2]+` +Expiring `), MatchRegexp(made[2]+` +Live `),
			ContainSubstring(told), ContainSubstring("give the identity provider the token "+made[2])))
		root.eventually(ctx, "status").Should(ContainSubstring(told))
		Expect(root.run(ctx, "doctor", half, "--read-only").Out).To(ContainSubstring(`Warning  identity providers: "tokshalf": the token ` + old[2]))
	})

	It("keeps no token that it could not show", func(ctx SpecContext) {
		var before, after corev1.SecretList
		ours := []client.ListOption{client.InNamespace(cluster.Namespace), client.MatchingLabels{v1alpha1.TokenLabel: provider}}
		Expect(shared.Client().List(ctx, &before, ours...)).To(Succeed())
		var errOut bytes.Buffer
		streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: full{}, ErrOut: &errOut}
		Expect(execute(ctx, streams, []string{"--kubeconfig", root.kubeconfig, "activate", provider})).To(Equal(1))
		Expect(errOut.String()).To(ContainSubstring("Error: show the token: the disk is full"))
		Expect(shared.Client().List(ctx, &after, ours...)).To(Succeed())
		Expect(after.Items).To(HaveLen(len(before.Items)))
	})

	It("makes no token for whoever may not", func(ctx SpecContext) {
		Expect(terminalOf("mallory@example.com").refused(ctx, "activate", provider)).To(ContainSubstring(`User "mallory@example.com" cannot get`))
		Expect(root.refused(ctx, "activate", provider, "--type", "Okta")).To(ContainSubstring("is there already, and --type is for a new one"))
		Expect(root.refused(ctx, "activate", provider, "--manager-namespace", "nosuch")).To(ContainSubstring(`there is no namespace "nosuch"`))
		Expect(root.refused(ctx, "revoke", provider, first[1])).To(And(ContainSubstring("say its ID alone"), Not(ContainSubstring(first[1]))))
		Expect(root.refused(ctx, "activate", "Not A Name")).To(HavePrefix("Error: "))
		Expect(root.refused(ctx, "activate", provider, "--expires-in", "-1h")).To(ContainSubstring("a token can't live for"))
	})
})

// full is where nothing can be written.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

var _ = Describe("status", func() {
	It("shows providers with their counts, and what is wrong", func(ctx SpecContext) {
		d := newDirectory(ctx, "stat")
		ida := d.user(ctx, "a@stat.example.com")
		idb := d.user(ctx, "b@stat.example.com")
		d.user(ctx, "c@stat.example.com")
		d.group(ctx, "Stat One", ida)
		d.active(ctx, idb, false)
		d.delete(ctx, "/Users/"+d.user(ctx, "d@stat.example.com"))
		apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: stat-nowhere}
spec: {role: stat-nowhere, roleRef: {kind: ClusterRole, name: deployer}, clusterWide: true}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: stat-robot}
spec: {userName: stat-robot, type: ServiceAccount, serviceAccountRef: {namespace: stat, name: robot}}
`)
		root.eventually(ctx, "status").Should(And(
			MatchRegexp(`PROVIDER +TYPE +LAST CONTACT +ACTIVE +SUSPENDED +DEPROVISIONED +ROLES +TOKENS\n`),
			MatchRegexp(`\nstat +Entra +20\S+Z +2 +1 +1 +1 +1\n`),
			ContainSubstring("\nlocal "),
			ContainSubstring(`accessrule/stat-nowhere: RoleNotFound: there is no ProvisionedRole "stat-nowhere" (yet)`),
			ContainSubstring(`provisioneduser/stat-robot: NotFound: there is no ServiceAccount "robot" in namespace "stat" (yet)`)))
		var o overview
		Expect(json.Unmarshal([]byte(root.ok(ctx, "status", "-o", "json")), &o)).To(Succeed())
		Expect(o.Providers).To(ContainElement(And(HaveField("Name", "stat"), HaveField("Active", 2), HaveField("TenantURL", manager.TenantURL("stat")))))
	})
})
