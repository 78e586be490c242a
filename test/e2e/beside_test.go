//go:build integration

package e2e_test

import (
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/stall"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// What an administrator manages beside the identity provider, each act as somebody
// at the level Administrator who has no other right but to bind.
var _ = Describe("Beside the identity provider, an administrator", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) {
		w = newWorld(ctx, entra.Options{})
		w.addPeople("ann", "ben")
		Expect(w.tenant.Assign(w.upn("ann"), w.upn("ben"))).To(Succeed())
		w.addGroup("Engineers", w.upn("ann"))
		w.cycle(ctx)
	})

	It("makes users, service accounts and roles, shown as local and unknown to SCIM", func(ctx SpecContext) {
		a := newAdministrator(ctx)
		a.apply(ctx, "kind: ProvisionedUser\nmetadata: {name: vendor--%[1]s.example.com}\nspec: {userName: vendor@%[1]s.example.com}", w.name)
		a.apply(ctx, "kind: ProvisionedUser\nmetadata: {name: %[1]s-robot}\nspec: {userName: %[1]s-robot, type: ServiceAccount, serviceAccountRef: {namespace: %[1]s, name: robot}}", w.name)
		a.apply(ctx, "kind: ProvisionedRole\nmetadata: {name: %[1]s-on-call}\nspec: {displayName: %[1]s On-Call}", w.name)
		Eventually(func(g Gomega) {
			out, err := shared.Kubectl(ctx, "get", "provisionedusers", "vendor--"+w.name+".example.com", w.name+"-robot", "--no-headers")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(out).To(MatchRegexp(`(?m)^vendor--\S+ +vendor@\S+ +local +Active +User +0 `))
			g.Expect(out).To(MatchRegexp(`(?m)^\S+-robot +\S+-robot +local +Active +User +0 `))
			out, err = shared.Kubectl(ctx, "get", "provisionedroles", w.name+"-on-call", "--no-headers")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(out).To(MatchRegexp(`On-Call +local `))
		}).WithContext(ctx).Should(Succeed())
		for target, total := range map[string]int{"/Users?count=0": 2, "/Groups?count=0": 1} {
			Expect(send(ctx, w.raw, http.MethodGet, target, "").body).To(HaveKeyWithValue("totalResults", BeEquivalentTo(total)))
		}
	})

	It("is told the right name of a local user and of a local role", func(ctx SpecContext) {
		err := apply(ctx, chief(ctx), "git", "kind: ProvisionedUser\nmetadata: {name: zoe}\nspec: {userName: zoe@%s.example.com}", w.name)
		Expect(err).To(MatchError(ContainSubstring("zoe--" + w.name + ".example.com")))
		err = apply(ctx, chief(ctx), "git", "kind: ProvisionedRole\nmetadata: {name: on-call}\nspec: {displayName: %s On-Call}", w.name)
		Expect(err).To(MatchError(ContainSubstring(w.name + "-on-call")))
	})

	It("binds a ServiceAccount that need not be there yet, and says whether it is", func(ctx SpecContext) {
		a := newAdministrator(ctx)
		may := w.rule(ctx, w.role("engineers"))
		a.apply(ctx, "kind: ProvisionedUser\nmetadata: {name: %[1]s-robot}\nspec: {userName: %[1]s-robot, type: ServiceAccount, serviceAccountRef: {namespace: ns-%[1]s-engineers, name: robot}}", w.name)
		a.attach(ctx, w.name+"-robot", w.role("engineers"), "")
		robot := "system:serviceaccount:ns-" + w.name + "-engineers:robot"
		expectAllowed(ctx, may(robot))
		found := func(g Gomega) metav1.ConditionStatus {
			u := get(ctx, g, w.name+"-robot", &v1alpha1.ProvisionedUser{})
			for _, c := range u.Status.Conditions {
				if c.Type == v1alpha1.ConditionServiceAccountFound {
					return c.Status
				}
			}
			return ""
		}
		Eventually(func(g Gomega) { g.Expect(found(g)).To(Equal(metav1.ConditionFalse)) }).WithContext(ctx).Should(Succeed())
		Expect(shared.Client().Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns-" + w.name + "-engineers", Name: "robot"}})).To(Succeed())
		Eventually(func(g Gomega) { g.Expect(found(g)).To(Equal(metav1.ConditionTrue)) }).WithContext(ctx).Should(Succeed())
	})

	DescribeTable("attaches",
		func(ctx SpecContext, whom, what func(w *world) string) {
			a := newAdministrator(ctx)
			a.apply(ctx, "kind: ProvisionedUser\nmetadata: {name: %[1]s-local}\nspec: {userName: %[1]s-local}", w.name)
			a.apply(ctx, "kind: ProvisionedRole\nmetadata: {name: %[1]s-ops}\nspec: {displayName: %[1]s-ops}", w.name)
			may := w.rule(ctx, what(w))
			u := get(ctx, Default, whom(w), &v1alpha1.ProvisionedUser{})
			name := a.attach(ctx, u.Name, what(w), "")
			expectAllowed(ctx, may(u.Spec.UserName))
			Eventually(func(g Gomega) {
				u := get(ctx, g, u.Name, &v1alpha1.ProvisionedUser{})
				g.Expect(u.Status.Roles).To(ContainElement(v1alpha1.EffectiveRole{Name: what(w), Sources: []v1alpha1.RoleSource{
					{Kind: v1alpha1.SourceRoleAttachment, Name: name, Author: chiefName},
				}}))
			}).WithContext(ctx).Should(Succeed())

			By("the identity provider replacing the group's members, which is about its own")
			body := patchBody(`{"op":"replace","path":"members","value":[{"value":%q}]}`, w.job.UserID(w.upn("ann")))
			expectStatus(send(ctx, w.raw, http.MethodPatch, "/Groups/"+w.job.GroupID(w.group("Engineers")), body), http.StatusNoContent)
			put := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[]}`, w.group("Engineers"))
			expectStatus(send(ctx, w.raw, http.MethodPut, "/Groups/"+w.job.GroupID(w.group("Engineers")), put), http.StatusOK)
			Consistently(func(g Gomega) {
				g.Expect(judge.May(ctx, may(u.Spec.UserName))).To(BeTrue())
			}).WithContext(ctx).WithTimeout(300 * time.Millisecond).Should(Succeed())

			Expect(a.Delete(ctx, rattach(name))).To(Succeed())
			expectDenied(ctx, may(u.Spec.UserName))
		},
		Entry("a local user to a role of the identity provider",
			func(w *world) string { return w.name + "-local" }, func(w *world) string { return w.role("engineers") }),
		Entry("a user of the identity provider to a local role",
			func(w *world) string { return "ben--" + w.name + ".example.com" }, func(w *world) string { return w.role("ops") }),
		Entry("a user of the identity provider to one of its roles",
			func(w *world) string { return "ben--" + w.name + ".example.com" }, func(w *world) string { return w.role("engineers") }),
		Entry("a local user to a local role",
			func(w *world) string { return w.name + "-local" }, func(w *world) string { return w.role("ops") }),
	)

	It("grants temporary access, from one second to another", func(ctx SpecContext) {
		a, may := newAdministrator(ctx), w.rule(ctx, w.role("engineers"))
		ben := may(w.upn("ben"))
		machine := stall.Start(ctx)
		starts := time.Now().Add(4 * time.Second).Truncate(time.Second)
		ends := starts.Add(2 * time.Second)
		name := a.attach(ctx, "ben--"+w.name+".example.com", w.role("engineers"),
			fmt.Sprintf(", startsAt: %q, expiresAt: %q", starts.UTC().Format(time.RFC3339), ends.UTC().Format(time.RFC3339)))
		Expect(judge.May(ctx, ben)).To(BeFalse())
		expectAttachment(ctx, name, v1alpha1.AttachmentPending)
		given := await(ctx, ben, true)
		Expect(given).To(BeTemporally(">=", starts))
		Expect(given).To(BeTemporally("<", starts.Add(time.Second+machine.Total())))
		expectAttachment(ctx, name, v1alpha1.AttachmentActive)
		taken := await(ctx, ben, false)
		Expect(taken).To(BeTemporally(">=", ends))
		Expect(taken).To(BeTemporally("<", ends.Add(time.Second+machine.Total())))
		expectAttachment(ctx, name, v1alpha1.AttachmentExpired)
	})

	It("sets permission levels for users of the identity provider and local ones", func(ctx SpecContext) {
		a := newAdministrator(ctx)
		a.apply(ctx, "kind: ProvisionedUser\nmetadata: {name: %[1]s-local}\nspec: {userName: %[1]s-local}", w.name)
		for object, name := range map[string]string{w.name + "-local": w.name + "-local", "ben--" + w.name + ".example.com": w.upn("ben")} {
			expectLevel := func(level v1alpha1.PermissionLevel, read, attach bool) {
				GinkgoHelper()
				Expect(merge(ctx, a, puser(object), `{"spec":{"permissionLevel":%q}}`, level)).To(Succeed())
				await(ctx, verdict.Question{User: name, Verb: "list", Resource: "identityproviders.identity.rollcall.dev"}, read)
				await(ctx, mayAttach(name), attach)
			}
			expectLevel(v1alpha1.LevelAuditor, true, false)
			expectLevel(v1alpha1.LevelAdministrator, true, true)
			expectLevel(v1alpha1.LevelTeamLeader, false, true)
			expectLevel(v1alpha1.LevelUser, false, false)
		}
	})

	It("pauses the identity provider: SCIM is answered 503 with Retry-After, access stays as it is", func(ctx SpecContext) {
		a, may := newAdministrator(ctx), w.rule(ctx, w.role("engineers"))
		expectAllowed(ctx, may(w.upn("ann")))
		provider := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: w.name}}
		Expect(merge(ctx, a, provider, `{"spec":{"paused":true}}`)).To(Succeed())
		Eventually(func(g Gomega) {
			x := w.raw.Send(ctx, http.MethodGet, "/Users", nil)
			g.Expect(x.Status).To(Equal(http.StatusServiceUnavailable))
			g.Expect(x.Header.Get("Retry-After")).To(MatchRegexp(`^[0-9]+$`))
		}).WithContext(ctx).Should(Succeed())
		before := user(ctx, Default, w.upn("ann"))
		refused := send(ctx, w.raw, http.MethodPatch, "/Users/"+w.job.UserID(w.upn("ann")), patchBody(deactivate))
		expectError(refused, http.StatusServiceUnavailable, "")
		Expect(refused.Header.Get("Retry-After")).To(MatchRegexp(`^[0-9]+$`))
		Expect(user(ctx, Default, w.upn("ann")).Spec).To(Equal(before.Spec))
		Expect(judge.May(ctx, may(w.upn("ann")))).To(BeTrue())
		Expect(merge(ctx, a, provider, `{"spec":{"paused":false}}`)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(w.raw.Send(ctx, http.MethodGet, "/Users", nil).Status).To(Equal(http.StatusOK))
		}).WithContext(ctx).Should(Succeed())
	})

	It("suspends: every source has a reason of its own", func(ctx SpecContext) {
		a := newAdministrator(ctx)
		reason := func(name, want string) {
			GinkgoHelper()
			Eventually(func(g Gomega) {
				u := user(ctx, g, name)
				g.Expect(u.Status.State).To(Equal(v1alpha1.StateSuspended))
				g.Expect(u.Status.Reason).To(Equal(want))
			}).WithContext(ctx).Should(Succeed())
		}
		Expect(merge(ctx, a, puser("ann--"+w.name+".example.com"), `{"spec":{"suspend":true}}`)).To(Succeed())
		reason(w.upn("ann"), access.ReasonSuspended)
		Expect(w.tenant.Disable(w.upn("ben"))).To(Succeed())
		w.cycle(ctx)
		reason(w.upn("ben"), access.ReasonDeactivated)
		a.apply(ctx, "kind: ProvisionedUser\nmetadata: {name: %[1]s-local}\nspec: {userName: %[1]s-local, active: false}", w.name)
		reason(w.name+"-local", access.ReasonInactive)
	})
})
