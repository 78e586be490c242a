//go:build integration

package directory_test

import (
	"context"
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/scim"
)

// suspendByDeletion is what the deletion of a provider does to a user by policy Suspend.
func suspendByDeletion(ctx context.Context, id string) *v1alpha1.ProvisionedUser {
	GinkgoHelper()
	u := object(ctx, id)
	now, err := json.Marshal(metav1.Now())
	Expect(err).NotTo(HaveOccurred())
	merge(ctx, itself, u, `{"spec":{"active":false,"suspensions":%d,"providerDeletedAt":%s}}`, u.Spec.Suspensions+1, now)
	Eventually(func(g Gomega) {
		seen := &v1alpha1.ProvisionedUser{}
		g.Expect(cached.Get(ctx, client.ObjectKeyFromObject(u), seen)).To(Succeed())
		g.Expect(seen.Spec.ProviderDeletedAt).NotTo(BeNil())
	}).Should(Succeed())
	return u
}

var _ = Describe("A user whose provider was deleted and made again", func() {
	var (
		d     *directory.Directory
		alice string
	)
	BeforeEach(func(ctx SpecContext) {
		var provider string
		d, provider = newDirectory()
		alice = create(ctx, d, scim.Resource{"userName": "alice@" + provider, "externalId": "ext", "active": true}).ID()
		suspendByDeletion(ctx, alice)
	})

	It("is shown as deactivated, and stays so with each write that doesn't say otherwise", func(ctx SpecContext) {
		user, err := d.User(ctx, alice)
		Expect(err).NotTo(HaveOccurred())
		Expect(user).To(HaveKeyWithValue("active", false))
		for _, change := range []func(scim.Resource) (scim.Resource, error){
			set("title", "Boss"), set("active", false),
			func(u scim.Resource) (scim.Resource, error) { delete(u, "active"); u["nickName"] = "Al"; return u, nil },
		} {
			_, err := d.UpdateUser(ctx, alice, nil, change)
			Expect(err).NotTo(HaveOccurred())
			Expect(object(ctx, alice).Spec.ProviderDeletedAt).NotTo(BeNil())
		}
		Expect(object(ctx, alice).Spec.Suspensions).To(Equal(int64(1)))
	})

	It("is activated in one write, and what was granted locally stays void", func(ctx SpecContext) {
		before := object(ctx, alice)
		update(ctx, d, alice, "active", true)
		u := object(ctx, alice)
		Expect(u.Spec.ProviderDeletedAt).To(BeNil())
		Expect(u.Spec.Active).To(HaveValue(BeTrue()))
		Expect(u.Spec.Suspensions).To(Equal(before.Spec.Suspensions))
		Expect(u.Generation).To(Equal(before.Generation + 1))
	})

	It("that is deleted and comes back is the provider's alone", func(ctx SpecContext) {
		userName := object(ctx, alice).Spec.UserName
		Expect(d.DeleteUser(ctx, alice, nil)).To(Succeed())
		Expect(object(ctx, alice).Spec.ProviderDeletedAt).To(BeNil())
		suspendByDeletion(ctx, alice)
		back := create(ctx, d, scim.Resource{"userName": userName, "externalId": "ext", "active": false})
		Expect(back.ID()).To(Equal(alice))
		u := object(ctx, alice)
		Expect(u.Spec.ProviderDeletedAt).To(BeNil())
		Expect(u.Spec.DeprovisionedAt).To(BeNil())
		Expect(u.Spec.Active).To(HaveValue(BeFalse()))
	})
})
