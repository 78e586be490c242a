//go:build integration

package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/test/stall"
)

// usersIn is how many users the metrics have of a provider in a state.
func usersIn(g Gomega, provider string, state v1alpha1.UserState) float64 {
	families, err := metrics.Registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := make(map[string]string)
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == "rollcall_users" && labels["provider"] == provider && labels["state"] == string(state) {
				return m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

var _ = Describe("A provider that is deleted with the policy Suspend", func() {
	It("takes roles and levels from all its users at once, and from nobody else", func(ctx SpecContext) {
		s, other := newStage(ctx), newStage(ctx)
		s.newRule("pod-reader")
		other.newRule("pod-reader")
		u, stranger := s.newUser("alice", s.role), other.newUser("bob", other.role)
		s.assign(u, v1alpha1.LevelAdministrator)
		s.expectLevel(u.Spec.UserName, v1alpha1.LevelAdministrator)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		other.expectCan(stranger.Spec.UserName, "get", "pods", other.namespace)
		provider := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}
		const finalizer = "example.com/hold"
		patch(ctx, provider, func(p *v1alpha1.IdentityProvider) {
			p.Spec.DeletionPolicy = v1alpha1.DeletionSuspend
			p.Finalizers = append(p.Finalizers, finalizer)
		})
		DeferCleanup(func(ctx SpecContext) {
			patch(ctx, provider, func(p *v1alpha1.IdentityProvider) { p.Finalizers = nil })
		})

		Eventually(func(g Gomega) {
			g.Expect(usersIn(g, s.provider, v1alpha1.StateActive)).To(BeEquivalentTo(1))
		}, patience, interval).Should(Succeed())

		machine := stall.Start(ctx)
		remove(ctx, provider)
		deleted := time.Now()
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
		s.expectNoLevel(u.Spec.UserName)
		Expect(time.Since(deleted)).To(BeNumerically("<", time.Second+machine.Total()))
		Expect(other.can(stranger.Spec.UserName, "get", "pods", other.namespace)).To(BeTrue())
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status).To(And(HaveField("Reason", access.ReasonProviderDeleted), HaveField("PermissionLevel", v1alpha1.LevelUser)))
			g.Expect(fetch(ctx, g, s.role).Status.ActiveMembers).To(BeZero())
			g.Expect(usersIn(g, s.provider, v1alpha1.StateActive)).To(BeZero())
			g.Expect(usersIn(g, s.provider, v1alpha1.StateSuspended)).To(BeEquivalentTo(1))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))
})
