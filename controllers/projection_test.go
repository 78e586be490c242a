//go:build integration

package controllers_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

var _ = Describe("Bindings", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	only := func(g Gomega, rule *v1alpha1.AccessRule) *rbacv1.RoleBinding {
		list := s.bindings(rule, s.namespace)
		g.Expect(list).To(HaveLen(1))
		return &list[0]
	}

	It("are named, labelled and owned so that a reader knows where they come from", func(ctx SpecContext) {
		s.ctx = ctx
		rule := s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		Eventually(func(g Gomega) {
			b := only(g, rule)
			g.Expect(b.Name).To(HavePrefix(rule.Name + "-"))
			g.Expect(b.Name).To(Equal(projection.OfRule(rule).BindingName(0)))
			g.Expect(b.Labels).To(HaveKeyWithValue(v1alpha1.ManagedByLabel, v1alpha1.ManagedByValue))
			g.Expect(b.Labels).To(HaveKeyWithValue(v1alpha1.ShardLabel, "0"))
			g.Expect(metav1.IsControlledBy(b, rule)).To(BeTrue())
			g.Expect(b.Subjects).To(Equal([]rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: u.Spec.UserName}}))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(patience))

	DescribeTable("are repaired when somebody changes them", func(ctx SpecContext, change func(context.Context, *rbacv1.RoleBinding)) {
		s.ctx = ctx
		rule := s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		var before []rbacv1.Subject
		Eventually(func(g Gomega) { before = only(g, rule).Subjects }, patience, interval).Should(Succeed())

		change(ctx, only(Default, rule))

		Eventually(func(g Gomega) {
			b := only(g, rule)
			g.Expect(b.Subjects).To(Equal(before))
			g.Expect(b.Labels).To(HaveKeyWithValue(v1alpha1.ManagedByLabel, v1alpha1.ManagedByValue))
			g.Expect(metav1.IsControlledBy(b, rule)).To(BeTrue())
			g.Expect(b.RoleRef.Name).To(Equal("pod-reader"))
		}, patience, interval).Should(Succeed())
		s.expectCannot("intruder", "get", "pods", s.namespace)
	},
		Entry("by deleting one", func(ctx context.Context, b *rbacv1.RoleBinding) {
			remove(ctx, b)
		}, NodeTimeout(patience)),
		Entry("by adding a subject", func(ctx context.Context, b *rbacv1.RoleBinding) {
			meddle(ctx, b, func(b *rbacv1.RoleBinding) {
				b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: "intruder"})
			})
		}, NodeTimeout(patience)),
		Entry("by removing the subjects", func(ctx context.Context, b *rbacv1.RoleBinding) {
			meddle(ctx, b, func(b *rbacv1.RoleBinding) { b.Subjects = nil })
		}, NodeTimeout(patience)),
		Entry("by taking off our labels", func(ctx context.Context, b *rbacv1.RoleBinding) {
			meddle(ctx, b, func(b *rbacv1.RoleBinding) {
				b.Labels = nil
				b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: "intruder"})
			})
		}, NodeTimeout(patience)),
		Entry("by taking off the owner", func(ctx context.Context, b *rbacv1.RoleBinding) {
			meddle(ctx, b, func(b *rbacv1.RoleBinding) { b.OwnerReferences = nil })
		}, NodeTimeout(patience)),
		Entry("by putting another role under its name", func(ctx context.Context, b *rbacv1.RoleBinding) {
			remove(ctx, b)
			other := &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name, Labels: b.Labels},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "secret-reader"},
				Subjects:   b.Subjects,
			}
			// The manager may have put its own back by now.
			Expect(client.IgnoreAlreadyExists(operator.Create(ctx, other))).To(Succeed())
		}, NodeTimeout(patience)),
		Entry("by adding one of their own in our name", func(ctx context.Context, b *rbacv1.RoleBinding) {
			Expect(operator.Create(ctx, &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: "smuggled", Labels: b.Labels},
				RoleRef:    b.RoleRef,
				Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "intruder"}},
			})).To(Succeed())
		}, NodeTimeout(patience)),
	)

	It("leave a foreign binding of the same name alone, and say so", func(ctx SpecContext) {
		s.ctx = ctx
		rule := &v1alpha1.AccessRule{
			ObjectMeta: metav1.ObjectMeta{Name: "collides-" + s.id},
			Spec: v1alpha1.AccessRuleSpec{
				Role: s.role.Name, RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.ClusterRoleKind, Name: "pod-reader"}, Namespaces: []string{s.namespace},
			},
		}
		foreign := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: projection.OfRule(rule).BindingName(0)},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "pod-writer"},
			Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "somebody"}},
		}
		s.create(foreign)
		untouched := foreign.DeepCopy()
		s.newUser("alice", s.role)
		s.create(rule)
		Eventually(func(g Gomega) {
			ready := condition(g, fetch(ctx, g, rule).Status.Conditions, "Ready")
			g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonBindingsRefused))
			g.Expect(ready.Message).To(ContainSubstring("not managed by Rollcall"))
		}, patience, interval).Should(Succeed())
		Expect(fetch(ctx, Default, foreign)).To(Equal(untouched))
	}, NodeTimeout(patience))

	It("that the API server refuses are reported in its words, and made once it allows them", func(ctx SpecContext) {
		s.ctx = ctx
		name := "forbidden-" + s.id
		s.create(&rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get"}}},
		})
		rule := s.newRule(name)
		u := s.newUser("alice", s.role)
		Eventually(func(g Gomega) {
			ready := condition(g, fetch(ctx, g, rule).Status.Conditions, "Ready")
			g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonBindingsRefused))
			g.Expect(ready.Message).To(And(
				ContainSubstring("attempting to grant RBAC permissions not currently held"), Not(ContainSubstring("\n"))))
			g.Expect(rule.Status.Bindings).To(BeZero())
		}, patience, interval).Should(Succeed())

		grantBind(ctx, s.id, name)
		s.expectCan(u.Spec.UserName, "get", "configmaps", s.namespace)
		Eventually(func(g Gomega) {
			g.Expect(condition(g, fetch(ctx, g, rule).Status.Conditions, "Ready").Status).To(Equal(metav1.ConditionTrue))
		}, patience, interval).Should(Succeed())

		By("taking the right to bind away: a suspension still takes effect")
		s.newUser("bob", s.role)
		Expect(admin.Delete(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "bindable-" + s.id}})).To(Succeed())
		patch(ctx, u, suspend)
		s.expectCannot(u.Spec.UserName, "get", "configmaps", s.namespace)
	}, NodeTimeout(2*patience))

	It("to a role that is deleted let nobody who is suspended meanwhile have it when it comes back", func(ctx SpecContext) {
		s.ctx = ctx
		// What the manager may itself it may bind without being allowed to: the API server
		// looks into the role then, and says of one that isn't there that the binding isn't.
		role := func() *rbacv1.ClusterRole {
			return &rbacv1.ClusterRole{
				ObjectMeta: metav1.ObjectMeta{Name: "passing-" + s.id},
				Rules:      []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"provisionedusers"}, Verbs: []string{"get"}}},
			}
		}
		rule := s.newRule(role().Name)
		gone, stays := s.newUser("alice", s.role), s.newUser("bob", s.role)
		refused := func() {
			GinkgoHelper()
			Eventually(func(g Gomega) {
				ready := condition(g, fetch(ctx, g, rule).Status.Conditions, v1alpha1.ConditionReady)
				g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonBindingsRefused))
				g.Expect(ready.Message).To(ContainSubstring("not found"))
			}, patience, interval).Should(Succeed())
		}
		refused()
		s.create(role())
		bindings := s.witness(ctx)
		Eventually(bindings.now, patience, interval).Should(HaveLen(2))

		Expect(admin.Delete(ctx, role())).To(Succeed())
		patch(ctx, gone, suspend)
		Eventually(bindings.now, patience, interval).ShouldNot(HaveKey(grant{rule.Name, gone.Spec.UserName}))
		refused()
		s.create(role())
		Eventually(bindings.now, patience, interval).Should(Equal(map[grant]bool{{rule.Name, stays.Spec.UserName}: true}))
	}, NodeTimeout(3*patience))

	It("appear in namespaces that come later and match, and go when they match no longer", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader", func(r *v1alpha1.AccessRule) {
			r.Spec.Namespaces = nil
			r.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": s.id}}
		})
		named := s.newRule("pod-writer", func(r *v1alpha1.AccessRule) { r.Spec.Namespaces = []string{"late-" + s.id} })
		u := s.newUser("alice", s.role)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, named).Status.ObservedGeneration).To(Equal(named.Generation))
		}, patience, interval).Should(Succeed())

		late := s.newNamespace("late", map[string]string{"team": s.id})
		s.expectCan(u.Spec.UserName, "get", "pods", late)
		s.expectCan(u.Spec.UserName, "create", "pods", late)
		Expect(s.can(u.Spec.UserName, "get", "pods", s.namespace)).To(BeFalse())

		patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: late}}, func(n *corev1.Namespace) { delete(n.Labels, "team") })
		s.expectCannot(u.Spec.UserName, "get", "pods", late)
		s.expectCan(u.Spec.UserName, "create", "pods", late)
	}, NodeTimeout(2*patience))

	It("are not made in a terminating namespace, but still narrowed there", func(ctx SpecContext) {
		s.ctx = ctx
		rule := s.newRule("pod-reader")
		alice, bob := s.newUser("alice", s.role), s.newUser("bob", s.role)
		s.expectCan(alice.Spec.UserName, "get", "pods", s.namespace)
		s.expectCan(bob.Spec.UserName, "get", "pods", s.namespace)
		// Nothing finishes namespaces here: it stays terminating.
		Expect(admin.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}})).To(Succeed())
		second := s.newRule("pod-writer")
		patch(ctx, alice, suspend)
		s.expectCannot(alice.Spec.UserName, "get", "pods", s.namespace)
		Expect(s.can(bob.Spec.UserName, "get", "pods", s.namespace)).To(BeTrue())
		Eventually(func(g Gomega) {
			g.Expect(condition(g, fetch(ctx, g, second).Status.Conditions, "Ready").Status).To(Equal(metav1.ConditionTrue))
			g.Expect(condition(g, fetch(ctx, g, rule).Status.Conditions, "Ready").Status).To(Equal(metav1.ConditionTrue))
		}, patience, interval).Should(Succeed())
		Expect(s.bindings(second, s.namespace)).To(BeEmpty())
	}, NodeTimeout(2*patience))

	It("are cluster-wide when the rule is", func(ctx SpecContext) {
		s.ctx = ctx
		rule := s.newRule("pod-reader", func(r *v1alpha1.AccessRule) { r.Spec.Namespaces, r.Spec.ClusterWide = nil, true })
		u := s.newUser("alice", s.role)
		s.expectCan(u.Spec.UserName, "get", "pods", "")
		By("narrowing the rule to one namespace")
		patch(ctx, rule, func(r *v1alpha1.AccessRule) { r.Spec.Namespaces, r.Spec.ClusterWide = []string{s.namespace}, false })
		s.expectCannot(u.Spec.UserName, "get", "pods", "")
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
	}, NodeTimeout(2*patience))

	It("are replaced when the rule is pointed at another role, and gone with the rule", func(ctx SpecContext) {
		s.ctx = ctx
		rule := s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		patch(ctx, rule, func(r *v1alpha1.AccessRule) { r.Spec.RoleRef.Name = "pod-writer" })
		s.expectCan(u.Spec.UserName, "create", "pods", s.namespace)
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
		Expect(s.bindings(rule, s.namespace)).To(HaveLen(1))
		Expect(admin.Delete(ctx, rule)).To(Succeed())
		s.expectCannot(u.Spec.UserName, "create", "pods", s.namespace)
		Eventually(func(g Gomega) { g.Expect(s.bindings(rule, s.namespace)).To(BeEmpty()) }, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("wait for a role that comes later, and go with it", func(ctx SpecContext) {
		s.ctx = ctx
		rule := s.newRule("pod-reader", func(r *v1alpha1.AccessRule) { r.Spec.Role = "later-" + s.id })
		Eventually(func(g Gomega) {
			g.Expect(condition(g, fetch(ctx, g, rule).Status.Conditions, "Ready").Reason).To(Equal(v1alpha1.ReasonRoleNotFound))
		}, patience, interval).Should(Succeed())
		later := s.newRole("later")
		u := s.newUser("alice", later)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		remove(ctx, later)
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
	}, NodeTimeout(2*patience))

	It("stay small, and a change touches one of them", func(ctx SpecContext) {
		s.ctx = ctx
		const members = 1100
		users := make([]*v1alpha1.ProvisionedUser, members)
		var group errgroup.Group
		group.SetLimit(16)
		for i := range users {
			users[i] = s.user(fmt.Sprintf("u%04d", i), s.role)
			group.Go(func() error { return operator.Create(ctx, users[i]) })
		}
		Expect(group.Wait()).To(Succeed())
		rule := s.newRule("pod-reader")
		versions := make(map[string]string)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, rule).Status.Subjects).To(BeEquivalentTo(members))
			list := s.bindings(rule, s.namespace)
			g.Expect(list).To(HaveLen(3))
			total := 0
			for _, b := range list {
				g.Expect(len(b.Subjects)).To(BeNumerically("<=", projection.MaxSubjects))
				total += len(b.Subjects)
				versions[b.Name] = b.ResourceVersion
			}
			g.Expect(total).To(Equal(members))
		}, patience, interval).Should(Succeed())

		patch(ctx, users[members/2], suspend)
		s.expectCannot(users[members/2].Spec.UserName, "get", "pods", s.namespace)
		changed := 0
		for _, b := range s.bindings(rule, s.namespace) {
			if versions[b.Name] != b.ResourceVersion {
				changed++
			}
		}
		Expect(changed).To(Equal(1))
	}, NodeTimeout(4*patience))
})

