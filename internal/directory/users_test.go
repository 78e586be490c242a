//go:build integration

package directory_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/internal/names"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/order"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

var _ = Describe("A user", func() {
	var (
		d        *directory.Directory
		provider string
	)
	BeforeEach(func() { d, provider = newDirectory() })

	// unique is a userName that no other spec has, so that names are free.
	unique := func(name string) string { return name + "@" + provider + ".example.com" }

	It("is an object with a readable name, and is renamed without it", func(ctx SpecContext) {
		created := createUser(ctx, d, unique("Alice"))
		want, _ := names.ForUser(provider, unique("alice"))
		u := object(ctx, created.ID())
		Expect(u.Name).To(Equal(want))
		Expect(u.Spec.Provider).To(Equal(provider))
		Expect(u.Spec.Type).To(Equal(v1alpha1.Person))
		Expect(u.Spec.PermissionLevel).To(Equal(v1alpha1.LevelUser))
		Expect(u.Spec.Active).To(HaveValue(BeTrue()))
		Expect(u.Spec.Suspensions).To(BeZero())

		update(ctx, d, created.ID(), "userName", unique("alice.smith"))
		renamed := object(ctx, created.ID())
		Expect(renamed.Name).To(Equal(want))
		Expect(renamed.UID).To(Equal(u.UID))

		By("giving the freed userName to another user under another name")
		other := createUser(ctx, d, unique("alice"))
		Expect(other.ID()).NotTo(Equal(created.ID()))
		Expect(object(ctx, other.ID()).Name).To(HavePrefix(want + "-"))
	})

	It("raises spec.suspensions with each deactivation, in the same write", func(ctx SpecContext) {
		id := createUser(ctx, d, unique("alice")).ID()
		for i := range int64(3) {
			before := object(ctx, id)
			update(ctx, d, id, "active", false)
			u := object(ctx, id)
			Expect(u.Spec.Suspensions).To(Equal(i + 1))
			Expect(u.Generation).To(Equal(before.Generation+1), "one write")
			update(ctx, d, id, "active", true)
			Expect(object(ctx, id).Spec.Suspensions).To(Equal(i + 1))
		}
	})

	It("stays as active as it is when a client takes active away", func(ctx SpecContext) {
		id := createUser(ctx, d, unique("alice")).ID()
		update(ctx, d, id, "active", false)
		_, err := d.UpdateUser(ctx, id, nil, func(u scim.Resource) (scim.Resource, error) {
			delete(u, "active")
			u["title"] = "Boss"
			return u, nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(object(ctx, id).Spec.Active).To(HaveValue(BeFalse()))
		Expect(object(ctx, id).Spec.Suspensions).To(Equal(int64(1)))
	})

	It("may have a remote identity that can't be bound: the client can't know, the administrator is told", func(ctx SpecContext) {
		id := createUser(ctx, d, unique("alice")).ID()
		update(ctx, d, id, schema.RollcallUserURN, map[string]any{"defaultRemoteIdentity": "system:masters"})
		Expect(object(ctx, id).Spec.RemoteIdentity).To(Equal("system:masters"))
		update(ctx, d, id, "title", "Boss")
		_, err := d.UpdateUser(ctx, id, nil, func(u scim.Resource) (scim.Resource, error) {
			delete(u, schema.RollcallUserURN)
			return u, nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(object(ctx, id).Spec.RemoteIdentity).To(BeEmpty())
	})

	It("keeps the permission level that a client sends as text alone", func(ctx SpecContext) {
		id := createUser(ctx, d, unique("alice")).ID()
		update(ctx, d, id, schema.RollcallUserURN, map[string]any{"permissionLevel": "Administrator"})
		u := object(ctx, id)
		Expect(u.Spec.PermissionLevel).To(Equal(v1alpha1.LevelUser))
		Expect(u.Spec.Attributes.Raw).To(MatchJSON(fmt.Sprintf(`{%q:{"permissionLevel":"Administrator"}}`, schema.RollcallUserURN)))
	})

	It("is not written when nothing changes", func(ctx SpecContext) {
		created, err := d.CreateUser(ctx, scim.Resource{
			"userName": unique("alice"), "urn:x:Custom:2.0:User": map[string]any{"n": 1.50, "deep": map[string]any{"list": []any{"a", true}}},
		})
		Expect(err).NotTo(HaveOccurred())
		before := object(ctx, created.ID())
		_, err = d.UpdateUser(ctx, created.ID(), nil, func(u scim.Resource) (scim.Resource, error) {
			u["urn:x:Custom:2.0:User"] = map[string]any{"n": 1.50, "deep": map[string]any{"list": []any{"a", true}}}
			return u, nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(object(ctx, created.ID()).ResourceVersion).To(Equal(before.ResourceVersion))
	})

	It("leaves what administrators and reconcilers own", func(ctx SpecContext) {
		id := createUser(ctx, d, unique("alice")).ID()
		u := object(ctx, id)
		u.Spec.Suspend = true
		u.Spec.PermissionLevel = v1alpha1.LevelAuditor
		u.Labels = map[string]string{"team": "a"}
		Expect(admin.Update(ctx, u)).To(Succeed())
		update(ctx, d, id, "displayName", "Alice")
		u = object(ctx, id)
		Expect(u.Spec.Suspend).To(BeTrue())
		Expect(u.Spec.PermissionLevel).To(Equal(v1alpha1.LevelAuditor))
		Expect(u.Labels).To(HaveKeyWithValue("team", "a"))
		Expect(u.Spec.DisplayName).To(Equal("Alice"))
	})

	It("is changed in spite of a writer who is always there first (fact 62)", func(ctx SpecContext) {
		id := createUser(ctx, d, unique("alice")).ID()
		busy, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() {
			defer GinkgoRecover()
			done <- patchStatusUntil(busy, object(ctx, id).Name)
		}()
		for i := range 40 {
			update(ctx, d, id, "title", fmt.Sprint(i))
		}
		stop()
		Eventually(done).Should(Receive(BeNil()))
		user, err := d.User(ctx, id)
		Expect(err).NotTo(HaveOccurred())
		Expect(user).To(HaveKeyWithValue("title", "39"))
	})

	It("is seen by every later call", func(ctx SpecContext) {
		for i := range 50 {
			name := unique(fmt.Sprint("user-", i))
			created := createUser(ctx, d, name)
			e, err := filter.Parse(fmt.Sprintf("userName eq %q", name))
			Expect(err).NotTo(HaveOccurred())
			page, err := d.Users(ctx, scim.Query{Filter: e, Window: order.Window{StartIndex: 1, Count: 10}})
			Expect(err).NotTo(HaveOccurred())
			Expect(page.Total).To(Equal(1))
			Expect(d.DeleteUser(ctx, created.ID(), nil)).To(Succeed())
			page, err = d.Users(ctx, scim.Query{Filter: e, Window: order.Window{StartIndex: 1, Count: 10}})
			Expect(err).NotTo(HaveOccurred())
			Expect(page.Total).To(BeZero())
		}
	})

	It("is on the last page when it is new", func(ctx SpecContext) {
		var want []string
		for i := range 7 {
			want = append(want, createUser(ctx, d, unique(fmt.Sprint("user-", i))).ID())
		}
		first := ids(ctx, d, 1, 4)
		newcomer := createUser(ctx, d, unique("newcomer")).ID()
		// All in one second at worst, where the id decides: what has moved is
		// the newcomer alone.
		all := ids(ctx, d, 1, 100)
		Expect(all).To(ConsistOf(append(want, newcomer)))
		Expect(without(all, newcomer)[:4]).To(Equal(first))
	})

	DescribeTable("that was deleted and comes back",
		func(ctx SpecContext, externalID, back string, resumed bool) {
			role, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider}, nil)
			Expect(err).NotTo(HaveOccurred())
			first := create(ctx, d, scim.Resource{"userName": unique("alice"), "externalId": externalID, "title": "Boss", "active": true})
			_, err = d.UpdateGroup(ctx, role.ID(), nil, false, add(first.ID()))
			Expect(err).NotTo(HaveOccurred())
			u := object(ctx, first.ID())
			u.Spec.PermissionLevel, u.Spec.PermissionLevelEpoch = v1alpha1.LevelAdministrator, u.Spec.Suspensions
			u.Annotations = map[string]string{v1alpha1.ReleaseAnnotation: v1alpha1.ReleaseValue, "note": "theirs"}
			Expect(admin.Update(ctx, u)).To(Succeed())

			Expect(d.DeleteUser(ctx, first.ID(), nil)).To(Succeed())
			tombstone := object(ctx, first.ID())
			Expect(tombstone.Name).To(Equal(u.Name))
			Expect(tombstone.Spec.DeprovisionedAt).NotTo(BeNil())
			Expect(tombstone.Spec.Active).To(HaveValue(BeFalse()))
			Expect(tombstone.Spec.Suspensions).To(Equal(u.Spec.Suspensions + 1))
			Expect(tombstone.Spec.Memberships).To(BeEmpty())

			second := create(ctx, d, scim.Resource{"userName": unique("alice"), "externalId": back})
			now := object(ctx, second.ID())
			Expect(now.Spec.DeprovisionedAt).To(BeNil())
			Expect(now.Spec.Active).To(HaveValue(BeTrue()))
			Expect(now.Spec.Memberships).To(BeEmpty())
			Expect(now.Spec.Attributes).To(BeNil())
			if resumed {
				Expect(second.ID()).To(Equal(first.ID()))
				Expect(now.Name).To(Equal(u.Name))
				Expect(now.Annotations).To(Equal(map[string]string{"note": "theirs"}), "a release that the deletion came before is off")
				Expect(now.Spec.Suspensions).To(Equal(tombstone.Spec.Suspensions))
				Expect(now.Spec.PermissionLevelEpoch).To(BeNumerically("<", now.Spec.Suspensions), "the level stays void")
				return
			}
			Expect(second.ID()).NotTo(Equal(first.ID()))
			Expect(now.Name).NotTo(Equal(u.Name))
			Expect(now.Spec.Suspensions).To(BeZero())
			Expect(now.Spec.PermissionLevel).To(Equal(v1alpha1.LevelUser))
			Expect(object(ctx, first.ID()).Spec.DeprovisionedAt).NotTo(BeNil(), "the tombstone stays")
		},
		Entry("under its externalId, is the same user", "ext-1", "ext-1", true),
		Entry("under another externalId, is another user", "ext-1", "ext-2", false),
		Entry("under none, is another user", "ext-1", "", false),
		Entry("under an externalId that it never had, is another user", "", "ext-1", false),
		Entry("without one on either side, is another user", "", "", false),
	)

	It("never collides with its tombstones, however many there are", func(ctx SpecContext) {
		seen := map[string]bool{}
		for range 5 {
			id := createUser(ctx, d, unique("alice")).ID()
			Expect(seen).NotTo(HaveKey(id))
			seen[id] = true
			Expect(d.DeleteUser(ctx, id, nil)).To(Succeed())
		}
	})

	It("conflicts with a local user of that name, until an administrator says otherwise", func(ctx SpecContext) {
		localName, _ := names.ForUser("", unique("alice"))
		Expect(admin.Create(ctx, &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: localName},
			Spec:       v1alpha1.ProvisionedUserSpec{UserName: unique("Alice")},
		})).To(Succeed())
		_, err := d.CreateUser(ctx, scim.Resource{"userName": unique("alice")})
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "local user"))

		bob := createUser(ctx, d, unique("bob"))
		Eventually(func(g Gomega) {
			_, err = d.UpdateUser(ctx, bob.ID(), nil, set("userName", unique("alice")))
			g.Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "local user"))
		}).Should(Succeed())
	})

	It("of another provider has the name first, and is not seen", func(ctx SpecContext) {
		foreign, _ := newDirectory()
		theirs := createUser(ctx, foreign, unique("alice"))
		ours := createUser(ctx, d, unique("alice"))
		Expect(object(ctx, ours.ID()).Name).To(HavePrefix(object(ctx, theirs.ID()).Name + "-"))
		_, err := d.User(ctx, theirs.ID())
		Expect(err).To(beSCIM(http.StatusNotFound, "", "not found"))
		Expect(d.DeleteUser(ctx, theirs.ID(), nil)).To(beSCIM(http.StatusNotFound, "", "not found"))
		Expect(ids(ctx, d, 1, 10)).To(Equal([]string{ours.ID()}))
	})

	It("is refused with the name of the value that is too long", func(ctx SpecContext) {
		_, err := d.CreateUser(ctx, scim.Resource{"userName": strings.Repeat("x", 1025)})
		Expect(err).To(beSCIM(http.StatusBadRequest, scim.InvalidValue, "userName: Too long"))
		Expect(err).NotTo(HaveField("Detail", ContainSubstring("validation")), "what else the API server has to say")
		id := createUser(ctx, d, unique("alice")).ID()
		_, err = d.UpdateUser(ctx, id, nil, set("displayName", strings.Repeat("x", 1025)))
		Expect(err).To(beSCIM(http.StatusBadRequest, scim.InvalidValue, "displayName: Too long"))
	})

	It("that is removed from the cluster is gone", func(ctx SpecContext) {
		id := createUser(ctx, d, unique("alice")).ID()
		Expect(itself.Delete(ctx, object(ctx, id))).To(Succeed())
		// Whether the cache knows it already or not.
		_, err := d.UpdateUser(ctx, id, nil, set("title", "Boss"))
		Expect(err).To(beSCIM(http.StatusNotFound, "", "not found"))
	})

	It("can't be written without the right to", func(ctx SpecContext) {
		config, err := control.User("reader-of-"+provider, "system:masters")
		Expect(err).NotTo(HaveOccurred())
		config.Impersonate.UserName = "nobody"
		powerless, err := client.New(config, client.Options{Scheme: admin.Scheme(), Cache: &client.CacheOptions{Reader: readerOf(cached)}})
		Expect(err).NotTo(HaveOccurred())
		other := directory.New(powerless, live, tally, provider, clock.RealClock{})
		_, err = other.CreateUser(ctx, scim.Resource{"userName": unique("alice")})
		Expect(err).To(beSCIM(http.StatusInternalServerError, "", "does not allow"))
	})
})

