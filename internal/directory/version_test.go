//go:build integration

package directory_test

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/scim"
)

var _ = Describe("A write for one version (RFC 7644 3.14)", func() {
	var (
		d           *directory.Directory
		alice, team string
	)
	BeforeEach(func(ctx SpecContext) {
		var provider string
		d, provider = newDirectory()
		alice = createUser(ctx, d, "alice@"+provider).ID()
		group, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider}, memberList([]string{alice}))
		Expect(err).NotTo(HaveOccurred())
		team = group.ID()
	})

	type write = func(ctx context.Context, match scim.Match) error
	updateUser := func(ctx context.Context, match scim.Match) error {
		_, err := d.UpdateUser(ctx, alice, match, set("title", "Boss"))
		return err
	}
	deleteUser := func(ctx context.Context, match scim.Match) error { return d.DeleteUser(ctx, alice, match) }
	updateGroup := func(ctx context.Context, match scim.Match) error {
		_, err := d.UpdateGroup(ctx, team, match, false, func(g scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
			g["externalId"] = "ext"
			return g, scim.MemberChange{Remove: []string{alice}}, nil
		})
		return err
	}
	deleteGroup := func(ctx context.Context, match scim.Match) error { return d.DeleteGroup(ctx, team, match) }

	// Somebody else is faster, after the directory has asked.
	overtaken := func(ctx context.Context, do write, other func()) error {
		GinkgoHelper()
		var first string
		asked := 0
		err := do(ctx, func(version string) bool {
			if asked++; asked > 1 {
				return version == first
			}
			first = version
			other()
			return true
		})
		Expect(asked).To(BeNumerically(">", 1))
		return err
	}
	patch := func(ctx context.Context, o client.Object, change func()) {
		GinkgoHelper()
		before := o.DeepCopyObject().(client.Object)
		change()
		Expect(itself.Patch(ctx, o, client.MergeFrom(before))).To(Succeed())
	}

	DescribeTable("isn't made when somebody else's write comes first", func(ctx SpecContext, do write, ofUser bool) {
		err := overtaken(ctx, do, func() {
			if ofUser {
				u := object(ctx, alice)
				patch(ctx, u, func() { u.Spec.DisplayName = "Alice" })
			} else {
				r := role(ctx, team)
				patch(ctx, r, func() { r.Spec.ExternalID = "other" })
			}
		})
		Expect(err).To(beSCIM(http.StatusPreconditionFailed, "", "another version"))
		u, r := object(ctx, alice), role(ctx, team)
		Expect(u.Spec.DeprovisionedAt).To(BeNil())
		Expect(u.Spec.Attributes).To(BeNil())
		Expect(u.Spec.Memberships).To(HaveKey(team))
		Expect(r.DeletionTimestamp).To(BeNil())
		Expect(r.Spec.ExternalID).NotTo(Equal("ext"))
	},
		Entry("of a user", updateUser, true),
		Entry("of a user's end", deleteUser, true),
		Entry("of a group", updateGroup, false),
		Entry("of a group's end", deleteGroup, false),
	)

	DescribeTable("is made in spite of writes that the client doesn't see", func(ctx SpecContext, do write) {
		err := overtaken(ctx, do, func() {
			u, r := object(ctx, alice), role(ctx, team)
			patch(ctx, u, func() { u.Spec.PermissionLevel = v1alpha1.LevelAuditor })
			patch(ctx, r, func() { r.Labels = map[string]string{"seen": "no"} })
		})
		Expect(err).NotTo(HaveOccurred())
	},
		Entry("to a user", updateUser),
		Entry("to a user's end", deleteUser),
		Entry("to a group", updateGroup),
		Entry("to a group's end", deleteGroup),
	)
})
