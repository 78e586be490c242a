//go:build integration

package directory_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/order"
)

// gate is the suite's client, in which whoever looks at all users of a provider
// waits until the gate is open.
type gate struct {
	client.Client
	open    chan struct{}
	waiting atomic.Int32
}

func (g *gate) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	if o.FieldSelector.Requirements()[0].Field == index.UserByProvider {
		g.waiting.Add(1)
		<-g.open
	}
	return g.Client.List(ctx, into, opts...)
}

var _ = Describe("A search", func() {
	query := func(text string) scim.Query {
		GinkgoHelper()
		e, err := filter.Parse(text)
		Expect(err).NotTo(HaveOccurred())
		return scim.Query{Filter: e, Window: order.Window{StartIndex: 1, Count: 10}}
	}

	It("of all users leaves processors to others, however many clients ask for it", func(ctx SpecContext) {
		g := &gate{Client: cached, open: make(chan struct{})}
		provider := newProvider()
		d := directory.New(g, live, tally, provider, clock.RealClock{})
		alice := createUser(ctx, d, "alice@"+provider)
		const searches = 64
		found := make(chan error, searches)
		for range searches {
			go func() {
				page, err := d.Users(ctx, query(`title pr or userName co "ALICE"`))
				if err == nil && page.Total != 1 {
					err = fmt.Errorf("found %d", page.Total)
				}
				found <- err
			}()
		}
		atOnce := max(1, runtime.GOMAXPROCS(0)/2)
		Eventually(g.waiting.Load).Should(BeEquivalentTo(atOnce))

		By("refusing those who can't wait")
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := d.Users(short, scim.Query{Window: order.Window{StartIndex: 1, Count: 10}})
		Expect(err).To(beSCIM(http.StatusServiceUnavailable, "", "try again"))

		By("looking those up that an index finds")
		page, err := d.Users(ctx, query(fmt.Sprintf(`userName eq "nobody" or id eq %q`, alice.ID())))
		Expect(err).NotTo(HaveOccurred())
		Expect(page.Total).To(Equal(1))
		Expect(g.waiting.Load()).To(BeEquivalentTo(atOnce))

		close(g.open)
		for range searches {
			Eventually(found).Should(Receive(BeNil()))
		}
	})

	It("finds a resource by the version that it is shown with (RFC 7643 3.1)", func(ctx SpecContext) {
		d, provider := newDirectory()
		alice := createUser(ctx, d, "alice@"+provider)
		createUser(ctx, d, "bob@"+provider)
		team, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider}, memberList([]string{alice.ID()}))
		Expect(err).NotTo(HaveOccurred())
		alice, err = d.User(ctx, alice.ID())
		Expect(err).NotTo(HaveOccurred())
		for _, c := range []struct {
			resource scim.Resource
			search   func(context.Context, scim.Query) (scim.Page, error)
		}{{alice, d.Users}, {team, d.Groups}} {
			version := c.resource["meta"].(map[string]any)["version"]
			page, err := c.search(ctx, query(fmt.Sprintf("meta.version eq %q", version)))
			Expect(err).NotTo(HaveOccurred())
			Expect(page.Resources).To(HaveLen(1))
			Expect(page.Resources[0].ID()).To(Equal(c.resource.ID()))
		}
	})
})
