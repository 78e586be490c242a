//go:build integration

package controllers_test

import (
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/token"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

var _ = Describe("Housekeeping", func() {
	var s *stage
	BeforeEach(func(ctx SpecContext) { s = newStage(ctx) }, NodeTimeout(patience))

	It("sweeps memberships in a role that was deleted, and tells its attachments", func(ctx SpecContext) {
		s.ctx = ctx
		kept := s.newRole("kept")
		u := s.newUser("alice", s.role, kept)
		local := s.newAttachment(u, s.role)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.RoleCount).To(BeEquivalentTo(2))
		}, patience, interval).Should(Succeed())
		remove(ctx, s.role)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Spec.Memberships).To(Equal(map[string]v1alpha1.Membership{kept.Spec.ID: {}}))
			g.Expect(u.Status.Roles).To(HaveExactElements(HaveField("Name", kept.Name)))
			g.Expect(fetch(ctx, g, local).Status).To(And(
				HaveField("State", v1alpha1.AttachmentIneffective), HaveField("Reason", access.ReasonRoleGone)))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("sweeps memberships in a role that was released, so that taking it over again brings none of them back", func(ctx SpecContext) {
		s.ctx = ctx
		s.newRule("pod-reader")
		u := s.newUser("alice", s.role)
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
		patchAs(ctx, operator, s.role, func(r *v1alpha1.ProvisionedRole) { r.Spec.Provider = "" })
		s.expectCannot(u.Spec.UserName, "get", "pods", s.namespace)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Spec.Memberships).To(BeEmpty())
		}, patience, interval).Should(Succeed())
		patchAs(ctx, operator, s.role, func(r *v1alpha1.ProvisionedRole) { r.Spec.Provider = s.provider })
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, s.role).Status.ManagedBy).To(Equal(s.provider))
			g.Expect(s.can(u.Spec.UserName, "get", "pods", s.namespace)).To(BeFalse())
		}, patience, interval).Should(Succeed())
		By("giving the role anew")
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) {
			u.Spec.Memberships = map[string]v1alpha1.Membership{s.role.Spec.ID: {}}
		})
		s.expectCan(u.Spec.UserName, "get", "pods", s.namespace)
	}, NodeTimeout(2*patience))

	It("keeps memberships in a role that nobody saw being deleted, until it is late", func(ctx SpecContext) {
		s.ctx = ctx
		restoredBefore := &v1alpha1.ProvisionedRole{Spec: v1alpha1.ProvisionedRoleSpec{ID: uuid.NewString()}}
		u := s.newUser("alice", restoredBefore)
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status.State).To(Equal(v1alpha1.StateActive))
		}, patience, interval).Should(Succeed())
		Expect(u.Spec.Memberships).To(HaveLen(1))
		now.shift(2 * time.Hour)
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.DisplayName = "Alice" })
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Spec.Memberships).To(BeEmpty())
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("removes tombstones after the provider's retention, not before", func(ctx SpecContext) {
		s.ctx = ctx
		deleted := metav1.NewTime(now.Now().Truncate(time.Second))
		u := s.newUser("alice", s.role)
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) {
			suspend(u)
			u.Spec.DeprovisionedAt, u.Spec.Memberships = &deleted, nil
		})
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, u).Status).To(And(
				HaveField("State", v1alpha1.StateDeprovisioned), HaveField("Reason", access.ReasonDeleted)))
		}, patience, interval).Should(Succeed())

		now.shift(29 * 24 * time.Hour)
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.DisplayName = "first" })
		Consistently(func(g Gomega) { fetch(ctx, g, u) }, time.Second, 100*time.Millisecond).Should(Succeed())

		now.shift(25 * time.Hour)
		patch(ctx, u, func(u *v1alpha1.ProvisionedUser) { u.Spec.DisplayName = "second" })
		Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(u), u) }, patience, interval).
			Should(MatchError(apierrors.IsNotFound, "not found"))
	}, NodeTimeout(2*patience))

	It("says of a role which members could not be resolved", func(ctx SpecContext) {
		s.ctx = ctx
		patch(ctx, s.role, func(r *v1alpha1.ProvisionedRole) { r.Spec.UnresolvedMembers = []string{"nested-group"} })
		Eventually(func(g Gomega) {
			nested := condition(g, fetch(ctx, g, s.role).Status.Conditions, v1alpha1.ConditionNestedGroupNotSynced)
			g.Expect(nested.Status).To(Equal(metav1.ConditionTrue))
			g.Expect(nested.Message).To(ContainSubstring("nested-group"))
		}, patience, interval).Should(Succeed())
		patch(ctx, s.role, func(r *v1alpha1.ProvisionedRole) { r.Spec.UnresolvedMembers = nil })
		Eventually(func(g Gomega) {
			g.Expect(fetch(ctx, g, s.role).Status.Conditions).To(HaveExactElements(HaveField("Type", v1alpha1.ConditionReady)))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))

	It("shows tokens, never their digests, and what they mean for the provider", func(ctx SpecContext) {
		s.ctx = ctx
		give := func(name string, lifetime time.Duration) (*v1alpha1.IdentityProvider, token.Token, *corev1.Secret) {
			made, err := token.Generate(time.Now(), lifetime)
			Expect(err).NotTo(HaveOccurred())
			provider := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: name}}
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(provider), provider)).To(Succeed())
			secret := made.ToSecret(cluster.Namespace, provider)
			s.create(secret)
			return provider, made, secret
		}
		// Warnings that follow each other within minutes are counted in one Event, which
		// keeps the first note.
		isWarned := func(g Gomega, p *v1alpha1.IdentityProvider, id, first string, times int32) {
			var all int32
			for _, e := range eventsOn(ctx, g, p) {
				if e.Reason != v1alpha1.ConditionTokenExpiring {
					continue
				}
				g.Expect(e.Type).To(Equal(corev1.EventTypeWarning))
				g.Expect(e.Note).To(And(ContainSubstring(id), ContainSubstring(first)))
				if all++; e.Series != nil {
					all += e.Series.Count - 1
				}
			}
			g.Expect(all).To(Equal(times))
		}
		provider, made, secret := give(s.provider, 10*24*time.Hour)
		late, soon, lateSecret := give(newStage(ctx).provider, 5*24*time.Hour)
		Eventually(func(g Gomega) {
			status := fetch(ctx, g, provider).Status
			g.Expect(status.Tokens).To(HaveExactElements(HaveField("ID", made.ID)))
			g.Expect(status.Tokens[0].ExpiresAt.Time).To(BeTemporally("==", made.ExpiresAt))
			g.Expect(condition(g, status.Conditions, v1alpha1.ConditionReady).Status).To(Equal(metav1.ConditionTrue))
			g.Expect(condition(g, status.Conditions, v1alpha1.ConditionTokenExpiring).Status).To(Equal(metav1.ConditionTrue))
			isWarned(g, provider, made.ID, "within 30 days", 1)
			isWarned(g, late, soon.ID, "within 7 days", 1)
		}, patience, interval).Should(Succeed())

		const ends = "rollcall_token_expiry_timestamp_seconds"
		expectGauge(ends, "token", made.ID, float64(made.ExpiresAt.Unix()))
		expectGauge(ends, "provider", provider.Name, float64(made.ExpiresAt.Unix()))
		expectGauge(ends, "provider", late.Name, float64(soon.ExpiresAt.Unix()))

		says := func(g Gomega, p *v1alpha1.IdentityProvider, message string) {
			expiring := condition(g, fetch(ctx, g, p).Status.Conditions, v1alpha1.ConditionTokenExpiring)
			g.Expect(expiring.Message).To(ContainSubstring(message))
		}
		look := func() {
			for _, p := range []*v1alpha1.IdentityProvider{provider, late} {
				patch(ctx, p, func(p *v1alpha1.IdentityProvider) {
					p.Annotations = map[string]string{"example.com/look": now.Now().String()}
				})
			}
		}
		now.shift(4*24*time.Hour + 12*time.Hour)
		look()
		Eventually(func(g Gomega) {
			says(g, provider, "within 7 days")
			isWarned(g, provider, made.ID, "within 30 days", 2)
			says(g, late, "within 1 day")
			isWarned(g, late, soon.ID, "within 7 days", 2)
		}, patience, interval).Should(Succeed())
		now.shift(4*24*time.Hour + 12*time.Hour)
		look()
		Eventually(func(g Gomega) {
			says(g, provider, "within 1 day")
			says(g, late, "there is no live token")
			g.Expect(eventsOn(ctx, g, late)).To(ContainElement(And(
				HaveField("Type", corev1.EventTypeWarning), HaveField("Reason", v1alpha1.ReasonNoToken))))
		}, patience, interval).Should(Succeed())
		Expect(admin.Delete(ctx, lateSecret)).To(Succeed())
		Expect(admin.Delete(ctx, secret)).To(Succeed())
		Eventually(func(g Gomega) {
			status := fetch(ctx, g, provider).Status
			g.Expect(status.Tokens).To(BeEmpty())
			g.Expect(condition(g, status.Conditions, v1alpha1.ConditionReady).Reason).To(Equal(v1alpha1.ReasonNoToken))
			g.Expect(eventsOn(ctx, g, provider)).To(ContainElement(HaveField("Reason", v1alpha1.ReasonNoToken)))
		}, patience, interval).Should(Succeed())
		expectGauge(ends, "provider", provider.Name, 0)
	}, NodeTimeout(2*patience))

	It("shows a provider's Tenant URL and counts", func(ctx SpecContext) {
		s.ctx = ctx
		s.newUser("alice", s.role)
		gone := s.newUser("bob")
		provider := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}
		Eventually(func(g Gomega) {
			status := fetch(ctx, g, provider).Status
			g.Expect(status.TenantURL).To(Equal("https://scim.example.com/" + s.provider + "/scim/v2"))
			g.Expect(status.Users).To(BeEquivalentTo(2))
			g.Expect(status.Roles).To(BeEquivalentTo(1))
			g.Expect(condition(g, status.Conditions, v1alpha1.ConditionReady).Reason).To(Equal(v1alpha1.ReasonNoToken))
			g.Expect(condition(g, status.Conditions, v1alpha1.ConditionConnected).Status).To(Equal(metav1.ConditionFalse))
		}, patience, interval).Should(Succeed())
		deleted := metav1.Now()
		patch(ctx, gone, func(u *v1alpha1.ProvisionedUser) { u.Spec.DeprovisionedAt = &deleted })
		patch(ctx, provider, func(p *v1alpha1.IdentityProvider) { p.Spec.Paused = true })
		Eventually(func(g Gomega) {
			status := fetch(ctx, g, provider).Status
			g.Expect(status.Users).To(BeEquivalentTo(1))
			g.Expect(condition(g, status.Conditions, v1alpha1.ConditionReady).Reason).To(Equal(v1alpha1.ReasonPaused))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(2*patience))
})
