//go:build integration

package controllers_test

import (
	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

var _ = Describe("An access rule that names a provider", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	expectReason := func(ctx SpecContext, rule *v1alpha1.AccessRule, reason string, says ...string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			ready := condition(g, fetch(ctx, g, rule).Status.Conditions, v1alpha1.ConditionReady)
			g.Expect(ready.Reason).To(Equal(reason))
			for _, part := range says {
				g.Expect(ready.Message).To(ContainSubstring(part))
			}
		}, patience, interval).Should(Succeed())
	}

	It("binds the holders of that provider's role, and nobody through another's of the same name", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice", s.role)
		name := u.Spec.UserName
		rule := s.newRule("pod-reader", func(r *v1alpha1.AccessRule) { r.Spec.Provider = "somebody-else" })
		expectReason(ctx, rule, v1alpha1.ReasonRoleOfAnotherProvider, s.provider, "somebody-else")
		Expect(s.bindings(rule, s.namespace)).To(BeEmpty())

		patch(ctx, rule, func(r *v1alpha1.AccessRule) { r.Spec.Provider = s.provider })
		s.expectCan(name, "get", "pods", s.namespace)
		expectReason(ctx, rule, v1alpha1.ReasonReconciled)
		patch(ctx, rule, func(r *v1alpha1.AccessRule) { r.Spec.Provider = v1alpha1.LocalManager })
		s.expectCannot(name, "get", "pods", s.namespace)
		expectReason(ctx, rule, v1alpha1.ReasonRoleOfAnotherProvider, s.provider, v1alpha1.LocalManager)
	}, NodeTimeout(2*patience))

	It("follows the role when it is released or taken over", func(ctx SpecContext) {
		s.ctx = ctx
		local := &v1alpha1.ProvisionedRole{
			ObjectMeta: metav1.ObjectMeta{Name: "ops-" + s.id},
			Spec:       v1alpha1.ProvisionedRoleSpec{ID: uuid.NewString(), DisplayName: "ops " + s.id},
		}
		s.create(local)
		u := s.newUser("alice")
		s.newAttachment(u, local)
		rule := s.newRule("pod-reader", func(r *v1alpha1.AccessRule) { r.Spec.Role, r.Spec.Provider = local.Name, v1alpha1.LocalManager })
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)

		patchAs(ctx, operator, local, func(r *v1alpha1.ProvisionedRole) { r.Spec.Provider = s.provider })
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
		expectReason(ctx, rule, v1alpha1.ReasonRoleOfAnotherProvider)
		patchAs(ctx, operator, local, func(r *v1alpha1.ProvisionedRole) { r.Spec.Provider = "" })
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		expectReason(ctx, rule, v1alpha1.ReasonReconciled)
	}, NodeTimeout(2*patience))
})

var _ = Describe("The author of an access rule", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	by := func(author *v1alpha1.Author, namespaces ...string) func(*v1alpha1.AccessRule) {
		return func(r *v1alpha1.AccessRule) {
			r.Spec.Author, r.Spec.Namespaces = author, append(r.Spec.Namespaces, namespaces...)
		}
	}
	// letBind gives somebody the verb bind on pod-reader in the stage's namespace.
	letBind := func(subject rbacv1.Subject) *rbacv1.RoleBinding {
		GinkgoHelper()
		name := "binder-" + s.id
		s.create(&rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
			Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: []string{"pod-reader"}, Verbs: []string{"bind"},
			}},
		})
		subject.APIGroup = rbacv1.GroupName
		b := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{subject},
		}
		s.create(b)
		return b
	}
	expect := func(ctx SpecContext, rule *v1alpha1.AccessRule, status metav1.ConditionStatus, reason string, says ...string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			c := condition(g, fetch(ctx, g, rule).Status.Conditions, v1alpha1.ConditionAuthorMayBind)
			g.Expect(c.Status).To(Equal(status))
			g.Expect(c.Reason).To(Equal(reason))
			g.Expect(c.ObservedGeneration).To(Equal(rule.Generation))
			for _, part := range says {
				g.Expect(c.Message).To(ContainSubstring(part))
			}
		}, patience, interval).Should(Succeed())
	}

	It("is asked about again: who has lost the right to bind is named, and the bindings stay", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice", s.role)
		right := letBind(rbacv1.Subject{Kind: rbacv1.UserKind, Name: "ann"})
		rule := s.newRule("pod-reader", by(&v1alpha1.Author{Username: "ann"}))
		expect(ctx, rule, metav1.ConditionTrue, access.ReasonAuthorMayBind)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)

		remove(ctx, right)
		expect(ctx, rule, metav1.ConditionFalse, access.ReasonAuthorLostRight, `"ann"`, `"pod-reader"`, s.namespace)
		Expect(s.can(u.Spec.UserName, "get", "pods", s.namespace)).To(BeTrue())
		Expect(condition(Default, rule.Status.Conditions, v1alpha1.ConditionReady).Status).To(Equal(metav1.ConditionTrue))

		right.ResourceVersion = ""
		s.create(right)
		expect(ctx, rule, metav1.ConditionTrue, access.ReasonAuthorMayBind)
	}, NodeTimeout(2*patience))

	It("may bind through a group that was recorded, and only where that is so", func(ctx SpecContext) {
		s.ctx = ctx
		letBind(rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "platform"})
		ann := &v1alpha1.Author{Username: "ann", UID: "1", Groups: []string{"platform"}}
		rule := s.newRule("pod-reader", by(ann))
		expect(ctx, rule, metav1.ConditionTrue, access.ReasonAuthorMayBind)
		By("another namespace, in which the group may not")
		elsewhere := s.newNamespace("elsewhere", nil)
		patch(ctx, rule, by(ann, elsewhere))
		expect(ctx, rule, metav1.ConditionFalse, access.ReasonAuthorLostRight, elsewhere)
		Expect(condition(Default, rule.Status.Conditions, v1alpha1.ConditionAuthorMayBind).Message).NotTo(ContainSubstring(s.namespace))
		By("another author")
		patch(ctx, rule, by(&v1alpha1.Author{Username: "bob"}))
		expect(ctx, rule, metav1.ConditionFalse, access.ReasonAuthorLostRight, `"bob"`, s.namespace)
	}, NodeTimeout(2*patience))

	It("is unknown when nobody recorded who it was", func(ctx SpecContext) {
		s.ctx = ctx
		rule := s.newRule("pod-reader")
		expect(ctx, rule, metav1.ConditionUnknown, access.ReasonAuthorUnknown, "next change")
	}, NodeTimeout(patience))
})