// patchStatusUntil writes a status as fast as it can, as a reconciler would.
func patchStatusUntil(ctx context.Context, name string) error {
	for i := int32(1); ctx.Err() == nil; i++ {
		u := &v1alpha1.ProvisionedUser{}
		if err := admin.Get(ctx, client.ObjectKey{Name: name}, u); err != nil {
			return ignoreCanceled(ctx, err)
		}
		before := u.DeepCopy()
		u.Status.RoleCount = i
		if err := itself.Status().Patch(ctx, u, client.MergeFrom(before)); err != nil {
			return ignoreCanceled(ctx, err)
		}
	}
	return nil
}

func ignoreCanceled(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// readerOf keeps a client from being taken for a cache that writes.
func readerOf(c client.Client) client.Reader { return struct{ client.Reader }{c} }

func set(attribute string, value any) func(scim.Resource) (scim.Resource, error) {
	return func(u scim.Resource) (scim.Resource, error) {
		u[attribute] = value
		return u, nil
	}
}

func update(ctx context.Context, d *directory.Directory, id, attribute string, value any) {
	GinkgoHelper()
	_, err := d.UpdateUser(ctx, id, nil, set(attribute, value))
	Expect(err).NotTo(HaveOccurred())
}

func create(ctx context.Context, d *directory.Directory, user scim.Resource) scim.Resource {
	GinkgoHelper()
	if user["externalId"] == "" {
		delete(user, "externalId")
	}
	created, err := d.CreateUser(ctx, user)
	Expect(err).NotTo(HaveOccurred())
	return created
}

func createUser(ctx context.Context, d *directory.Directory, userName string) scim.Resource {
	GinkgoHelper()
	return create(ctx, d, scim.Resource{"userName": userName, "active": true})
}

// object reads a user from the API server, by its id.
func object(ctx context.Context, id string) *v1alpha1.ProvisionedUser {
	GinkgoHelper()
	var list v1alpha1.ProvisionedUserList
	Expect(admin.List(ctx, &list, client.MatchingFields{"spec.id": id})).To(Succeed())
	Expect(list.Items).To(HaveLen(1))
	return ptr.To(list.Items[0])
}

func ids(ctx context.Context, d *directory.Directory, start, count int) []string {
	GinkgoHelper()
	page, err := d.Users(ctx, scim.Query{Window: order.Window{StartIndex: start, Count: count}})
	Expect(err).NotTo(HaveOccurred())
	var list []string
	for _, r := range page.Resources {
		list = append(list, r.ID())
	}
	return list
}

func without(list []string, id string) []string {
	var rest []string
	for _, e := range list {
		if e != id {
			rest = append(rest, e)
		}
	}
	return rest
}
