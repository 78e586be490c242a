//go:build integration

package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/entra"
)

var _ = Describe("An outage of the API server", Serial, func() {
	It("is 503 with a Retry-After in seconds, and ends without a restart", func(ctx SpecContext) {
		w := newWorld(ctx, entra.Options{})
		id := w.create(ctx, w.upn("ann"), "1")
		process := manager.Pid()

		Expect(shared.StopAPIServer()).To(Succeed())
		for _, request := range [][3]string{
			{http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q}`, w.upn("ben"))},
			{http.MethodPatch, "/Users/" + id, patchBody(deactivate)},
		} {
			a := send(ctx, w.raw, request[0], request[1], request[2])
			expectError(a, http.StatusServiceUnavailable, "")
			seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
			Expect(err).NotTo(HaveOccurred())
			Expect(seconds).To(BeNumerically(">", 0))
		}

		Expect(shared.StartAPIServer(ctx)).To(Succeed())
		Eventually(func(g Gomega) {
			a := w.raw.Send(ctx, http.MethodPatch, "/Users/"+id, []byte(patchBody(deactivate)))
			g.Expect(a.Status).To(Equal(http.StatusOK))
		}).WithContext(ctx).WithTimeout(2 * timeout).Should(Succeed())
		Expect(manager.Done()).NotTo(BeClosed())
		Expect(manager.Pid()).To(Equal(process))
		Expect(w.shown(ctx).Users).To(Equal(map[string]bool{w.upn("ann"): false}))

		By("hearing of every kind again")
		after := newWorld(ctx, entra.Options{})
		member := after.create(ctx, after.upn("ann"), "1")
		group := after.createGroup(ctx, "Team")
		expectStatus(send(ctx, after.raw, http.MethodPatch, "/Groups/"+group, patchBody(addMember, member)), http.StatusNoContent)
		expectAllowed(ctx, after.rule(ctx, after.role("team"))(after.upn("ann")))
	})
})
