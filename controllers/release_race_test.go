//go:build integration

package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// While an object is on its way to a local one, everybody else goes on writing.
var _ = Describe("A release, when somebody writes in between,", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	newMember := func(ctx SpecContext, name string) *v1alpha1.ProvisionedUser {
		GinkgoHelper()
		u := s.user(name, s.role)
		Expect(operator.Create(ctx, u)).To(Succeed())
		return u
	}
	// pending waits until a release of the user has made its attachment.
	pending := func(ctx SpecContext, u *v1alpha1.ProvisionedUser) {
		GinkgoHelper()
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(HaveLen(1)) }, patience, interval).Should(Succeed())
	}

	It("takes back what stands in for memberships as soon as a rule holds it", func(ctx SpecContext) {
		s.ctx = ctx
		u := newMember(ctx, "alice")
		outage.arm("/provisionedroles/"+s.role.Name, always, false)
		DeferCleanup(outage.disarm)
		patch(ctx, s.role, release)
		pending(ctx, u)
		s.newRule("pod-reader", func(r *v1alpha1.AccessRule) { r.Spec.Provider = s.provider })
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(BeEmpty()) }, patience, interval).Should(Succeed())
		outage.disarm()
		Eventually(func(g Gomega) {
			g.Expect(condition(g, fetch(ctx, g, s.role).Status.Conditions, v1alpha1.ConditionReady).Reason).To(Equal(v1alpha1.ReasonReleaseHeld))
		}, patience, interval).Should(Succeed())
		Expect(s.role.Spec.Provider).To(Equal(s.provider))
		Expect(attachmentsOf(ctx, Default, u)).To(BeEmpty())
	}, NodeTimeout(2*patience))

	It("gives a user nothing of a role that was released before, once the identity provider took the user out of it", func(ctx SpecContext) {
		s.ctx = ctx
		u := newMember(ctx, "alice")
		patch(ctx, s.role, release)
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, s.role).Spec.Provider).To(BeEmpty()) }, patience, interval).Should(Succeed())
		Expect(attachmentsOf(ctx, Default, u)).To(HaveExactElements(HaveField("Spec.ReleaseOf", v1alpha1.ReleaseOfRole)))

		// Both at once: a moment later the role's release would have seen the first.
		patchAs(ctx, operator, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.Memberships = nil })
		patch(ctx, u, release)
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, u).Spec.Provider).To(BeEmpty()) }, patience, interval).Should(Succeed())
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(BeEmpty()) }, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("lets an attachment be that was confirmed since the cache heard of it", func(ctx SpecContext) {
		s.ctx = ctx
		u := newMember(ctx, "alice")
		outage.arm("/provisionedusers/"+u.Name, always, false)
		DeferCleanup(outage.disarm)
		patch(ctx, u, release)
		pending(ctx, u)
		Eventually(outage.hit, patience, interval).Should(BeTrue(), "the cache has it")
		caughtUp := lag.begin("roleattachments")
		a := attachmentsOf(ctx, Default, u)[0]
		patchAs(ctx, operator, &a, func(a *v1alpha1.RoleAttachment) { a.Spec.ReleaseOf = "" })
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { delete(u.Annotations, v1alpha1.ReleaseAnnotation) })
		there := func() error { return admin.Get(ctx, client.ObjectKeyFromObject(&a), &a) }
		Consistently(there, time.Second, interval).Should(Succeed())
		caughtUp()
		outage.disarm()
		Consistently(there, 300*time.Millisecond, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	// So it is when another replica becomes the leader, whose API server is behind.
	It("lets attachments be of what the cache does not know to be local yet", func(ctx SpecContext) {
		s.ctx = ctx
		u, v := newMember(ctx, "alice"), newMember(ctx, "bob")
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, s.role).Status.ActiveMembers).To(BeEquivalentTo(2))
		}, patience, interval).Should(Succeed())
		released := []*v1alpha1.RoleAttachment{}
		caughtUp := lag.begin("provisionedroles")
		patchAs(ctx, operator, s.role, func(r *v1alpha1.ProvisionedRole) { r.Spec.Provider = "" })
		for _, member := range []*v1alpha1.ProvisionedUser{u, v} {
			released = append(released, s.newAttachment(member, s.role, func(a *v1alpha1.RoleAttachment) {
				a.Spec.RoleID, a.Spec.ReleaseOf = s.role.Spec.ID, v1alpha1.ReleaseOfRole
			}))
		}
		there := func(g Gomega) {
			for _, a := range released {
				g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(a), a)).To(Succeed())
			}
		}
		Consistently(there, time.Second, interval).Should(Succeed())
		caughtUp()
		Eventually(func(g Gomega) {
			there(g)
			for _, a := range released {
				g.Expect(a.Spec.ReleaseOf).To(BeEmpty())
			}
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("is not undone by a policy that changes when its write is under way", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := newMember(ctx, "alice")
		bindings := s.witness(ctx)
		Eventually(bindings.now, patience, interval).Should(HaveLen(1))
		before := bindings.now()
		bindings.forget()
		// Until the status has followed the attachment: another write of the object would make
		// the release's fail.
		outage.arm("/provisionedusers/"+u.Name, always, false)
		DeferCleanup(outage.disarm)
		p := s.end(ctx, v1alpha1.DeletionRelease)
		pending(ctx, u)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.Roles).To(HaveExactElements(
				HaveField("Sources", ContainElement(HaveField("Kind", v1alpha1.SourceRoleAttachment)))))
		}, patience, interval).Should(Succeed())
		arrived, open := door.shut("/provisionedusers/" + u.Name)
		outage.disarm()
		Eventually(arrived, patience).Should(BeClosed())
		patch(ctx, p, func(p *v1alpha1.IdentityProvider) { p.Spec.DeletionPolicy = v1alpha1.DeletionFreeze })
		Consistently(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(HaveLen(1)) }, time.Second, interval).Should(Succeed())
		open()
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, u).Spec.Provider).To(BeEmpty()) }, patience, interval).Should(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(attachmentsOf(ctx, g, u)).To(HaveExactElements(HaveField("Spec.ReleaseOf", BeEmpty())))
		}, patience, interval).Should(Succeed())
		bindings.expectNoGap(before)
	}, NodeTimeout(2*patience))
})
