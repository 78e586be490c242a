//go:build integration

package e2e_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

var _ = Describe("Suspension", func() {
	It("denies within a second of the answer, for 99 of 100, while a sync runs", func(ctx SpecContext) {
		const people = 200
		w := newGeneratedWorld(ctx, entra.Size{People: people, Groups: 4, GroupsPerPerson: 2, Seed: 1},
			entra.Options{MembersPerPatch: 50, Parallel: 16})
		Expect(w.cycle(ctx).UsersCreated).To(Equal(people))
		names := w.tenant.GroupNames()
		Expect(names).To(HaveLen(4))
		questions := map[string]func(string) verdict.Question{}
		for _, g := range names {
			questions[g] = w.rule(ctx, roleOf(ctx, w, g))
		}
		snapshot := w.tenant.Snapshot(entra.AssignedOnly)
		// One of the groups of each person decides.
		ask := map[string]verdict.Question{}
		for _, g := range snapshot.Groups {
			for member := range g.Members {
				p := snapshot.People[member]
				ask[p.UserPrincipalName] = questions[g.DisplayName](p.UserPrincipalName)
			}
		}
		Expect(ask).To(HaveLen(people))
		for _, q := range ask {
			expectAllowed(ctx, q)
		}

		sync := newGeneratedWorld(ctx, entra.Size{People: 20000, Groups: 40, GroupsPerPerson: 3, Seed: 2}, entra.Options{})
		busy := syncUntil(ctx, sync)
		var latencies verdict.Durations
		for upn, q := range ask {
			a := send(ctx, w.raw, http.MethodPatch, "/Users/"+w.job.UserID(upn), patchBody(deactivate))
			expectStatus(a, http.StatusOK)
			denied := await(ctx, q, false)
			latencies = append(latencies, max(denied.Sub(a.Answered), 0))
		}
		requests := busy()
		AddReportEntry("from the answer to denied, during a sync", latencies.String(), ReportEntryVisibilityAlways)
		Expect(latencies).To(HaveLen(people))
		Expect(latencies.Percentile(99)).To(BeNumerically("<", time.Second))
		Expect(requests).To(BeNumerically(">", people), "the sync was to be busy meanwhile")
	})
})

// syncUntil runs a cycle until the returned function is called, which says how
// many writes were answered meanwhile.
func syncUntil(ctx context.Context, w *world) (stop func() int64) {
	GinkgoHelper()
	var answered atomic.Int64
	begun := make(chan struct{})
	job, err := entra.NewJob(w.tenant, manager.TenantURL(w.name), w.token, entra.Options{Record: func(x entra.Exchange) {
		if x.Method != http.MethodGet && x.Status/100 == 2 && answered.Add(1) == 1 {
			close(begun)
		}
	}})
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = job.Cycle(ctx) // it ends by being cancelled
	}()
	Eventually(begun).WithContext(ctx).Should(BeClosed())
	return func() int64 {
		running := ctx.Err() == nil
		select {
		case <-ended:
			running = false
		default:
		}
		cancel()
		<-ended
		Expect(running).To(BeTrue(), "the sync came to its end too early")
		return answered.Load()
	}
}

// roleOf is the ProvisionedRole of a group that Entra has sent.
func roleOf(ctx context.Context, w *world, group string) string {
	GinkgoHelper()
	id := w.job.GroupID(group)
	Expect(id).NotTo(BeEmpty())
	for _, r := range listRoles(ctx, w.name) {
		if r.Spec.ID == id {
			return r.Name
		}
	}
	Fail("no ProvisionedRole for " + group)
	return ""
}
