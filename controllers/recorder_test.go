//go:build integration

package controllers_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// told are the types and reasons of the Events on an object, once for each.
func told(ctx context.Context, g Gomega, o client.Object) []string {
	var reasons []string
	for _, e := range eventsOn(ctx, g, o) {
		reasons = append(reasons, e.Type+" "+e.Reason)
	}
	return reasons
}

// expectTold waits until just these Events are on an object.
func expectTold(ctx context.Context, o client.Object, want ...string) {
	GinkgoHelper()
	Eventually(func(g Gomega) { g.Expect(told(ctx, g, o)).To(ConsistOf(want)) }, patience, interval).Should(Succeed())
}

// gauge reads a metric of a label's value; 0 without such a series.
func gauge(g Gomega, name, label, value string) (sum float64) {
	families, err := metrics.Registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == name && l.GetName() == label && l.GetValue() == value {
					sum += m.GetGauge().GetValue()
				}
			}
		}
	}
	return sum
}

func expectGauge(name, label, value string, want float64) {
	GinkgoHelper()
	Eventually(func(g Gomega) { g.Expect(gauge(g, name, label, value)).To(Equal(want), name) }, patience, interval).Should(Succeed())
}

var _ = Describe("The Events on an object", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	It("tell of a user each turn once, however often it is looked at", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice")
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.State).To(Equal(v1alpha1.StateActive))
		}, patience, interval).Should(Succeed())
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) {
			u.Spec.Memberships = map[string]v1alpha1.Membership{s.role.Spec.ID: {}}
		})
		expectTold(ctx, u, "Normal RoleGained")
		patch(ctx, u, suspend)
		expectTold(ctx, u, "Normal RoleGained", "Normal "+access.ReasonDeactivated)
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.DisplayName = "Alice" })
		patch(ctx, u, restore)
		expectTold(ctx, u, "Normal RoleGained", "Normal "+access.ReasonDeactivated, "Normal Restored")
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.Memberships = nil })
		all := []string{"Normal RoleGained", "Normal " + access.ReasonDeactivated, "Normal Restored", "Normal RoleLost"}
		expectTold(ctx, u, all...)

		By("counting what comes again in the one that is there")
		patch(ctx, u, suspend)
		Eventually(func(g Gomega) {
			g.Expect(eventsOn(ctx, g, u)).To(ContainElement(And(
				HaveField("Reason", access.ReasonDeactivated), HaveField("Series", HaveValue(HaveField("Count", int32(2)))))))
		}, patience, interval).Should(Succeed())
		Expect(told(ctx, Default, u)).To(ConsistOf(all))
	}, NodeTimeout(2*patience))

	It("say what they are about, and who says it", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice", s.role)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.Roles).To(HaveLen(1))
		}, patience, interval).Should(Succeed())
		a := s.newAttachment(u, s.newRole("ops"))
		expectTold(ctx, u, "Normal RoleGained")
		event := eventsOn(ctx, Default, u)[0]
		Expect(event.Note).To(And(ContainSubstring(a.Spec.Role), ContainSubstring(a.Name)))
		Expect(event.Regarding).To(Equal(corev1.ObjectReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "ProvisionedUser", Name: u.Name, UID: u.UID,
			FieldPath: "status.roles{" + a.Spec.Role + "}",
		}))
		Expect(event.ReportingController).To(Equal("rollcall-manager"))
	}, NodeTimeout(2*patience))

	It("tell of a user whose subject is somebody else's", func(ctx SpecContext) {
		s.ctx = ctx
		first := s.newUser("alice")
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, first).Status.State).To(Equal(v1alpha1.StateActive))
		}, patience, interval).Should(Succeed())
		second := s.user("alice2")
		second.Spec.UserName = first.Spec.UserName
		s.create(second)
		expectTold(ctx, second, "Warning "+v1alpha1.ReasonSubjectRefused)
		expectGauge("rollcall_users_refused", "provider", s.provider, 1)
		remove(ctx, first)
		expectTold(ctx, second, "Warning "+v1alpha1.ReasonSubjectRefused, "Normal Restored")
		expectGauge("rollcall_users_refused", "provider", s.provider, 0)
		Expect(told(ctx, Default, first)).To(BeEmpty())

		By("deleting the one who is refused")
		third := s.user("alice3")
		third.Spec.UserName = first.Spec.UserName
		s.create(third)
		expectGauge("rollcall_users_refused", "provider", s.provider, 1)
		remove(ctx, third)
		expectGauge("rollcall_users_refused", "provider", s.provider, 0)
	}, NodeTimeout(2*patience))

	It("tell of an attachment that it began, ended, or is void", func(ctx SpecContext) {
		s.ctx = ctx
		u := s.newUser("alice")
		// The API server stores whole seconds: this leaves three at least for it to begin.
		soon := metav1.NewTime(time.Now().Add(4 * time.Second))
		ends := s.newAttachment(u, s.role, func(a *v1alpha1.RoleAttachment) { a.Spec.ExpiresAt = &soon })
		void := s.newAttachment(u, s.role)
		nowhere := s.newAttachment(u, &v1alpha1.ProvisionedRole{ObjectMeta: metav1.ObjectMeta{Name: "nowhere-" + s.id}})
		expectTold(ctx, ends, "Normal Active", "Normal Expired")
		expectTold(ctx, void, "Normal Active")
		expectTold(ctx, nowhere, "Warning RoleGone")
		superseded := gauge(Default, "rollcall_attachments", "state", "Superseded")
		patch(ctx, u, suspend)
		expectTold(ctx, void, "Normal Active", "Warning "+access.ReasonSuspendedSince)
		Expect(gauge(Default, "rollcall_attachments", "state", "Superseded")).To(BeNumerically(">", superseded))
	}, NodeTimeout(2*patience))

	It("tell of a rule that its bindings are refused, and of a role that members are missing", func(ctx SpecContext) {
		s.ctx = ctx
		s.newUser("alice", s.role)
		s.create(&rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: "unbindable-" + s.id},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get"}}},
		})
		rule := s.newRule("unbindable-" + s.id)
		expectTold(ctx, rule, "Warning "+v1alpha1.ReasonBindingsRefused)
		expectGauge("rollcall_bindings_refused", "source", "rule", 1)
		expectGauge("rollcall_access_rules", "reason", v1alpha1.ReasonBindingsRefused, 1)
		remove(ctx, rule)
		expectGauge("rollcall_bindings_refused", "source", "rule", 0)
		expectGauge("rollcall_access_rules", "reason", v1alpha1.ReasonBindingsRefused, 0)

		bound := s.newRule("pod-reader")
		Eventually(func(g Gomega) {
			g.Expect(gauge(g, "rollcall_bindings", "kind", "RoleBinding")).To(BeNumerically(">=", 1))
		}, patience, interval).Should(Succeed())
		Expect(told(ctx, Default, bound)).To(BeEmpty())

		patch(ctx, s.role, func(r *v1alpha1.ProvisionedRole) { r.Spec.UnresolvedMembers = []string{"somebody"} })
		expectTold(ctx, s.role, "Warning UnresolvedMembers")
		expectGauge("rollcall_roles_incomplete", "provider", s.provider, 1)
		patch(ctx, s.role, func(r *v1alpha1.ProvisionedRole) { r.Spec.UnresolvedMembers = nil })
		expectTold(ctx, s.role, "Warning UnresolvedMembers", "Normal MembersResolved")
		expectGauge("rollcall_roles", "provider", s.provider, 1)
		remove(ctx, s.role)
		expectGauge("rollcall_roles", "provider", s.provider, 0)
	}, NodeTimeout(3*patience))

	It("tell of a provider that it is paused, and that it has been silent for two cycles", func(ctx SpecContext) {
		s.ctx = ctx
		p := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "silent-" + s.id}}
		p.Spec.Type = v1alpha1.ProviderEntra
		s.create(p)
		contact := func(ago time.Duration) {
			GinkgoHelper()
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(p), p)).To(Succeed())
			old := p.DeepCopy()
			p.Status.LastContactAt = &metav1.Time{Time: time.Now().Add(-ago)}
			Expect(operator.Status().Patch(ctx, p, client.MergeFrom(old))).To(Succeed())
			expectGauge("rollcall_identity_provider_last_contact_timestamp_seconds", "provider", p.Name, float64(p.Status.LastContactAt.Unix()))
		}
		contact(80 * time.Minute)
		expectTold(ctx, p, "Normal Contacted")
		contact(91 * time.Minute)
		expectTold(ctx, p, "Normal Contacted", "Warning NoContact")
		patch(ctx, p, func(p *v1alpha1.IdentityProvider) { p.Labels = map[string]string{"look": "again"} })
		contact(0)
		expectTold(ctx, p, "Normal Contacted", "Warning NoContact", "Normal ContactResumed")
		Expect(eventsOn(ctx, Default, p)).To(HaveEach(HaveField("Series", BeNil())))
		patch(ctx, p, func(p *v1alpha1.IdentityProvider) { p.Spec.Paused = true })
		Eventually(func(g Gomega) {
			g.Expect(eventsOn(ctx, g, p)).To(ContainElement(Satisfy(func(e eventsv1.Event) bool {
				return e.Reason == v1alpha1.ReasonPaused && e.Type == corev1.EventTypeNormal
			})))
		}, patience, interval).Should(Succeed())
		remove(ctx, p)
		expectGauge("rollcall_identity_provider_last_contact_timestamp_seconds", "provider", p.Name, 0)
	}, NodeTimeout(2*patience))
})
