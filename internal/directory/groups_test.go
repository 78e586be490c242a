//go:build integration

package directory_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/scim"
)

const clientsAtOnce = 16

var _ = Describe("A group", func() {
	var (
		d        *directory.Directory
		provider string
	)
	BeforeEach(func() { d, provider = newDirectory() })

	team := func(ctx context.Context, members ...string) scim.Resource {
		GinkgoHelper()
		group, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider}, memberList(members))
		Expect(err).NotTo(HaveOccurred())
		return group
	}

	It("takes 16 clients' members at once, without a write of its own (fact 62)", func(ctx SpecContext) {
		const each = 10
		users := make([][]string, clientsAtOnce)
		for i := range users {
			for j := range each {
				users[i] = append(users[i], createUser(ctx, d, fmt.Sprintf("u-%d-%d@%s", i, j, provider)).ID())
			}
		}
		id := team(ctx).ID()
		before := role(ctx, id)
		parallel(func(i int) {
			for _, user := range users[i] {
				_, err := d.UpdateGroup(ctx, id, nil, false, add(user))
				Expect(err).NotTo(HaveOccurred())
			}
		})
		Expect(memberIDs(ctx, d, id)).To(ConsistOf(slices.Concat(users...)))
		Expect(role(ctx, id).ResourceVersion).To(Equal(before.ResourceVersion))

		By("removing all but one each, in one request each")
		parallel(func(i int) {
			_, err := d.UpdateGroup(ctx, id, nil, false, remove(users[i][1:]...))
			Expect(err).NotTo(HaveOccurred())
		})
		var left []string
		for _, list := range users {
			left = append(left, list[0])
		}
		Expect(memberIDs(ctx, d, id)).To(ConsistOf(left))
	})

	It("writes nothing for members that are so already (fact 59)", func(ctx SpecContext) {
		alice := createUser(ctx, d, "alice@"+provider).ID()
		id := team(ctx, alice).ID()
		before := object(ctx, alice)
		_, err := d.UpdateGroup(ctx, id, nil, false, add(alice, alice))
		Expect(err).NotTo(HaveOccurred())
		_, err = d.UpdateGroup(ctx, id, nil, false, reset(alice))
		Expect(err).NotTo(HaveOccurred())
		Expect(object(ctx, alice).ResourceVersion).To(Equal(before.ResourceVersion))
	})

	It("keeps ids that are no user of this provider, and applies the rest (facts 61, 64)", func(ctx SpecContext) {
		foreign, other := newDirectory()
		theirs := createUser(ctx, foreign, "theirs@"+other).ID()
		deleted := createUser(ctx, d, "deleted@"+provider).ID()
		Expect(d.DeleteUser(ctx, deleted, nil)).To(Succeed())
		nested, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Nested " + provider}, nil)
		Expect(err).NotTo(HaveOccurred())
		alice := createUser(ctx, d, "alice@"+provider).ID()
		localID := "11111111-1111-4111-8111-" + fmt.Sprintf("%012d", perProvider.Load())
		Expect(admin.Create(ctx, &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: "local-" + provider},
			Spec:       v1alpha1.ProvisionedUserSpec{ID: localID, UserName: "local-" + provider},
		})).To(Succeed())

		id := team(ctx).ID()
		strangers := []string{theirs, deleted, nested.ID(), localID, "nobody"}
		_, err = d.UpdateGroup(ctx, id, nil, false, add(append(slices.Clone(strangers), alice, strings.Repeat("x", 300), "")...))
		Expect(err).NotTo(HaveOccurred())
		Expect(role(ctx, id).Spec.UnresolvedMembers).To(ConsistOf(strangers))
		Expect(memberIDs(ctx, d, id)).To(ConsistOf(append(slices.Clone(strangers), alice)))
		Expect(object(ctx, theirs).Spec.Memberships).To(BeEmpty())
		Expect(object(ctx, localID).Spec.Memberships).To(BeEmpty())

		By("forgetting those that are removed")
		_, err = d.UpdateGroup(ctx, id, nil, false, remove(strangers[1:]...))
		Expect(err).NotTo(HaveOccurred())
		Expect(role(ctx, id).Spec.UnresolvedMembers).To(ConsistOf(theirs))
		_, err = d.UpdateGroup(ctx, id, nil, false, reset(alice))
		Expect(err).NotTo(HaveOccurred())
		Expect(role(ctx, id).Spec.UnresolvedMembers).To(BeEmpty())
		Expect(memberIDs(ctx, d, id)).To(ConsistOf(alice))
	})

	It("keeps the unresolved ids of 16 clients at once", func(ctx SpecContext) {
		id := team(ctx).ID()
		var want []string
		for i := range clientsAtOnce {
			want = append(want, fmt.Sprint("nobody-", i))
		}
		parallel(func(i int) {
			_, err := d.UpdateGroup(ctx, id, nil, false, add(want[i]))
			Expect(err).NotTo(HaveOccurred())
		})
		Expect(role(ctx, id).Spec.UnresolvedMembers).To(ConsistOf(want))
	})

	It("has a resumed user as a member only once the client has sent it again", func(ctx SpecContext) {
		user := scim.Resource{"userName": "alice@" + provider, "externalId": "ext"}
		alice := create(ctx, d, user).ID()
		id := team(ctx, alice).ID()
		Expect(d.DeleteUser(ctx, alice, nil)).To(Succeed())
		_, err := d.UpdateGroup(ctx, id, nil, false, add(alice))
		Expect(err).NotTo(HaveOccurred())
		Expect(create(ctx, d, user).ID()).To(Equal(alice))
		Expect(memberIDs(ctx, d, id)).To(BeEmpty())
		_, err = d.UpdateGroup(ctx, id, nil, false, add(alice))
		Expect(err).NotTo(HaveOccurred())
		Expect(memberIDs(ctx, d, id)).To(ConsistOf(alice))
		Expect(role(ctx, id).Spec.UnresolvedMembers).To(BeEmpty())
	})

	It("takes a user whose object is removed meanwhile for an unknown id", func(ctx SpecContext) {
		id := team(ctx).ID()
		var gone []string
		for i := range 10 {
			user := createUser(ctx, d, fmt.Sprintf("u-%d@%s", i, provider)).ID()
			gone = append(gone, user)
			Expect(itself.Delete(ctx, object(ctx, user))).To(Succeed())
			_, err := d.UpdateGroup(ctx, id, nil, false, add(user))
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(role(ctx, id).Spec.UnresolvedMembers).To(ConsistOf(gone))
	})

	It("can be renamed and filled in one request, while others fill it", func(ctx SpecContext) {
		id := team(ctx).ID()
		var users []string
		for i := range clientsAtOnce {
			users = append(users, createUser(ctx, d, fmt.Sprintf("u-%d@%s", i, provider)).ID())
		}
		parallel(func(i int) {
			_, err := d.UpdateGroup(ctx, id, nil, false, func(g scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
				g["displayName"] = fmt.Sprintf("Team %s %d", provider, i)
				return g, scim.MemberChange{Add: memberList(users[i : i+1])}, nil
			})
			Expect(err).NotTo(HaveOccurred())
		})
		Expect(memberIDs(ctx, d, id)).To(ConsistOf(users))
	})

	It("conflicts with a local role of that name", func(ctx SpecContext) {
		Expect(admin.Create(ctx, &v1alpha1.ProvisionedRole{
			ObjectMeta: metav1.ObjectMeta{Name: "local-" + provider},
			Spec:       v1alpha1.ProvisionedRoleSpec{DisplayName: "Local " + provider},
		})).To(Succeed())
		Eventually(func(g Gomega) {
			group, err := d.CreateGroup(ctx, scim.Resource{"displayName": "LOCAL " + provider}, nil)
			if err == nil {
				g.Expect(d.DeleteGroup(ctx, group.ID(), nil)).To(Succeed())
			}
			g.Expect(err).To(beSCIM(http.StatusConflict, scim.Uniqueness, "local role"))
		}).Should(Succeed())
	})
})

