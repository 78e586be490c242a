//go:build integration

package directory_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/order"
)

// laggard is the suite's client with a cache that stops to see one user, and
// with writes of users that can be meddled with.
type laggard struct {
	client.Client
	old        atomic.Pointer[v1alpha1.ProvisionedUser]
	afterPatch atomic.Pointer[func(error) error]
}

func (l *laggard) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	old := l.old.Load()
	if u, ok := into.(*v1alpha1.ProvisionedUser); ok && old != nil && key.Name == old.Name {
		if !slices.Contains(opts, client.GetOption(client.DisableReadYourWritesConsistency)) {
			return context.DeadlineExceeded
		}
		old.DeepCopyInto(u)
		return nil
	}
	return l.Client.Get(ctx, key, into, opts...)
}

func (l *laggard) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	if err := l.Client.List(ctx, into, opts...); err != nil {
		return err
	}
	users, ok := into.(*v1alpha1.ProvisionedUserList)
	old := l.old.Load()
	if !ok || old == nil {
		return nil
	}
	var o client.ListOptions
	o.ApplyOptions(opts)
	users.Items = slices.DeleteFunc(slices.Clone(users.Items), func(u v1alpha1.ProvisionedUser) bool { return u.Name == old.Name })
	requirements := o.FieldSelector.Requirements()
	keys := map[string]string{
		index.UserByID:         index.Scoped(old.Spec.Provider, old.Spec.ID),
		index.UserByUserName:   fold.String(old.Spec.UserName),
		index.UserByExternalID: index.Scoped(old.Spec.Provider, old.Spec.ExternalID),
	}
	if keys[requirements[0].Field] == requirements[0].Value {
		users.Items = append(users.Items, *old)
	}
	return nil
}

func (l *laggard) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	err := l.Client.Patch(ctx, o, patch, opts...)
	if after := l.afterPatch.Load(); after != nil {
		return (*after)(err)
	}
	return err
}

