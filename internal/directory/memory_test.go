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

var _ = Describe("What a client has stored", func() {
	It("is asked about before it is decoded for an answer, and only what the answer has", func(ctx SpecContext) {
		d, provider := newDirectory()
		var ids []string
		for _, name := range []string{"a", "b", "c"} {
			u, err := d.CreateUser(ctx, scim.Resource{"userName": name + "@" + provider, "title": strings.Repeat("t", 1000)})
			Expect(err).NotTo(HaveOccurred())
			ids = append(ids, u.ID())
		}
		asked := 0
		may := func(json []byte) error {
			asked += len(json) / 1000
			return nil
		}
		for what, read := range map[string]func(context.Context) error{
			"a user": func(ctx context.Context) error { _, err := d.User(ctx, ids[0]); return err },
			"a change of a user": func(ctx context.Context) error {
				_, err := d.UpdateUser(ctx, ids[0], nil, func(u scim.Resource) (scim.Resource, error) { return u, nil })
				return err
			},
			"a page of one": func(ctx context.Context) error {
				_, err := d.Users(ctx, scim.Query{Window: order.Window{StartIndex: 1, Count: 1}})
				return err
			},
		} {
			asked = 0
			Expect(read(scim.WithMemory(ctx, may))).To(Succeed(), what)
			Expect(asked).To(Equal(1), what)
			refused := scim.BadRequest(scim.TooMany, "too much")
			Expect(read(scim.WithMemory(ctx, func([]byte) error { return refused }))).To(MatchError(refused), what)
		}
	})
})
