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
	"github.com/rollcall-dev/rollcall/test/stall"
)

var _ = Describe("Access follows the identity provider", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	It("gives a member the role, takes it on suspension, and gives it back on restore", func(ctx SpecContext) {
		s.ctx = ctx
		rule := s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		name := u.Spec.UserName
		s.expectCan(name, "get", "pods", s.namespace)

		Eventually(func(g Gomega) {
			status := fetch(ctx, g, u).Status
			g.Expect(status.State).To(Equal(v1alpha1.StateActive))
			g.Expect(status.Subject).To(Equal(name))
			g.Expect(status.ManagedBy).To(Equal(s.provider))
			g.Expect(status.PermissionLevel).To(Equal(v1alpha1.LevelUser))
			g.Expect(status.RoleCount).To(BeEquivalentTo(1))
			g.Expect(status.Roles).To(Equal([]v1alpha1.EffectiveRole{{Name: s.role.Name, Sources: []v1alpha1.RoleSource{
				{Kind: v1alpha1.SourceIdentityProvider, Name: s.provider},
			}}}))
			g.Expect(status.ObservedGeneration).To(Equal(u.Generation))
			g.Expect(fetch(ctx, g, rule).Status).To(And(
				HaveField("Subjects", BeEquivalentTo(1)), HaveField("Bindings", BeEquivalentTo(1)), HaveField("Namespaces", BeEquivalentTo(1))))
			g.Expect(condition(g, rule.Status.Conditions, "Ready").Status).To(Equal(metav1.ConditionTrue))
			g.Expect(fetch(ctx, g, s.role).Status).To(And(
				HaveField("Members", BeEquivalentTo(1)), HaveField("ActiveMembers", BeEquivalentTo(1)), HaveField("Bindings", BeEquivalentTo(1))))
		}, patience, interval).Should(Succeed())

		patch(ctx, u, suspend)
		s.expectCannot(name, "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			status := fetch(ctx, g, u).Status
			g.Expect(status.State).To(Equal(v1alpha1.StateSuspended))
			g.Expect(status.Reason).To(Equal(access.ReasonDeactivated))
			g.Expect(status.Roles).To(BeEmpty())
			g.Expect(fetch(ctx, g, s.role).Status).To(And(
				HaveField("Members", BeEquivalentTo(1)), HaveField("ActiveMembers", BeEquivalentTo(0)), HaveField("Bindings", BeEquivalentTo(0))))
		}, patience, interval).Should(Succeed())

		patch(ctx, u, restore)
		s.expectCan(name, "get", "pods", s.namespace)
	}, NodeTimeout(2*patience))

	It("forgets attachments made before a suspension, also after the restore", func(ctx SpecContext) {
		s.ctx = ctx
		local := s.newRole("ops")
		s.newRule("pod-reader")
		s.newRule("secret-reader", func(r *v1alpha1.AccessRule) { r.Spec.Role = local.Name })
		u := s.newUser("alice", s.role)
		a := s.newAttachment(u, local)
		s.expectCan(u.Spec.UserName, "get", "secrets", s.namespace)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Status.State).To(Equal(v1alpha1.AttachmentActive))
		}, patience, interval).Should(Succeed())

		patch(ctx, u, suspend)
		s.expectCannot(u.Spec.UserName, "get", "secrets", s.namespace)
		patch(ctx, u, restore)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Status.State).To(Equal(v1alpha1.AttachmentSuperseded))
			g.Expect(fetch(ctx, g, u).Status.Roles).To(HaveExactElements(HaveField("Name", s.role.Name)))
		}, patience, interval).Should(Succeed())
		s.expectCannot(u.Spec.UserName, "get", "secrets", s.namespace)
	}, NodeTimeout(2*patience))

	It("starts and ends temporary access on time", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := s.newUser("alice")
		machine := stall.Start(ctx)
		start := metav1.NewTime(time.Now().Add(5 * time.Second).Truncate(time.Second))
		end := metav1.NewTime(start.Add(2 * time.Second))
		a := s.newAttachment(u, s.role, func(a *v1alpha1.RoleAttachment) { a.Spec.StartsAt, a.Spec.ExpiresAt = &start, &end })
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Status.State).To(Equal(v1alpha1.AttachmentPending))
		}, patience, interval).Should(Succeed())
		Expect(s.can(u.Spec.UserName, "get", "pods", s.namespace)).To(BeFalse())

		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		Expect(time.Now()).To(BeTemporally(">=", start.Time))
		Expect(time.Now()).To(BeTemporally("<", start.Add(time.Second+machine.Total())))
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
		Expect(time.Now()).To(BeTemporally(">=", end.Time))
		Expect(time.Now()).To(BeTemporally("<", end.Add(time.Second+machine.Total())))
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, a).Status.State).To(Equal(v1alpha1.AttachmentExpired))
			g.Expect(fetch(ctx, g, u).Status.Roles).To(BeEmpty())
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("withdraws the old subject when the user is renamed", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		old := u.Spec.UserName
		s.expectCan(old, "get", "pods", s.namespace)
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = "renamed-" + old })
		s.expectCan("renamed-"+old, "get", "pods", s.namespace)
		s.expectCannot(old, "get", "pods", s.namespace)
	}, NodeTimeout(2*patience))

	It("gives a subject that two users claim to the older one alone, until it is free", func(ctx SpecContext) {
		s.ctx = ctx
		other := s.newRole("other")
		s.newRule("pod-reader")
		s.newRule("secret-reader", func(r *v1alpha1.AccessRule) { r.Spec.Role = other.Name })
		first := s.newUser("a-first", s.role)
		name := first.Spec.UserName
		second := s.user("b-second", other)
		second.Spec.RemoteIdentity = name
		s.create(second)
		s.expectCan(name, "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			ready := condition(g, fetch(ctx, g, second).Status.Conditions, "Ready")
			g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonSubjectRefused))
			g.Expect(ready.Message).To(ContainSubstring(first.Name))
		}, patience, interval).Should(Succeed())
		Expect(s.can(name, "get", "secrets", s.namespace)).To(BeFalse())

		remove(ctx, first)
		s.expectCan(name, "get", "secrets", s.namespace)
		s.expectCannot(name, "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			g.Expect(condition(g, fetch(ctx, g, second).Status.Conditions, "Ready").Status).To(Equal(metav1.ConditionTrue))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	// Reconcilers of users and of rules look at different moments. Who has a subject by the
	// status has it in the bindings too, in the end.
	It("gives a subject to whom the status says has it in force", func(ctx SpecContext) {
		s.ctx = ctx
		other := s.newRole("other")
		s.newRule("pod-reader")
		s.newRule("secret-reader", func(r *v1alpha1.AccessRule) { r.Spec.Role = other.Name })
		outage.arm("-"+s.id+"/status", always, false) // the spec writes what the manager could
		DeferCleanup(outage.disarm)
		first := s.newUser("a-first", s.role)
		name := first.Spec.UserName
		second := s.user("b-second", other)
		second.Spec.RemoteIdentity = name
		s.create(second)
		s.assign(first, v1alpha1.LevelTeamLeader)
		s.expectCan(name, "get", "pods", s.namespace)
		s.expectLevel(name, v1alpha1.LevelTeamLeader)
		Expect(s.can(name, "get", "secrets", s.namespace)).To(BeFalse())

		before := second.DeepCopy()
		second.Status.State, second.Status.Reason, second.Status.Subject = v1alpha1.StateActive, access.ReasonActive, name
		Expect(operator.Status().Patch(ctx, second, client.MergeFrom(before))).To(Succeed())
		s.expectCan(name, "get", "secrets", s.namespace)
		s.expectCannot(name, "get", "pods", s.namespace)
		s.expectNoLevel(name)
	}, NodeTimeout(2*patience))

	It("keeps a subject for a user whose provider is deleted, prefix and all", func(ctx SpecContext) {
		s.ctx = ctx
		prefix := s.id + ":"
		patch(ctx, &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}, func(p *v1alpha1.IdentityProvider) {
			p.Spec.Subject.Prefix = prefix
		})
		s.newRule("pod-reader")
		frozen := s.newUser("alice", s.role)
		name := prefix + frozen.Spec.UserName
		s.expectCan(name, "get", "pods", s.namespace)
		Eventually(func(g Gomega) { g.Expect(fetch(ctx, g, frozen).Status.Subject).To(Equal(name)) }, patience, interval).Should(Succeed())
		expectGone(ctx, s.end(ctx, v1alpha1.DeletionFreeze))

		local := s.user("a-local")
		local.Spec.Provider, local.Spec.UserName = "", name
		s.create(local)
		Eventually(func(g Gomega) {
			ready := condition(g, fetch(ctx, g, local).Status.Conditions, "Ready")
			g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonSubjectRefused))
			g.Expect(ready.Message).To(ContainSubstring(frozen.Name))
		}, patience, interval).Should(Succeed())
		Expect(fetch(ctx, Default, frozen).Status.State).To(Equal(v1alpha1.StateActive))
		Expect(s.can(name, "get", "pods", s.namespace)).To(BeTrue())
	}, NodeTimeout(2*patience))

	It("gives a subject on when its holder's provider calls its users something else", func(ctx SpecContext) {
		s.ctx = ctx
		other := newStage(ctx)
		first := s.newUser("a-first")
		name := first.Spec.UserName
		second := other.user("b-second", other.role)
		second.Spec.RemoteIdentity = name
		other.newRule("pod-reader")
		other.create(second)
		ready := func(status metav1.ConditionStatus) {
			GinkgoHelper()
			Eventually(func(g Gomega) {
				g.Expect(condition(g, fetch(ctx, g, second).Status.Conditions, "Ready").Status).To(Equal(status))
			}, patience, interval).Should(Succeed())
		}
		ready(metav1.ConditionFalse)
		patch(ctx, &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}, func(p *v1alpha1.IdentityProvider) {
			p.Spec.Subject.Prefix = "oidc:"
		})
		other.expectCan(name, "get", "pods", other.namespace)
		ready(metav1.ConditionTrue)
	}, NodeTimeout(2*patience))

	It("never binds a reserved name", func(ctx SpecContext) {
		s.ctx = ctx
		rule := s.newRule("pod-reader")
		u := s.user("mallory", s.role)
		u.Spec.RemoteIdentity = "System:masters"
		s.create(u)
		Eventually(func(g Gomega) {
			g.Expect(condition(g, fetch(ctx, g, u).Status.Conditions, "Ready").Reason).To(Equal(v1alpha1.ReasonSubjectRefused))
			g.Expect(fetch(ctx, g, rule).Status.ObservedGeneration).To(Equal(rule.Generation))
		}, patience, interval).Should(Succeed())
		Expect(s.bindings(rule, s.namespace)).To(BeEmpty())
	}, NodeTimeout(2*patience))

	It("follows a change of the provider's subject rule", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		provider := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}
		patch(ctx, provider, func(p *v1alpha1.IdentityProvider) { p.Spec.Subject.Prefix = "oidc:" })
		s.expectCan("oidc:"+u.Spec.UserName, "get", "pods", s.namespace)
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.Subject).To(Equal("oidc:" + u.Spec.UserName))
		}, patience, interval).Should(Succeed())

		By("deleting the provider: access stays as it is")
		Expect(admin.Delete(ctx, provider)).To(Succeed())
		Consistently(func(g Gomega) {
			g.Expect(s.can("oidc:"+u.Spec.UserName, "get", "pods", s.namespace)).To(BeTrue())
			g.Expect(s.can(u.Spec.UserName, "get", "pods", s.namespace)).To(BeFalse())
		}, time.Second, 100*time.Millisecond).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("binds a local service account as what it is", func(ctx SpecContext) {
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
		s.expectCan("system:serviceaccount:"+s.namespace+":robot", "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			status := fetch(ctx, g, robot).Status
			g.Expect(status.ManagedBy).To(Equal("local"))
			g.Expect(status.Subject).To(Equal("system:serviceaccount:" + s.namespace + ":robot"))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))
})
