//go:build integration

package e2e_test

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// mayAttach is what an Administrator may do and a User may not.
func mayAttach(user string) verdict.Question {
	return verdict.Question{User: user, Verb: "create", Resource: "roleattachments.identity.rollcall.dev"}
}

var _ = DescribeTableSubtree("The lifecycle of somebody with every local privilege", func(dialect entra.Dialect) {
	var (
		p    *privileged
		tool client.Client
	)
	BeforeEach(func(ctx SpecContext) {
		tool = gitOps(ctx)
		p = newPrivileged(ctx, dialect)
		p.expectEverything(ctx)
	})

	DescribeTable("leaves, after the return, exactly the identity provider's roles and the level User",
		func(ctx SpecContext, leave, comeBack func(ctx context.Context, p *privileged), rolesAfter []string) {
			leave(ctx, p)
			p.cycle(ctx)
			p.expectNothing(ctx)
			By("applying the old manifests again while the person is away")
			p.applyAll(ctx, tool, "gitops")
			p.expectNothing(ctx)

			comeBack(ctx, p)
			p.cycle(ctx)
			var roles []string
			for _, r := range rolesAfter {
				roles = append(roles, p.role(r))
			}
			p.expectOnlyEntras(ctx, roles...)
			By("applying the old manifests again after the return")
			p.applyAll(ctx, tool, "gitops")
			p.applyAll(ctx, chief(ctx), "git")
			p.expectOnlyEntras(ctx, roles...)

			By("saying why")
			u := user(ctx, Default, p.name)
			withheld := map[string]string{}
			for _, r := range u.Status.Withheld {
				withheld[r.Name] = r.Sources[0].Reason
				Expect(r.Sources[0].Author).To(Equal(chiefName))
				Expect(r.Sources[0].Message).To(ContainSubstring("make a new one"))
			}
			Expect(withheld).To(Equal(map[string]string{
				p.role("ops"): access.ReasonSuspendedSince, p.role("incidents"): access.ReasonSuspendedSince,
			}))

			By("granting again, which takes new acts")
			admin := chief(ctx)
			Expect(admin.Delete(ctx, rattach(p.role("for-good")))).To(Succeed())
			Expect(apply(ctx, admin, "git", "%s", p.manifests[0])).To(Succeed())
			expectAllowed(ctx, p.locals[0])
			Expect(merge(ctx, admin, puser(p.object), `{"spec":{"permissionLevel":"User"}}`)).To(Succeed())
			Expect(merge(ctx, admin, puser(p.object), `{"spec":{"permissionLevel":"Administrator"}}`)).To(Succeed())
			expectAllowed(ctx, mayAttach(p.name))
		},
		Entry("disabled and restored: PATCH of active",
			func(_ context.Context, p *privileged) { Expect(p.tenant.Disable(p.name)).To(Succeed()) },
			func(_ context.Context, p *privileged) { Expect(p.tenant.Enable(p.name)).To(Succeed()) },
			[]string{"engineers"}),
		Entry("unassigned and assigned again",
			func(_ context.Context, p *privileged) {
				// Who is in an assigned group is in scope by that.
				Expect(p.tenant.RemoveMembers(p.group("Engineers"), p.name)).To(Succeed())
				Expect(p.tenant.Unassign(p.name)).To(Succeed())
			},
			func(_ context.Context, p *privileged) {
				Expect(p.tenant.Assign(p.name)).To(Succeed())
				Expect(p.tenant.AddMembers(p.group("Engineers"), p.name)).To(Succeed())
			},
			[]string{"engineers"}),
		Entry("deleted for good, and posted again with the same externalId: DELETE and POST",
			func(ctx context.Context, p *privileged) {
				Expect(p.tenant.Delete(p.name)).To(Succeed())
				p.cycle(ctx)
				p.pass(thirtyDays)
			},
			func(_ context.Context, p *privileged) {
				p.addPeople("pat")
				Expect(p.tenant.Assign(p.name)).To(Succeed())
			},
			[]string{}),
	)

	It("keeps everything through a local suspension, which no identity provider lifts", func(ctx SpecContext) {
		admin := chief(ctx)
		Expect(merge(ctx, admin, puser(p.object), `{"spec":{"suspend":true}}`)).To(Succeed())
		p.expectNothing(ctx)
		By("the identity provider restoring in vain")
		Expect(p.tenant.EditPerson(p.name, func(e *entra.Person) { e.Surname = "Changed" })).To(Succeed())
		p.cycle(ctx)
		expectStatus(send(ctx, p.raw, http.MethodPatch, "/Users/"+p.job.UserID(p.name), patchBody(`{"op":"Replace","path":"active","value":"True"}`)), http.StatusOK)
		u := expectUser(ctx, p.name, v1alpha1.StateSuspended, v1alpha1.LevelUser)
		Expect(u.Status.Reason).To(Equal(access.ReasonSuspended))
		p.expectNothing(ctx)
		Expect(merge(ctx, admin, puser(p.object), `{"spec":{"suspend":false}}`)).To(Succeed())
		p.expectEverything(ctx)

		By("the identity provider suspending, too, and restoring: that lifts its own suspension and no other")
		Expect(merge(ctx, admin, puser(p.object), `{"spec":{"suspend":true}}`)).To(Succeed())
		p.expectNothing(ctx)
		Expect(p.tenant.Disable(p.name)).To(Succeed())
		p.cycle(ctx)
		Expect(user(ctx, Default, p.name).Spec.Active).To(HaveValue(BeFalse()))
		Expect(p.tenant.Enable(p.name)).To(Succeed())
		p.cycle(ctx)
		restored := user(ctx, Default, p.name)
		Expect(restored.Spec.Active).To(HaveValue(BeTrue()))
		Expect(restored.Spec.Suspend).To(BeTrue())
		Eventually(func(g Gomega) {
			u := user(ctx, g, p.name)
			g.Expect(u.Status.ObservedGeneration).To(Equal(restored.Generation))
			g.Expect(u.Status.State).To(Equal(v1alpha1.StateSuspended))
			g.Expect(u.Status.Reason).To(Equal(access.ReasonSuspended))
		}).WithContext(ctx).Should(Succeed())
		p.expectStillNothing(ctx)
		Expect(merge(ctx, admin, puser(p.object), `{"spec":{"suspend":false}}`)).To(Succeed())
		expectAllowed(ctx, p.entras)
		p.expectOnlyEntras(ctx, p.role("engineers"))
	})

	It("leaves nothing to the next person of that name, posted with another externalId, though the old manifests are applied again", func(ctx SpecContext) {
		Expect(p.tenant.Delete(p.name)).To(Succeed())
		p.cycle(ctx)
		p.pass(thirtyDays)
		Expect(p.cycle(ctx).UsersDeleted).To(Equal(1))
		old := user(ctx, Default, p.name)
		_, err := p.tenant.AddPerson(entra.Person{UserPrincipalName: p.name, MailNickname: "somebody.else"})
		Expect(err).NotTo(HaveOccurred())
		Expect(p.tenant.Assign(p.name)).To(Succeed())
		Expect(p.cycle(ctx).UsersCreated).To(Equal(1))
		id := p.job.UserID(p.name)
		Expect(id).NotTo(Equal(old.Spec.ID))

		p.applyAll(ctx, tool, "gitops")
		p.applyAll(ctx, chief(ctx), "git")
		Eventually(func(g Gomega) {
			var list v1alpha1.ProvisionedUserList
			g.Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.userName": p.name})).To(Succeed())
			states := map[string]v1alpha1.UserState{}
			for _, u := range list.Items {
				g.Expect(u.Status.ObservedGeneration).To(Equal(u.Generation))
				g.Expect(u.Status.Roles).To(BeEmpty())
				g.Expect(u.Status.PermissionLevel).To(Equal(v1alpha1.LevelUser))
				states[u.Spec.ID] = u.Status.State
			}
			g.Expect(states).To(Equal(map[string]v1alpha1.UserState{
				old.Spec.ID: v1alpha1.StateDeprovisioned, id: v1alpha1.StateActive,
			}))
		}).WithContext(ctx).Should(Succeed())
		p.expectStillNothing(ctx)
	})

	It("loses the level, but no role, when the identity provider renames the person", func(ctx SpecContext) {
		old := p.name
		Expect(p.tenant.Rename(old, p.upn("mallory"))).To(Succeed())
		p.cycle(ctx)
		p.name = p.upn("mallory")
		u := expectUser(ctx, p.name, v1alpha1.StateActive, v1alpha1.LevelUser, p.role("engineers"), p.role("incidents"), p.role("ops"))
		Expect(condition(u.Status.Conditions, v1alpha1.ConditionPermissionLevelInForce).Reason).To(Equal(access.ReasonSubjectChanged))
		expectDenied(ctx, mayAttach(p.name))
		expectDenied(ctx, mayAttach(old))
		expectDenied(ctx, p.entras)
	})
},
	Entry("in Entra's default dialect", entra.Default),
	Entry("with aadOptscim062020", entra.AadOptscim062020),
)

// condition finds a condition, or fails.
func condition(conditions []metav1.Condition, kind string) metav1.Condition {
	GinkgoHelper()
	for _, c := range conditions {
		if c.Type == kind {
			return c
		}
	}
	Fail("no condition " + kind)
	return metav1.Condition{}
}
