//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/stall"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// leaving is an identity provider that is deleted: ann is in a group of it, ben has the
// same role by an attachment, and cho is suspended.
type leaving struct {
	*world
	administrator administrator
	ann, ben      verdict.Question
}

func newLeaving(ctx context.Context) *leaving {
	GinkgoHelper()
	w := &leaving{world: newWorld(ctx, entra.Options{}), administrator: newAdministrator(ctx)}
	w.addPeople("ann", "ben", "cho")
	Expect(w.tenant.Assign(w.upn("ann"), w.upn("ben"), w.upn("cho"))).To(Succeed())
	w.addGroup("Engineers", w.upn("ann"), w.upn("cho"))
	w.cycle(ctx)
	may := w.rule(ctx, w.role("engineers"))
	w.ann, w.ben = may(w.upn("ann")), may(w.upn("ben"))
	w.administrator.attach(ctx, "ben--"+w.name+".example.com", w.role("engineers"), "")
	Expect(w.tenant.Disable(w.upn("cho"))).To(Succeed())
	w.cycle(ctx)
	expectAllowed(ctx, w.ann)
	expectAllowed(ctx, w.ben)
	expectUser(ctx, w.upn("cho"), v1alpha1.StateSuspended, v1alpha1.LevelUser)
	return w
}

func (w *leaving) provider() *v1alpha1.IdentityProvider {
	return &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: w.name}}
}

func (w *leaving) delete(ctx context.Context, policy v1alpha1.DeletionPolicy) {
	GinkgoHelper()
	Expect(merge(ctx, w.administrator, w.provider(), `{"spec":{"deletionPolicy":%q}}`, policy)).To(Succeed())
	Expect(w.administrator.Delete(ctx, w.provider())).To(Succeed())
}

func (w *leaving) expectGone(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		err := shared.Client().Get(ctx, client.ObjectKeyFromObject(w.provider()), w.provider())
		g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
		// It waits for the SCIM requests that may still be under way.
	}).WithContext(ctx).WithTimeout(time.Minute).Should(Succeed())
	for _, name := range []string{"ann", "ben", "cho"} {
		user(ctx, Default, w.upn(name)) // people are never deleted with it
	}
	expectError(send(ctx, w.raw, http.MethodGet, "/Users", ""), http.StatusNotFound, "")
}

func (w *leaving) expectUnchanged(ctx context.Context) {
	GinkgoHelper()
	Consistently(func(g Gomega) {
		g.Expect(judge.May(ctx, w.ann)).To(BeTrue())
		g.Expect(judge.May(ctx, w.ben)).To(BeTrue())
	}).WithContext(ctx).WithTimeout(500 * time.Millisecond).WithPolling(interval).Should(Succeed())
}

