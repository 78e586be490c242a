//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// open performs what the whole play is about, with everybody in place: somebody of
// the provider's and somebody local are bound, suspended by either side, and have to
// be withdrawn. Chance alone could leave that out.
func (t *troupe) open(ctx context.Context, w *witness) {
	GinkgoHelper()
	friend := t.friends[0]
	for i, p := range t.people {
		g := t.groups[i%len(t.groups)]
		expectStatus(send(ctx, t.raw, http.MethodPatch, "/Groups/"+g.id, patchBody(addMember, p.id)), http.StatusNoContent)
	}
	t.apply(ctx, "attacher", attachmentAct{text: fmt.Sprintf("{kind: RoleAttachment, metadata: {name: %s-a}, spec: {user: %s, role: %s}}", t.name, friend, t.roles[0])})
	t.patch(ctx, friend, `{"spec":{"permissionLevel":%q}}`, v1alpha1.LevelAuditor)
	Eventually(w.bound).WithContext(ctx).Should(And(HaveKey(friend), HaveKey(t.people[0].name)))
	expectStatus(send(ctx, t.raw, http.MethodPatch, "/Users/"+t.people[0].id, patchBody(deactivate)), http.StatusOK)
	t.patch(ctx, friend, `{"spec":{"suspend":true}}`)
	Eventually(w.bound).WithContext(ctx).ShouldNot(Or(HaveKey(friend), HaveKey(t.people[0].name)))
}

var _ = Describe("Whatever happens, in whatever order", Serial, func() {
	const runs, length = 3, 84
	for run := range runs {
		It(fmt.Sprintf("statuses and bindings become what the decisions say of the inputs, and nobody suspended stays bound (%d)", run+1), func(ctx SpecContext) {
			seed := uint64(GinkgoRandomSeed()) + uint64(run)
			t := newTroupe(ctx, seed)
			DeferCleanup(func() {
				AddReportEntry(fmt.Sprintf("acts of seed %d", seed), strings.Join(t.log, "\n"), ReportEntryVisibilityFailureOrVerbose)
			})
			w := observe(ctx, t.bears)
			t.open(ctx, w)
			t.act(ctx, length/4)
			t.restart(ctx, w)
			t.act(ctx, length/4)
			t.pause(ctx, true)
			t.act(ctx, 3)
			t.pause(ctx, false)
			t.act(ctx, length/4)
			w.outlast(ctx)
			t.pause(ctx, true)
			t.restart(ctx, w)
			t.act(ctx, 3)
			t.pause(ctx, false)
			t.act(ctx, length/4)
			w.outlast(ctx)
			Eventually(func(g Gomega) { t.expectDecided(ctx, g) }).WithContext(ctx).Should(Succeed())
			seen := w.testify(ctx)
			AddReportEntry("what the witness saw", seen.String(), ReportEntryVisibilityFailureOrVerbose)
			Expect(seen.breaches).To(BeEmpty())
			Expect(seen.withdrawn).To(BeNumerically(">=", 2), "names withdrawn: those of the opening at least")
		})
	}
})
