//go:build integration

package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

var _ = Describe("A user's status", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	It("accounts for every edge: what gives a role, and what does not and why", func(ctx SpecContext) {
		s.ctx = ctx
		past := metav1.Now()
		u := s.newUser("alice", s.role)
		expired := s.newAttachment(u, s.role, func(a *v1alpha1.RoleAttachment) {
			a.Spec.ExpiresAt, a.Spec.Author = &past, &v1alpha1.Author{Username: "ann"}
		})
		missing := s.newAttachment(u, &v1alpha1.ProvisionedRole{ObjectMeta: metav1.ObjectMeta{Name: "later-" + s.id}})
		source := func(name, reason string) types.GomegaMatcher {
			return And(HaveField("Name", name), HaveField("Reason", reason), HaveField("Message", Not(BeEmpty())))
		}
		Eventually(func(g Gomega) {
			status := fetch(ctx, g, u).Status
			g.Expect(status.Roles).To(HaveExactElements(HaveField("Name", s.role.Name)))
			g.Expect(status.Withheld).To(ConsistOf(
				And(HaveField("Name", s.role.Name), HaveField("Sources", HaveExactElements(And(source(expired.Name, access.ReasonExpired), HaveField("Author", "ann"))))),
				And(HaveField("Name", missing.Spec.Role), HaveField("Sources", HaveExactElements(source(missing.Name, access.ReasonRoleGone)))),
			))
		}, patience, interval).Should(Succeed())

		patch(ctx, u, suspend)
		Eventually(func(g Gomega) {
			status := fetch(ctx, g, u).Status
			g.Expect(status.Roles).To(BeEmpty())
			g.Expect(status.Withheld).To(ContainElement(And(HaveField("Name", s.role.Name), HaveField("Sources", HaveExactElements(
				source(s.provider, access.ReasonUserSuspended), source(expired.Name, access.ReasonSuspendedSince))))))
		}, patience, interval).Should(Succeed())

		remove(ctx, expired)
		remove(ctx, missing)
		patch(ctx, u, restore)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.Withheld).To(BeEmpty())
			g.Expect(u.Status.Roles).To(HaveLen(1))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("names who made the attachment that gives a role, and who changed it since", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice")
		a := s.newAttachment(u, s.role, func(a *v1alpha1.RoleAttachment) { a.Spec.Author = &v1alpha1.Author{Username: "ann"} })
		for _, author := range []string{"ann", "bob"} {
			patch(ctx, a, func(a *v1alpha1.RoleAttachment) { a.Spec.Author.Username = author })
			Eventually(func(g Gomega) {
				g.Expect(fetch(ctx, g, u).Status.Roles).To(HaveExactElements(HaveField("Sources", HaveExactElements(HaveField("Author", author)))))
			}, patience, interval).Should(Succeed())
		}
	}, NodeTimeout(2*patience))

	It("says that a level came through SCIM, as long as it does", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.user("alice")
		u.Spec.Attributes = &apiextensionsv1.JSON{Raw: []byte(`{"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":"Administrator"}}`)}
		s.create(u)
		Eventually(func(g Gomega) {
			ignored := condition(g, fetch(ctx, g, u).Status.Conditions, v1alpha1.ConditionPermissionLevelIgnored)
			g.Expect(ignored.Status).To(Equal(metav1.ConditionTrue))
			g.Expect(ignored.Message).To(ContainSubstring("kubectl patch provisioneduser " + u.Name))
			g.Expect(u.Status.PermissionLevel).To(Equal(v1alpha1.LevelUser))
		}, patience, interval).Should(Succeed())
		s.expectNoLevel(u.Spec.UserName)
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.Attributes = nil })
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.Conditions).To(HaveExactElements(HaveField("Type", v1alpha1.ConditionReady)))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("says whether the ServiceAccount is there, and binds it anyway", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		robot := &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: "robot-" + s.id},
			Spec: v1alpha1.ProvisionedUserSpec{
				UserName: "robot-" + s.id, Type: v1alpha1.ServiceAccount,
				ServiceAccountRef: &v1alpha1.ServiceAccountReference{Namespace: s.namespace, Name: "robot"},
			},
		}
		s.create(robot)
		s.newAttachment(robot, s.role)
		expect := func(status metav1.ConditionStatus) {
			GinkgoHelper()
			Eventually(func(g Gomega) {
				found := condition(g, fetch(ctx, g, robot).Status.Conditions, v1alpha1.ConditionServiceAccountFound)
				g.Expect(found.Status).To(Equal(status))
				g.Expect(found.Message).To(And(ContainSubstring(s.namespace), ContainSubstring("robot")))
			}, patience, interval).Should(Succeed())
		}
		expect(metav1.ConditionFalse)
		s.expectCan("system:serviceaccount:"+s.namespace+":robot", "get", "pods", s.namespace)
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "robot"}}
		s.create(account)
		expect(metav1.ConditionTrue)
		remove(ctx, account)
		expect(metav1.ConditionFalse)
		Expect(s.can("system:serviceaccount:"+s.namespace+":robot", "get", "pods", s.namespace)).To(BeTrue())
	}, NodeTimeout(2*patience))
})
