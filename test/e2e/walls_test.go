//go:build integration

package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/entra"
)

var _ = Describe("Walls", func() {
	var mine, other *world
	BeforeEach(func(ctx SpecContext) {
		mine, other = newWorld(ctx, entra.Options{}), newWorld(ctx, entra.Options{})
	})

	client := func(provider, token string) *entra.Client {
		GinkgoHelper()
		c, err := entra.NewClient(manager.TenantURL(provider), token, entra.Options{})
		Expect(err).NotTo(HaveOccurred())
		return c
	}

	It("no token, a wrong one and another provider's are 401 with a challenge", func(ctx SpecContext) {
		for _, token := range []string{"", "wrong", "rollcall_00000000_" + strings.Repeat("A", 43), other.token} {
			a := send(ctx, client(mine.name, token), http.MethodGet, "/Users", "")
			expectError(a, http.StatusUnauthorized, "")
			Expect(a.Header.Get("WWW-Authenticate")).To(HavePrefix("Bearer"))
		}
	})

	It("an unknown provider is 404, whatever the token", func(ctx SpecContext) {
		for _, token := range []string{"", mine.token} {
			expectError(send(ctx, client("nobody", token), http.MethodGet, "/Users", ""), http.StatusNotFound, "")
		}
	})

	It("another provider's users and groups don't exist", func(ctx SpecContext) {
		user, group := other.create(ctx, other.upn("ann"), "1"), other.createGroup(ctx, "Team")
		for _, target := range []string{"/Users/" + user, "/Groups/" + group} {
			expectError(send(ctx, mine.raw, http.MethodGet, target, ""), http.StatusNotFound, "")
			expectError(send(ctx, mine.raw, http.MethodPatch, target, patchBody(deactivate)), http.StatusNotFound, "")
			expectError(send(ctx, mine.raw, http.MethodDelete, target, ""), http.StatusNotFound, "")
		}
		for _, filter := range []string{fmt.Sprintf("userName eq %q", other.upn("ann")), fmt.Sprintf("id eq %q", user)} {
			a := send(ctx, mine.raw, http.MethodGet, "/Users?filter="+url.QueryEscape(filter), "")
			Expect(a.body).To(HaveKeyWithValue("totalResults", BeEquivalentTo(0)))
		}
		Expect(expectUser(ctx, other.upn("ann"), v1alpha1.StateActive, v1alpha1.LevelUser).Spec.Active).To(HaveValue(BeTrue()))
	})

	It("another provider's users and local ones are members that nobody knows", func(ctx SpecContext) {
		stranger, group := other.create(ctx, other.upn("ann"), "1"), mine.createGroup(ctx, "Team")
		may := mine.rule(ctx, mine.role("team"))
		own := mine.create(ctx, mine.upn("ben"), "2")
		Expect(shared.Apply(ctx, fmt.Sprintf(`
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: robot--%s.example.com}
spec: {userName: %q, id: 11111111-1111-4111-8111-%012d}
`, mine.name, mine.upn("robot"), worlds.Load()))).To(Succeed())
		local := user(ctx, Default, mine.upn("robot"))

		body := patchBody(`{"op":"Add","path":"members","value":[{"value":%q},{"value":%q},{"value":%q}]}`, stranger, local.Spec.ID, own)
		expectStatus(send(ctx, mine.raw, http.MethodPatch, "/Groups/"+group, body), http.StatusNoContent)
		expectAllowed(ctx, may(mine.upn("ben")))
		Eventually(func(g Gomega) {
			r := get(ctx, g, mine.role("team"), &v1alpha1.ProvisionedRole{})
			g.Expect(r.Spec.UnresolvedMembers).To(ConsistOf(stranger, local.Spec.ID))
			g.Expect(r.Status.Members).To(BeEquivalentTo(1))
		}).WithContext(ctx).Should(Succeed())
		for _, name := range []string{other.upn("ann"), mine.upn("robot")} {
			Expect(judge.May(ctx, may(name))).To(BeFalse())
		}
	})

	It("local objects don't exist for SCIM, and a matching POST is refused", func(ctx SpecContext) {
		Expect(shared.Apply(ctx, fmt.Sprintf(`
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: local--%[1]s.example.com}
spec: {userName: %[2]q}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedRole
metadata: {name: %[1]s-locals}
spec: {displayName: %[1]s Locals}
`, mine.name, mine.upn("local")))).To(Succeed())
		out, err := shared.Kubectl(ctx, "get", "provisioneduser", "local--"+mine.name+".example.com", "--no-headers")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring(mine.upn("local")))
		Eventually(func(g Gomega) {
			g.Expect(user(ctx, g, mine.upn("local")).Status.ManagedBy).To(Equal(v1alpha1.LocalManager))
		}).WithContext(ctx).Should(Succeed())
		for _, target := range []string{"/Users?count=0", "/Groups?count=0"} {
			Expect(send(ctx, mine.raw, http.MethodGet, target, "").body).To(HaveKeyWithValue("totalResults", BeEquivalentTo(0)))
		}
		a := send(ctx, mine.raw, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q}`, mine.upn("LOCAL")))
		expectError(a, http.StatusConflict, "uniqueness")
		a = send(ctx, mine.raw, http.MethodPost, "/Groups", fmt.Sprintf(`{"displayName":%q}`, mine.group("Locals")))
		expectError(a, http.StatusConflict, "uniqueness")
	})

	It("two providers may know people and groups of the same names", func(ctx SpecContext) {
		first, second := mine.create(ctx, mine.upn("ann"), "1"), other.create(ctx, mine.upn("ann"), "1")
		Expect(first).NotTo(Equal(second))
		Expect(mine.createGroup(ctx, "Team")).NotTo(BeEmpty())
		a := send(ctx, other.raw, http.MethodPost, "/Groups", fmt.Sprintf(`{"displayName":%q}`, mine.group("Team")))
		expectStatus(a, http.StatusCreated)
	})

	It("a token can be revoked, and no restart is needed", func(ctx SpecContext) {
		expectStatus(send(ctx, mine.raw, http.MethodGet, "/Users", ""), http.StatusOK)
		_, err := shared.Kubectl(ctx, "delete", "secrets", "-n", "rollcall-system", "-l", v1alpha1.TokenLabel+"="+mine.name)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func(g Gomega) {
			g.Expect(send(ctx, mine.raw, http.MethodGet, "/Users", "").Status).To(Equal(http.StatusUnauthorized))
		}).WithContext(ctx).Should(Succeed())
	})
})
