//go:build integration

package webhook_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const (
	adoptable  = `{"metadata":{"annotations":{"identity.rollcall.dev/adoptable-by":"entra"}}}`
	everything = `{"metadata":{"annotations":{"identity.rollcall.dev/adoptable-by":"entra","identity.rollcall.dev/adoption-keeps":"local-grants"}}}`
)

// An editor has no right to attach anybody, and must not come to roles by taking over
// users who have them, or by saying who leads.
var _ = Describe("What is attached to a local user", func() {
	It("goes to no other name without the right to attach, on each of the roles", func(ctx SpecContext) {
		create(ctx, admin, localUser("owner", ""), localRole("treasury", ""), localRole("archive", ""))
		Expect(patch(ctx, editor, "ProvisionedUser", "owner", `{"spec":{"remoteIdentity":"somebody"}}`)).To(Succeed(), "nothing is attached")
		create(ctx, admin, attachment("owner", "treasury", ""), attachment("owner", "archive", ""))
		for _, change := range []string{
			`{"spec":{"remoteIdentity":"editor"}}`, `{"spec":{"remoteIdentity":null,"userName":"editor"}}`,
			`{"spec":{"type":"ServiceAccount","serviceAccountRef":{"namespace":"default","name":"editors"}}}`,
		} {
			Expect(patch(ctx, editor, "ProvisionedUser", "owner", "%s", change)).
				To(refusedWith("Forbidden", `the role "archive"`, `the role "treasury"`, `the verb "attach"`), change)
		}
		Expect(patch(ctx, editor, "ProvisionedUser", "owner", `{"spec":{"displayName":"The Owner","emails":[{"value":"o@example.com"}]}}`)).To(Succeed())
		Expect(patch(ctx, chief, "ProvisionedUser", "owner", `{"spec":{"remoteIdentity":"successor"}}`)).To(Succeed())
	})

	It("does not come with the id of a deleted one either", func(ctx SpecContext) {
		create(ctx, admin, localUser("heir", ""), localRole("estate", ""))
		create(ctx, admin, attachment("heir", "estate", ""))
		id := read(ctx, "heir", &v1alpha1.ProvisionedUser{}).Spec.ID
		Expect(editor.Delete(ctx, localUser("heir", ""))).To(Succeed())
		Expect(editor.Create(ctx, localUser("heir", ", remoteIdentity: editor, id: "+id))).To(refusedWith("spec.id: Forbidden", `the role "estate"`))
		create(ctx, editor, localUser("heir", ", remoteIdentity: editor"))
		Eventually(func(g Gomega) {
			g.Expect(read(ctx, "heir-estate", &v1alpha1.RoleAttachment{}).Status.State).To(Equal(v1alpha1.AttachmentSuperseded))
		}).WithContext(ctx).Should(Succeed())
		Expect(editor.Delete(ctx, localUser("heir", ""))).To(Succeed())
		create(ctx, chief, localUser("heir", ", id: "+id))
	})

	It("does not come with a lower count of suspensions, which grows back", func(ctx SpecContext) {
		create(ctx, admin, localUser("returner", ", suspensions: 1"), localRole("vault", ""))
		create(ctx, admin, attachment("returner", "vault", ""))
		Expect(*read(ctx, "returner-vault", &v1alpha1.RoleAttachment{}).Spec.Epoch).To(BeEquivalentTo(1))
		id := read(ctx, "returner", &v1alpha1.ProvisionedUser{}).Spec.ID
		Expect(editor.Delete(ctx, localUser("returner", ""))).To(Succeed())
		Expect(editor.Create(ctx, localUser("returner", ", id: "+id))).To(refusedWith("spec.id: Forbidden", `the role "vault"`))
		create(ctx, editor, localUser("returner", ", suspensions: 2, id: "+id)) // for which it is void
	})

	// A count at its end could not be raised, so that nobody could suspend the user.
	It("is void after a suspension, which can always be counted", func(ctx SpecContext) {
		const ahead = "spec.suspensions begins at a million at most"
		for _, count := range []string{"1000001", "9007199254740992"} {
			Expect(admin.Create(ctx, localUser("ahead", ", suspensions: "+count))).To(refusedWith(ahead))
		}
		create(ctx, scim, idpUser("counted", "entra", ""))
		Expect(patch(ctx, scim, "ProvisionedUser", "counted", `{"spec":{"suspensions":1000001}}`)).To(refusedWith(ahead))
		create(ctx, admin, localUser("ahead", ", suspensions: 1000000"))
	})

	It("is left to an identity provider by none who may not attach and assign", func(ctx SpecContext) {
		create(ctx, admin, localUser("ward", ", permissionLevel: Auditor"), localRole("home", ""))
		create(ctx, admin, attachment("ward", "home", ""))
		Expect(patch(ctx, editor, "ProvisionedUser", "ward", adoptable)).
			To(refusedWith("adoptable-by", "may not assign the level Auditor"), "which the adoption ends")
		Expect(patch(ctx, editor, "ProvisionedUser", "ward", everything)).
			To(refusedWith("adoption-keeps", `the verb "attach" on all provisionedroles`, "may not assign every level"))
		Expect(patch(ctx, chief, "ProvisionedUser", "ward", everything)).To(Succeed())
		By("one without a level, to which somebody may grant something later")
		create(ctx, editor, localUser("orphan", ""))
		Expect(patch(ctx, editor, "ProvisionedUser", "orphan", everything)).To(refusedWith("adoption-keeps", `the verb "attach"`))
		Expect(patch(ctx, editor, "ProvisionedUser", "orphan", adoptable)).To(Succeed(), "that keeps nothing")
	})
})

