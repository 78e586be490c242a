//go:build integration

package webhook_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const release = `{"metadata":{"annotations":{"identity.rollcall.dev/release":"to-local"}}}`

// A release makes attachments of memberships, and takes its object from an identity
// provider that could have suspended it.
var _ = Describe("A release", func() {
	const group = "kind: ProvisionedRole\nmetadata: {name: %[1]s}\nspec: {displayName: %[1]s, provider: entra, id: %[2]s}"
	member := func(ctx SpecContext, name, role, id, more string) {
		GinkgoHelper()
		create(ctx, scim, object(group, role, id), idpUser(name, "entra", ", memberships: {"+id+": {}}"+more))
		Eventually(func(g Gomega) {
			g.Expect(read(ctx, name, &v1alpha1.ProvisionedUser{}).Status.Roles).To(HaveLen(1))
		}).WithContext(ctx).Should(Succeed())
	}

	It("of a user takes the right to attach to each role, and to assign the level", func(ctx SpecContext) {
		member(ctx, "tenant", "lodgers", "5c0d9c0e-1f1c-4a57-8d5b-0f2b0c1a0001", "")
		Expect(setLevel(ctx, chief, "tenant", v1alpha1.LevelAuditor)).To(Succeed())
		create(ctx, admin, localRole("sublet", ""))
		create(ctx, admin, attachment("tenant", "sublet", ""))
		Expect(patch(ctx, editor, "ProvisionedUser", "tenant", release)).To(refusedWith(
			"release", `the role "lodgers"`, `the role "sublet"`, "may not assign the level Auditor"))
		Expect(read(ctx, "tenant", &v1alpha1.ProvisionedUser{}).Annotations).To(BeEmpty())
		Expect(patch(ctx, chief, "ProvisionedUser", "tenant", release)).To(Succeed())
		Eventually(func(g Gomega) {
			u := read(ctx, "tenant", &v1alpha1.ProvisionedUser{})
			g.Expect(u.Spec.Provider).To(BeEmpty())
			g.Expect(u.Status.PermissionLevel).To(Equal(v1alpha1.LevelAuditor))
		}).WithContext(ctx).Should(Succeed())
	})

	It("brings no level back that a rename or a suspension has voided, and keeps no mark that nobody was asked about", func(ctx SpecContext) {
		for name, void := range map[string]string{
			"renamed":    `{"spec":{"userName":"renamed.since"}}`,
			"identified": `{"spec":{"remoteIdentity":"identified"}}`,
			"lapsed":     `{"spec":{"suspensions":1}}`,
			"both":       `{"spec":{"suspensions":1,"userName":"both.since"}}`,
		} {
			create(ctx, scim, idpUser(name, "entra", ""))
			Expect(setLevel(ctx, chief, name, v1alpha1.LevelAuditor)).To(Succeed())
			Expect(patch(ctx, scim, "ProvisionedUser", name, "%s", void)).To(Succeed())
			Expect(patch(ctx, editor, "ProvisionedUser", name, everything)).To(Succeed(), "that means nothing on an identity provider's user")
			Expect(patch(ctx, chief, "ProvisionedUser", name, release)).To(Succeed())
			Eventually(func(g Gomega) {
				u := read(ctx, name, &v1alpha1.ProvisionedUser{})
				g.Expect(u.Spec.Provider).To(BeEmpty(), name)
				g.Expect(u.Status.ManagedBy).To(Equal(v1alpha1.LocalManager))
				g.Expect(u.Status.PermissionLevel).To(Equal(v1alpha1.LevelUser), name)
				g.Expect(u.Annotations).To(BeEmpty())
			}).WithContext(ctx).Should(Succeed())
		}
	})

	It("of a deleted user is refused: it would happen when the user is restored", func(ctx SpecContext) {
		create(ctx, scim, tombstone("buried", "entra"))
		Expect(patch(ctx, admin, "ProvisionedUser", "buried", release)).To(refusedWith("a user whom the identity provider has deleted"))
	})

	It("is nobody's way out of the identity provider's reach", func(ctx SpecContext) {
		member(ctx, "root-2", "leavers", "5c0d9c0e-1f1c-4a57-8d5b-0f2b0c1a0002", ", remoteIdentity: root")
		Expect(patch(ctx, as("root"), "ProvisionedUser", "root-2", release)).To(refusedWith("nobody takes themselves"))
	})

	It("of a role takes the right to attach to it", func(ctx SpecContext) {
		member(ctx, "lodger", "lodge", "5c0d9c0e-1f1c-4a57-8d5b-0f2b0c1a0003", "")
		Expect(patch(ctx, editor, "ProvisionedRole", "lodge", release)).To(refusedWith("release", `take the role "lodge" from its identity provider`))
		Expect(patch(ctx, chief, "ProvisionedRole", "lodge", release)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(read(ctx, "lodge", &v1alpha1.ProvisionedRole{}).Spec.Provider).To(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
	})

	It("of everybody, with an identity provider, takes it for all roles", func(ctx SpecContext) {
		closing := object("kind: IdentityProvider\nmetadata: {name: closing}\nspec: {deletionPolicy: Release}")
		create(ctx, editor, closing)
		Expect(editor.Delete(ctx, closing)).To(forbiddenWith(`release the users and roles of identity provider "closing"`, `the verb "attach" on all provisionedroles`))
		Expect(patch(ctx, editor, "IdentityProvider", "closing", `{"spec":{"deletionPolicy":"Freeze"}}`)).To(Succeed())
		Expect(patch(ctx, admin, "IdentityProvider", "closing", `{"metadata":{"finalizers":["example.com/hold"]}}`)).To(Succeed())
		Expect(editor.Delete(ctx, closing)).To(Succeed())
		Expect(patch(ctx, editor, "IdentityProvider", "closing", `{"spec":{"deletionPolicy":"Release"}}`)).To(refusedWith("spec.deletionPolicy", `the verb "attach"`))
		Expect(patch(ctx, admin, "IdentityProvider", "closing", `{"metadata":{"finalizers":null}}`)).To(Succeed())
	})
})
