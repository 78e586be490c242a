//go:build integration

package controllers_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/projection"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// give sets a level as admission stamps it.
func give(level v1alpha1.PermissionLevel) func(*v1alpha1.ProvisionedUser) {
	return func(u *v1alpha1.ProvisionedUser) {
		u.Spec.PermissionLevel, u.Spec.PermissionLevelEpoch = level, u.Spec.Suspensions
		u.Spec.PermissionLevelSubject = u.Spec.UserName
	}
}

// assign gives a user a level, as an administrator does.
func (s *stage) assign(u *v1alpha1.ProvisionedUser, level v1alpha1.PermissionLevel) {
	GinkgoHelper()
	patchAs(s.ctx, admin, u, give(level))
}

// acts are what only the holders of a level may do.
var acts = map[v1alpha1.PermissionLevel]authorizationv1.ResourceAttributes{
	v1alpha1.LevelTeamLeader:    ours("create", "roleattachments"),
	v1alpha1.LevelAuditor:       ours("list", "identityproviders"),
	v1alpha1.LevelAdministrator: ours("assign", "permissionlevels"),
}

func ours(verb, resource string) authorizationv1.ResourceAttributes {
	return authorizationv1.ResourceAttributes{Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: resource}
}

func (s *stage) expectLevel(user string, level v1alpha1.PermissionLevel) {
	GinkgoHelper()
	s.eventuallyMay(user, acts[level], true)
}

func (s *stage) expectNoLevel(user string) {
	GinkgoHelper()
	for _, act := range acts {
		s.eventuallyMay(user, act, false)
	}
}

func (s *stage) eventuallyMay(user string, act authorizationv1.ResourceAttributes, want bool) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		got, err := allowed(s.ctx, user, act)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(got).To(Equal(want), fmt.Sprintf("%s %s %s", user, act.Verb, act.Resource))
	}, patience, interval).Should(Succeed())
}

// levelBindings are those of a level that bind one of the users.
func levelBindings(ctx context.Context, g Gomega, level v1alpha1.PermissionLevel, users ...string) []*rbacv1.ClusterRoleBinding {
	source, ok := projection.OfLevel(level)
	g.Expect(ok).To(BeTrue())
	var list rbacv1.ClusterRoleBindingList
	g.Expect(admin.List(ctx, &list, client.MatchingLabels{v1alpha1.PermissionLevelLabel: source.Name})).To(Succeed())
	named := make(map[string]bool, len(users))
	for _, u := range users {
		named[u] = true
	}
	var bindings []*rbacv1.ClusterRoleBinding
	for i := range list.Items {
		for _, subject := range list.Items[i].Subjects {
			if named[subject.Name] {
				bindings = append(bindings, &list.Items[i])
				break
			}
		}
	}
	return bindings
}

