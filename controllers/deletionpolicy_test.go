//go:build integration

package controllers_test

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// world is a provider in a random state.
type world struct {
	*stage
	users []*v1alpha1.ProvisionedUser
	roles []*v1alpha1.ProvisionedRole // of the provider
	local *v1alpha1.ProvisionedRole
	// grants are those that the state means.
	grants map[grant]bool
}

func newWorld(ctx context.Context, random *rand.Rand) *world {
	GinkgoHelper()
	w := &world{stage: newStage(ctx), grants: make(map[grant]bool)}
	chance := func(p float64) bool { return random.Float64() < p }
	provider := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: w.provider}}
	patch(ctx, provider, func(p *v1alpha1.IdentityProvider) {
		p.Spec.Subject.From = []v1alpha1.SubjectSource{v1alpha1.SubjectFromUserName, v1alpha1.SubjectFromEmail, v1alpha1.SubjectFromExternalID}[random.IntN(3)]
		p.Spec.Subject.Prefix = []string{"", "oidc:"}[random.IntN(2)]
	})
	w.local = &v1alpha1.ProvisionedRole{
		ObjectMeta: metav1.ObjectMeta{Name: "local-" + w.id},
		Spec:       v1alpha1.ProvisionedRoleSpec{ID: uuid.NewString(), DisplayName: "local " + w.id},
	}
	w.create(w.local)
	w.roles = []*v1alpha1.ProvisionedRole{w.role}
	for _, name := range []string{"ops", "dev"} {
		role := &v1alpha1.ProvisionedRole{
			ObjectMeta: metav1.ObjectMeta{Name: name + "-" + w.id},
			Spec: v1alpha1.ProvisionedRoleSpec{
				Provider: w.provider, ID: uuid.NewString(), DisplayName: name + " " + w.id, UnresolvedMembers: []string{"nested"},
			},
		}
		Expect(operator.Create(ctx, role)).To(Succeed())
		w.roles = append(w.roles, role)
	}
	everyRole := append([]*v1alpha1.ProvisionedRole{w.local}, w.roles...)
	rules := make(map[string]*v1alpha1.AccessRule)
	for _, role := range everyRole {
		rules[role.Name] = w.newRule("pod-reader", func(r *v1alpha1.AccessRule) { r.Spec.Role = role.Name })
	}
	for _, name := range []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"} {
		u := w.user(name)
		memberships := make(map[string]v1alpha1.Membership)
		u.Spec.Suspensions = random.Int64N(3)
		for _, role := range w.roles {
			if chance(.5) {
				memberships[role.Spec.ID] = v1alpha1.Membership{}
			}
		}
		if chance(.2) {
			memberships[uuid.NewString()] = v1alpha1.Membership{} // of a role that is gone
		}
		if len(memberships) > 0 {
			u.Spec.Memberships = memberships
		}
		if chance(.8) {
			u.Spec.Emails = []v1alpha1.Email{{Value: name + "@mail." + w.id + ".example.com"}}
		}
		if chance(.8) {
			u.Spec.ExternalID = name + "-" + w.id
		}
		if chance(.2) {
			u.Spec.RemoteIdentity = "remote-" + name + "-" + w.id
		}
		active := chance(.8)
		u.Spec.Active = &active
		u.Spec.Suspend = chance(.1)
		if chance(.1) {
			inactive, deleted := false, metav1.NewTime(now.Now().Truncate(time.Second))
			u.Spec.Active, u.Spec.DeprovisionedAt = &inactive, &deleted
			u.Spec.Memberships = nil // as the deletion through SCIM leaves it
		}
		Expect(operator.Create(ctx, u)).To(Succeed())
		w.users = append(w.users, u)
		var attachments []*v1alpha1.RoleAttachment
		for _, role := range everyRole {
			if chance(.25) {
				attachments = append(attachments, w.newAttachment(u, role, func(a *v1alpha1.RoleAttachment) {
					a.Spec.RoleID = role.Spec.ID
					if end := metav1.NewTime(time.Now().Add(time.Hour)); chance(.3) {
						a.Spec.ExpiresAt = &end
					}
				}))
			}
		}
		subject := access.SubjectOf(u, provider)
		for _, role := range everyRole {
			if !subject.Refused && access.Holds(u, provider, role, attachments, time.Now()) {
				w.grants[grant{rules[role.Name].Name, subject.Name}] = true
			}
		}
	}
	return w
}