var _ = Describe("A steady state", Serial, func() {
	It("makes no writes", func(ctx SpecContext) {
		s := newStage(ctx)
		rule := s.newRule("pod-reader", func(r *v1alpha1.AccessRule) {
			r.Spec.Author = &v1alpha1.Author{Username: "ann", Groups: []string{"system:masters"}}
		})
		u := s.newUser("alice", s.role)
		s.newAttachment(u, s.role)
		s.assign(u, v1alpha1.LevelAuditor)
		s.expectLevel(u.Spec.UserName, v1alpha1.LevelAuditor)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, s.role).Status.Bindings).To(BeEquivalentTo(1))
			g.Expect(fetch(ctx, g, rule).Status.Subjects).To(BeEquivalentTo(1))
			g.Expect(condition(g, rule.Status.Conditions, v1alpha1.ConditionAuthorMayBind).Status).To(Equal(metav1.ConditionTrue))
			g.Consistently(writes.fromNow(s), time.Second, 50*time.Millisecond).Should(BeEmpty())
		}, patience, interval).Should(Succeed())
		written := writes.fromNow(s)
		By("touching what means nothing for access")
		patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}, func(n *corev1.Namespace) {
			n.Annotations = map[string]string{"note": "hello"}
		})
		patch(ctx, rule, func(r *v1alpha1.AccessRule) { r.Labels = map[string]string{"note": "hello"} })
		Consistently(written, 3*time.Second, 100*time.Millisecond).Should(BeEmpty())
	}, NodeTimeout(2*patience))
})
