//go:build integration

package webhook_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/names"
)

var _ = Describe("The name", func() {
	It("of a new local user is made from the userName, and who chooses another is told", func(ctx SpecContext) {
		zoe := func(name string) error {
			return editor.Create(ctx, object("kind: ProvisionedUser\nmetadata: {name: %s}\nspec: {userName: Zoe@names.example}", name))
		}
		Expect(zoe("zoe")).To(refusedWith("metadata.name", `"zoe--names.example"`))
		Expect(zoe("zoe--names.example")).To(Succeed())
		Expect(zoe("zoe--names.example")).To(Satisfy(apierrors.IsAlreadyExists))
		By("a renamed user keeps the object, so that the next one takes the other name")
		Expect(patch(ctx, editor, "ProvisionedUser", "zoe--names.example", `{"spec":{"userName":"zoe.b@names.example"}}`)).To(Succeed())
		_, alternate := names.ForUser("", "Zoe@names.example")
		Eventually(func(g Gomega) { g.Expect(zoe(alternate)).To(Succeed()) }).WithContext(ctx).Should(Succeed())
	})

	It("of a new local role is made from the displayName, and who chooses another is told", func(ctx SpecContext) {
		role := func(name string) error {
			return editor.Create(ctx, object("kind: ProvisionedRole\nmetadata: {name: %s}\nspec: {displayName: Night Watch}", name))
		}
		Expect(role("watch")).To(refusedWith("metadata.name", `"night-watch"`))
		Expect(role("night-watch")).To(Succeed())
		Expect(read(ctx, "night-watch", &v1alpha1.ProvisionedRole{}).Spec.ID).NotTo(BeEmpty())
	})

	It("userName of a local user is nobody else's, whoever manages them, in whatever letters", func(ctx SpecContext) {
		create(ctx, scim, idpUser("uma", "entra", ""), tombstone("gone", "entra"))
		_, alternate := names.ForUser("", "UMA")
		uma := object("kind: ProvisionedUser\nmetadata: {name: %s}\nspec: {userName: UMA}", alternate)
		Expect(editor.Create(ctx, uma)).To(refusedWith("spec.userName: Duplicate", `the user "uma" of "entra" has it`))
		create(ctx, editor, localUser("viktor", ""))
		Expect(patch(ctx, editor, "ProvisionedUser", "viktor", `{"spec":{"userName":"Uma"}}`)).To(refusedWith("spec.userName: Duplicate"))
		Expect(patch(ctx, editor, "ProvisionedUser", "viktor", `{"spec":{"userName":"Viktor"}}`)).To(Succeed(), "the same in other letters")

		By("but for a tombstone's")
		_, alternate = names.ForUser("", "gone")
		create(ctx, editor, object("kind: ProvisionedUser\nmetadata: {name: %s}\nspec: {userName: gone}", alternate))
	})

	It("displayName of a local role is no other role's", func(ctx SpecContext) {
		create(ctx, scim, object("kind: ProvisionedRole\nmetadata: {name: crew}\nspec: {displayName: Crew, provider: entra, id: 7d444840-9dc0-41d1-b245-5ffdce74fad2}"))
		_, alternate := names.ForRole("", "CREW")
		Expect(editor.Create(ctx, object("kind: ProvisionedRole\nmetadata: {name: %s}\nspec: {displayName: CREW}", alternate))).
			To(refusedWith("spec.displayName: Duplicate", `the role "crew" of "entra" has it`))
		create(ctx, editor, localRole("passengers", ""))
		Expect(patch(ctx, editor, "ProvisionedRole", "passengers", `{"spec":{"displayName":"crew"}}`)).To(refusedWith("spec.displayName: Duplicate"))
		Expect(patch(ctx, editor, "ProvisionedRole", "passengers", `{"spec":{"displayName":"Passengers"}}`)).To(Succeed())
	})

	It("is none that Kubernetes keeps, and none that looks like it, even for a cluster administrator", func(ctx SpecContext) {
		base, _ := names.ForUser("", "system:masters")
		Expect(admin.Create(ctx, object("kind: ProvisionedUser\nmetadata: {name: %s}\nspec: {userName: 'system:masters'}", base))).
			To(refusedWith("spec.userName", "which Kubernetes keeps for itself"))
		create(ctx, admin, localUser("wolf", ""))
		for _, name := range []string{"System:masters", "system\ua789admin", "\u0455ystem:masters"} {
			Expect(patch(ctx, admin, "ProvisionedUser", "wolf", `{"spec":{"remoteIdentity":%q}}`, name)).To(refusedWith("spec.remoteIdentity"), name)
			Expect(patch(ctx, admin, "ProvisionedUser", "wolf", `{"spec":{"userName":%q}}`, name)).To(refusedWith("spec.userName"), name)
		}
		Expect(patch(ctx, admin, "ProvisionedUser", "wolf", `{"spec":{"remoteIdentity":"sheep"}}`)).To(Succeed())
	})
})