var _ = Describe("An identity provider that is deleted", func() {
	Describe("whatever state its users are in", func() {
		run := func(ctx SpecContext, policy v1alpha1.DeletionPolicy, seed uint64) (*world, *witness) {
			GinkgoHelper()
			seed += uint64(GinkgoRandomSeed())
			AddReportEntry("seed", seed)
			w := newWorld(ctx, rand.New(rand.NewPCG(seed, 0)))
			bindings := w.witness(ctx)
			Eventually(bindings.now, patience, interval).Should(Equal(w.grants))
			bindings.forget()
			expectGone(ctx, w.end(ctx, policy))
			return w, bindings
		}

		DescribeTable("Release makes local ones of them without a gap", func(ctx SpecContext, seed int) {
			w, bindings := run(ctx, v1alpha1.DeletionRelease, uint64(seed))
			for _, before := range w.users {
				u := fetch(ctx, Default, before.DeepCopy())
				if before.Spec.DeprovisionedAt != nil {
					Expect(u.Spec).To(Equal(before.Spec))
					continue
				}
				Expect(u.Spec.Provider).To(BeEmpty())
				Expect(u.Spec.Memberships).To(BeEmpty())
				Expect(u.Spec.ID).To(Equal(before.Spec.ID))
				Expect(u.Spec.Suspensions).To(Equal(before.Spec.Suspensions))
				Expect(u.Spec.Suspend).To(Equal(before.Spec.Suspend))
			}
			for _, role := range w.roles {
				id := role.Spec.ID
				Expect(fetch(ctx, Default, role).Spec).To(And(
					HaveField("Provider", ""), HaveField("ID", id), HaveField("UnresolvedMembers", BeEmpty())))
			}
			Consistently(bindings.now, 500*time.Millisecond, interval).Should(Equal(w.grants))
			bindings.expectNoGap(w.grants)
		},
			Entry("one", 1, NodeTimeout(2*patience)), Entry("two", 2, NodeTimeout(2*patience)),
			Entry("three", 3, NodeTimeout(2*patience)), Entry("four", 4, NodeTimeout(2*patience)))

		DescribeTable("Freeze leaves them as they are without a gap", func(ctx SpecContext, seed int) {
			w, bindings := run(ctx, v1alpha1.DeletionFreeze, uint64(seed))
			Consistently(bindings.now, 500*time.Millisecond, interval).Should(Equal(w.grants))
			bindings.expectNoGap(w.grants)
			for _, before := range w.users {
				Expect(fetch(ctx, Default, before.DeepCopy()).Spec).To(Equal(before.Spec))
			}
		},
			Entry("one", 11, NodeTimeout(2*patience)), Entry("two", 12, NodeTimeout(2*patience)),
			Entry("three", 13, NodeTimeout(2*patience)))

		DescribeTable("Suspend takes everything from them", func(ctx SpecContext, seed int) {
			w, bindings := run(ctx, v1alpha1.DeletionSuspend, uint64(seed))
			Eventually(bindings.now, patience, interval).Should(BeEmpty())
			for _, before := range w.users {
				u := fetch(ctx, Default, before.DeepCopy())
				if before.Spec.DeprovisionedAt != nil {
					Expect(u.Spec).To(Equal(before.Spec))
					continue
				}
				want := before.Spec.Suspensions
				if *before.Spec.Active {
					want++
				}
				Expect(u.Spec.Suspensions).To(Equal(want))
				Expect(u.Spec.Active).To(HaveValue(BeFalse()))
				Expect(u.Spec.ProviderDeletedAt).NotTo(BeNil())
				Expect(u.Spec.Memberships).To(HaveLen(len(before.Spec.Memberships)))
			}
		},
			Entry("one", 21, NodeTimeout(2*patience)), Entry("two", 22, NodeTimeout(2*patience)))
	})

	Describe("while any one write fails", func() {
		// cast is two users with roles, one of them suspended.
		cast := func(ctx context.Context) (s *stage, active, inactive *v1alpha1.ProvisionedUser, other *v1alpha1.ProvisionedRole) {
			GinkgoHelper()
			s = newStage(ctx)
			other = s.newRole("other")
			active, inactive = s.user("alice", s.role, other), s.user("bob", s.role)
			suspend(inactive)
			Expect(operator.Create(ctx, active)).To(Succeed())
			Expect(operator.Create(ctx, inactive)).To(Succeed())
			s.newRule("pod-reader")
			return s, active, inactive, other
		}
		// forEachWrite runs a policy with the first write failing, the second, and so
		// on until there is none left to fail.
		forEachWrite := func(ctx SpecContext, policy v1alpha1.DeletionPolicy, least int, check func(s *stage, active, inactive *v1alpha1.ProvisionedUser, bindings *witness)) {
			GinkgoHelper()
			for _, answered := range []bool{false, true} {
				for n := 1; ; n++ {
					s, active, inactive, _ := cast(ctx)
					bindings := s.witness(ctx)
					Eventually(bindings.now, patience, interval).Should(HaveLen(1))
					bindings.forget()
					p := s.held(ctx, policy)
					outage.arm(s.id, n, answered)
					DeferCleanup(outage.disarm)
					Expect(admin.Delete(ctx, p)).To(Succeed())
					expectGone(ctx, p)
					check(s, active, inactive, bindings)
					if !outage.disarm() {
						Expect(n).To(BeNumerically(">", least), "the policy writes less than it must")
						break
					}
				}
			}
		}

		It("Suspend counts each suspension once", func(ctx SpecContext) {
			const writes = 3 // two users and the finalizer
			forEachWrite(ctx, v1alpha1.DeletionSuspend, writes, func(_ *stage, active, inactive *v1alpha1.ProvisionedUser, bindings *witness) {
				Expect(fetch(ctx, Default, active).Spec.Suspensions).To(BeEquivalentTo(1))
				Expect(fetch(ctx, Default, inactive).Spec.Suspensions).To(BeEquivalentTo(1))
				Expect(inactive.Spec.ProviderDeletedAt).NotTo(BeNil())
				Eventually(bindings.now, patience, interval).Should(BeEmpty())
			})
		}, NodeTimeout(4*patience))

		It("Release makes each attachment once and leaves no gap", func(ctx SpecContext) {
			const writes = 8 // three attachments, two users, two roles and the finalizer
			forEachWrite(ctx, v1alpha1.DeletionRelease, writes, func(s *stage, active, inactive *v1alpha1.ProvisionedUser, bindings *witness) {
				before := bindings.now()
				Expect(before).To(HaveLen(1))
				bindings.expectNoGap(before)
				Expect(attachmentsOf(ctx, Default, active)).To(HaveLen(2))
				Expect(attachmentsOf(ctx, Default, inactive)).To(HaveLen(1))
				Expect(fetch(ctx, Default, active).Spec.Provider).To(BeEmpty())
				Expect(fetch(ctx, Default, inactive).Spec.Provider).To(BeEmpty())
				Expect(fetch(ctx, Default, s.role).Spec.Provider).To(BeEmpty())
			})
		}, NodeTimeout(6*patience))
	})

	It("counts a suspension on top of those that the cache has not heard of", func(ctx SpecContext) {
		s := newStage(ctx)
		u := s.user("alice", s.role)
		Expect(operator.Create(ctx, u)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.RoleCount).To(BeEquivalentTo(1))
		}, patience, interval).Should(Succeed())
		p := s.held(ctx, v1alpha1.DeletionSuspend)
		caughtUp := lag.begin("provisionedusers")
		for _, change := range []func(*v1alpha1.ProvisionedUser){suspend, restore} {
			before := u.DeepCopy()
			change(u)
			Expect(operator.Patch(ctx, u, client.MergeFrom(before))).To(Succeed())
		}
		Expect(admin.Delete(ctx, p)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(condition(g, fetch(ctx, g, p).Status.Conditions, v1alpha1.ConditionReady).Message).To(ContainSubstring("1 user and 0 roles"))
		}, patience, interval).Should(Succeed())
		caughtUp()
		expectGone(ctx, p)
		Expect(fetch(ctx, Default, u).Spec).To(And(HaveField("Suspensions", BeEquivalentTo(2)), HaveField("Active", HaveValue(BeFalse()))))
	}, NodeTimeout(2*patience))

	DescribeTable("reaches users of whom the cache has not heard", func(ctx SpecContext, policy v1alpha1.DeletionPolicy, done func(*v1alpha1.ProvisionedUser) bool) {
		s := newStage(ctx)
		p := s.held(ctx, policy)
		caughtUp := lag.begin("provisionedusers")
		u := s.user("alice", s.role)
		Expect(operator.Create(ctx, u)).To(Succeed())
		Expect(admin.Delete(ctx, p)).To(Succeed())
		if policy == v1alpha1.DeletionSuspend {
			// The API server's word is enough; a release waits for the cache.
			expectGone(ctx, p)
		}
		caughtUp()
		expectGone(ctx, p)
		Expect(done(fetch(ctx, Default, u))).To(BeTrue())
	},
		Entry("to suspend them", v1alpha1.DeletionSuspend, access.SuspendedWithProvider, NodeTimeout(2*patience)),
		Entry("to release them", v1alpha1.DeletionRelease, func(u *v1alpha1.ProvisionedUser) bool { return u.Spec.Provider == "" }, NodeTimeout(2*patience)))

	It("stays with the policy Freeze until every name is written down that its rule made", func(ctx SpecContext) {
		s := newStage(ctx)
		s.newRule("pod-reader")
		p := s.held(ctx, v1alpha1.DeletionFreeze)
		patch(ctx, p, func(p *v1alpha1.IdentityProvider) { p.Spec.Subject.Prefix = "oidc:" })
		u := s.user("alice", s.role)
		outage.arm("/provisionedusers/"+u.Name+"/status", always, false)
		DeferCleanup(outage.disarm)
		bindings := s.witness(ctx)
		Expect(operator.Create(ctx, u)).To(Succeed())
		Eventually(bindings.now, patience, interval).Should(HaveLen(1))
		before := bindings.now()
		bindings.forget()
		Expect(admin.Delete(ctx, p)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(condition(g, fetch(ctx, g, p).Status.Conditions, v1alpha1.ConditionReady).Message).To(Equal("deletionPolicy Freeze: 1 user and 0 roles are left"))
		}, patience, interval).Should(Succeed())
		outage.disarm()
		expectGone(ctx, p)
		Consistently(bindings.now, 500*time.Millisecond, interval).Should(Equal(before))
		bindings.expectNoGap(before)
	}, NodeTimeout(2*patience))

	It("stays with the policy Release while a rule names it for a role", func(ctx SpecContext) {
		s := newStage(ctx)
		rule := s.newRule("pod-reader", func(r *v1alpha1.AccessRule) { r.Spec.Provider = s.provider })
		Expect(operator.Create(ctx, s.user("alice", s.role))).To(Succeed())
		bindings := s.witness(ctx)
		Eventually(bindings.now, patience, interval).Should(HaveLen(1))
		before := bindings.now()
		bindings.forget()
		p := s.end(ctx, v1alpha1.DeletionRelease)
		Eventually(func(g Gomega) {
			g.Expect(condition(g, fetch(ctx, g, p).Status.Conditions, v1alpha1.ConditionReady).Message).To(And(
				HavePrefix("deletionPolicy Release: 0 users and 1 role are left: the release waits for AccessRule "+rule.Name), HaveSuffix("take it off")))
		}, patience, interval).Should(Succeed())
		patch(ctx, rule, func(r *v1alpha1.AccessRule) { r.Spec.Provider = "" })
		expectGone(ctx, p)
		Expect(bindings.now()).To(Equal(before))
		bindings.expectNoGap(before)
	}, NodeTimeout(2*patience))

	It("takes back what it made when it is changed on the way", func(ctx SpecContext) {
		s := newStage(ctx)
		u := s.user("alice", s.role)
		Expect(operator.Create(ctx, u)).To(Succeed())
		p := s.held(ctx, v1alpha1.DeletionRelease)
		outage.arm("/provisionedusers/"+u.Name, always, false)
		DeferCleanup(outage.disarm)
		Expect(admin.Delete(ctx, p)).To(Succeed())
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(HaveLen(1)) }, patience, interval).Should(Succeed())
		patch(ctx, p, func(p *v1alpha1.IdentityProvider) { p.Spec.DeletionPolicy = v1alpha1.DeletionFreeze })
		Eventually(func(g Gomega) { g.Expect(attachmentsOf(ctx, g, u)).To(BeEmpty()) }, patience, interval).Should(Succeed())
		outage.disarm()
		expectGone(ctx, p)
		Expect(fetch(ctx, Default, u).Spec.Provider).To(Equal(s.provider))
	}, NodeTimeout(2*patience))

	It("says how far its policy has come", func(ctx SpecContext) {
		s := newStage(ctx)
		u := s.user("alice", s.role)
		Expect(operator.Create(ctx, u)).To(Succeed())
		p := s.held(ctx, v1alpha1.DeletionRelease)
		patch(ctx, p, func(p *v1alpha1.IdentityProvider) { p.Finalizers = append(p.Finalizers, "example.com/hold") })
		Expect(admin.Delete(ctx, p)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			patch(ctx, p, func(p *v1alpha1.IdentityProvider) { p.Finalizers = nil })
		})
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, p).Finalizers).To(Equal([]string{"example.com/hold"}))
			ready := condition(g, p.Status.Conditions, v1alpha1.ConditionReady)
			g.Expect(ready.Status).To(Equal(metav1.ConditionFalse))
			g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonCarryingOutDeletionPolicy))
			g.Expect(ready.Message).To(MatchRegexp(`^deletionPolicy Release: \d users? and \d roles? are left$`))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))
})
