//go:build integration

package controllers_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/projection"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

var _ = Describe("At the start of the manager", func() {
	It("permission levels are brought in line with what was changed while it was away", func(ctx SpecContext) {
		c, err := cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(c.Stop()).To(Succeed()) })
		there, err := client.New(c.Manager(), client.Options{Scheme: cluster.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		u := &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: "ann"},
			Spec:       v1alpha1.ProvisionedUserSpec{UserName: "ann", PermissionLevel: v1alpha1.LevelAdministrator},
		}
		Expect(c.Client().Create(ctx, u)).To(Succeed())
		auditors, _ := projection.OfLevel(v1alpha1.LevelAuditor)
		stale := projection.Declare(auditors, projection.Binding{Name: auditors.BindingName(0), Subjects: []rbacv1.Subject{intruder}})
		Expect(there.Create(ctx, stale)).To(Succeed())

		// The names of the other manager's reconcilers are taken in this process.
		startManager(ctx, c, ctrlconfig.Controller{SkipNameValidation: ptr.To(true)}, func(next http.RoundTripper) http.RoundTripper { return next })
		Eventually(func(g Gomega) {
			var list rbacv1.ClusterRoleBindingList
			g.Expect(c.Client().List(ctx, &list, client.HasLabels{v1alpha1.PermissionLevelLabel})).To(Succeed())
			g.Expect(list.Items).To(HaveExactElements(And(
				HaveField("RoleRef.Name", "rollcall-administrator"), HaveField("Subjects", HaveExactElements(HaveField("Name", "ann"))))))
		}, patience, interval).Should(Succeed())
	}, NodeTimeout(4*patience))
})