var _ = Describe("A role", func() {
	It("is led by whom somebody names who may attach to it, of whichever provider it is", func(ctx SpecContext) {
		create(ctx, admin, localUser("candidate", ""), localRole("chaired", ""))
		create(ctx, scim, object("kind: ProvisionedRole\nmetadata: {name: group}\nspec: {displayName: group, provider: entra, id: 0b7b24f6-93a4-4a4c-9c28-0a4f5f6ee0a1}"))
		for _, role := range []string{"chaired", "group"} {
			Expect(patch(ctx, editor, "ProvisionedRole", role, `{"spec":{"leaders":["candidate"]}}`)).
				To(refusedWith("spec.leaders: Forbidden", `the verb "attach"`))
			Expect(patch(ctx, chief, "ProvisionedRole", role, `{"spec":{"leaders":["candidate"]}}`)).To(Succeed())
			Expect(patch(ctx, editor, "ProvisionedRole", role, `{"spec":{"leaders":[]}}`)).To(Succeed(), "one leader less")
		}
		Expect(editor.Create(ctx, localRole("own-chair", ", leaders: [candidate]"))).To(refusedWith("spec.leaders: Forbidden"))
	})

	It("warns of leaders who don't exist", func(ctx SpecContext) {
		author, said := warned("chief", "writers")
		create(ctx, author, localRole("headless", ", leaders: ['who@example.com']"))
		Expect(said.texts).To(ConsistOf(And(ContainSubstring("spec.leaders"), ContainSubstring(`"who@example.com"`), ContainSubstring("metadata.name"))))
	})

	It("is left to an identity provider by none who may not attach to it", func(ctx SpecContext) {
		create(ctx, editor, localRole("offered", ""))
		Expect(patch(ctx, editor, "ProvisionedRole", "offered", adoptable)).To(refusedWith("adoptable-by", `the verb "attach"`))
		Expect(patch(ctx, chief, "ProvisionedRole", "offered", adoptable)).To(Succeed())
	})

	It("is not made again with its id, and its attachments, by who may not attach", func(ctx SpecContext) {
		create(ctx, admin, localUser("holder", ""), localRole("closed", ""))
		create(ctx, admin, attachment("holder", "closed", ""))
		id := read(ctx, "closed", &v1alpha1.ProvisionedRole{}).Spec.ID
		Expect(editor.Delete(ctx, localRole("closed", ""))).To(Succeed())
		again := func() *unstructured.Unstructured { return localRole("closed", ", id: "+id) }
		Expect(editor.Create(ctx, again())).To(refusedWith("spec.id: Forbidden", `make the role "closed" again`))
		create(ctx, editor, localRole("closed", ""))
		Expect(editor.Delete(ctx, localRole("closed", ""))).To(Succeed())
		create(ctx, chief, again())
	})

	It("keeps its id when a manifest without one is applied", func(ctx SpecContext) {
		create(ctx, editor, localRole("steady", ""))
		id := read(ctx, "steady", &v1alpha1.ProvisionedRole{}).Spec.ID
		Expect(patch(ctx, editor, "ProvisionedRole", "steady", `{"spec":{"id":null}}`)).To(Succeed())
		Expect(read(ctx, "steady", &v1alpha1.ProvisionedRole{}).Spec.ID).To(Equal(id))
	})
})
