//go:build integration

package directory_test

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/scim"
)

// release makes a user local, as the manager does for an administrator.
func release(ctx context.Context, u *v1alpha1.ProvisionedUser) {
	GinkgoHelper()
	merge(ctx, itself, u, `{"spec":{"provider":null,"memberships":null}}`)
}

var _ = Describe("What is released", func() {
	var (
		l        *laggard
		d        *directory.Directory
		provider string
		alice    *v1alpha1.ProvisionedUser
		team     string
	)
	BeforeEach(func(ctx SpecContext) {
		provider = newProvider()
		l = &laggard{Client: cached}
		d = directory.New(l, live, tally, provider, clock.RealClock{})
		id := createUser(ctx, d, "alice@"+provider).ID()
		group, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider}, memberList([]string{id}))
		Expect(err).NotTo(HaveOccurred())
		team, alice = group.ID(), object(ctx, id)
	})
	gone := func(err error) {
		GinkgoHelper()
		Expect(err).To(beSCIM(http.StatusNotFound, "", "not found"))
	}
	// stillLocal says that nothing of the provider's has been written to the user.
	stillLocal := func(ctx context.Context) {
		GinkgoHelper()
		released := alice.DeepCopy()
		reread(ctx, alice)
		Expect(alice.ResourceVersion).To(Equal(released.ResourceVersion))
		Expect(alice.Spec.Provider).To(BeEmpty())
		Expect(alice.Spec.Memberships).To(BeEmpty())
	}

	It("is nobody to the provider: by id, in its groups, and as a member that it sends", func(ctx SpecContext) {
		id := alice.Spec.ID
		release(ctx, alice)
		Eventually(func(g Gomega) {
			_, err := d.User(ctx, id)
			g.Expect(err).To(beSCIM(http.StatusNotFound, "", "not found"))
		}).Should(Succeed())
		_, err := d.UpdateUser(ctx, id, nil, set("active", false))
		gone(err)
		gone(d.DeleteUser(ctx, id, nil))
		Expect(ids(ctx, d, 1, 10)).To(BeEmpty())
		Expect(memberIDs(ctx, d, team)).To(BeEmpty())
		for _, change := range []mutation{remove(id), reset(), add(id), add(id), remove(id), reset(id)} {
			_, err := d.UpdateGroup(ctx, team, nil, false, change)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(role(ctx, team).Spec.UnresolvedMembers).To(ConsistOf(id))
		stillLocal(ctx)
	})

	DescribeTable("isn't written to by a directory that doesn't know of it yet",
		func(ctx SpecContext, write func(ctx context.Context) error, is404 bool) {
			l.old.Store(alice.DeepCopy())
			release(ctx, alice)
			if err := write(ctx); is404 {
				gone(err)
			} else {
				Expect(err).NotTo(HaveOccurred())
			}
			stillLocal(ctx)
			l.old.Store(nil)
		},
		Entry("when it is changed", func(ctx context.Context) error {
			_, err := d.UpdateUser(ctx, alice.Spec.ID, nil, set("active", false))
			return err
		}, true),
		Entry("when it is deleted", func(ctx context.Context) error { return d.DeleteUser(ctx, alice.Spec.ID, nil) }, true),
		Entry("when it is taken out of a group", func(ctx context.Context) error {
			_, err := d.UpdateGroup(ctx, team, nil, false, remove(alice.Spec.ID))
			return err
		}, false),
		Entry("when a group is emptied", func(ctx context.Context) error {
			_, err := d.UpdateGroup(ctx, team, nil, false, reset())
			return err
		}, false),
		Entry("when it is put into a group, which has an unknown id then", func(ctx context.Context) error {
			other, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Other " + provider}, memberList([]string{alice.Spec.ID}))
			if err == nil {
				Expect(role(ctx, other.ID()).Spec.UnresolvedMembers).To(ConsistOf(alice.Spec.ID))
			}
			return err
		}, false),
	)

	It("and taken over by another provider is gone, also for a directory whose last write it hasn't seen", func(ctx SpecContext) {
		id := alice.Spec.ID
		l.old.Store(alice.DeepCopy())
		_, err := d.UpdateUser(ctx, id, nil, set("title", "Boss"))
		Expect(err).To(beSCIM(http.StatusServiceUnavailable, "", "try again"))
		release(ctx, alice)
		other, name := newDirectory()
		mark(ctx, alice, v1alpha1.AdoptableByAnnotation, name)
		theirs := func() (adopted scim.Resource) {
			GinkgoHelper()
			Eventually(func() (err error) {
				adopted, err = other.CreateUser(ctx, scim.Resource{"userName": "alice@" + provider})
				return err
			}).Should(Succeed())
			return adopted
		}()
		Expect(theirs.ID()).To(Equal(id))
		l.old.Store(nil)
		_, err = d.UpdateUser(ctx, id, nil, set("title", "Chief"))
		gone(err)
		_, err = d.User(ctx, id)
		gone(err)
		_, err = d.UpdateGroup(ctx, team, nil, false, add(id))
		Expect(err).NotTo(HaveOccurred())
		Expect(role(ctx, team).Spec.UnresolvedMembers).To(ConsistOf(id))
		reread(ctx, alice)
		Expect(alice.Spec.Provider).To(Equal(name))
		Expect(alice.Spec.Attributes).To(BeNil())
		Expect(alice.Spec.Memberships).To(BeEmpty())

		By("the name being free here")
		ours := createUser(ctx, d, "alice@"+provider)
		Expect(ours.ID()).NotTo(Equal(id))
	})

	It("as a role isn't deleted by a request that had begun before", func(ctx SpecContext) {
		r := role(ctx, team)
		between := &meddler{Client: cached, act: func() {
			defer GinkgoRecover()
			merge(ctx, itself, r, `{"spec":{"provider":null}}`)
		}}
		gone(directory.New(between, live, tally, provider, clock.RealClock{}).DeleteGroup(ctx, team, nil))
		reread(ctx, r)
		Expect(r.DeletionTimestamp).To(BeNil())
		Expect(r.Spec.Provider).To(BeEmpty())
		Expect(r.Spec.ID).To(Equal(team))
	})

	It("is local: whoever is made under the name meets it, and a tombstone's name is free", func(ctx SpecContext) {
		release(ctx, alice)
		Eventually(func(g Gomega) {
			_, err := d.CreateUser(ctx, scim.Resource{"userName": "ALICE@" + provider})
			g.Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "kubectl annotate provisioneduser "+alice.Name))
		}).Should(Succeed())
		bob := createUser(ctx, d, "bob@"+provider)
		Expect(d.DeleteUser(ctx, bob.ID(), nil)).To(Succeed())
		localBob := &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: "local-bob-" + provider, Annotations: map[string]string{v1alpha1.AdoptableByAnnotation: provider}},
			Spec:       v1alpha1.ProvisionedUserSpec{UserName: "bob@" + provider},
		}
		local(ctx, localBob)
		adopted := createUser(ctx, d, "bob@"+provider)
		Expect(adopted.ID()).NotTo(Equal(bob.ID()))
		reread(ctx, localBob)
		Expect(localBob.Spec.ID).To(Equal(adopted.ID()))
		Expect(object(ctx, bob.ID()).Spec.DeprovisionedAt).NotTo(BeNil())
	})
})
