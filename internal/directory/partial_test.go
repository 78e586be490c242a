//go:build integration

package directory_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/scim"
)

// unwritable is a client that can't patch one object.
type unwritable struct {
	client.Client
	name string
}

func (c *unwritable) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	if o.GetName() == c.name {
		return errors.New("this object can't be written")
	}
	return c.Client.Patch(ctx, o, patch, opts...)
}

var _ = Describe("A request of whose members one can't be written", func() {
	It("withdraws all the others, and what it lacks when it is repeated", func(ctx SpecContext) {
		provider := newProvider()
		faulty := &unwritable{Client: cached}
		d := directory.New(faulty, live, tally, provider, clock.RealClock{})
		const many = 40 // more than are written at once
		var members []string
		for i := range many {
			members = append(members, createUser(ctx, d, fmt.Sprintf("u%d@%s", i, provider)).ID())
		}
		group, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider}, memberList(members))
		Expect(err).NotTo(HaveOccurred())

		faulty.name = object(ctx, members[0]).Name
		trailed, trail := scim.WithTrail(ctx)
		_, err = d.UpdateGroup(trailed, group.ID(), nil, false, remove(members...))
		Expect(err).To(beSCIM(http.StatusServiceUnavailable, "", "try again"))
		By("telling what was done all the same")
		joined, left := trail.Members()
		Expect(joined).To(BeEmpty())
		Expect(left).To(HaveLen(many - 1))
		Expect(left).NotTo(ContainElement(HaveField("ID", members[0])))
		Eventually(func() []string { return memberIDs(ctx, d, group.ID()) }).Should(ConsistOf(members[0]))

		faulty.name = ""
		_, err = d.UpdateGroup(ctx, group.ID(), nil, false, remove(members...))
		Expect(err).NotTo(HaveOccurred())
		Expect(memberIDs(ctx, d, group.ID())).To(BeEmpty())
	})
})
