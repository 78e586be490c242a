//go:build integration

package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// release asks for the release of an object.
func release[T client.Object](o T) {
	o.SetAnnotations(map[string]string{v1alpha1.ReleaseAnnotation: v1alpha1.ReleaseValue, "example.com/note": "kept"})
}

var _ = Describe("A release by annotation", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	newMember := func(ctx SpecContext, name string, change func(*v1alpha1.ProvisionedUser), roles ...*v1alpha1.ProvisionedRole) *v1alpha1.ProvisionedUser {
		GinkgoHelper()
		u := s.user(name, roles...)
		if change != nil {
			change(u)
		}
		Expect(operator.Create(ctx, u)).To(Succeed())
		return u
	}

	It("makes a user local who keeps name, level and roles, without a gap", func(ctx SpecContext) {
		s.ctx = ctx
		patch(ctx, &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}, func(p *v1alpha1.IdentityProvider) {
			p.Spec.Subject.Prefix = "oidc:"
		})
		s.newRule("pod-reader")
		u := newMember(ctx, "alice", func(u *v1alpha1.ProvisionedUser) {
			u.Spec.PermissionLevel, u.Spec.PermissionLevelSubject = v1alpha1.LevelAuditor, u.Spec.UserName
		}, s.role)
		id, subject := u.Spec.ID, "oidc:"+u.Spec.UserName
		bindings := s.witness(ctx)
		Eventually(bindings.now, patience, interval).Should(HaveLen(1))
		before := bindings.now()
		bindings.forget()

		patch(ctx, u, release)

		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Spec.Provider).To(BeEmpty())
			g.Expect(u.Status).To(And(HaveField("ManagedBy", v1alpha1.LocalManager), HaveField("Subject", subject), HaveField("PermissionLevel", v1alpha1.LevelAuditor)))
			g.Expect(u.Status.Roles).To(HaveExactElements(HaveField("Name", s.role.Name)))
		}, patience, interval).Should(Succeed())
		Expect(u.Annotations).To(Equal(map[string]string{"example.com/note": "kept"}))
		Expect(u.Spec).To(And(HaveField("ID", id), HaveField("Memberships", BeEmpty())))
		Expect(attachmentsOf(ctx, Default, u)).To(HaveExactElements(And(
			HaveField("Name", HavePrefix(u.Name+"-"+s.role.Name+"-")),
			HaveField("Spec.Reason", `released from identity provider "`+s.provider+`"`),
			HaveField("Spec.ExpiresAt", BeNil()),
		)))
		Expect(bindings.now()).To(Equal(before))
		bindings.expectNoGap(before)
	}, NodeTimeout(2*patience))

	It("makes a role local whose members keep it, without a gap", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		patch(ctx, s.role, func(r *v1alpha1.ProvisionedRole) { r.Spec.UnresolvedMembers = []string{"nested"} })
		u := newMember(ctx, "alice", nil, s.role)
		inactive := newMember(ctx, "bob", suspend, s.role)
		bindings := s.witness(ctx)
		Eventually(bindings.now, patience, interval).Should(HaveLen(1))
		before := bindings.now()
		bindings.forget()

		patch(ctx, s.role, release)

		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, s.role).Spec).To(And(HaveField("Provider", ""), HaveField("UnresolvedMembers", BeEmpty())))
			g.Expect(s.role.Annotations).NotTo(HaveKey(v1alpha1.ReleaseAnnotation))
			g.Expect(fetch(ctx, g, u).Status.Roles).To(HaveExactElements(HaveField("Sources", HaveExactElements(HaveField("Kind", v1alpha1.SourceRoleAttachment)))))
		}, patience, interval).Should(Succeed())
		Expect(u.Spec.Provider).To(Equal(s.provider))
		Expect(attachmentsOf(ctx, Default, inactive)).To(HaveLen(1))
		Expect(bindings.now()).To(Equal(before))
		bindings.expectNoGap(before)
	}, NodeTimeout(2*patience))

	DescribeTable("waits until what stands in for the membership is in force", func(ctx SpecContext, of func(*v1alpha1.ProvisionedUser) client.Object) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := newMember(ctx, "alice", nil, s.role)
		bindings := s.witness(ctx)
		Eventually(bindings.now, patience, interval).Should(HaveLen(1))
		before := bindings.now()
		bindings.forget()
		caughtUp := lag.begin("roleattachments")
		o := of(u)
		patch(ctx, o, release[client.Object])
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(HaveLen(1)) }, patience, interval).Should(Succeed())
		Consistently(func(g Gomega) {
			g.Expect(fetch(ctx, g, o).GetAnnotations()).To(HaveKey(v1alpha1.ReleaseAnnotation))
		}, 300*time.Millisecond, interval).Should(Succeed())
		caughtUp()
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, o).GetAnnotations()).NotTo(HaveKey(v1alpha1.ReleaseAnnotation))
		}, patience, interval).Should(Succeed())
		Consistently(bindings.now, 300*time.Millisecond, interval).Should(Equal(before))
		bindings.expectNoGap(before)
		Expect(attachmentsOf(ctx, Default, u)).To(HaveLen(1))
	},
		Entry("of a user", func(u *v1alpha1.ProvisionedUser) client.Object { return u }, NodeTimeout(2*patience)),
		Entry("of a role", func(*v1alpha1.ProvisionedUser) client.Object { return s.role }, NodeTimeout(2*patience)))

	It("takes nothing for granted that an administrator has given an end", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := newMember(ctx, "alice", nil, s.role)
		patch(ctx, s.role, release)
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(HaveLen(1)) }, patience, interval).Should(Succeed())
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, s.role).Spec.Provider).To(BeEmpty()) }, patience, interval).Should(Succeed())
		end := metav1.NewTime(time.Now().Add(time.Hour))
		patch(ctx, &attachmentsOf(ctx, Default, u)[0], func(a *v1alpha1.RoleAttachment) { a.Spec.ExpiresAt = &end })

		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Spec.Memberships).To(BeEmpty(), "the membership ends with the first release")
		}, patience, interval).Should(Succeed())

		By("an adoption that keeps what was granted, and a second release")
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(s.role), s.role)).To(Succeed())
		adopted := s.role.DeepCopy()
		adopted.Spec.Provider = s.provider
		Expect(operator.Patch(ctx, adopted, client.MergeFrom(s.role))).To(Succeed())
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) {
			u.Spec.Memberships = map[string]v1alpha1.Membership{s.role.Spec.ID: {}}
		})
		patch(ctx, s.role, release)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, s.role).Spec.Provider).To(BeEmpty())
			g.Expect(attachmentsOf(ctx, g, u)).To(ConsistOf(HaveField("Spec.ExpiresAt", BeNil()), HaveField("Spec.ExpiresAt", Not(BeNil()))))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("lets a user without a usable name hold nothing under another", func(ctx SpecContext) {
		s.ctx = ctx
		patch(ctx, &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}, func(p *v1alpha1.IdentityProvider) {
			p.Spec.Subject.From = v1alpha1.SubjectFromEmail
		})
		s.newRule("pod-reader")
		u := newMember(ctx, "alice", nil, s.role)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.Reason).To(Equal(v1alpha1.ReasonSubjectRefused))
		}, patience, interval).Should(Succeed())
		patch(ctx, u, release)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Spec.Provider).To(BeEmpty())
			g.Expect(u.Status).To(And(HaveField("State", v1alpha1.StateSuspended), HaveField("Reason", access.ReasonInactive)))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("gives nothing that the identity provider took away while it was under way", func(ctx SpecContext) {
		u := newMember(ctx, "alice", nil, s.role)
		outage.arm("/provisionedusers/"+u.Name, always, false)
		DeferCleanup(outage.disarm)
		patch(ctx, u, release)
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(HaveLen(1)) }, patience, interval).Should(Succeed())
		member := u.DeepCopy()
		u.Spec.Memberships = nil
		Expect(operator.Patch(ctx, u, client.MergeFrom(member))).To(Succeed())
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(BeEmpty()) }, patience, interval).Should(Succeed())
		outage.disarm()
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, u).Spec.Provider).To(BeEmpty()) }, patience, interval).Should(Succeed())
		Expect(attachmentsOf(ctx, Default, u)).To(BeEmpty())
	}, NodeTimeout(2*patience))

	It("of a role takes back what a SCIM request takes away that outlasts it, and keeps the rest", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		gone := newMember(ctx, "alice", nil, s.role)
		stays := newMember(ctx, "bob", nil, s.role)
		bindings := s.witness(ctx)
		Eventually(bindings.now, patience, interval).Should(HaveLen(2))
		bindings.forget()
		patch(ctx, s.role, release)
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, s.role).Spec.Provider).To(BeEmpty()) }, patience, interval).Should(Succeed())
		Expect(attachmentsOf(ctx, Default, stays)).To(HaveExactElements(HaveField("Spec.ReleaseOf", v1alpha1.ReleaseOfRole)))

		member := fetch(ctx, Default, gone).DeepCopy()
		gone.Spec.Memberships = nil
		Expect(operator.Patch(ctx, gone, client.MergeFrom(member))).To(Succeed())
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, gone)).To(BeEmpty()) }, patience, interval).Should(Succeed())
		Eventually(bindings.now, patience, interval).Should(HaveLen(1))

		By("the last such request being over")
		Eventually(func(g Gomega) {
			g.Expect(attachmentsOf(ctx, g, stays)).To(HaveExactElements(HaveField("Spec.ReleaseOf", BeEmpty())))
			g.Expect(fetch(ctx, g, stays).Spec.Memberships).To(BeEmpty())
		}, patience, interval).Should(Succeed())
		for g := range bindings.now() {
			Expect(g.subject).To(Equal(stays.Spec.UserName))
		}
		bindings.expectNoGap(bindings.now())
	}, NodeTimeout(2*patience))

	It("of a role takes back nothing that the cache has not heard of yet", func(ctx SpecContext) {
		s.ctx = ctx
		u := newMember(ctx, "alice", nil)
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, u).Status.State).To(Equal(v1alpha1.StateActive)) }, patience, interval).Should(Succeed())
		caughtUp := lag.begin("provisionedusers")
		before := u.DeepCopy()
		u.Spec.Memberships = map[string]v1alpha1.Membership{s.role.Spec.ID: {}}
		Expect(operator.Patch(ctx, u, client.MergeFrom(before))).To(Succeed())
		patch(ctx, s.role, release)
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, s.role).Spec.Provider).To(BeEmpty()) }, patience, interval).Should(Succeed())
		Consistently(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(HaveLen(1)) }, 2*time.Second, 100*time.Millisecond).Should(Succeed())
		caughtUp()
		Eventually(func(g Gomega) {
			g.Expect(attachmentsOf(ctx, g, u)).To(HaveExactElements(HaveField("Spec.ReleaseOf", BeEmpty())))
			g.Expect(fetch(ctx, g, u).Spec.Memberships).To(BeEmpty())
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("of a role waits while a rule names its identity provider, and says so", func(ctx SpecContext) {
		s.ctx = ctx
		rule := s.newRule("pod-reader", func(r *v1alpha1.AccessRule) { r.Spec.Provider = s.provider })
		newMember(ctx, "alice", nil, s.role)
		bindings := s.witness(ctx)
		Eventually(bindings.now, patience, interval).Should(HaveLen(1))
		before := bindings.now()
		bindings.forget()
		patch(ctx, s.role, release)
		Eventually(func(g Gomega) {
			ready := condition(g, fetch(ctx, g, s.role).Status.Conditions, v1alpha1.ConditionReady)
			g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonReleaseHeld))
			g.Expect(ready.Message).To(ContainSubstring("AccessRule " + rule.Name))
		}, patience, interval).Should(Succeed())
		Expect(s.role.Spec.Provider).To(Equal(s.provider))
		patch(ctx, rule, func(r *v1alpha1.AccessRule) { r.Spec.Provider = "" })
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, s.role).Spec.Provider).To(BeEmpty())
			g.Expect(condition(g, s.role.Status.Conditions, v1alpha1.ConditionReady).Status).To(Equal(metav1.ConditionTrue))
		}, patience, interval).Should(Succeed())
		Expect(bindings.now()).To(Equal(before))
		bindings.expectNoGap(before)
	}, NodeTimeout(2*patience))

	// What a restart finds of a release whose end it has not seen.
	DescribeTable("that was interrupted leaves no attachment behind which nobody waits for", func(ctx SpecContext, of v1alpha1.ReleaseKind) {
		s.ctx = ctx
		u := newMember(ctx, "alice", nil, s.role)
		a := s.newAttachment(u, s.role, func(a *v1alpha1.RoleAttachment) { a.Spec.ReleaseOf = of })
		expectGone(ctx, a)
	},
		Entry("of a user", v1alpha1.ReleaseOfUser, NodeTimeout(2*patience)),
		Entry("of a role", v1alpha1.ReleaseOfRole, NodeTimeout(2*patience)))

	It("that was interrupted when the user was local keeps what stands in for the memberships", func(ctx SpecContext) {
		s.ctx = ctx
		u := newMember(ctx, "alice", func(u *v1alpha1.ProvisionedUser) { u.Spec.Provider = "" })
		a := s.newAttachment(u, s.role, func(a *v1alpha1.RoleAttachment) { a.Spec.ReleaseOf = v1alpha1.ReleaseOfUser })
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, a).Spec.ReleaseOf).To(BeEmpty()) }, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("leaves nothing behind when it is called off", func(ctx SpecContext) {
		u := newMember(ctx, "alice", nil, s.role)
		outage.arm("/provisionedusers/"+u.Name, always, false)
		DeferCleanup(outage.disarm)
		patch(ctx, u, release)
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(HaveLen(1)) }, patience, interval).Should(Succeed())
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { delete(u.Annotations, v1alpha1.ReleaseAnnotation) })
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(BeEmpty()) }, patience, interval).Should(Succeed())
		Expect(fetch(ctx, Default, u).Spec.Provider).To(Equal(s.provider))
	}, NodeTimeout(2*patience))

	It("is ignored on a tombstone, and with another value than the one that means it", func(ctx SpecContext) {
		deleted := metav1.NewTime(now.Now().Truncate(time.Second))
		tombstone := newMember(ctx, "alice", func(u *v1alpha1.ProvisionedUser) {
			suspend(u)
			u.Spec.DeprovisionedAt = &deleted
		})
		other := newMember(ctx, "bob", nil, s.role)
		patch(ctx, tombstone, release)
		patch(ctx, other, func(u *v1alpha1.ProvisionedUser) { u.Annotations = map[string]string{v1alpha1.ReleaseAnnotation: ""} })
		patch(ctx, s.role, func(r *v1alpha1.ProvisionedRole) {
			r.Annotations = map[string]string{v1alpha1.ReleaseAnnotation: "to-entra"}
		})
		// One that is asked for later is done, so that these had their turn.
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, tombstone).Annotations).NotTo(HaveKey(v1alpha1.ReleaseAnnotation), "it must not happen later")
		}, patience, interval).Should(Succeed())
		patchAs(ctx, operator, tombstone, func(u *v1alpha1.ProvisionedUser) {
			restore(u)
			u.Spec.DeprovisionedAt = nil
			u.Spec.Memberships = map[string]v1alpha1.Membership{s.role.Spec.ID: {}}
		})
		last := newMember(ctx, "carol", nil)
		patch(ctx, last, release)
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, last).Spec.Provider).To(BeEmpty()) }, patience, interval).Should(Succeed())
		Expect(fetch(ctx, Default, tombstone).Spec.Provider).To(Equal(s.provider))
		Expect(fetch(ctx, Default, other).Spec.Provider).To(Equal(s.provider))
		Expect(fetch(ctx, Default, s.role).Spec.Provider).To(Equal(s.provider))
	}, NodeTimeout(2*patience))

	It("is taken off what is local already", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.user("alice")
		u.Spec.Provider = ""
		release(u)
		s.create(u)
		role := &v1alpha1.ProvisionedRole{
			ObjectMeta: metav1.ObjectMeta{Name: "local-" + s.id},
			Spec:       v1alpha1.ProvisionedRoleSpec{DisplayName: "local " + s.id},
		}
		release(role)
		s.create(role)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Annotations).NotTo(HaveKey(v1alpha1.ReleaseAnnotation))
			g.Expect(fetch(ctx, g, role).Annotations).NotTo(HaveKey(v1alpha1.ReleaseAnnotation))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))
})

