//go:build integration

package webhook_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

var _ = Describe("A permission level", func() {
	const (
		plain   = v1alpha1.LevelUser
		auditor = v1alpha1.LevelAuditor
		leader  = v1alpha1.LevelTeamLeader
	)

	It("takes the verb assign, on creation and on change, up and down", func(ctx SpecContext) {
		Expect(editor.Create(ctx, localUser("climber", ", permissionLevel: Administrator"))).
			To(refusedWith("spec.permissionLevel", "may not assign the level Administrator", `the verb "assign" on permissionlevels.identity.rollcall.dev`))
		create(ctx, editor, localUser("climber", ""))
		Expect(setLevel(ctx, editor, "climber", auditor)).To(refusedWith("may not assign the level Auditor"))
		Expect(setLevel(ctx, chief, "climber", auditor)).To(Succeed())
		Expect(setLevel(ctx, editor, "climber", plain)).To(refusedWith("may not assign the level Auditor"))
		Expect(setLevel(ctx, chief, "climber", leader)).To(Succeed())
		Expect(setLevel(ctx, chief, "climber", plain)).To(Succeed())
		create(ctx, chief, localUser("appointed", ", permissionLevel: Auditor"))
	})

	It("takes it for users of an identity provider too", func(ctx SpecContext) {
		create(ctx, scim, idpUser("provided", "entra", ""))
		Expect(setLevel(ctx, editor, "provided", auditor)).To(refusedWith("may not assign"))
		Expect(setLevel(ctx, chief, "provided", auditor)).To(Succeed())
	})

	It("of a manifest that says whose it is, by spec.id, goes to nobody else of that name", func(ctx SpecContext) {
		apply := func(spec string, args ...any) error {
			manifest := object("kind: ProvisionedUser\nmetadata: {name: namesake}\nspec: {%s}", fmt.Sprintf(spec, args...))
			return chief.Apply(ctx, client.ApplyConfigurationFromUnstructured(manifest), client.FieldOwner("git"), client.ForceOwnership)
		}
		first := idpUser("namesake", "entra", "")
		create(ctx, scim, first)
		id := read(ctx, "namesake", &v1alpha1.ProvisionedUser{}).Spec.ID
		Expect(apply("id: %s, permissionLevel: Auditor", id)).To(Succeed())

		By("the tombstone being gone")
		Expect(scim.Delete(ctx, first)).To(Succeed())
		Expect(apply("id: %s, permissionLevel: Auditor", id)).To(refusedWith("spec.userName: Required"), "a user of nobody's")

		By("another person getting the name")
		create(ctx, scim, idpUser("namesake", "entra", ""))
		for _, local := range []string{"permissionLevel: Auditor", "suspend: true"} {
			Expect(apply("id: %s, %s", id, local)).To(refusedWith("spec.id never changes"), local)
		}
		second := func() v1alpha1.ProvisionedUserSpec { return read(ctx, "namesake", &v1alpha1.ProvisionedUser{}).Spec }
		Expect(second().PermissionLevel).To(Equal(plain))
		Expect(second().Suspend).To(BeFalse())
		Expect(apply("permissionLevel: Auditor")).To(Succeed())
		Expect(second().PermissionLevelSubject).To(Equal("namesake"), "a name alone says nothing of who bore it")
	})

	It("carries an epoch and a subject that nobody chooses, and a local user an id", func(ctx SpecContext) {
		author, said := warned("chief", "writers")
		create(ctx, author, localUser("stamped", ", permissionLevel: Auditor, permissionLevelEpoch: 7, permissionLevelSubject: mallory"))
		Expect(said.texts).To(ConsistOf(ContainSubstring("the permission level gives nothing now")))
		stamps := func() v1alpha1.ProvisionedUserSpec { return read(ctx, "stamped", &v1alpha1.ProvisionedUser{}).Spec }
		Expect(stamps().PermissionLevelEpoch).To(BeZero())
		Expect(stamps().PermissionLevelSubject).To(Equal("mallory"), "void, like that of a user made again from a backup")
		Expect(setLevel(ctx, chief, "stamped", plain)).To(Succeed())
		Expect(setLevel(ctx, chief, "stamped", auditor)).To(Succeed())
		Expect(stamps().PermissionLevelSubject).To(Equal("stamped"))
		Expect(stamps().ID).NotTo(BeEmpty())
		Expect(patch(ctx, admin, "ProvisionedUser", "stamped", `{"spec":{"permissionLevelSubject":"mallory"}}`)).To(Succeed())
		Expect(stamps().PermissionLevelSubject).To(Equal("stamped"))
		Expect(setLevel(ctx, admin, "stamped", plain)).To(Succeed())
		Expect(stamps().PermissionLevelSubject).To(BeEmpty())
	})

	It("is raised for themselves by nobody, whatever their rights; lowered it is", func(ctx SpecContext) {
		root := as("root")
		Expect(root.Create(ctx, localUser("root", ", permissionLevel: Auditor"))).To(refusedWith("spec.permissionLevel", "nobody raises their own level"))
		create(ctx, root, localUser("root", ""))
		Expect(setLevel(ctx, root, "root", auditor)).To(refusedWith("nobody raises their own level"))
		Expect(setLevel(ctx, admin, "root", auditor)).To(Succeed())
		Expect(setLevel(ctx, root, "root", leader)).To(refusedWith("nobody raises their own level"))
		Expect(patch(ctx, admin, "ProvisionedUser", "root", `{"spec":{"suspend":true}}`)).To(Succeed())
		Expect(patch(ctx, root, "ProvisionedUser", "root", `{"spec":{"suspend":false}}`)).To(refusedWith("nobody raises their own level"))
		Expect(patch(ctx, admin, "ProvisionedUser", "root", `{"spec":{"suspend":false}}`)).To(Succeed())
		Expect(setLevel(ctx, root, "root", plain)).To(Succeed())

		create(ctx, admin, localUser("other", ", permissionLevel: Auditor"))
		Expect(patch(ctx, root, "ProvisionedUser", "other", `{"spec":{"remoteIdentity":"ROOT"}}`)).To(refusedWith("nobody raises their own level"))
		Expect(setLevel(ctx, root, "other", leader)).To(Succeed())
	})

	DescribeTable("does not go to another name without the right to assign it",
		func(ctx SpecContext, name, change, subject string) {
			create(ctx, admin, localUser(name, ", permissionLevel: Auditor"))
			Expect(patch(ctx, editor, "ProvisionedUser", name, "%s", change)).To(refusedWith("may not assign the level Auditor"))
			Expect(patch(ctx, chief, "ProvisionedUser", name, "%s", change)).To(Succeed())
			Expect(read(ctx, name, &v1alpha1.ProvisionedUser{}).Spec.PermissionLevelSubject).To(Equal(subject))
		},
		Entry("by the userName", "moved-1", `{"spec":{"userName":"moved-to"}}`, "moved-to"),
		Entry("by the remoteIdentity", "moved-2", `{"spec":{"remoteIdentity":"moved-there"}}`, "moved-there"),
		Entry("by a ServiceAccount", "moved-3", `{"spec":{"type":"ServiceAccount","serviceAccountRef":{"namespace":"ci","name":"robot"}}}`, "system:serviceaccount:ci:robot"),
	)

	DescribeTable("does not come back into force without the right to assign it",
		func(ctx SpecContext, name, off, on string) {
			create(ctx, admin, localUser(name, ", permissionLevel: Auditor"))
			Expect(patch(ctx, editor, "ProvisionedUser", name, "%s", off)).To(Succeed())
			Expect(patch(ctx, editor, "ProvisionedUser", name, "%s", on)).To(refusedWith("may not assign the level Auditor"))
			Expect(patch(ctx, chief, "ProvisionedUser", name, "%s", on)).To(Succeed())
		},
		Entry("by lifting the suspension", "back-1", `{"spec":{"suspend":true}}`, `{"spec":{"suspend":false}}`),
		Entry("by activating a local user", "back-2", `{"spec":{"active":false}}`, `{"spec":{"active":true}}`),
	)

	It("of an identity provider's user comes back with the suspension's end, for whom it may be assigned by", func(ctx SpecContext) {
		create(ctx, scim, idpUser("suspended", "entra", ""))
		Expect(setLevel(ctx, chief, "suspended", auditor)).To(Succeed())
		Expect(patch(ctx, editor, "ProvisionedUser", "suspended", `{"spec":{"suspend":true}}`)).To(Succeed())
		Expect(patch(ctx, editor, "ProvisionedUser", "suspended", `{"spec":{"suspend":null}}`)).To(refusedWith("may not assign the level Auditor"))
		Expect(patch(ctx, chief, "ProvisionedUser", "suspended", `{"spec":{"suspend":null}}`)).To(Succeed())
	})

	It("stays in force through a release, for which the manager says by which name the user goes from then on", func(ctx SpecContext) {
		create(ctx, admin, object("kind: IdentityProvider\nmetadata: {name: leaving}\nspec: {subject: {prefix: 'l:'}}"))
		release := func(name string) error {
			return patch(ctx, scim, "ProvisionedUser", name, `{"spec":{"provider":null,"remoteIdentity":"l:%[1]s","permissionLevelSubject":"l:%[1]s"}}`, name)
		}
		for _, name := range []string{"leaver", "mallory"} {
			create(ctx, scim, idpUser(name, "leaving", ""))
			Eventually(func(g Gomega) { g.Expect(setLevel(ctx, chief, name, auditor)).To(Succeed()) }).WithContext(ctx).Should(Succeed())
		}
		Expect(release("leaver")).To(Succeed())
		Expect(read(ctx, "leaver", &v1alpha1.ProvisionedUser{}).Spec.PermissionLevelSubject).To(Equal("l:leaver"))

		By("but none that a rename has voided comes back by it")
		Expect(patch(ctx, scim, "ProvisionedUser", "mallory", `{"spec":{"userName":"mallory.b"}}`)).To(Succeed())
		Expect(release("mallory")).To(refusedWith("may not assign the level Auditor"))
		Expect(patch(ctx, scim, "ProvisionedUser", "mallory", `{"spec":{"provider":null}}`)).To(Succeed())
		Expect(read(ctx, "mallory", &v1alpha1.ProvisionedUser{}).Spec.PermissionLevelSubject).To(Equal("mallory"))
	})

	It("is handed to no other name by a remote identity, which takes no prefix", func(ctx SpecContext) {
		create(ctx, admin, object("kind: IdentityProvider\nmetadata: {name: masked}\nspec: {subject: {prefix: 'm:'}}"))
		create(ctx, scim, idpUser("masked", "masked", ""))
		Eventually(func(g Gomega) { g.Expect(setLevel(ctx, chief, "masked", auditor)).To(Succeed()) }).WithContext(ctx).Should(Succeed())
		expectLevel := func(subject string, l v1alpha1.PermissionLevel) {
			GinkgoHelper()
			Eventually(func(g Gomega) {
				status := read(ctx, "masked", &v1alpha1.ProvisionedUser{}).Status
				g.Expect(status.Subject).To(Equal(subject))
				g.Expect(status.PermissionLevel).To(Equal(l))
			}).WithContext(ctx).Should(Succeed())
		}
		expectLevel("m:masked", v1alpha1.LevelAuditor)
		become := func(userName, identity string) {
			Expect(patch(ctx, scim, "ProvisionedUser", "masked", `{"spec":{"userName":%q,"remoteIdentity":%q}}`, userName, identity)).To(Succeed())
		}
		become("else", "masked")
		expectLevel("masked", v1alpha1.LevelUser)
		become("masked", "")
		expectLevel("m:masked", v1alpha1.LevelAuditor)
	})

	It("goes to nobody who has no name towards the API server", func(ctx SpecContext) {
		create(ctx, admin, object("kind: IdentityProvider\nmetadata: {name: by-mail}\nspec: {subject: {from: Email}}"))
		create(ctx, scim, idpUser("unmailed", "by-mail", ""))
		Eventually(func(g Gomega) {
			g.Expect(setLevel(ctx, chief, "unmailed", auditor)).To(refusedWith("spec.permissionLevel", "spec.emails is empty"))
		}).WithContext(ctx).Should(Succeed())
		Expect(patch(ctx, scim, "ProvisionedUser", "unmailed", `{"spec":{"emails":[{"value":"u@example.com"}]}}`)).To(Succeed())
		Expect(setLevel(ctx, chief, "unmailed", auditor)).To(Succeed())
	})

	It("is handed to no other name by a provider's rule for subjects, new or changed", func(ctx SpecContext) {
		provider := func(prefix string) *unstructured.Unstructured {
			return object("kind: IdentityProvider\nmetadata: {name: prefixed}\nspec: {subject: {prefix: %q}}", prefix)
		}
		rename := func(by client.Client, prefix string) error {
			return patch(ctx, by, "IdentityProvider", "prefixed", `{"spec":{"subject":{"prefix":%q}}}`, prefix)
		}
		create(ctx, editor, provider("a:"))
		create(ctx, scim, idpUser("prefixed-user", "prefixed", ""))
		Eventually(func(g Gomega) {
			g.Expect(rename(editor, "b:")).To(refusedWith("spec.subject", `the verb "attach" on all provisionedroles`), "what her roles give would be another's")
		}).WithContext(ctx).Should(Succeed())
		Expect(rename(chief, "b:")).To(Succeed())
		Expect(setLevel(ctx, chief, "prefixed-user", auditor)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(rename(editor, "c:")).To(refusedWith("spec.subject", "may not assign the level Auditor"))
		}).WithContext(ctx).Should(Succeed())
		Expect(patch(ctx, editor, "IdentityProvider", "prefixed", `{"spec":{"paused":true}}`)).To(Succeed())
		Expect(rename(chief, "c:")).To(Succeed())

		By("deleting the provider and making it anew")
		Eventually(func(g Gomega) {
			g.Expect(read(ctx, "prefixed-user", &v1alpha1.ProvisionedUser{}).Status.Subject).To(Equal("c:prefixed-user"))
		}).WithContext(ctx).Should(Succeed())
		Expect(editor.Delete(ctx, provider("c:"))).To(Succeed())
		Eventually(func(g Gomega) { // its deletionPolicy is carried out first
			err := admin.Get(ctx, client.ObjectKey{Name: "prefixed"}, &v1alpha1.IdentityProvider{})
			g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
		}).WithContext(ctx).Should(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(editor.Create(ctx, provider("d:"))).To(refusedWith("may not assign the level Auditor"))
		}).WithContext(ctx).Should(Succeed())
		create(ctx, editor, provider("c:"))
	})
})