var _ = Describe("An identity provider that is deleted", Ordered, func() {
	// All at once, since each waits for requests.
	gone := map[v1alpha1.DeletionPolicy]*leaving{}
	BeforeAll(func(ctx SpecContext) {
		for _, policy := range []v1alpha1.DeletionPolicy{v1alpha1.DeletionFreeze, v1alpha1.DeletionSuspend, v1alpha1.DeletionRelease} {
			gone[policy] = newLeaving(ctx)
			gone[policy].delete(ctx, policy)
		}
		for _, w := range gone {
			w.expectGone(ctx)
		}
	})

	It("with policy Freeze leaves everything as it is, and one of the same name goes on", func(ctx SpecContext) {
		w := gone[v1alpha1.DeletionFreeze]
		w.expectUnchanged(ctx)
		w.connect(ctx, entra.Options{}) // and a job that begins anew
		report := w.cycle(ctx)
		Expect(report.UsersCreated+report.UsersUpdated+report.GroupsCreated).To(BeZero(), "nobody is created anew: %+v", report)
		Expect(w.tenant.Disable(w.upn("ann"))).To(Succeed())
		w.cycle(ctx)
		expectDenied(ctx, w.ann)
	})

	It("with policy Suspend takes everything from everybody, for a reason of its own, until one of the same name restores them", func(ctx SpecContext) {
		w := gone[v1alpha1.DeletionSuspend]
		expectDenied(ctx, w.ann)
		expectDenied(ctx, w.ben)
		u := expectUser(ctx, w.upn("ann"), v1alpha1.StateSuspended, v1alpha1.LevelUser)
		Expect(u.Status.Reason).To(Equal(access.ReasonProviderDeleted))
		w.connect(ctx, entra.Options{}) // and a job that begins anew
		w.cycle(ctx)
		expectAllowed(ctx, w.ann)
		Expect(judge.May(ctx, w.ben)).To(BeFalse(), "what was attached before the suspension")
		expectUser(ctx, w.upn("cho"), v1alpha1.StateSuspended, v1alpha1.LevelUser)
	})

	It("with policy Release makes everything local, with the same access, for administrators to manage", func(ctx SpecContext) {
		w := gone[v1alpha1.DeletionRelease]
		w.expectUnchanged(ctx)
		u := expectUser(ctx, w.upn("ann"), v1alpha1.StateActive, v1alpha1.LevelUser, w.role("engineers"))
		Expect(u.Spec.Provider).To(BeEmpty())
		Expect(u.Status.ManagedBy).To(Equal(v1alpha1.LocalManager))
		Expect(u.Status.Roles[0].Sources[0].Kind).To(Equal(v1alpha1.SourceRoleAttachment))
		Expect(get(ctx, Default, w.role("engineers"), &v1alpha1.ProvisionedRole{}).Spec.Provider).To(BeEmpty())
		By("an administrator taking the role away and changing a name")
		Expect(w.administrator.Delete(ctx, rattach(u.Status.Roles[0].Sources[0].Name))).To(Succeed())
		expectDenied(ctx, w.ann)
		Expect(merge(ctx, w.administrator, puser(u.Name), `{"spec":{"displayName":"Ann, ours now"}}`)).To(Succeed())
		expectUser(ctx, w.upn("cho"), v1alpha1.StateSuspended, v1alpha1.LevelUser)
	})
})