var _ = Describe("A cache that doesn't see a write", func() {
	var (
		l        *laggard
		d        *directory.Directory
		provider string
	)
	BeforeEach(func() {
		provider = newProvider()
		l = &laggard{Client: cached}
		d = directory.New(l, live, tally, provider, clock.RealClock{})
	})
	freeze := func(ctx context.Context, id string) { l.old.Store(object(ctx, id)) }
	thaw := func() { l.old.Store(nil) }
	outOfDate := func(err error) {
		GinkgoHelper()
		Expect(err).To(beSCIM(http.StatusServiceUnavailable, "", "try again"))
	}

	It("acknowledges no suspension before it has seen it", func(ctx SpecContext) {
		alice := createUser(ctx, d, "alice@"+provider).ID()
		bob := createUser(ctx, d, "bob@"+provider).ID()
		freeze(ctx, alice)
		for range 2 {
			_, err := d.UpdateUser(ctx, alice, nil, set("active", false))
			outOfDate(err)
		}
		_, err := d.User(ctx, alice)
		outOfDate(err)
		_, err = d.User(ctx, bob)
		Expect(err).NotTo(HaveOccurred())
		_, err = d.UpdateUser(ctx, alice, nil, set("active", true))
		outOfDate(err)
		thaw()
		update(ctx, d, alice, "active", false)
		Expect(*object(ctx, alice).Spec.Active).To(BeFalse())
		Expect(object(ctx, alice).Spec.Suspensions).To(BeEquivalentTo(1))
	})

	It("asks the API server about a write whose answer was lost", func(ctx SpecContext) {
		alice := createUser(ctx, d, "alice@"+provider).ID()
		update(ctx, d, alice, "active", false)
		freeze(ctx, alice)
		lost := func(error) error { return errors.New("connection reset by peer") }
		l.afterPatch.Store(&lost)
		_, err := d.UpdateUser(ctx, alice, nil, set("active", true))
		outOfDate(err)
		l.afterPatch.Store(nil)
		_, err = d.UpdateUser(ctx, alice, nil, set("active", false))
		outOfDate(err)
		thaw()
		update(ctx, d, alice, "active", false)
		Expect(*object(ctx, alice).Spec.Active).To(BeFalse())
	})

	It("is waited for although the client hangs up", func(ctx SpecContext) {
		alice := createUser(ctx, d, "alice@"+provider).ID()
		request, hangUp := context.WithCancel(ctx)
		after := func(err error) error { hangUp(); return err }
		l.afterPatch.Store(&after)
		_, err := d.UpdateUser(request, alice, nil, set("active", false))
		Expect(err).NotTo(HaveOccurred())
		l.afterPatch.Store(nil)
		user, err := d.User(ctx, alice)
		Expect(err).NotTo(HaveOccurred())
		Expect(user["active"]).To(BeFalse())
	})

	It("acknowledges no removal of a member before it has seen it", func(ctx SpecContext) {
		alice := createUser(ctx, d, "alice@"+provider).ID()
		group, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider}, nil)
		Expect(err).NotTo(HaveOccurred())
		freeze(ctx, alice)
		_, err = d.UpdateGroup(ctx, group.ID(), nil, false, add(alice))
		outOfDate(err)
		_, err = d.UpdateGroup(ctx, group.ID(), nil, false, remove(alice))
		outOfDate(err)
		thaw()
		_, err = d.UpdateGroup(ctx, group.ID(), nil, false, remove(alice))
		Expect(err).NotTo(HaveOccurred())
		Expect(object(ctx, alice).Spec.Memberships).To(BeEmpty())
	})

	It("doesn't let a user be made twice by a return or by a rename", func(ctx SpecContext) {
		again := scim.Resource{"userName": "alice@" + provider, "externalId": "ext"}
		alice := create(ctx, d, again).ID()
		Expect(d.DeleteUser(ctx, alice, nil)).To(Succeed())
		freeze(ctx, alice)
		for range 2 {
			_, err := d.CreateUser(ctx, again)
			outOfDate(err)
		}
		By("a process that knows nothing of the write")
		_, err := directory.New(l, live, tally, provider, clock.RealClock{}).CreateUser(ctx, again)
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "externalId"))
		thaw()
		_, err = d.CreateUser(ctx, again)
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "userName"))

		By("renaming")
		freeze(ctx, alice)
		_, err = d.UpdateUser(ctx, alice, nil, set("userName", "bob@"+provider))
		outOfDate(err)
		_, err = d.CreateUser(ctx, scim.Resource{"userName": "bob@" + provider})
		outOfDate(err)
		thaw()
		_, err = d.CreateUser(ctx, scim.Resource{"userName": "bob@" + provider})
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "userName"))
	})

	It("lets a group's creation be continued under the same id", func(ctx SpecContext) {
		var users []string
		for _, name := range []string{"a@", "b@", "c@"} {
			users = append(users, createUser(ctx, d, name+provider).ID())
		}
		team := scim.Resource{"displayName": "Team " + provider}
		fail := func(error) error { return errors.New("connection reset by peer") }
		l.afterPatch.Store(&fail)
		_, err := d.CreateGroup(ctx, team, memberList(users))
		outOfDate(err)
		var roles v1alpha1.ProvisionedRoleList
		Expect(admin.List(ctx, &roles, client.MatchingFields{"spec.provider": provider})).To(Succeed())
		Expect(roles.Items).To(HaveLen(1))
		l.afterPatch.Store(nil)

		_, err = d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider, "externalId": "other"}, nil)
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "displayName"))
		group, err := d.CreateGroup(ctx, team, memberList(users))
		Expect(err).NotTo(HaveOccurred())
		Expect(group.ID()).To(Equal(roles.Items[0].Spec.ID))
		Expect(memberIDs(ctx, d, group.ID())).To(ConsistOf(users))
		_, err = d.CreateGroup(ctx, team, memberList(users))
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "displayName"))
	})

	It("lets a group's creation be repeated by a client that hung up", func(ctx SpecContext) {
		alice := createUser(ctx, d, "alice@"+provider).ID()
		team := scim.Resource{"displayName": "Team " + provider}
		request, hangUp := context.WithCancel(ctx)
		after := func(err error) error { hangUp(); return err }
		l.afterPatch.Store(&after)
		first, err := d.CreateGroup(request, team, memberList([]string{alice}))
		Expect(err).NotTo(HaveOccurred())
		l.afterPatch.Store(nil)
		again, err := d.CreateGroup(ctx, team, memberList([]string{alice}))
		Expect(err).NotTo(HaveOccurred())
		Expect(again.ID()).To(Equal(first.ID()))
	})

	It("never runs out of object names", func(ctx SpecContext) {
		for range 12 {
			alice := createUser(ctx, d, "alice@"+provider).ID()
			Expect(d.DeleteUser(ctx, alice, nil)).To(Succeed())
		}
	})

	It("builds no answer that nobody waits for", func(ctx SpecContext) {
		createUser(ctx, d, "alice@"+provider)
		gone, hangUp := context.WithCancel(ctx)
		hangUp()
		_, err := d.Users(gone, scim.Query{Window: order.Window{StartIndex: 1, Count: 1}})
		Expect(err).To(HaveOccurred())
	})
})
