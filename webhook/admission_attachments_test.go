//go:build integration

package webhook_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

var _ = Describe("A RoleAttachment", func() {
	stamps := func(ctx SpecContext, name string) v1alpha1.RoleAttachmentSpec {
		GinkgoHelper()
		return read(ctx, name, &v1alpha1.RoleAttachment{}).Spec
	}
	// known waits until the manager's cache, which the warnings are made from, has a
	// user and a role: a status says so.
	known := func(ctx SpecContext, user, role string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			u, r := &v1alpha1.ProvisionedUser{}, &v1alpha1.ProvisionedRole{}
			g.Expect(admin.Get(ctx, client.ObjectKey{Name: user}, u)).To(Succeed())
			g.Expect(u.Status.ObservedGeneration).To(Equal(u.Generation))
			g.Expect(admin.Get(ctx, client.ObjectKey{Name: role}, r)).To(Succeed())
			g.Expect(r.Status.ObservedGeneration).To(Equal(r.Generation))
		}).WithContext(ctx).Should(Succeed())
	}
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }

	It("is stamped with whom and what it is for and who made it, and keeps that when applied again", func(ctx SpecContext) {
		ann := idpUser("ann", "entra", ", suspensions: 4")
		create(ctx, scim, ann)
		create(ctx, admin, localRole("on-call", ""))
		create(ctx, chief, attachment("ann", "on-call", ", epoch: 9, author: {username: root}"))
		first := stamps(ctx, "ann-on-call")
		Expect(first.Epoch).To(HaveValue(BeEquivalentTo(4)))
		Expect(first.UserID).To(Equal(read(ctx, "ann", &v1alpha1.ProvisionedUser{}).Spec.ID))
		Expect(first.RoleID).To(Equal(read(ctx, "on-call", &v1alpha1.ProvisionedRole{}).Spec.ID))
		Expect(first.Author).To(HaveValue(HaveField("Username", "chief")))

		Expect(patch(ctx, scim, "ProvisionedUser", "ann", `{"spec":{"suspensions":5}}`)).To(Succeed())
		out, err := shared.Kubectl(ctx, "annotate", "rattach", "ann-on-call", "applied=again")
		Expect(err).NotTo(HaveOccurred(), out)
		Expect(patch(ctx, admin, "RoleAttachment", "ann-on-call", `{"spec":{"author":{"username":"root"},"epoch":5}}`)).To(Succeed())
		Expect(stamps(ctx, "ann-on-call")).To(Equal(first))
		Eventually(func(g Gomega) {
			a := &v1alpha1.RoleAttachment{}
			g.Expect(admin.Get(ctx, client.ObjectKey{Name: "ann-on-call"}, a)).To(Succeed())
			g.Expect(a.Status.State).To(Equal(v1alpha1.AttachmentSuperseded))
		}).WithContext(ctx).Should(Succeed())
	})

	It("names as its author whoever last changed it", func(ctx SpecContext) {
		create(ctx, admin, localUser("timed", ""), localRole("timed-role", ""))
		create(ctx, admin, attachment("timed", "timed-role", ""))
		first := stamps(ctx, "timed-timed-role").Author
		Expect(patch(ctx, chief, "RoleAttachment", "timed-timed-role", `{"metadata":{"labels":{"a":"b"}}}`)).To(Succeed())
		Expect(stamps(ctx, "timed-timed-role").Author).To(Equal(first))
		Expect(patch(ctx, chief, "RoleAttachment", "timed-timed-role", `{"spec":{"expiresAt":%q}}`, at(time.Hour))).To(Succeed())
		Expect(stamps(ctx, "timed-timed-role").Author).To(HaveValue(HaveField("Username", "chief")))
	})

	It("is tied to a role that comes later, by the next write", func(ctx SpecContext) {
		create(ctx, admin, localUser("early", ""))
		create(ctx, chief, attachment("early", "later", ""))
		Expect(stamps(ctx, "early-later").RoleID).To(BeEmpty())
		create(ctx, admin, localRole("later", ""))
		Expect(patch(ctx, chief, "RoleAttachment", "early-later", `{"metadata":{"labels":{"a":"b"}},"spec":{"roleID":"chosen"}}`)).To(Succeed())
		Expect(stamps(ctx, "early-later").RoleID).To(Equal(read(ctx, "later", &v1alpha1.ProvisionedRole{}).Spec.ID))
	})

	It("is marked as made for a release by the manager alone, and unmarked", func(ctx SpecContext) {
		create(ctx, scim, idpUser("leaving", "entra", ""))
		create(ctx, admin, localRole("leaving-role", ""), localRole("other-role", ""))
		create(ctx, admin, attachment("leaving", "other-role", ", releaseOf: User"))
		Expect(stamps(ctx, "leaving-other-role").ReleaseOf).To(BeEmpty())
		Expect(patch(ctx, admin, "RoleAttachment", "leaving-other-role", `{"spec":{"releaseOf":"User"}}`)).To(Succeed())
		Expect(stamps(ctx, "leaving-other-role").ReleaseOf).To(BeEmpty())
		By("the manager, which finds that the user is local and takes it off again")
		create(ctx, admin, localUser("now-local", ""))
		create(ctx, admin, attachment("now-local", "other-role", ""))
		Expect(patch(ctx, scim, "RoleAttachment", "now-local-other-role", `{"spec":{"releaseOf":"User"}}`)).To(Succeed())
		Eventually(func(g Gomega) {
			a := &v1alpha1.RoleAttachment{}
			g.Expect(admin.Get(ctx, client.ObjectKey{Name: "now-local-other-role"}, a)).To(Succeed())
			g.Expect(a.Spec.ReleaseOf).To(BeEmpty())
			g.Expect(a.Generation).To(BeNumerically(">=", 3))
		}).WithContext(ctx).Should(Succeed())
	})

	It("that is made again keeps the stamps that make it void", func(ctx SpecContext) {
		create(ctx, scim, idpUser("restored", "entra", ", suspensions: 2"))
		create(ctx, admin, localRole("regained", ""))
		known(ctx, "restored", "regained")
		author, said := warned("chief", "writers")
		for stamp, want := range map[string]types.GomegaMatcher{
			"epoch: 1":         HaveField("Epoch", HaveValue(BeEquivalentTo(1))),
			"userID: another":  HaveField("UserID", "another"),
			"roleID: another":  HaveField("RoleID", "another"),
			"epoch: 2":         HaveField("Epoch", HaveValue(BeEquivalentTo(2))),
			"epoch: 3":         HaveField("Epoch", HaveValue(BeEquivalentTo(2))),
			"reason: restored": HaveField("Epoch", HaveValue(BeEquivalentTo(2))),
		} {
			a := attachment("restored", "regained", ", "+stamp)
			create(ctx, author, a)
			Expect(stamps(ctx, "restored-regained")).To(want, stamp)
			Expect(chief.Delete(ctx, a)).To(Succeed())
		}
		Expect(said.texts).To(HaveEach(ContainSubstring("gives nothing now")))
		Expect(said.texts).To(HaveLen(3))
	})

	It("is not touched by who may not attach, in its metadata either", func(ctx SpecContext) {
		create(ctx, admin, localUser("marked", ""), localRole("marked-role", ""))
		create(ctx, admin, attachment("marked", "marked-role", ""))
		for _, change := range []string{
			`{"labels":{"prune":"true"}}`, `{"annotations":{"a":"b"}}`, `{"finalizers":["example.com/hold"]}`,
			`{"ownerReferences":[{"apiVersion":"v1","kind":"Namespace","name":"gone","uid":"00000000-0000-0000-0000-000000000000"}]}`,
		} {
			Expect(patch(ctx, editor, "RoleAttachment", "marked-marked-role", `{"metadata":%s}`, change)).To(refusedWith("spec.role"), change)
		}
		Expect(patch(ctx, editor, "RoleAttachment", "marked-marked-role", `{"metadata":{"labels":{}}}`)).To(Succeed(), "nothing changes")
	})

	It("is removed by the garbage collector when its owner is gone", func(ctx SpecContext) {
		create(ctx, admin, localUser("owned", ""), localRole("owned-role", ""))
		a := attachment("owned", "owned-role", "")
		create(ctx, admin, a)
		Expect(as("system:serviceaccount:kube-system:generic-garbage-collector").Delete(ctx, a)).To(Succeed())
	})

	It("needs its user", func(ctx SpecContext) {
		Expect(admin.Create(ctx, attachment("nobody", "on-call", ""))).To(refusedWith("spec.user: Not found"))
	})

	It("does not end before it was made", func(ctx SpecContext) {
		create(ctx, admin, localUser("late", ""), localRole("late-role", ""))
		Expect(chief.Create(ctx, attachment("late", "late-role", `, expiresAt: "2026-01-01T00:00:00Z"`))).To(refusedWith("spec.expiresAt", "lies in the past"))
		Expect(chief.Create(ctx, attachment("late", "late-role", `, startsAt: "2999-01-02T00:00:00Z", expiresAt: "2999-01-01T00:00:00Z"`))).
			To(refusedWith("spec.expiresAt must be after spec.startsAt"))
		create(ctx, chief, attachment("late", "late-role", `, expiresAt: "2999-01-01T00:00:00Z"`))
		Expect(patch(ctx, chief, "RoleAttachment", "late-late-role", `{"spec":{"expiresAt":"2026-01-01T00:00:00Z"}}`)).To(Succeed(), "that ends it")
	})

	It("takes the verb attach on its role, to make it, to change what it says and to remove it", func(ctx SpecContext) {
		create(ctx, admin, localUser("guest", ""), localRole("guarded", ""))
		right := `the verb "attach" on provisionedroles.identity.rollcall.dev named "guarded"`
		Expect(editor.Create(ctx, attachment("guest", "guarded", ""))).To(refusedWith("spec.role: Forbidden", right))
		create(ctx, chief, attachment("guest", "guarded", ""))
		for _, change := range []string{`{"spec":{"expiresAt":"2999-01-01T00:00:00Z"}}`, `{"spec":{"startsAt":"2999-01-01T00:00:00Z"}}`, `{"spec":{"reason":"mine"}}`} {
			Expect(patch(ctx, editor, "RoleAttachment", "guest-guarded", "%s", change)).To(refusedWith("spec.role: Forbidden", right))
			Expect(patch(ctx, chief, "RoleAttachment", "guest-guarded", "%s", change)).To(Succeed(), change)
			Expect(patch(ctx, chief, "RoleAttachment", "guest-guarded", `{"spec":{"expiresAt":null,"startsAt":null}}`)).To(Succeed())
		}
		Expect(editor.Delete(ctx, attachment("guest", "guarded", ""))).To(forbiddenWith(right))
		Expect(editor.DeleteAllOf(ctx, &v1alpha1.RoleAttachment{}, client.MatchingFields{"metadata.name": "guest-guarded"})).To(forbiddenWith(right))
		Expect(chief.Delete(ctx, attachment("guest", "guarded", ""))).To(Succeed())
	})

	It("is made, changed and removed by who leads the role at level TeamLeader, and by no other leader", func(ctx SpecContext) {
		create(ctx, admin, localUser("lena", ""), localUser("pupil", ""), localRole("led", ", leaders: [lena]"), localRole("unled", ""))
		lena := as("lena", "writers")
		led, unled := attachment("pupil", "led", ""), attachment("pupil", "unled", "")
		Expect(lena.Create(ctx, led.DeepCopy())).To(refusedWith("spec.role: Forbidden", "spec.leaders"), "without the level")
		Expect(setLevel(ctx, chief, "lena", v1alpha1.LevelTeamLeader)).To(Succeed())
		Eventually(func(g Gomega) { g.Expect(lena.Create(ctx, led.DeepCopy())).To(Succeed()) }).WithContext(ctx).Should(Succeed())
		Expect(stamps(ctx, "pupil-led").Author).To(HaveValue(HaveField("Username", "lena")))
		Expect(patch(ctx, lena, "RoleAttachment", "pupil-led", `{"spec":{"expiresAt":%q}}`, at(time.Hour))).To(Succeed())
		Expect(lena.Create(ctx, attachment("lena", "led", ""))).To(Succeed(), "to herself, too")

		Expect(lena.Create(ctx, unled.DeepCopy())).To(refusedWith("spec.role: Forbidden", "spec.leaders"))
		Expect(lena.Create(ctx, attachment("lena", "unled", ""))).To(refusedWith("spec.leaders"))
		create(ctx, chief, unled.DeepCopy())
		Expect(patch(ctx, lena, "RoleAttachment", "pupil-unled", `{"spec":{"expiresAt":%q}}`, at(time.Hour))).To(refusedWith("spec.leaders"))
		Expect(lena.Delete(ctx, unled.DeepCopy())).To(forbiddenWith("spec.leaders"))

		By("taking the level, which counts at once, whatever a cache knows")
		for _, off := range []string{`{"spec":{"suspend":true}}`, `{"spec":{"suspend":false,"permissionLevel":"Auditor"}}`} {
			Expect(patch(ctx, chief, "ProvisionedUser", "lena", "%s", off)).To(Succeed())
			Expect(lena.Delete(ctx, led.DeepCopy())).To(forbiddenWith("spec.leaders"))
		}
		Expect(setLevel(ctx, chief, "lena", v1alpha1.LevelTeamLeader)).To(Succeed())
		By("taking the place among the leaders")
		Expect(patch(ctx, chief, "ProvisionedRole", "led", `{"spec":{"leaders":null}}`)).To(Succeed())
		Expect(lena.Delete(ctx, led.DeepCopy())).To(forbiddenWith("spec.leaders"))
		Expect(patch(ctx, chief, "ProvisionedRole", "led", `{"spec":{"leaders":["lena"]}}`)).To(Succeed())
		Eventually(func(g Gomega) { g.Expect(lena.Delete(ctx, led.DeepCopy())).To(Succeed()) }).WithContext(ctx).Should(Succeed())
	})

	It("is not made by who merely has a leader's name in other letters, or one that another user keeps", func(ctx SpecContext) {
		create(ctx, admin, localUser("lou", ""), localRole("lous", ", leaders: [lou, impostor]"), localUser("impostor", ""))
		Eventually(func(g Gomega) {
			g.Expect(read(ctx, "lou", &v1alpha1.ProvisionedUser{}).Status.State).To(Equal(v1alpha1.StateActive))
		}).WithContext(ctx).Should(Succeed())
		Expect(patch(ctx, chief, "ProvisionedUser", "impostor", `{"spec":{"permissionLevel":"TeamLeader","remoteIdentity":"lou"}}`)).To(Succeed())
		lou := as("lou", "writers")
		Expect(lou.Create(ctx, attachment("lou", "lous", ""))).To(refusedWith("spec.leaders"), "the level is the impostor's, the name is lou's")
		Expect(setLevel(ctx, chief, "lou", v1alpha1.LevelTeamLeader)).To(Succeed())
		Expect(as("LOU", "writers").Create(ctx, attachment("lou", "lous", ""))).To(refusedWith("spec.leaders"))
		Eventually(func(g Gomega) { g.Expect(lou.Create(ctx, attachment("lou", "lous", ""))).To(Succeed()) }).WithContext(ctx).Should(Succeed())
	})

	It("warns its author when it gives nothing now", func(ctx SpecContext) {
		create(ctx, admin, localUser("idle", ", suspend: true"), localUser("busy", ""), localRole("there", ""))
		known(ctx, "idle", "there")
		known(ctx, "busy", "there")
		author, said := warned("chief", "writers")
		create(ctx, author, attachment("idle", "there", ""))
		Expect(said.texts).To(ConsistOf(And(ContainSubstring("gives nothing now"), ContainSubstring("suspended"))))
		create(ctx, author, attachment("busy", "not-yet", ""))
		Expect(said.texts).To(ContainElement(ContainSubstring(`there is no ProvisionedRole "not-yet"`)))
		create(ctx, author, attachment("busy", "there", ""))
		Expect(said.texts).To(HaveLen(2))
	})

	It("is made and removed by the manager without the verb, with the count that the manager has read", func(ctx SpecContext) {
		released := idpUser("released", "entra", ", suspensions: 2")
		create(ctx, scim, released)
		create(ctx, admin, localRole("kept", ""))
		id := read(ctx, "released", &v1alpha1.ProvisionedUser{}).Spec.ID
		roleID := read(ctx, "kept", &v1alpha1.ProvisionedRole{}).Spec.ID
		a := attachment("released", "kept", ", epoch: 2, userID: "+id+", roleID: "+roleID)
		create(ctx, scim, a)
		Expect(stamps(ctx, "released-kept")).To(And(
			HaveField("Epoch", HaveValue(BeEquivalentTo(2))), HaveField("UserID", id), HaveField("RoleID", roleID),
			HaveField("Author", HaveValue(HaveField("Username", "system:serviceaccount:rollcall-system:rollcall-manager"))),
		))
		Expect(scim.Delete(ctx, a)).To(Succeed())
	})
})