func parallel(f func(client int)) {
	var wg sync.WaitGroup
	for i := range clientsAtOnce {
		wg.Go(func() {
			defer GinkgoRecover()
			f(i)
		})
	}
	wg.Wait()
}

func memberList(ids []string) []scim.Member {
	var members []scim.Member
	for _, id := range ids {
		members = append(members, scim.Member{ID: id})
	}
	return members
}

type mutation = func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error)

func change(c scim.MemberChange) mutation {
	return func(g scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
		return g, c, nil
	}
}

func add(ids ...string) mutation    { return change(scim.MemberChange{Add: memberList(ids)}) }
func remove(ids ...string) mutation { return change(scim.MemberChange{Remove: ids}) }
func reset(ids ...string) mutation {
	return change(scim.MemberChange{Reset: true, Add: memberList(ids)})
}

func memberIDs(ctx context.Context, d *directory.Directory, id string) []string {
	GinkgoHelper()
	group, err := d.Group(ctx, id, true)
	Expect(err).NotTo(HaveOccurred())
	list, _ := group["members"].([]any)
	var ids []string
	for _, m := range list {
		ids = append(ids, m.(map[string]any)["value"].(string))
	}
	return ids
}

// role reads a role from the API server, by its id.
func role(ctx context.Context, id string) *v1alpha1.ProvisionedRole {
	GinkgoHelper()
	var list v1alpha1.ProvisionedRoleList
	Expect(admin.List(ctx, &list, client.MatchingFields{"spec.id": id})).To(Succeed())
	Expect(list.Items).To(HaveLen(1))
	return &list.Items[0]
}

// beSCIM matches an error that a SCIM client is told of.
func beSCIM(status int, kind scim.Type, detail string) types.GomegaMatcher {
	return gcustom.MakeMatcher(func(err error) (bool, error) {
		e := scim.AsError(err)
		return e != nil && e.Status == status && e.Type == kind && strings.Contains(e.Detail, detail), nil
	}).WithTemplate("Expected:\n{{.FormattedActual}}\n{{.To}} be a SCIM error of status {{index .Data 0}}, type {{index .Data 1}}, detail {{index .Data 2}}",
		[]any{status, kind, detail})
}
