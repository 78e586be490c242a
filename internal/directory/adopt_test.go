//go:build integration

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/scim"
)

// meddler is the suite's client, with somebody else's act right before the first
// patch or delete.
type meddler struct {
	client.Client
	once sync.Once
	act  func()
}

func (m *meddler) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	m.once.Do(m.act)
	return m.Client.Patch(ctx, o, patch, opts...)
}

func (m *meddler) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	m.once.Do(m.act)
	return m.Client.Delete(ctx, o, opts...)
}

// mark sets an annotation, as kubectl annotate does.
func mark(ctx context.Context, o client.Object, key, value string) {
	GinkgoHelper()
	merge(ctx, admin, o, `{"metadata":{"annotations":{%q:%q}}}`, key, value)
}

// local makes an administrator's object, and waits until the cache has it.
func local(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(admin.Create(ctx, o)).To(Succeed())
	Eventually(func() error {
		return cached.Get(ctx, client.ObjectKeyFromObject(o), o.DeepCopyObject().(client.Object))
	}).Should(Succeed())
}

var _ = Describe("A local user", func() {
	var (
		d        *directory.Directory
		provider string
		// dan is local, and has been given much. The name isn't what the userName
		// would make.
		dan *v1alpha1.ProvisionedUser
	)
	BeforeEach(func(ctx SpecContext) {
		d, provider = newDirectory()
		dan = &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{
				Name: "local-dan-" + provider, Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "kept"},
			},
			Spec: v1alpha1.ProvisionedUserSpec{
				ID: uuid.NewString(), UserName: "Dan@" + provider, DisplayName: "Dan, locally", RemoteIdentity: "dan-local",
				Emails:          []v1alpha1.Email{{Value: "dan@local"}},
				Attributes:      &apiextensionsv1.JSON{Raw: []byte(`{"title":"Boss"}`)},
				PermissionLevel: v1alpha1.LevelAuditor, PermissionLevelSubject: "Dan@" + provider, Suspend: true,
			},
		}
		local(ctx, dan)
	})
	post := func(ctx context.Context, as *directory.Directory) (scim.Resource, error) {
		return as.CreateUser(ctx, scim.Resource{"userName": "dan@" + provider, "externalId": "ext", "displayName": "Daniel", "active": true})
	}
	adoptable := func(ctx context.Context) {
		GinkgoHelper()
		mark(ctx, dan, v1alpha1.AdoptableByAnnotation, provider)
		mark(ctx, dan, v1alpha1.ReleaseAnnotation, v1alpha1.ReleaseValue) // of which nothing is left
	}
	untouched := func(ctx context.Context) {
		GinkgoHelper()
		before := dan.DeepCopy()
		reread(ctx, dan)
		Expect(dan.Spec).To(Equal(before.Spec))
		Expect(dan.Spec.Provider).To(BeEmpty())
	}

	It("is taken over by a POST of the name as soon as the provider is named, in one write, without what was granted", func(ctx SpecContext) {
		adoptable(ctx)
		before := dan.DeepCopy()
		trailed, trail := scim.WithTrail(ctx)
		adopted, err := post(trailed, d)
		Expect(err).NotTo(HaveOccurred())
		Expect(adopted.ID()).To(Equal(before.Spec.ID))
		Expect(trail.Changes()).To(ConsistOf(And(
			HaveField("Action", scim.Adopted), HaveField("ID", before.Spec.ID),
			HaveField("Object", scim.Object{Kind: "ProvisionedUser", Name: dan.Name, UID: string(dan.UID)}),
			HaveField("Before", HaveKeyWithValue("title", "Boss")), HaveField("After", Not(HaveKey("title"))),
		)))
		Expect(adopted).To(HaveKeyWithValue("displayName", "Daniel"))
		Expect(adopted).NotTo(Or(HaveKey("title"), HaveKey("emails")))

		reread(ctx, dan)
		Expect(dan.UID).To(Equal(before.UID))
		Expect(dan.Generation).To(Equal(before.Generation + 1))
		Expect(dan.Labels).To(Equal(before.Labels))
		Expect(dan.Annotations).To(Equal(map[string]string{"note": "kept"}))
		want := v1alpha1.ProvisionedUserSpec{
			Provider: provider, ID: before.Spec.ID, Type: v1alpha1.Person, UserName: "dan@" + provider, ExternalID: "ext", DisplayName: "Daniel",
			Active: ptr.To(true), Suspensions: 1, PermissionLevel: v1alpha1.LevelAuditor, PermissionLevelEpoch: 0, PermissionLevelSubject: "Dan@" + provider, Suspend: true,
			ModifiedAt: dan.Spec.ModifiedAt,
		}
		Expect(dan.Spec).To(Equal(want), "the level is void, and the local suspension stays")
		Expect(dan.Spec.ModifiedAt).NotTo(BeNil())
		Expect(ids(ctx, d, 1, 10)).To(Equal([]string{adopted.ID()}))
		_, err = post(ctx, d)
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "exists"))
	})

	DescribeTable("keeps what was granted",
		func(ctx SpecContext, keeps string, active bool, suspensions int64) {
			mark(ctx, dan, v1alpha1.AdoptionKeepsAnnotation, keeps)
			adoptable(ctx)
			_, err := d.CreateUser(ctx, scim.Resource{"userName": "dan@" + provider, "active": active})
			Expect(err).NotTo(HaveOccurred())
			reread(ctx, dan)
			Expect(dan.Spec.Suspensions).To(Equal(suspensions))
			Expect(dan.Spec.Active).To(HaveValue(Equal(active)))
			Expect(dan.Spec.PermissionLevel).To(Equal(v1alpha1.LevelAuditor))
			if keeps == v1alpha1.AdoptionKeepsValue {
				Expect(dan.Spec.PermissionLevelSubject).To(Equal("dan@"+provider), "as the client writes the name")
			} else {
				Expect(dan.Spec.PermissionLevelSubject).To(Equal("Dan@" + provider))
			}
			Expect(dan.Annotations).To(Equal(map[string]string{"note": "kept"}))
		},
		Entry("if the administrator says so", v1alpha1.AdoptionKeepsValue, true, int64(0)),
		Entry("not when something else is said", "yes", true, int64(1)),
		Entry("not when the provider takes the user over deactivated", v1alpha1.AdoptionKeepsValue, false, int64(1)),
	)

	It("gets an id if it has none", func(ctx SpecContext) {
		eve := &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: "eve-" + provider, Annotations: map[string]string{v1alpha1.AdoptableByAnnotation: provider}},
			Spec:       v1alpha1.ProvisionedUserSpec{UserName: "eve@" + provider},
		}
		local(ctx, eve)
		adopted := createUser(ctx, d, "eve@"+provider)
		reread(ctx, eve)
		Expect(eve.Spec.ID).To(Equal(adopted.ID()))
		Expect(uuid.Validate(adopted.ID())).To(Succeed())
	})

	It("stays local without the mark, and the answer says how to make it", func(ctx SpecContext) {
		command := fmt.Sprintf("kubectl annotate provisioneduser local-dan-%s identity.rollcall.dev/adoptable-by=%[1]s", provider)
		_, err := post(ctx, d)
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, ""))
		Expect(scim.AsError(err).Detail).To(Equal(fmt.Sprintf(
			`a local user with the userName "dan@%[1]s" exists (provisioneduser/local-dan-%[1]s): to let identity provider %[1]q take it over, run: %s`, provider, command)))
		untouched(ctx)

		By("another provider having it")
		other, name := newDirectory()
		mark(ctx, dan, v1alpha1.AdoptableByAnnotation, name)
		_, err = post(ctx, d)
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, command+" --overwrite"))
		Expect(scim.AsError(err).Detail).NotTo(ContainSubstring(name), "another tenant's data")
		untouched(ctx)
		_, err = other.CreateUser(ctx, scim.Resource{"userName": "dan@" + provider})
		Expect(err).NotTo(HaveOccurred())

		By("the name being another provider's now, and nobody's here")
		Eventually(func(g Gomega) {
			ours, err := post(ctx, d)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(ours.ID()).NotTo(Equal(dan.Spec.ID))
		}).Should(Succeed())
	})

	It("is not taken over by a rename, marked or not", func(ctx SpecContext) {
		adoptable(ctx)
		bob := createUser(ctx, d, "bob@"+provider).ID()
		_, err := d.UpdateUser(ctx, bob, nil, set("userName", "DAN@"+provider))
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "never by a rename"))
		untouched(ctx)
	})

	It("of type ServiceAccount is never taken over", func(ctx SpecContext) {
		robot := &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: "robot-" + provider, Annotations: map[string]string{v1alpha1.AdoptableByAnnotation: provider}},
			Spec: v1alpha1.ProvisionedUserSpec{
				UserName: "robot@" + provider, Type: v1alpha1.ServiceAccount,
				ServiceAccountRef: &v1alpha1.ServiceAccountReference{Namespace: "default", Name: "robot"},
			},
		}
		local(ctx, robot)
		_, err := d.CreateUser(ctx, scim.Resource{"userName": "robot@" + provider})
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "no identity provider can take over a ServiceAccount"))
	})

	It("with the id of one of the provider's users is not taken over", func(ctx SpecContext) {
		victim := createUser(ctx, d, "victim@"+provider)
		twin := &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: "twin-" + provider, Annotations: map[string]string{v1alpha1.AdoptableByAnnotation: provider}},
			Spec:       v1alpha1.ProvisionedUserSpec{ID: victim.ID(), UserName: "twin@" + provider},
		}
		local(ctx, twin)
		_, err := d.CreateUser(ctx, scim.Resource{"userName": "twin@" + provider})
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "spec.id"))
		reread(ctx, twin)
		Expect(twin.Spec.Provider).To(BeEmpty())
	})

	DescribeTable("beside the tombstone of a user with the same externalId",
		func(ctx SpecContext, marked bool) {
			old := create(ctx, d, scim.Resource{"userName": "old@" + provider, "externalId": "ext"}).ID()
			Expect(d.DeleteUser(ctx, old, nil)).To(Succeed())
			merge(ctx, itself, object(ctx, old), `{"spec":{"deprovisionedAt":"2026-01-02T03:04:05Z"}}`)
			tombstone := object(ctx, old)
			if marked {
				adoptable(ctx)
			}
			adopted, err := post(ctx, d)
			if marked {
				Expect(err).NotTo(HaveOccurred())
				Expect(adopted.ID()).To(Equal(dan.Spec.ID))
				By("the one that was deleted last coming back")
				Expect(d.DeleteUser(ctx, dan.Spec.ID, nil)).To(Succeed())
				Expect(create(ctx, d, scim.Resource{"userName": "dan@" + provider, "externalId": "ext"}).ID()).To(Equal(dan.Spec.ID))
			} else {
				Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "kubectl annotate"))
				untouched(ctx)
			}
			Expect(object(ctx, old).ResourceVersion).To(Equal(tombstone.ResourceVersion), "the tombstone stays one")
		},
		Entry("is the one whom the administrator means", true),
		Entry("is in its way without the mark", false),
	)

	DescribeTable("is the administrator's until the moment of the write",
		func(ctx SpecContext, act func(ctx context.Context), check func(ctx context.Context, adopted scim.Resource, err error)) {
			adoptable(ctx)
			between := &meddler{Client: cached, act: func() {
				defer GinkgoRecover()
				act(ctx)
			}}
			adopted, err := post(ctx, directory.New(between, live, tally, provider, clock.RealClock{}))
			check(ctx, adopted, err)
		},
		Entry("who withdraws the mark",
			func(ctx context.Context) {
				merge(ctx, admin, dan, `{"metadata":{"annotations":{%q:null}}}`, v1alpha1.AdoptableByAnnotation)
			},
			func(ctx context.Context, _ scim.Resource, err error) {
				Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "kubectl annotate"))
				untouched(ctx)
			}),
		Entry("who names another provider",
			func(ctx context.Context) { mark(ctx, dan, v1alpha1.AdoptableByAnnotation, "another") },
			func(ctx context.Context, _ scim.Resource, err error) {
				Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "--overwrite"))
				untouched(ctx)
			}),
		Entry("who makes another change, which stays",
			func(ctx context.Context) {
				merge(ctx, admin, dan, `{"metadata":{"labels":{"team":"b"},"annotations":{%q:%q}},"spec":{"suspend":false}}`,
					v1alpha1.AdoptionKeepsAnnotation, v1alpha1.AdoptionKeepsValue)
			},
			func(ctx context.Context, adopted scim.Resource, err error) {
				Expect(err).NotTo(HaveOccurred())
				Expect(adopted.ID()).To(Equal(dan.Spec.ID))
				reread(ctx, dan)
				Expect(dan.Spec.Provider).To(Equal(provider))
				Expect(dan.Labels).To(HaveKeyWithValue("team", "b"))
				Expect(dan.Spec.Suspend).To(BeFalse())
				Expect(dan.Spec.Suspensions).To(BeZero())
			}),
		Entry("who renames it, so that the name is free",
			func(ctx context.Context) { merge(ctx, admin, dan, `{"spec":{"userName":"daniel@%s"}}`, provider) },
			func(ctx context.Context, adopted scim.Resource, err error) {
				Expect(err).NotTo(HaveOccurred())
				Expect(adopted.ID()).NotTo(Equal(dan.Spec.ID))
				untouched(ctx)
			}),
		Entry("who deletes it, so that the name is free",
			func(ctx context.Context) { Expect(admin.Delete(ctx, dan)).To(Succeed()) },
			func(ctx context.Context, adopted scim.Resource, err error) {
				Expect(err).NotTo(HaveOccurred())
				Expect(object(ctx, adopted.ID()).UID).NotTo(Equal(dan.UID))
			}),
	)

	It("that is being deleted is neither touched nor in the way", func(ctx SpecContext) {
		merge(ctx, admin, dan, `{"metadata":{"finalizers":["example.com/wait"]}}`)
		adoptable(ctx)
		Expect(admin.Delete(ctx, dan)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { merge(ctx, admin, dan, `{"metadata":{"finalizers":null}}`) })
		adopted, err := post(ctx, d)
		Expect(err).NotTo(HaveOccurred())
		Expect(adopted.ID()).NotTo(Equal(dan.Spec.ID))
		untouched(ctx)
	})

	It("is taken over once by 16 requests to two replicas", func(ctx SpecContext) {
		adoptable(ctx)
		replicas := []*directory.Directory{d, directory.New(cached, live, tally, provider, clock.RealClock{})}
		var created atomic.Int32
		parallel(func(i int) {
			adopted, err := post(ctx, replicas[i%2])
			if err != nil {
				Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "exists"))
				return
			}
			created.Add(1)
			Expect(adopted.ID()).To(Equal(dan.Spec.ID))
		})
		Expect(created.Load()).To(BeEquivalentTo(1))
		reread(ctx, dan)
		Expect(dan.Spec.Suspensions).To(Equal(int64(1)))
	})

	It("whose takeover was carried out without an answer is there for the next request", func(ctx SpecContext) {
		adoptable(ctx)
		l := &laggard{Client: cached}
		lost := func(error) error { return errors.New("connection reset by peer") }
		l.afterPatch.Store(&lost)
		d = directory.New(l, live, tally, provider, clock.RealClock{})
		_, err := post(ctx, d)
		Expect(err).To(beSCIM(http.StatusServiceUnavailable, "", "try again"))
		l.afterPatch.Store(nil)
		_, err = post(ctx, d)
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "exists"))
		Expect(ids(ctx, d, 1, 10)).To(Equal([]string{dan.Spec.ID}))
	})
})