var _ = Describe("An attachment", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	It("goes when its retention is over, counted from its end or its making, not before", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.user("alice", s.role)
		Expect(operator.Create(ctx, u)).To(Succeed())
		past, soon := metav1.NewTime(time.Now().Add(-1000*time.Hour)), metav1.NewTime(time.Now().Add(24*time.Hour))
		over := s.newAttachment(u, s.role, func(a *v1alpha1.RoleAttachment) { a.Spec.ExpiresAt = &past })
		ending := s.newAttachment(u, s.role, func(a *v1alpha1.RoleAttachment) { a.Spec.ExpiresAt = &soon })
		forGood := s.newAttachment(u, s.role)
		state := func(a *v1alpha1.RoleAttachment, want v1alpha1.AttachmentState) {
			GinkgoHelper()
			Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, a).Status.State).To(Equal(want)) }, patience, interval).Should(Succeed())
		}
		state(over, v1alpha1.AttachmentExpired)
		state(ending, v1alpha1.AttachmentActive)

		now.shift(720*time.Hour + time.Minute)
		patch(ctx, over, func(a *v1alpha1.RoleAttachment) { a.Spec.Reason = "looked at again" })
		patch(ctx, ending, func(a *v1alpha1.RoleAttachment) { a.Spec.Reason = "looked at again" })
		expectGone(ctx, over)
		state(ending, v1alpha1.AttachmentExpired)

		now.shift(24 * time.Hour)
		touched := ending.DeepCopy()
		touched.Spec.Reason = "and again"
		Expect(client.IgnoreNotFound(admin.Patch(ctx, touched, client.MergeFrom(ending)))).To(Succeed())
		patch(ctx, forGood, func(a *v1alpha1.RoleAttachment) { a.Spec.Reason = "and again" })
		expectGone(ctx, ending)
		Expect(fetch(ctx, Default, forGood).DeletionTimestamp).To(BeNil())
	}, NodeTimeout(2*patience))

	It("is tied to the role that comes later, and never passes to another", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice")
		later := &v1alpha1.ProvisionedRole{ObjectMeta: metav1.ObjectMeta{Name: "later-" + s.id}}
		a := s.newAttachment(u, later)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Status.Reason).To(Equal(access.ReasonRoleGone))
		}, patience, interval).Should(Succeed())
		role := s.newRole("later")
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Spec.RoleID).To(Equal(role.Spec.ID))
			g.Expect(a.Status.State).To(Equal(v1alpha1.AttachmentActive))
		}, patience, interval).Should(Succeed())
		remove(ctx, role)
		s.newRole("later")
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Status).To(And(
				HaveField("State", v1alpha1.AttachmentSuperseded), HaveField("Reason", access.ReasonRoleReplaced)))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("follows its user's provider from the moment that is deleted", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice")
		a := s.newAttachment(u, s.role)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Status.State).To(Equal(v1alpha1.AttachmentActive))
		}, patience, interval).Should(Succeed())
		By("the policy not having reached the user yet")
		p := s.held(ctx, v1alpha1.DeletionSuspend)
		outage.arm("/provisionedusers/"+u.Name, always, false)
		DeferCleanup(outage.disarm)
		Expect(admin.Delete(ctx, p)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Status).To(And(
				HaveField("State", v1alpha1.AttachmentIneffective), HaveField("Reason", access.ReasonUserSuspended)))
			ready := condition(g, fetch(ctx, g, p).Status.Conditions, v1alpha1.ConditionReady)
			g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonCarryingOutDeletionPolicy))
			g.Expect(ready.Message).To(ContainSubstring("deletionPolicy Suspend: 1 user and 0 roles are left: suspend user"))
		}, patience, interval).Should(Succeed())

		By("the policy carried out")
		outage.disarm()
		expectGone(ctx, p)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Status.State).To(Equal(v1alpha1.AttachmentSuperseded))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))
})