var _ = Describe("Adoption and release", func() {
	var (
		w *world
		a administrator
	)
	BeforeEach(func(ctx SpecContext) {
		a, w = newAdministrator(ctx), newWorld(ctx, entra.Options{})
		a.apply(ctx, "kind: ProvisionedUser\nmetadata: {name: dan--%[1]s.example.com}\nspec: {userName: Dan@%[1]s.example.com, permissionLevel: Auditor}", w.name)
		a.apply(ctx, "kind: ProvisionedRole\nmetadata: {name: %[1]s-ops}\nspec: {displayName: %[1]s Ops}", w.name)
	})
	object := func() string { return "dan--" + w.name + ".example.com" }
	post := func(ctx context.Context) answer {
		return send(ctx, w.raw, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":"d-1","active":true,"displayName":"Daniel"}`, w.upn("dan")))
	}
	annotate := func(ctx context.Context, o client.Object, key, value string) {
		GinkgoHelper()
		Expect(merge(ctx, a, o, `{"metadata":{"annotations":{%q:%q}}}`, key, value)).To(Succeed())
	}

	It("without the mark, a POST is 409 and says what to do", func(ctx SpecContext) {
		refused := post(ctx)
		expectError(refused, http.StatusConflict, "uniqueness")
		Expect(refused.body["detail"]).To(ContainSubstring("kubectl annotate provisioneduser %s %s=%s", object(), v1alpha1.AdoptableByAnnotation, w.name))
		annotate(ctx, puser(object()), v1alpha1.AdoptableByAnnotation, "another-provider")
		expectError(post(ctx), http.StatusConflict, "uniqueness")
	})

	It("with the mark, a POST takes the object over, and local privilege ends there", func(ctx SpecContext) {
		may := w.rule(ctx, w.role("ops"))(w.upn("Dan"))
		attachment := a.attach(ctx, object(), w.role("ops"), "")
		expectAllowed(ctx, may)
		before := expectUser(ctx, w.upn("Dan"), v1alpha1.StateActive, v1alpha1.LevelAuditor, w.role("ops"))
		annotate(ctx, puser(object()), v1alpha1.AdoptableByAnnotation, w.name)
		var id string
		Eventually(func(g Gomega) {
			adopted := post(ctx)
			g.Expect(adopted.Status).To(Equal(http.StatusCreated), "%s", adopted.Response)
			id, _ = adopted.body["id"].(string)
		}).WithContext(ctx).Should(Succeed())
		Expect(id).NotTo(BeEmpty())
		expectDenied(ctx, may)
		after := expectUser(ctx, w.upn("dan"), v1alpha1.StateActive, v1alpha1.LevelUser)
		Expect(after.UID).To(Equal(before.UID))
		Expect(after.Spec.ID).To(Equal(id))
		Expect(after.Spec.Provider).To(Equal(w.name))
		Expect(after.Spec.DisplayName).To(Equal("Daniel"))
		Expect(after.Annotations).NotTo(HaveKey(v1alpha1.AdoptableByAnnotation))
		expectAttachment(ctx, attachment, v1alpha1.AttachmentSuperseded)
		expectStatus(send(ctx, w.raw, http.MethodGet, "/Users/"+id, ""), http.StatusOK)
	})

	It("with both marks, a POST takes the object over as it is, local privilege included", func(ctx SpecContext) {
		may := w.rule(ctx, w.role("ops"))
		a.attach(ctx, object(), w.role("ops"), "")
		expectAllowed(ctx, may(w.upn("Dan")))
		annotate(ctx, puser(object()), v1alpha1.AdoptionKeepsAnnotation, v1alpha1.AdoptionKeepsValue)
		annotate(ctx, puser(object()), v1alpha1.AdoptableByAnnotation, w.name)
		Eventually(func(g Gomega) { g.Expect(post(ctx).Status).To(Equal(http.StatusCreated)) }).WithContext(ctx).Should(Succeed())
		expectAllowed(ctx, may(w.upn("dan")))
		expectUser(ctx, w.upn("dan"), v1alpha1.StateActive, v1alpha1.LevelAuditor, w.role("ops"))
	})

	It("with the mark, a group takes a local role over, and who was attached to it is not a member", func(ctx SpecContext) {
		may := w.rule(ctx, w.role("ops"))
		attachment := a.attach(ctx, object(), w.role("ops"), "")
		expectAllowed(ctx, may(w.upn("Dan")))
		eve := w.create(ctx, w.upn("eve"), "e-1")
		before := get(ctx, Default, w.role("ops"), &v1alpha1.ProvisionedRole{})
		annotate(ctx, prole(w.role("ops")), v1alpha1.AdoptableByAnnotation, w.name)
		Eventually(func(g Gomega) {
			adopted := send(ctx, w.raw, http.MethodPost, "/Groups", fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`, w.group("Ops"), eve))
			g.Expect(adopted.Status).To(Equal(http.StatusCreated), "%s", adopted.Response)
		}).WithContext(ctx).Should(Succeed())
		expectAllowed(ctx, may(w.upn("eve")))
		expectDenied(ctx, may(w.upn("Dan")))
		Expect(get(ctx, Default, w.role("ops"), &v1alpha1.ProvisionedRole{}).UID).To(Equal(before.UID))
		expectAttachment(ctx, attachment, v1alpha1.AttachmentSuperseded)
	})

	It("releases a user and a role to local management with the access they have", func(ctx SpecContext) {
		eve := w.create(ctx, w.upn("eve"), "e-1")
		group := w.createGroup(ctx, "Team")
		expectStatus(send(ctx, w.raw, http.MethodPatch, "/Groups/"+group, patchBody(addMember, eve)), http.StatusNoContent)
		may := w.rule(ctx, w.role("team"))(w.upn("eve"))
		expectAllowed(ctx, may)
		name := user(ctx, Default, w.upn("eve")).Name
		stays := func() {
			GinkgoHelper()
			Consistently(func(g Gomega) { g.Expect(judge.May(ctx, may)).To(BeTrue()) }).
				WithContext(ctx).WithTimeout(300 * time.Millisecond).WithPolling(interval).Should(Succeed())
		}
		annotate(ctx, puser(name), v1alpha1.ReleaseAnnotation, v1alpha1.ReleaseValue)
		Eventually(func(g Gomega) { g.Expect(user(ctx, g, w.upn("eve")).Spec.Provider).To(BeEmpty()) }).WithContext(ctx).Should(Succeed())
		stays()
		expectError(send(ctx, w.raw, http.MethodGet, "/Users/"+eve, ""), http.StatusNotFound, "")
		Expect(user(ctx, Default, w.upn("eve")).Spec.ID).To(Equal(eve))
		annotate(ctx, prole(w.role("team")), v1alpha1.ReleaseAnnotation, v1alpha1.ReleaseValue)
		Eventually(func(g Gomega) {
			g.Expect(get(ctx, g, w.role("team"), &v1alpha1.ProvisionedRole{}).Spec.Provider).To(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
		stays()
		expectError(send(ctx, w.raw, http.MethodGet, "/Groups/"+group, ""), http.StatusNotFound, "")
	})
})

var _ = Describe("A remote identity", func() {
	const urn = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User"

	It("is the RBAC subject, from the core level and from our extension; a change withdraws the old one first", func(ctx SpecContext) {
		w := newWorld(ctx, entra.Options{})
		id := w.create(ctx, w.upn("ann"), "1")
		group := w.createGroup(ctx, "Team")
		expectStatus(send(ctx, w.raw, http.MethodPatch, "/Groups/"+group, patchBody(addMember, id)), http.StatusNoContent)
		may := w.rule(ctx, w.role("team"))
		expectAllowed(ctx, may(w.upn("ann")))
		last := w.upn("ann")
		for i, path := range []string{"defaultRemoteIdentity", urn + ":defaultRemoteIdentity"} {
			next := fmt.Sprintf("%s-remote-%d", w.name, i)
			a := send(ctx, w.raw, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"Add","path":%q,"value":%q}`, path, next))
			expectStatus(a, http.StatusOK)
			Expect(a.body).To(HaveKeyWithValue(urn, HaveKeyWithValue("defaultRemoteIdentity", next)))
			expectAllowed(ctx, may(next))
			Expect(judge.May(ctx, may(last))).To(BeFalse(), "%s, once %s may", last, next)
			last = next
		}
		expectStatus(send(ctx, w.raw, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"remove","path":"defaultRemoteIdentity"}`)), http.StatusOK)
		expectAllowed(ctx, may(w.upn("ann")))
		Expect(judge.May(ctx, may(last))).To(BeFalse())
	})

	DescribeTable("is otherwise what the identity provider's rule makes, which an Administrator sets",
		func(ctx SpecContext, rule string, subject func(w *world) string) {
			a, w := newAdministrator(ctx), newWorld(ctx, entra.Options{})
			posted := send(ctx, w.raw, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":"%s-4711","emails":[{"value":%q},{"value":%q,"primary":true}]}`,
				w.upn("ann"), w.name, w.upn("second.address"), w.upn("ann.hall")))
			expectStatus(posted, http.StatusCreated)
			group := w.createGroup(ctx, "Team")
			expectStatus(send(ctx, w.raw, http.MethodPatch, "/Groups/"+group, patchBody(addMember, posted.body["id"])), http.StatusNoContent)
			may := w.rule(ctx, w.role("team"))
			expectAllowed(ctx, may(w.upn("ann")))
			Expect(merge(ctx, a, &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: w.name}}, `{"spec":{"subject":%s}}`, rule)).To(Succeed())
			expectAllowed(ctx, may(subject(w)))
			Expect(judge.May(ctx, may(w.upn("ann")))).To(BeFalse(), "the old name, once %s may", subject(w))
			Expect(user(ctx, Default, w.upn("ann")).Spec.RemoteIdentity).To(BeEmpty())
		},
		Entry("Email: the primary address", `{"from":"Email"}`, func(w *world) string { return w.upn("ann.hall") }),
		Entry("ExternalID", `{"from":"ExternalID"}`, func(w *world) string { return w.name + "-4711" }),
		Entry("ExternalID with a prefix", `{"from":"ExternalID","prefix":"oidc:"}`, func(w *world) string { return "oidc:" + w.name + "-4711" }),
		Entry("UserName with a prefix", `{"from":"UserName","prefix":"oidc:"}`, func(w *world) string { return "oidc:" + w.upn("ann") }),
	)

	It("is nobody else's, whatever its case or width, and no reserved name or one that looks like it", func(ctx SpecContext) {
		w := newWorld(ctx, entra.Options{})
		ann, ben := w.create(ctx, w.upn("ann"), "1"), w.create(ctx, w.upn("ben"), "2")
		group := w.createGroup(ctx, "Team")
		for _, id := range []string{ann, ben} {
			expectStatus(send(ctx, w.raw, http.MethodPatch, "/Groups/"+group, patchBody(addMember, id)), http.StatusNoContent)
		}
		may := w.rule(ctx, w.role("team"))
		expectAllowed(ctx, may(w.upn("ben")))
		for _, name := range []string{
			"ANN@" + w.name + ".example.com", "ａｎｎ@" + w.name + ".example.com",
			"system:masters", "SYSTEM:admin", "ｓｙｓｔｅｍ:masters", "system\ua789masters", "\u0455ystem:masters", "sys\u200btem:masters",
		} {
			a := send(ctx, w.raw, http.MethodPatch, "/Users/"+ben, patchBody(`{"op":"Add","path":"defaultRemoteIdentity","value":%q}`, name))
			Expect(a.Status).To(BeElementOf(http.StatusOK, http.StatusBadRequest), "%s", a.Response)
			if a.Status == http.StatusBadRequest {
				continue
			}
			Eventually(func(g Gomega) {
				u := user(ctx, g, w.upn("ben"))
				g.Expect(u.Status.ObservedGeneration).To(Equal(u.Generation))
				g.Expect(u.Status.Reason).To(Equal(v1alpha1.ReasonSubjectRefused), "%q", name)
			}).WithContext(ctx).Should(Succeed())
			expectDenied(ctx, may(w.upn("ben")))
			Expect(judge.May(ctx, may(name))).To(BeFalse(), "%q", name)
		}
		Expect(judge.May(ctx, may(w.upn("ann")))).To(BeTrue())
	})
})

var _ = Describe("Temporary access that ends while no manager runs", Serial, func() {
	It("ends first thing after the start", func(ctx SpecContext) {
		a, w := newAdministrator(ctx), newWorld(ctx, entra.Options{})
		w.create(ctx, w.upn("ann"), "1")
		a.apply(ctx, "kind: ProvisionedRole\nmetadata: {name: %[1]s-ops}\nspec: {displayName: %[1]s-ops}", w.name)
		may := w.rule(ctx, w.role("ops"))(w.upn("ann"))
		ends := time.Now().Add(8 * time.Second).Truncate(time.Second)
		a.attach(ctx, "ann--"+w.name+".example.com", w.role("ops"), fmt.Sprintf(", expiresAt: %q", ends.UTC().Format(time.RFC3339)))
		expectAllowed(ctx, may)
		Expect(manager.Kill()).To(Succeed())
		Eventually(time.Now).WithContext(ctx).Should(BeTemporally(">", ends))
		Expect(judge.May(ctx, may)).To(BeTrue(), "nobody is there to take it")
		startManager(ctx)
		ready, machine := time.Now(), stall.Start(ctx)
		Expect(await(ctx, may, false)).To(BeTemporally("<", ready.Add(time.Second+machine.Total())))
	})
})
