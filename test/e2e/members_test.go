//go:build integration

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/test/entra"
)

var _ = Describe("Members of one group", func() {
	It("are those of the model after 2,000 one-member PATCHes of 16 clients (fact 62)", func(ctx SpecContext) {
		const (
			clients = 16
			each    = 125
			own     = 10
		)
		w := newGeneratedWorld(ctx, entra.Size{People: clients * own, Seed: 3}, entra.Options{Parallel: 16})
		w.cycle(ctx)
		group := w.createGroup(ctx, "Everybody")
		w.rule(ctx, w.role("everybody"))
		names := w.tenant.UserPrincipalNames()

		// Each client has people of its own, so that the last request about a
		// person decides; what they share is the group.
		last := make([]map[string]bool, clients)
		refused := make([]string, clients)
		var running sync.WaitGroup
		for i := range clients {
			last[i] = map[string]bool{}
			random := rand.New(rand.NewPCG(uint64(i), 4))
			running.Go(func() {
				for range each {
					name := names[i*own+random.IntN(own)]
					id := w.job.UserID(name)
					body, add := patchBody(addMember, id), random.IntN(3) > 0
					if !add {
						body = patchBody(removeMember, id)
						if random.IntN(2) == 0 {
							body = patchBody(removeMemberFlag, id)
						}
					}
					x := w.raw.Send(ctx, http.MethodPatch, "/Groups/"+group, []byte(body))
					if x.Status != http.StatusNoContent {
						refused[i] = fmt.Sprintf("%s: %d %s %v", body, x.Status, x.Response, x.Err)
						return
					}
					last[i][name] = add
				}
			})
		}
		running.Wait()
		Expect(refused).To(HaveEach(BeEmpty()))

		want := map[string]bool{}
		for _, one := range last {
			for name, in := range one {
				if in {
					want[name] = true
				}
			}
		}
		Expect(len(want)).To(BeNumerically(">", clients))
		Expect(w.shown(ctx).Groups[w.group("Everybody")]).To(Equal(want))
		Expect(w.stored(ctx).Groups[w.group("Everybody")]).To(Equal(want))
		Eventually(func(g Gomega) {
			var bindings rbacv1.RoleBindingList
			g.Expect(shared.Client().List(ctx, &bindings, client.InNamespace("ns-"+w.role("everybody")))).To(Succeed())
			bound := map[string]bool{}
			for _, b := range bindings.Items {
				for _, s := range b.Subjects {
					bound[s.Name] = true
				}
			}
			g.Expect(bound).To(Equal(want))
		}).WithContext(ctx).Should(Succeed())
	})
})
