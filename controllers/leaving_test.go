//go:build integration

package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

var _ = Describe("An object that a finalizer holds", func() {
	const finalizer = "example.com/hold"
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	hold := func(ctx SpecContext, o client.Object) {
		GinkgoHelper()
		patch(ctx, o, func(o client.Object) { o.SetFinalizers([]string{finalizer}) })
		DeferCleanup(func(ctx SpecContext) {
			patch(ctx, o, func(o client.Object) { o.SetFinalizers(nil) })
		})
	}

	It("gives a user nothing after the deletion of the user", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		hold(ctx, u)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		remove(ctx, u)
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status).To(And(
				HaveField("State", v1alpha1.StateSuspended), HaveField("Reason", access.ReasonLeaving)))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("gives nobody anything after the deletion of the role", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		hold(ctx, s.role)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		remove(ctx, s.role)
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			role := fetch(ctx, g, s.role)
			g.Expect(role.Status.ActiveMembers).To(BeZero())
			g.Expect(meta.IsStatusConditionFalse(role.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
			g.Expect(fetch(ctx, g, u).Status.Roles).To(BeEmpty())
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("gives nothing after the deletion of the attachment", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := s.newUser("alice")
		a := s.newAttachment(u, s.role)
		hold(ctx, a)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		Expect(admin.Delete(ctx, a)).To(Succeed())
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
	}, NodeTimeout(2*patience))
})

var _ = Describe("A provider that is gone", func() {
	It("leaves no series behind", func(ctx SpecContext) {
		s := newStage(ctx)
		series := func(g Gomega) (n int) {
			families, err := metrics.Registry.Gather()
			g.Expect(err).NotTo(HaveOccurred())
			for _, f := range families {
				for _, m := range f.GetMetric() {
					for _, l := range m.GetLabel() {
						if f.GetName() == "rollcall_users" && l.GetValue() == s.provider {
							n++
						}
					}
				}
			}
			return n
		}
		Eventually(func(g Gomega) { g.Expect(series(g)).To(Equal(3)) }, patience, interval).Should(Succeed())
		Expect(admin.Delete(ctx, &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}})).To(Succeed())
		Eventually(func(g Gomega) { g.Expect(series(g)).To(BeZero()) }, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))
})
