//go:build integration

package directory_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/order"
)

var _ = Describe("The memory for an answer", func() {
	It("is asked for before anything is decoded or written, and for no more than the answer has", func(ctx SpecContext) {
		d, provider := newDirectory()
		var ids []string
		var members []scim.Member
		for _, name := range []string{"a", "b", "c"} {
			u, err := d.CreateUser(ctx, scim.Resource{"userName": name + "@" + provider, "title": strings.Repeat("t", 1000)})
			Expect(err).NotTo(HaveOccurred())
			ids, members = append(ids, u.ID()), append(members, scim.Member{ID: u.ID()})
		}
		members = append(members, scim.Member{ID: "unknown"})
		var groups []string
		for _, name := range []string{"g", "h"} {
			g, err := d.CreateGroup(ctx, scim.Resource{"displayName": name + "@" + provider}, members)
			Expect(err).NotTo(HaveOccurred())
			groups = append(groups, g.ID())
		}

		one := order.Window{StartIndex: 1, Count: 1}
		written := false
		change := func(ctx context.Context, withMembers bool) error {
			_, err := d.UpdateGroup(ctx, groups[0], nil, withMembers, func(g scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
				written = true
				return g, scim.MemberChange{}, nil
			})
			return err
		}
		for _, tc := range []struct {
			what              string
			kilobytes, listed int
			read              func(context.Context) error
		}{
			{"a user", 1, 2, func(ctx context.Context) error { _, err := d.User(ctx, ids[0]); return err }},
			{"a change of a user", 1, 2, func(ctx context.Context) error {
				_, err := d.UpdateUser(ctx, ids[0], nil, func(u scim.Resource) (scim.Resource, error) { written = true; return u, nil })
				return err
			}},
			{"a page of one user", 1, 2, func(ctx context.Context) error { _, err := d.Users(ctx, scim.Query{Window: one}); return err }},
			{"a group", 0, 0, func(ctx context.Context) error { _, err := d.Group(ctx, groups[0], false); return err }},
			{"a group with members", 0, 4, func(ctx context.Context) error { _, err := d.Group(ctx, groups[0], true); return err }},
			{"a page of one group with members", 0, 4, func(ctx context.Context) error {
				_, err := d.Groups(ctx, scim.Query{Window: one, WithMembers: true})
				return err
			}},
			{"a change of a group", 0, 0, func(ctx context.Context) error { return change(ctx, false) }},
			{"a change of a group that is answered with members", 0, 4, func(ctx context.Context) error { return change(ctx, true) }},
		} {
			By(tc.what)
			var asked []scim.Stored
			Expect(tc.read(scim.WithMemory(ctx, func(s scim.Stored) error {
				asked = append(asked, s)
				return nil
			}))).To(Succeed())
			Expect(asked).To(HaveLen(1))
			Expect(asked[0].Listed).To(Equal(tc.listed))
			Expect(len(asked[0].JSON) / 1000).To(Equal(tc.kilobytes))

			refused := scim.BadRequest(scim.TooMany, "too much")
			written = false
			Expect(tc.read(scim.WithMemory(ctx, func(scim.Stored) error { return refused }))).To(MatchError(refused))
			Expect(written).To(BeFalse())
		}
	})
})
