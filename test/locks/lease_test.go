//go:build integration

package locks_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

// theLeaseIsTheManagers: replicas hand SCIM tokens to whoever it names.
func theLeaseIsTheManagers() {
	const says = "written by Rollcall alone, whose replicas find their leader by it"
	lease := func(namespace string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "rollcall-manager"}}
	}
	namesItself := func(ctx context.Context, as client.Client, namespace string) error {
		l := lease(namespace)
		Expect(shared.Client().Get(ctx, client.ObjectKeyFromObject(l), l)).To(Succeed())
		l.Spec.HolderIdentity = ptr.To("evil.example.com:80_x")
		return as.Update(ctx, l)
	}

	It("keep the lease for the manager, which hands requests to whoever it names", func(ctx SpecContext) {
		for _, as := range []client.Client{root, master} {
			Expect(as.Create(ctx, lease(cluster.Namespace))).To(refusedBy("rollcall-lease", says))
		}
		Expect(itself.Create(ctx, lease(cluster.Namespace))).To(Succeed())
		for _, as := range []client.Client{root, master} {
			Expect(namesItself(ctx, as, cluster.Namespace)).To(refusedBy("rollcall-lease", says))
			Expect(as.Delete(ctx, lease(cluster.Namespace))).To(refusedBy("rollcall-lease", says))
			Expect(as.DeleteAllOf(ctx, &coordinationv1.Lease{}, client.InNamespace(cluster.Namespace))).To(refusedBy("rollcall-lease", says))
		}
		held := lease(cluster.Namespace)
		Expect(itself.Get(ctx, client.ObjectKeyFromObject(held), held)).To(Succeed())
		held.Spec.HolderIdentity = ptr.To("10.0.0.1:8080_x")
		Expect(itself.Update(ctx, held)).To(Succeed())

		By("the control plane emptying the namespace")
		as := impersonated("system:serviceaccount:kube-system:namespace-controller", "administrators")
		Expect(namesItself(ctx, as, cluster.Namespace)).To(refusedBy("rollcall-lease", says))
		Expect(as.DeleteAllOf(ctx, held, client.InNamespace(cluster.Namespace), client.DryRunAll)).To(Succeed())
		Expect(as.Delete(ctx, held)).To(Succeed())
	})

	It("leave the leases of others alone, whatever they are called", func(ctx SpecContext) {
		Expect(root.Create(ctx, lease("default"))).To(Succeed())
		Expect(namesItself(ctx, root, "default")).To(Succeed())
		Expect(root.Delete(ctx, lease("default"))).To(Succeed())

		other := lease(cluster.Namespace)
		other.Name = "other"
		Expect(root.Create(ctx, other)).To(Succeed())
		Expect(root.DeleteAllOf(ctx, &coordinationv1.Lease{}, client.InNamespace(cluster.Namespace))).To(Succeed())
		Expect(root.Get(ctx, client.ObjectKeyFromObject(other), other)).To(MatchError(apierrors.IsNotFound, "IsNotFound"))
	})
}