var _ = Describe("A permission level", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	DescribeTable("allows what it is for, and no more",
		func(ctx SpecContext, level v1alpha1.PermissionLevel, may, mayNot []authorizationv1.ResourceAttributes) {
			s.ctx = ctx
			u := s.newUser("alice")
			s.assign(u, level)
			for _, act := range may {
				s.eventuallyMay(u.Spec.UserName, act, true)
			}
			for _, act := range mayNot {
				Expect(allowed(ctx, u.Spec.UserName, act)).To(BeFalse(), "%s %s", act.Verb, act.Resource)
			}
			Eventually(func(g Gomega) {
				g.Expect(fetch(ctx, g, u).Status.PermissionLevel).To(Equal(level))
				inForce := condition(g, u.Status.Conditions, v1alpha1.ConditionPermissionLevelInForce)
				g.Expect(inForce.Status).To(Equal(metav1.ConditionTrue))
			}, patience, interval).Should(Succeed())
			for _, b := range levelBindings(ctx, Default, level, u.Spec.UserName) {
				Expect(b.RoleRef.Name).To(Equal(b.Labels[v1alpha1.PermissionLevelLabel]))
				Expect(b.Labels).To(And(HaveKeyWithValue(v1alpha1.ManagedByLabel, v1alpha1.ManagedByValue), HaveKeyWithValue(v1alpha1.ShardLabel, "0")))
			}
			s.assign(u, v1alpha1.LevelUser)
			for _, act := range may {
				s.eventuallyMay(u.Spec.UserName, act, false)
			}
			Eventually(func(g Gomega) {
				g.Expect(fetch(ctx, g, u).Status.Conditions).NotTo(ContainElement(HaveField("Type", v1alpha1.ConditionPermissionLevelInForce)))
			}, patience, interval).Should(Succeed())
		},
		Entry("TeamLeader", NodeTimeout(2*patience), v1alpha1.LevelTeamLeader,
			[]authorizationv1.ResourceAttributes{
				ours("list", "provisionedusers"), ours("watch", "provisionedroles"), ours("get", "accessrules"),
				ours("create", "roleattachments"), ours("update", "roleattachments"), ours("delete", "roleattachments"),
			},
			[]authorizationv1.ResourceAttributes{
				ours("attach", "provisionedroles"), ours("assign", "permissionlevels"), ours("list", "identityproviders"),
				ours("update", "provisionedusers"), ours("create", "accessrules"), ours("deletecollection", "roleattachments"),
			}),
		Entry("Auditor", NodeTimeout(2*patience), v1alpha1.LevelAuditor,
			[]authorizationv1.ResourceAttributes{
				ours("list", "provisionedusers"), ours("list", "provisionedroles"), ours("list", "accessrules"),
				ours("list", "roleattachments"), ours("list", "identityproviders"),
			},
			[]authorizationv1.ResourceAttributes{
				ours("create", "roleattachments"), ours("attach", "provisionedroles"), ours("assign", "permissionlevels"), {Verb: "get", Resource: "secrets"},
			}),
		Entry("Administrator", NodeTimeout(2*patience), v1alpha1.LevelAdministrator,
			[]authorizationv1.ResourceAttributes{
				ours("create", "identityproviders"), ours("patch", "provisionedusers"), ours("delete", "provisionedroles"),
				ours("update", "accessrules"), ours("create", "roleattachments"), ours("attach", "provisionedroles"), ours("assign", "permissionlevels"),
			},
			[]authorizationv1.ResourceAttributes{
				{Verb: "patch", Group: v1alpha1.GroupVersion.Group, Resource: "provisionedusers", Subresource: "status"},
				{Verb: "bind", Group: rbacv1.GroupName, Resource: "clusterroles"}, {Verb: "get", Resource: "secrets"},
			}),
	)

	It("ends with a suspension, and does not come back with the user", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		s.assign(u, v1alpha1.LevelAdministrator)
		s.expectLevel(u.Spec.UserName, v1alpha1.LevelAdministrator)
		patch(ctx, u, suspend)
		s.expectNoLevel(u.Spec.UserName)
		patch(ctx, u, restore)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		s.expectNoLevel(u.Spec.UserName)
		Eventually(func(g Gomega) {
			inForce := condition(g, fetch(ctx, g, u).Status.Conditions, v1alpha1.ConditionPermissionLevelInForce)
			g.Expect(inForce.Reason).To(Equal(access.ReasonSuspendedSince))
			g.Expect(u.Status.PermissionLevel).To(Equal(v1alpha1.LevelUser))
		}, patience, interval).Should(Succeed())

		s.assign(u, v1alpha1.LevelUser)
		s.assign(u, v1alpha1.LevelAdministrator)
		s.expectLevel(u.Spec.UserName, v1alpha1.LevelAdministrator)
	}, NodeTimeout(2*patience))

	It("rests during a local suspension", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice")
		s.assign(u, v1alpha1.LevelAuditor)
		s.expectLevel(u.Spec.UserName, v1alpha1.LevelAuditor)
		patchAs(ctx, admin, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.Suspend = true })
		s.expectNoLevel(u.Spec.UserName)
		patchAs(ctx, admin, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.Suspend = false })
		s.expectLevel(u.Spec.UserName, v1alpha1.LevelAuditor)
	}, NodeTimeout(2*patience))

	It("is nobody's after a rename: neither the old name's nor the new one's", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		old, renamed := u.Spec.UserName, "renamed-"+u.Spec.UserName
		s.assign(u, v1alpha1.LevelAdministrator)
		s.expectLevel(old, v1alpha1.LevelAdministrator)
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = renamed })
		s.expectNoLevel(old)
		s.expectCan(renamed, "get", "pods", s.namespace)
		s.expectNoLevel(renamed)
		Expect(levelBindings(ctx, Default, v1alpha1.LevelAdministrator, old, renamed)).To(BeEmpty())
		By("being renamed back: it is the name the level was given to")
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = old })
		s.expectLevel(old, v1alpha1.LevelAdministrator)
	}, NodeTimeout(2*patience))

	It("of a subject that two users claim is that of whoever keeps the subject", func(ctx SpecContext) {
		s.ctx = ctx
		first := s.newUser("a-first")
		name := first.Spec.UserName
		second := s.user("b-second")
		second.Spec.RemoteIdentity = name
		s.create(second)
		s.assign(first, v1alpha1.LevelAuditor)
		patchAs(ctx, admin, second, func(u *v1alpha1.ProvisionedUser) {
			give(v1alpha1.LevelAdministrator)(u)
			u.Spec.PermissionLevelSubject = access.SubjectOf(u, nil).Value
		})
		s.expectLevel(name, v1alpha1.LevelAuditor)
		Eventually(func(g Gomega) {
			inForce := condition(g, fetch(ctx, g, second).Status.Conditions, v1alpha1.ConditionPermissionLevelInForce)
			g.Expect(inForce.Reason).To(Equal(v1alpha1.ReasonSubjectRefused))
		}, patience, interval).Should(Succeed())
		Expect(allowed(ctx, name, acts[v1alpha1.LevelAdministrator])).To(BeFalse())
		remove(ctx, first)
		s.expectLevel(name, v1alpha1.LevelAdministrator)
		Expect(levelBindings(ctx, Default, v1alpha1.LevelAuditor, name)).To(BeEmpty())
	}, NodeTimeout(2*patience))

	It("follows the provider's subject rule where the name stays the same, and ends where it does not", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice")
		name := u.Spec.UserName
		s.assign(u, v1alpha1.LevelAuditor)
		s.expectLevel(name, v1alpha1.LevelAuditor)
		provider := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}
		patch(ctx, provider, func(p *v1alpha1.IdentityProvider) { p.Spec.Subject.Prefix = "oidc:" })
		s.expectLevel("oidc:"+name, v1alpha1.LevelAuditor)
		s.expectNoLevel(name)
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.ExternalID = "ext-" + s.id })
		patch(ctx, provider, func(p *v1alpha1.IdentityProvider) { p.Spec.Subject.From = v1alpha1.SubjectFromExternalID })
		s.expectNoLevel("oidc:" + name)
		s.expectNoLevel("oidc:ext-" + s.id)
	}, NodeTimeout(2*patience))

	DescribeTable("is repaired when somebody changes its bindings", func(ctx SpecContext, change func(context.Context, *rbacv1.ClusterRoleBinding)) {
		s.ctx = ctx
		u := s.newUser("alice")
		s.assign(u, v1alpha1.LevelAuditor)
		s.expectLevel(u.Spec.UserName, v1alpha1.LevelAuditor)
		bindings := levelBindings(ctx, Default, v1alpha1.LevelAuditor, u.Spec.UserName)
		Expect(bindings).To(HaveLen(1))
		change(ctx, bindings[0])
		Eventually(func(g Gomega) {
			g.Expect(levelBindings(ctx, g, v1alpha1.LevelAuditor, u.Spec.UserName)).To(HaveExactElements(HaveField("Name", bindings[0].Name)))
		}, patience, interval).Should(Succeed())
		s.expectNoLevel("intruder")
		s.expectLevel(u.Spec.UserName, v1alpha1.LevelAuditor)
	},
		Entry("by deleting one", NodeTimeout(patience), func(ctx context.Context, b *rbacv1.ClusterRoleBinding) {
			remove(ctx, b)
		}),
		Entry("by adding a subject", NodeTimeout(patience), func(ctx context.Context, b *rbacv1.ClusterRoleBinding) {
			meddle(ctx, b, func(b *rbacv1.ClusterRoleBinding) { b.Subjects = append(b.Subjects, intruder) })
		}),
		Entry("by putting one of their own in our name in its place", NodeTimeout(patience), func(ctx context.Context, b *rbacv1.ClusterRoleBinding) {
			remove(ctx, b)
			Expect(client.IgnoreAlreadyExists(operator.Create(ctx, &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: "smuggled-" + b.Name, Labels: b.Labels}, RoleRef: b.RoleRef, Subjects: []rbacv1.Subject{intruder},
			}))).To(Succeed())
		}),
		Entry("by adding one of a level that there is not", NodeTimeout(patience), func(ctx context.Context, b *rbacv1.ClusterRoleBinding) {
			Expect(operator.Create(ctx, &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: "smuggled-owner", Labels: map[string]string{
					v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue, v1alpha1.PermissionLevelLabel: "rollcall-owner",
				}},
				RoleRef: b.RoleRef, Subjects: []rbacv1.Subject{intruder},
			})).To(Succeed())
		}),
	)

	It("is spread over bindings of bounded size", func(ctx SpecContext) {
		s.ctx = ctx
		names := make([]string, projection.MaxSubjects+1)
		var group errgroup.Group
		group.SetLimit(16)
		for i := range names {
			u := s.user(fmt.Sprintf("u%04d", i))
			give(v1alpha1.LevelTeamLeader)(u)
			names[i] = u.Spec.UserName
			group.Go(func() error { return operator.Create(ctx, u) })
		}
		Expect(group.Wait()).To(Succeed())
		Eventually(func(g Gomega) {
			total := 0
			for _, b := range levelBindings(ctx, g, v1alpha1.LevelTeamLeader, names...) {
				g.Expect(len(b.Subjects)).To(BeNumerically("<=", projection.MaxSubjects))
				total += len(b.Subjects)
			}
			g.Expect(total).To(BeNumerically(">=", len(names)))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("is what the manager may bind beside the roles that administrators name", func(ctx SpecContext) {
		manager := "system:serviceaccount:" + cluster.Namespace + ":" + cluster.ServiceAccount
		for role, want := range map[string]bool{
			"rollcall-team-leader": true, "rollcall-auditor": true, "rollcall-administrator": true,
			"cluster-admin": false, "admin": false, "rollcall-bindable-roles": false, "": false,
		} {
			Expect(allowed(ctx, manager, authorizationv1.ResourceAttributes{
				Verb: "bind", Group: rbacv1.GroupName, Resource: "clusterroles", Name: role,
			})).To(Equal(want), role)
		}
	}, NodeTimeout(patience))
})

var intruder = rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "intruder"}
