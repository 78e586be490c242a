//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
)

// maxSubjects is how many subjects a binding may have.
const maxSubjects = 500

var _ = Describe("A group of 10,000", Serial, func() {
	It("fits bounded bindings, and one more member costs one write of each kind", func(ctx SpecContext) {
		const size = 10_000
		w := newWorld(ctx, entra.Options{})
		group := w.createGroup(ctx, "Everybody")
		may := w.rule(ctx, w.role("everybody"))
		populate(ctx, w, group, size)
		namespace := client.InNamespace("ns-" + w.role("everybody"))
		bindings := func(g Gomega) (subjects int, list []rbacv1.RoleBinding) {
			var all rbacv1.RoleBindingList
			g.Expect(shared.Client().List(ctx, &all, namespace)).To(Succeed())
			for _, b := range all.Items {
				g.Expect(len(b.Subjects)).To(And(BeNumerically(">", 0), BeNumerically("<=", maxSubjects)), b.Name)
				subjects += len(b.Subjects)
			}
			return subjects, all.Items
		}
		Eventually(func(g Gomega) {
			subjects, _ := bindings(g)
			g.Expect(subjects).To(Equal(size))
		}).WithContext(ctx).WithTimeout(3 * time.Minute).WithPolling(time.Second).Should(Succeed())
		_, list := bindings(Default)
		Expect(len(list)).To(BeNumerically("<=", size/maxSubjects+1))

		one := w.create(ctx, w.upn("one-more"), "one-more")
		tail := tailAudit(w)
		tail.untilQuiet(ctx, 3*time.Second)
		expectStatus(send(ctx, w.raw, http.MethodPatch, "/Groups/"+group, patchBody(addMember, one)), http.StatusNoContent)
		expectAllowed(ctx, may(w.upn("one-more")))
		writes := slices.DeleteFunc(tail.untilQuiet(ctx, 3*time.Second), func(write auditWrite) bool {
			return write.resource != "provisionedusers" && write.resource != "rolebindings"
		})
		user := "one-more--" + w.name + ".example.com"
		Expect(writes).To(ConsistOf(
			auditWrite{"patch", "provisionedusers", "", user}, auditWrite{"patch", "provisionedusers", "status", user},
			WithTransform(func(w auditWrite) string { return w.resource }, Equal("rolebindings")),
		))
	}, SpecTimeout(6*time.Minute))
})

// populate writes members past SCIM, with the manager's rights: it is their number
// that matters.
func populate(ctx context.Context, w *world, group string, size int) {
	GinkgoHelper()
	writer, err := client.New(shared.Manager(), client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(32)
	for i := range size {
		workers.Go(func() error {
			return writer.Create(ctx, &v1alpha1.ProvisionedUser{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-member%05d", w.name, i)},
				Spec: v1alpha1.ProvisionedUserSpec{
					Provider:    w.name,
					ID:          fmt.Sprintf("%08x-0000-4000-8000-%012x", worlds.Load(), i),
					UserName:    w.upn(fmt.Sprintf("member%05d", i)),
					Active:      ptr.To(true),
					Memberships: map[string]v1alpha1.Membership{group: {}},
				},
			})
		})
	}
	Expect(workers.Wait()).To(Succeed())
}
