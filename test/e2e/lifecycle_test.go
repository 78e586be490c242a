//go:build integration

package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// thirtyDays is how long Entra keeps a deleted user.
const thirtyDays = 30 * 24 * time.Hour

var _ = DescribeTableSubtree("The life of an account", Ordered, func(dialect entra.Dialect) {
	var (
		w            *world
		ann, ben     string
		may          func(user string) verdict.Question
		mayOnCall    func(user string) verdict.Question
		active       = v1alpha1.StateActive
		plain        = v1alpha1.LevelUser
		annID        string
		engineers    string
		onCall       string
		expectBefore = func(ctx SpecContext, q verdict.Question, want bool) {
			GinkgoHelper()
			Expect(judge.May(ctx, q)).To(Equal(want), "%s", q)
		}
	)

	BeforeAll(func(ctx SpecContext) {
		w = newWorld(ctx, entra.Options{Dialect: dialect})
		w.addPeople("ann", "ben", "cho")
		ann, ben = w.upn("ann"), w.upn("ben")
		engineers, onCall = w.role("engineers"), w.role("on-call")
		// Rules may stand there before Entra ever sends the group.
		may, mayOnCall = w.rule(ctx, engineers), w.rule(ctx, onCall)
	})

	It("assigned: POST /Users makes one active ProvisionedUser at level User", func(ctx SpecContext) {
		Expect(w.tenant.Assign(ann, ben)).To(Succeed())
		Expect(w.cycle(ctx)).To(Equal(entra.Report{UsersCreated: 2}))
		u := expectUser(ctx, ann, active, plain)
		annID = w.job.UserID(ann)
		Expect(u.Spec.ID).To(Equal(annID))
		Expect(u.Spec.Provider).To(Equal(w.name))
		Expect(u.Spec.Name).To(HaveValue(Equal(v1alpha1.UserPersonName{
			Formatted: "ann Tester", GivenName: "ann", FamilyName: "Tester",
		})))
		Expect(u.Status.Subject).To(Equal(ann))
		expectBefore(ctx, may(ann), false)

		out, err := shared.Kubectl(ctx, "get", "provisionedusers", u.Name, "--no-headers")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(MatchRegexp(`^%s +%s +%s +Active +User +0 +`, u.Name, ann, w.name))
	})

	It("group assigned: POST /Groups and PATCH of members give the role (facts 53, 56)", func(ctx SpecContext) {
		w.addGroup("Engineers", ann, ben)
		w.addGroup("On-call", ann)
		Expect(w.cycle(ctx)).To(Equal(entra.Report{GroupsCreated: 2, MembersAdded: 3}))
		expectAllowed(ctx, may(ann))
		expectAllowed(ctx, may(ben))
		expectAllowed(ctx, mayOnCall(ann))
		expectBefore(ctx, mayOnCall(ben), false)
		u := expectUser(ctx, ann, active, plain, engineers, onCall)
		Expect(u.Status.Roles[0].Sources).To(ConsistOf(
			v1alpha1.RoleSource{Kind: v1alpha1.SourceIdentityProvider, Name: w.name}))
		Eventually(func(g Gomega) {
			r := get(ctx, g, engineers, &v1alpha1.ProvisionedRole{})
			g.Expect(r.Status.Members).To(BeEquivalentTo(2))
			g.Expect(r.Status.ActiveMembers).To(BeEquivalentTo(2))
			g.Expect(r.Status.Bindings).To(BeEquivalentTo(1))
		}).WithContext(ctx).Should(Succeed())
	})

	It("attribute changed: same id, same object (fact 48)", func(ctx SpecContext) {
		before := user(ctx, Default, ann)
		Expect(w.tenant.EditPerson(ann, func(p *entra.Person) { p.Surname = "O'Hara-Wójcik" })).To(Succeed())
		Expect(w.cycle(ctx)).To(Equal(entra.Report{UsersUpdated: 1}))
		after := user(ctx, Default, ann)
		Expect(after.UID).To(Equal(before.UID))
		Expect(after.Spec.ID).To(Equal(annID))
		Expect(after.Spec.Name.FamilyName).To(Equal("O'Hara-Wójcik"))
		expectBefore(ctx, may(ann), true)
	})

	It("userName changed: the old subject is withdrawn, and its next holder gets nothing", func(ctx SpecContext) {
		renamed := w.upn("ann.hall")
		Expect(w.tenant.Rename(ann, renamed)).To(Succeed())
		w.cycle(ctx)
		expectAllowed(ctx, may(renamed))
		expectDenied(ctx, may(ann))
		Expect(w.job.UserID(renamed)).To(Equal(annID))

		_, err := w.tenant.AddPerson(entra.Person{UserPrincipalName: ann, MailNickname: "ann.second", GivenName: "Ann", Surname: "Second"})
		Expect(err).NotTo(HaveOccurred())
		Expect(w.tenant.Assign(ann)).To(Succeed())
		Expect(w.cycle(ctx)).To(Equal(entra.Report{UsersCreated: 1}))
		second := expectUser(ctx, ann, active, plain)
		Expect(second.Spec.ID).NotTo(Equal(annID))
		Expect(second.Name).NotTo(Equal(user(ctx, Default, renamed).Name))
		expectBefore(ctx, may(ann), false)
		ann = renamed
	})

	grant := func(ctx SpecContext, name string, u *v1alpha1.ProvisionedUser, expires string) {
		GinkgoHelper()
		Expect(shared.Apply(ctx, fmt.Sprintf(`
apiVersion: identity.rollcall.dev/v1alpha1
kind: RoleAttachment
metadata: {name: %s}
spec: {user: %s, role: %s%s}
`, name, u.Name, onCall, expires))).To(Succeed())
	}

	It("local grants: an attachment, temporary access and a level hold", func(ctx SpecContext) {
		u := user(ctx, Default, ben)
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		grant(ctx, w.role("ben-for-good"), u, "")
		grant(ctx, w.role("ben-for-an-hour"), u, fmt.Sprintf(", expiresAt: %q", until))
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"permissionLevel":"Administrator"}}`))
		Expect(shared.Client().Patch(ctx, u, patch)).To(Succeed())
		expectAllowed(ctx, mayOnCall(ben))
		u = expectUser(ctx, ben, active, v1alpha1.LevelAdministrator, engineers, onCall)
		for _, r := range u.Status.Roles {
			if r.Name == onCall {
				Expect(r.Sources).To(HaveLen(2))
			}
		}
	})

	expectAttachment := func(ctx SpecContext, name string, state v1alpha1.AttachmentState) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			g.Expect(get(ctx, g, name, &v1alpha1.RoleAttachment{}).Status.State).To(Equal(state))
		}).WithContext(ctx).Should(Succeed())
	}

	It("disabled: PATCH of active takes all roles, Entra's, local and temporary, and the level (facts 35, 49)", func(ctx SpecContext) {
		before := user(ctx, Default, ben)
		Expect(w.tenant.Disable(ben)).To(Succeed())
		Expect(w.cycle(ctx)).To(Equal(entra.Report{UsersUpdated: 1}))
		expectDenied(ctx, may(ben))
		expectDenied(ctx, mayOnCall(ben))
		u := expectUser(ctx, ben, v1alpha1.StateSuspended, plain)
		Expect(u.Spec.Suspensions).To(Equal(before.Spec.Suspensions + 1))
		Expect(u.Spec.Memberships).To(Equal(before.Spec.Memberships))
		expectAttachment(ctx, w.role("ben-for-good"), v1alpha1.AttachmentSuperseded)
		expectAttachment(ctx, w.role("ben-for-an-hour"), v1alpha1.AttachmentSuperseded)

		By("SCIM still having the user, as inactive")
		a := send(ctx, w.raw, http.MethodGet, "/Users/"+w.job.UserID(ben), "")
		expectStatus(a, http.StatusOK)
		Expect(a.body).To(HaveKeyWithValue("active", false))
		found := send(ctx, w.raw, http.MethodGet, "/Users?filter="+url.QueryEscape(fmt.Sprintf("userName eq %q", ben)), "")
		Expect(found.body).To(HaveKeyWithValue("totalResults", BeEquivalentTo(1)))
	})

	It("restored: exactly Entra's roles of now, at level User; local grants stay void (fact 50)", func(ctx SpecContext) {
		Expect(w.tenant.Enable(ben)).To(Succeed())
		report := w.cycle(ctx)
		Expect(report).To(Equal(entra.Report{UsersUpdated: 1}), "no membership is sent again")
		expectAllowed(ctx, may(ben))
		expectUser(ctx, ben, active, plain, engineers)
		expectBefore(ctx, mayOnCall(ben), false)
		expectAttachment(ctx, w.role("ben-for-good"), v1alpha1.AttachmentSuperseded)

		By("applying the same manifest again")
		grant(ctx, w.role("ben-for-good"), user(ctx, Default, ben), "")
		Consistently(func(g Gomega) {
			g.Expect(judge.May(ctx, mayOnCall(ben))).To(BeFalse())
		}).WithContext(ctx).WithTimeout(300 * time.Millisecond).WithPolling(interval).Should(Succeed())
	})

	It("restored: not what Entra took away in the meantime", func(ctx SpecContext) {
		Expect(w.tenant.Disable(ann)).To(Succeed())
		w.cycle(ctx)
		expectDenied(ctx, mayOnCall(ann))
		Expect(w.tenant.RemoveMembers(w.group("On-call"), ann)).To(Succeed())
		Expect(w.cycle(ctx)).To(Equal(entra.Report{MembersRemoved: 1}))
		Expect(w.tenant.Enable(ann)).To(Succeed())
		w.cycle(ctx)
		expectAllowed(ctx, may(ann))
		expectUser(ctx, ann, active, plain, engineers)
		expectBefore(ctx, mayOnCall(ann), false)
	})

	It("unassigned: suspended, as if disabled, and no DELETE ever comes", func(ctx SpecContext) {
		Expect(w.tenant.Assign(w.upn("cho"))).To(Succeed())
		w.cycle(ctx)
		expectUser(ctx, w.upn("cho"), active, plain)
		Expect(w.tenant.Unassign(w.upn("cho"))).To(Succeed())
		w.cycle(ctx)
		expectUser(ctx, w.upn("cho"), v1alpha1.StateSuspended, plain)
	})

	It("hard delete: 404 and absent for Entra, a tombstone without roles for us (facts 49, 51)", func(ctx SpecContext) {
		id := w.job.UserID(ben)
		Expect(w.tenant.Delete(ben)).To(Succeed())
		w.cycle(ctx)
		w.pass(thirtyDays)
		Expect(w.cycle(ctx)).To(Equal(entra.Report{UsersDeleted: 1}))
		expectError(send(ctx, w.raw, http.MethodGet, "/Users/"+id, ""), http.StatusNotFound, "")
		expectError(send(ctx, w.raw, http.MethodDelete, "/Users/"+id, ""), http.StatusNotFound, "")
		found := send(ctx, w.raw, http.MethodGet, "/Users?filter="+url.QueryEscape(fmt.Sprintf("userName eq %q", ben)), "")
		Expect(found.body).To(HaveKeyWithValue("totalResults", BeEquivalentTo(0)))
		expectDenied(ctx, may(ben))
		u := expectUser(ctx, ben, v1alpha1.StateDeprovisioned, plain)
		Expect(u.Spec.DeprovisionedAt).NotTo(BeNil())
		Expect(u.Spec.Memberships).To(BeEmpty())
		out, err := shared.Kubectl(ctx, "get", "puser", u.Name, "--no-headers")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(MatchRegexp(`^%s +%s +%s +Deprovisioned +User +0 +`, u.Name, ben, w.name))
	})

	It("POST again with the same externalId: the same id, and no membership until it is sent", func(ctx SpecContext) {
		old := user(ctx, Default, ben)
		w.addPeople("ben")
		Expect(w.tenant.Assign(ben)).To(Succeed())
		Expect(w.cycle(ctx)).To(Equal(entra.Report{UsersCreated: 1}))
		Expect(w.job.UserID(ben)).To(Equal(old.Spec.ID))
		u := expectUser(ctx, ben, active, plain)
		Expect(u.UID).To(Equal(old.UID))
		Expect(u.Spec.DeprovisionedAt).To(BeNil())
		expectBefore(ctx, may(ben), false)
		Expect(w.tenant.AddMembers(w.group("Engineers"), ben)).To(Succeed())
		w.cycle(ctx)
		expectAllowed(ctx, may(ben))
		expectBefore(ctx, mayOnCall(ben), false)
	})

	It("POST again with another externalId: a new id on a clean slate", func(ctx SpecContext) {
		old := w.job.UserID(ben)
		Expect(w.tenant.Delete(ben)).To(Succeed())
		w.cycle(ctx)
		w.pass(thirtyDays)
		w.cycle(ctx)
		expectDenied(ctx, may(ben))
		_, err := w.tenant.AddPerson(entra.Person{UserPrincipalName: ben, MailNickname: "somebody.else"})
		Expect(err).NotTo(HaveOccurred())
		Expect(w.tenant.Assign(ben)).To(Succeed())
		Expect(w.cycle(ctx)).To(Equal(entra.Report{UsersCreated: 1}))
		Expect(w.job.UserID(ben)).NotTo(Equal(old))
		expectBefore(ctx, may(ben), false)
		expectBefore(ctx, mayOnCall(ben), false)
	})

	It("group renamed: same role, same members (fact 55)", func(ctx SpecContext) {
		before := get(ctx, Default, engineers, &v1alpha1.ProvisionedRole{})
		Expect(w.tenant.RenameGroup(w.group("Engineers"), w.group("Builders"))).To(Succeed())
		Expect(w.cycle(ctx)).To(Equal(entra.Report{GroupsUpdated: 1}))
		after := get(ctx, Default, engineers, &v1alpha1.ProvisionedRole{})
		Expect(after.UID).To(Equal(before.UID))
		Expect(after.Spec.DisplayName).To(Equal(w.group("Builders")))
		expectBefore(ctx, may(ann), true)
	})

	It("nested group: the role and the rest of the members are there, the condition says so (fact 64)", func(ctx SpecContext) {
		w.addPeople("dee", "eve")
		w.addGroup("All", w.upn("dee"))
		w.cycle(ctx)
		nested, err := w.innerGroup(ctx, "Inner", w.upn("eve"))
		Expect(err).NotTo(HaveOccurred())
		a := send(ctx, w.raw, http.MethodPatch, "/Groups/"+w.job.GroupID(w.group("All")), patchBody(addMember, nested))
		expectStatus(a, http.StatusNoContent)
		Eventually(func(g Gomega) {
			r := get(ctx, g, w.role("all"), &v1alpha1.ProvisionedRole{})
			g.Expect(r.Status.Members).To(BeEquivalentTo(1))
			c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionNestedGroupNotSynced)
			g.Expect(c).NotTo(BeNil())
			g.Expect(string(c.Status)).To(Equal("True"))
			g.Expect(c.Message).NotTo(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
		expectUser(ctx, w.upn("dee"), active, plain, w.role("all"))
		Expect(w.job.UserID(w.upn("eve"))).To(BeEmpty())
	})

	It("group deleted: its access is withdrawn, other roles are untouched, attachments are void", func(ctx SpecContext) {
		Expect(w.tenant.AddMembers(w.group("On-call"), ann)).To(Succeed())
		w.cycle(ctx)
		expectAllowed(ctx, mayOnCall(ann))
		grant(ctx, w.role("ann-for-good"), user(ctx, Default, ann), "")
		expectAttachment(ctx, w.role("ann-for-good"), v1alpha1.AttachmentActive)
		Expect(w.tenant.DeleteGroup(w.group("On-call"))).To(Succeed())
		Expect(w.cycle(ctx)).To(Equal(entra.Report{GroupsDeleted: 1}))
		expectDenied(ctx, mayOnCall(ann))
		expectBefore(ctx, may(ann), true)
		expectUser(ctx, ann, active, plain, engineers)
		expectAttachment(ctx, w.role("ann-for-good"), v1alpha1.AttachmentIneffective)
		Expect(get(ctx, Default, w.role("ann-for-good"), &v1alpha1.RoleAttachment{}).Status.Reason).To(Equal(access.ReasonRoleGone))
		err := shared.Client().Get(ctx, client.ObjectKey{Name: onCall}, &v1alpha1.ProvisionedRole{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "the role: %v", err)
	})
},
	Entry("in Entra's default dialect", entra.Default),
	Entry("with aadOptscim062020", entra.AadOptscim062020),
)