var _ = Describe("A local role", func() {
	var (
		d        *directory.Directory
		provider string
		ops      *v1alpha1.ProvisionedRole
		alice    string
	)
	BeforeEach(func(ctx SpecContext) {
		d, provider = newDirectory()
		ops = &v1alpha1.ProvisionedRole{
			ObjectMeta: metav1.ObjectMeta{Name: "local-ops-" + provider, Annotations: map[string]string{"note": "kept"}},
			Spec:       v1alpha1.ProvisionedRoleSpec{ID: uuid.NewString(), DisplayName: "Ops " + provider, Leaders: []string{"zoe"}, UnresolvedMembers: []string{"earlier"}},
		}
		local(ctx, ops)
		alice = createUser(ctx, d, "alice@"+provider).ID()
	})
	post := func(ctx context.Context, as *directory.Directory, members ...string) (scim.Resource, error) {
		return as.CreateGroup(ctx, scim.Resource{"displayName": "OPS " + provider, "externalId": "ext"}, memberList(members))
	}
	adoptable := func(ctx context.Context) {
		GinkgoHelper()
		mark(ctx, ops, v1alpha1.AdoptableByAnnotation, provider)
	}

	It("is taken over by a POST of the name, with a new id and the members that the provider sends", func(ctx SpecContext) {
		adoptable(ctx)
		before := ops.DeepCopy()
		group, err := post(ctx, d, alice, "nobody")
		Expect(err).NotTo(HaveOccurred())
		Expect(group.ID()).NotTo(Equal(before.Spec.ID))
		Expect(memberIDs(ctx, d, group.ID())).To(ConsistOf(alice, "nobody"))
		reread(ctx, ops)
		Expect(ops.UID).To(Equal(before.UID))
		Expect(ops.Generation).To(Equal(before.Generation + 1))
		Expect(ops.Annotations).To(Equal(map[string]string{"note": "kept"}))
		Expect(ops.Spec).To(Equal(v1alpha1.ProvisionedRoleSpec{
			Provider: provider, ID: group.ID(), DisplayName: "OPS " + provider, ExternalID: "ext",
			Leaders: []string{"zoe"}, UnresolvedMembers: []string{"nobody"}, ModifiedAt: ops.Spec.ModifiedAt,
		}))
		_, err = post(ctx, d)
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "exists"))
	})

	It("keeps its id if the administrator says so, and nobody is a member from an earlier life", func(ctx SpecContext) {
		merge(ctx, itself, object(ctx, alice), `{"spec":{"memberships":{%q:{}}}}`, ops.Spec.ID)
		mark(ctx, ops, v1alpha1.AdoptionKeepsAnnotation, v1alpha1.AdoptionKeepsValue)
		adoptable(ctx)
		bob := createUser(ctx, d, "bob@"+provider).ID()
		group, err := post(ctx, d, bob)
		Expect(err).NotTo(HaveOccurred())
		Expect(group.ID()).To(Equal(ops.Spec.ID))
		Expect(memberIDs(ctx, d, group.ID())).To(ConsistOf(bob))
		Expect(object(ctx, alice).Spec.Memberships).To(BeEmpty())
		reread(ctx, ops)
		Expect(ops.Annotations).To(Equal(map[string]string{"note": "kept"}))
	})

	It("stays local without the mark, and the answer says how to make it", func(ctx SpecContext) {
		_, err := post(ctx, d, alice)
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, fmt.Sprintf(
			`a local role with the displayName "OPS %[1]s" exists (provisionedrole/local-ops-%[1]s): to let identity provider %[1]q take it over, run: `+
				`kubectl annotate provisionedrole local-ops-%[1]s identity.rollcall.dev/adoptable-by=%[1]s`, provider)))
		team, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider}, nil)
		Expect(err).NotTo(HaveOccurred())
		_, err = d.UpdateGroup(ctx, team.ID(), nil, false, func(g scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
			g["displayName"] = "ops " + provider
			return g, scim.MemberChange{}, nil
		})
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "never by a rename"))
		before := ops.DeepCopy()
		reread(ctx, ops)
		Expect(ops.ResourceVersion).To(Equal(before.ResourceVersion))
	})

	DescribeTable("is the administrator's until the moment of the write, who withdraws",
		func(ctx SpecContext, annotation string, adopted bool) {
			mark(ctx, ops, v1alpha1.AdoptionKeepsAnnotation, v1alpha1.AdoptionKeepsValue)
			adoptable(ctx)
			between := &meddler{Client: cached, act: func() {
				defer GinkgoRecover()
				merge(ctx, admin, ops, `{"metadata":{"annotations":{%q:null}}}`, annotation)
			}}
			_, err := post(ctx, directory.New(between, live, tally, provider, clock.RealClock{}), alice)
			before := ops.DeepCopy()
			reread(ctx, ops)
			if adopted {
				Expect(err).NotTo(HaveOccurred())
				Expect(ops.Spec.ID).NotTo(Equal(before.Spec.ID), "what was attached is void")
				return
			}
			Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "kubectl annotate"))
			Expect(ops.ResourceVersion).To(Equal(before.ResourceVersion))
		},
		Entry("the mark", v1alpha1.AdoptableByAnnotation, false),
		Entry("that what was granted stays", v1alpha1.AdoptionKeepsAnnotation, true),
	)

	It("whose takeover was carried out without an answer is gone on with, under the same id", func(ctx SpecContext) {
		adoptable(ctx)
		l := &laggard{Client: cached}
		lost := func(error) error { return errors.New("connection reset by peer") }
		l.afterPatch.Store(&lost)
		d = directory.New(l, live, tally, provider, clock.RealClock{})
		_, err := post(ctx, d, alice)
		Expect(err).To(beSCIM(http.StatusServiceUnavailable, "", "try again"))
		l.afterPatch.Store(nil)
		reread(ctx, ops)
		Expect(ops.Spec.Provider).To(Equal(provider))
		group, err := post(ctx, d, alice)
		Expect(err).NotTo(HaveOccurred())
		Expect(group.ID()).To(Equal(ops.Spec.ID))
		Expect(memberIDs(ctx, d, group.ID())).To(ConsistOf(alice))
	})

	It("that an unfinished group has become by its release is in the way until it is marked", func(ctx SpecContext) {
		l := &laggard{Client: cached}
		fail := func(error) error { return errors.New("connection reset by peer") }
		l.afterPatch.Store(&fail)
		d = directory.New(l, live, tally, provider, clock.RealClock{})
		team := scim.Resource{"displayName": "Team " + provider}
		_, err := d.CreateGroup(ctx, team, memberList([]string{alice}))
		Expect(err).To(beSCIM(http.StatusServiceUnavailable, "", "try again"))
		l.afterPatch.Store(nil)
		var roles v1alpha1.ProvisionedRoleList
		Expect(admin.List(ctx, &roles, client.MatchingFields{"spec.provider": provider})).To(Succeed())
		Expect(roles.Items).To(HaveLen(1))
		released := &roles.Items[0]
		first := released.Spec.ID
		merge(ctx, itself, released, `{"spec":{"provider":null}}`)
		Eventually(func(g Gomega) {
			_, err := d.Group(ctx, first, false)
			g.Expect(err).To(beSCIM(http.StatusNotFound, "", "not found"))
		}).Should(Succeed())
		_, err = d.CreateGroup(ctx, team, memberList([]string{alice}))
		Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "kubectl annotate provisionedrole "+released.Name))
		mark(ctx, released, v1alpha1.AdoptableByAnnotation, provider)
		group, err := d.CreateGroup(ctx, team, memberList([]string{alice}))
		Expect(err).NotTo(HaveOccurred())
		Expect(group.ID()).NotTo(Equal(first))
		Expect(memberIDs(ctx, d, group.ID())).To(ConsistOf(alice))
	})
})
