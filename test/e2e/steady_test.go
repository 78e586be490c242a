//go:build integration

package e2e_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/entra"
)

var _ = Describe("A steady state", Serial, func() {
	It("makes no writes but the lease's for a minute", func(ctx SpecContext) {
		w := newGeneratedWorld(ctx, entra.Size{People: 50, Groups: 5, GroupsPerPerson: 2, Seed: 6}, entra.Options{})
		w.rule(ctx, w.role("platform-0000"))
		tail := tailAudit(w)
		w.cycle(ctx)
		Expect(tail.untilQuiet(ctx, 10*time.Second)).NotTo(BeEmpty())
		Consistently(func(g Gomega) {
			g.Expect(tail.writes(g)).To(BeEmpty())
		}).WithContext(ctx).WithTimeout(time.Minute).WithPolling(5 * time.Second).Should(Succeed())
	})
})
