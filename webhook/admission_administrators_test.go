//go:build integration

package webhook_test

import (
	"context"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// No other spec of this package makes an Administrator.
var _ = Describe("The last Administrator", Ordered, func() {
	const (
		administrator = v1alpha1.LevelAdministrator
		plain         = v1alpha1.LevelUser
	)
	// settled waits until the manager's cache knows how the user is.
	settled := func(ctx context.Context, name string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			u := read(ctx, name, &v1alpha1.ProvisionedUser{})
			g.Expect(u.Status.ObservedGeneration).To(Equal(u.Generation))
		}).WithContext(ctx).Should(Succeed())
	}
	trial := func(by client.Client) client.Client { return client.NewDryRunClient(by) }

	BeforeAll(func(ctx SpecContext) {
		create(ctx, admin, localUser("ada", ", permissionLevel: Administrator"), localUser("tom", ""))
		create(ctx, scim, idpUser("ida", "entra", ""))
		settled(ctx, "ada")
		settled(ctx, "tom")
	})

	ways := map[string]string{
		"spec.permissionLevel: Forbidden": `{"spec":{"permissionLevel":"User"}}`,
		"spec.suspend: Forbidden":         `{"spec":{"suspend":true}}`,
		"spec.active: Forbidden":          `{"spec":{"active":false}}`,
		"spec.remoteIdentity: Forbidden":  `{"spec":{"remoteIdentity":"tom"}}`, // who keeps it
	}

	It("is removed by no local act, whoever's: by level, suspension, deactivation, another's subject, deletion", func(ctx SpecContext) {
		for field, change := range ways {
			Expect(patch(ctx, admin, "ProvisionedUser", "ada", "%s", change)).To(refusedWith(field, "no Administrator", "give somebody else the level first"))
		}
		Expect(admin.Delete(ctx, localUser("ada", ""))).To(forbiddenWith("no Administrator"))
		Expect(patch(ctx, admin, "ProvisionedUser", "ada", adoptable)).To(refusedWith("adoptable-by", "no Administrator"))
		By("themselves, for whom lowering their own level is no raise")
		Expect(setLevel(ctx, as("ada", "writers"), "ada", plain)).To(Or(refusedWith("no Administrator"), refusedWith("may not assign")))
		Expect(patch(ctx, admin, "ProvisionedUser", "ada", `{"spec":{"remoteIdentity":"ada.l"}}`)).To(Succeed(), "another name of their own")
	})

	It("is one beside others who don't count: suspended, superseded, or without their subject", func(ctx SpecContext) {
		create(ctx, admin, localUser("away", ", permissionLevel: Administrator, suspend: true"))
		Expect(setLevel(ctx, admin, "ida", administrator)).To(Succeed())
		Expect(patch(ctx, scim, "ProvisionedUser", "ida", `{"spec":{"suspensions":1}}`)).To(Succeed())
		create(ctx, admin, localUser("tim", ", permissionLevel: Administrator, remoteIdentity: tom"))
		settled(ctx, "tim")
		Expect(setLevel(ctx, admin, "ada", plain)).To(refusedWith("no Administrator"))
	})

	It("is none beside another, and may then go in every way", func(ctx SpecContext) {
		create(ctx, admin, localUser("bea", ", permissionLevel: Administrator"))
		settled(ctx, "bea")
		for _, change := range ways {
			Expect(patch(ctx, trial(admin), "ProvisionedUser", "ada", "%s", change)).To(Succeed(), change)
		}
		Expect(trial(admin).Delete(ctx, localUser("ada", ""))).To(Succeed())
		Expect(setLevel(ctx, admin, "ada", plain)).To(Succeed())
		Expect(setLevel(ctx, admin, "bea", plain)).To(refusedWith("no Administrator"))
	})

	It("stays when the last two remove each other at the same moment", func(ctx SpecContext) {
		for range 20 {
			for _, name := range []string{"ada", "bea"} {
				Expect(setLevel(ctx, admin, name, administrator)).To(Succeed())
				settled(ctx, name)
			}
			var group sync.WaitGroup
			errs := make([]error, 2)
			for i, name := range []string{"ada", "bea"} {
				group.Go(func() {
					defer GinkgoRecover()
					errs[i] = setLevel(ctx, admin, name, plain)
				})
			}
			group.Wait()
			Expect(errs).To(ConsistOf(Succeed(), refusedWith("no Administrator")))
		}
	})

	It("does not go with an identity provider: by its deletion with the policy Suspend, or by its rule for subjects", func(ctx SpecContext) {
		provider := object("kind: IdentityProvider\nmetadata: {name: headquarters}\nspec: {deletionPolicy: Suspend}")
		create(ctx, admin, provider)
		create(ctx, scim, idpUser("iris", "headquarters", ""))
		Expect(setLevel(ctx, admin, "iris", administrator)).To(Succeed())
		settled(ctx, "iris")
		By("iris being one of two")
		Expect(trial(admin).Delete(ctx, provider)).To(Succeed())
		By("iris being the only one")
		for _, name := range []string{"ada", "bea"} {
			Expect(setLevel(ctx, admin, name, plain)).To(Succeed())
		}
		Expect(admin.Delete(ctx, provider)).To(forbiddenWith("deletionPolicy Suspend", "no Administrator"))
		Expect(patch(ctx, admin, "IdentityProvider", "headquarters", `{"spec":{"subject":{"from":"ExternalID"}}}`)).
			To(refusedWith("spec.subject: Forbidden", "no Administrator"))
		Expect(patch(ctx, trial(admin), "IdentityProvider", "headquarters", `{"spec":{"subject":{"prefix":"hq:"}}}`)).To(Succeed(), "the same person, under another name")
		Expect(patch(ctx, admin, "IdentityProvider", "headquarters", `{"spec":{"deletionPolicy":"Freeze"}}`)).To(Succeed())
		Expect(trial(admin).Delete(ctx, provider)).To(Succeed())

		By("the identity provider suspending iris: nobody holds it up")
		Expect(patch(ctx, scim, "ProvisionedUser", "iris", `{"spec":{"active":false,"suspensions":1}}`)).To(Succeed())
	})
})
