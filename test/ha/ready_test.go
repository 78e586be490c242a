//go:build integration

package ha_test

import (
	"context"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

// startsWithTheTokens starts another replica, which may not read the tokens at first.
func startsWithTheTokens(ctx context.Context) {
	GinkgoHelper()
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: "rollcall-manager"}}
	Expect(control.Client().Get(ctx, client.ObjectKeyFromObject(binding), binding)).To(Succeed())
	Expect(control.Client().Delete(ctx, binding)).To(Succeed())
	restore := func(ctx context.Context) {
		binding.ResourceVersion, binding.UID = "", ""
		Expect(client.IgnoreAlreadyExists(control.Client().Create(ctx, binding.DeepCopy()))).To(Succeed())
	}
	DeferCleanup(restore)
	manager, err := client.New(control.Manager(), client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	Eventually(func() error { return manager.List(ctx, &corev1.SecretList{}, client.InNamespace(cluster.Namespace)) }).
		WithContext(ctx).Should(Satisfy(apierrors.IsForbidden))

	type result struct {
		*cluster.Manager
		error
	}
	ready := make(chan result, 1)
	go func() {
		m, err := control.StartManager(ctx, cluster.ManagerOptions{Replica: true, ExternalURL: service.URL()})
		ready <- result{m, err}
	}()
	Eventually(func() (string, error) {
		text, err := os.ReadFile(filepath.Join(control.Dir(), "manager.log"))
		return string(text), err
	}).WithContext(ctx).WithTimeout(30 * time.Second).Should(ContainSubstring(`cannot list resource \"secrets\"`))
	Expect(ready).NotTo(Receive())
	restore(ctx)
	var third result
	Eventually(ready).WithContext(ctx).WithTimeout(time.Minute).Should(Receive(&third))
	Expect(third.error).NotTo(HaveOccurred())
	Expect(third.Stop()).To(Succeed())
}
