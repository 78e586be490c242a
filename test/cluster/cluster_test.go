//go:build integration

package cluster_test

import (
	"context"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

func clientOf(config *rest.Config) client.Client {
	GinkgoHelper()
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

func whoAmI(ctx context.Context, config *rest.Config) authenticationv1.UserInfo {
	GinkgoHelper()
	review := &authenticationv1.SelfSubjectReview{}
	Expect(clientOf(config).Create(ctx, review)).To(Succeed())
	return review.Status.UserInfo
}

var _ = Describe("A cluster", func() {
	It("lets each identity be itself", func(ctx SpecContext) {
		Expect(whoAmI(ctx, shared.Admin()).Groups).To(ContainElement("system:masters"))

		manager := whoAmI(ctx, shared.Manager())
		Expect(manager.Username).To(Equal("system:serviceaccount:rollcall-system:rollcall-manager"))
		Expect(manager.Groups).NotTo(ContainElement("system:masters"))

		config, err := shared.User("alice@example.com", "staff")
		Expect(err).NotTo(HaveOccurred())
		alice := whoAmI(ctx, config)
		Expect(alice.Username).To(Equal("alice@example.com"))
		Expect(alice.Groups).To(ContainElement("staff"))
	})

	It("authorizes by RBAC", func(ctx SpecContext) {
		config, err := shared.User("bob@example.com")
		Expect(err).NotTo(HaveOccurred())
		err = clientOf(config).List(ctx, &corev1.SecretList{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		Expect(apierrors.IsForbidden(clientOf(shared.Manager()).List(ctx, &corev1.PodList{}))).To(BeTrue())
	})

	It("serves the kinds of Rollcall", func(ctx SpecContext) {
		for _, list := range []client.ObjectList{
			&v1alpha1.ProvisionedUserList{}, &v1alpha1.ProvisionedRoleList{}, &v1alpha1.RoleAttachmentList{},
			&v1alpha1.AccessRuleList{}, &v1alpha1.IdentityProviderList{},
		} {
			Expect(shared.Client().List(ctx, list)).To(Succeed())
		}
	})

	It("fills the aggregated roles and finishes namespaces", func(ctx SpecContext) {
		var view rbacv1.ClusterRole
		Expect(shared.Client().Get(ctx, client.ObjectKey{Name: "view"}, &view)).To(Succeed())
		Expect(view.Rules).NotTo(BeEmpty())

		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "short-lived"}}
		Expect(shared.Client().Create(ctx, namespace)).To(Succeed())
		Expect(shared.Client().Delete(ctx, namespace)).To(Succeed())
		Eventually(func(g Gomega) {
			err := shared.Client().Get(ctx, client.ObjectKeyFromObject(namespace), namespace)
			g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
		}, "20s", "100ms").Should(Succeed())
	})

	It("writes kubeconfigs that only their owner reads", func() {
		path, err := shared.Kubeconfig("somebody", shared.Manager())
		Expect(err).NotTo(HaveOccurred())
		info, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))
	})

	It("runs kubectl as an administrator and reports what it complains of", func(ctx SpecContext) {
		out, err := shared.Kubectl(ctx, "get", "namespaces", "--output=name")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("namespace/rollcall-system"))

		version, err := shared.Kubectl(ctx, "version", "--output=yaml")
		Expect(err).NotTo(HaveOccurred())
		Expect(version).NotTo(ContainSubstring("v0.0.0"))

		_, err = shared.Kubectl(ctx, "get", "unicorns")
		Expect(err).To(MatchError(ContainSubstring(`the server doesn't have a resource type "unicorns"`)))
	})

	It("survives an outage of the API server with its data", func(ctx SpecContext) {
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kept"}}
		Expect(shared.Client().Create(ctx, object)).To(Succeed())
		Expect(shared.StopAPIServer()).To(Succeed())
		Expect(shared.Client().Get(ctx, client.ObjectKeyFromObject(object), object)).To(MatchError(ContainSubstring("connection refused")))
		Expect(shared.StartAPIServer(ctx)).To(Succeed())
		Expect(shared.Client().Delete(ctx, object)).To(Succeed())
	})

	It("hangs while the API server is paused", func(ctx SpecContext) {
		Expect(shared.PauseAPIServer()).To(Succeed())
		DeferCleanup(shared.ResumeAPIServer)
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		Expect(shared.Client().List(short, &corev1.NamespaceList{})).To(MatchError(context.DeadlineExceeded))
		Expect(shared.ResumeAPIServer()).To(Succeed())
		Expect(shared.Client().List(ctx, &corev1.NamespaceList{})).To(Succeed())
	})

	It("logs who did what", func(ctx SpecContext) {
		_ = whoAmI(ctx, shared.Manager())
		Eventually(func(g Gomega) {
			text, err := os.ReadFile(shared.AuditLogPath())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(text)).To(ContainSubstring(`"username":"system:serviceaccount:rollcall-system:rollcall-manager"`))
		}, "10s", "100ms").Should(Succeed())
	})
})
