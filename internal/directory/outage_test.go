//go:build integration

package directory_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/scim"
)

// The API server is everybody's, so these specs run when nobody else does.
var _ = Describe("While the API server is out", Serial, func() {
	It("answers 503 with a time to come back, reads from the cache, and goes on afterwards", func(ctx SpecContext) {
		d, provider := newDirectory()
		alice := createUser(ctx, d, "alice@"+provider)
		carol := createUser(ctx, d, "carol@"+provider)
		group, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Team " + provider}, nil)
		Expect(err).NotTo(HaveOccurred())

		Expect(control.StopAPIServer()).To(Succeed())
		short, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, create := d.CreateUser(short, scim.Resource{"userName": "bob@" + provider})
		_, update := d.UpdateUser(short, alice.ID(), nil, set("title", "Boss"))
		_, member := d.UpdateGroup(short, group.ID(), nil, false, add(alice.ID()))
		for _, err := range []error{create, update, member, d.DeleteUser(short, alice.ID(), nil), d.DeleteGroup(short, group.ID(), nil)} {
			Expect(err).To(beSCIM(http.StatusServiceUnavailable, "", "try again"))
			Expect(scim.AsError(err).RetryAfter).To(BeNumerically(">=", time.Second))
		}
		_, err = d.User(ctx, carol.ID())
		Expect(err).NotTo(HaveOccurred())

		Expect(control.StartAPIServer(ctx)).To(Succeed())
		Eventually(func(g Gomega) {
			_, err := d.UpdateGroup(ctx, group.ID(), nil, false, add(alice.ID()))
			g.Expect(err).NotTo(HaveOccurred())
		}).WithTimeout(time.Minute).Should(Succeed())
		Expect(memberIDs(ctx, d, group.ID())).To(ConsistOf(alice.ID()))
		Expect(ids(ctx, d, 1, 10)).To(ConsistOf(alice.ID(), carol.ID()))
	})

	It("gives up when the API server doesn't answer, in the time that the request has", func(ctx SpecContext) {
		d, provider := newDirectory()
		alice := createUser(ctx, d, "alice@"+provider)
		Expect(control.PauseAPIServer()).To(Succeed())
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := d.UpdateUser(short, alice.ID(), nil, set("title", "Boss"))
		Expect(control.ResumeAPIServer()).To(Succeed())
		Expect(err).To(beSCIM(http.StatusServiceUnavailable, "", "try again"))
		Eventually(func(g Gomega) {
			_, err := d.UpdateUser(ctx, alice.ID(), nil, set("title", "Chief"))
			g.Expect(err).NotTo(HaveOccurred())
		}).WithTimeout(time.Minute).Should(Succeed())
	})
})
