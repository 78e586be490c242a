//go:build integration

package install_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

func TestInstall(t *testing.T) {
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	ctrllog.SetLogger(logr.Discard())
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RegisterFailHandler(Fail)
	RunSpecs(t, "Installation")
}

var (
	// root of the source tree, and helm as the tree pins it.
	root, helmPath string
	// shared has nothing of Rollcall but namespaces: specs write to it by dry run.
	shared *cluster.Cluster
)

// namespaces that the specs render for. Both hold pods to the level "restricted".
const (
	usual = "rollcall-system"
	other = "identity"
)

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	root, err = checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	helmPath, err = helmTool(ctx)
	Expect(err).NotTo(HaveOccurred())
	shared = start(ctx, cluster.Options{Bare: true, Log: GinkgoWriter})
	for _, name := range []string{usual, other} {
		Expect(shared.Client().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		}})).To(Succeed())
	}
	installForeign(ctx, shared)
}, NodeTimeout(15*time.Minute))

func start(ctx context.Context, o cluster.Options) *cluster.Cluster {
	GinkgoHelper()
	c, err := cluster.Start(ctx, o)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(c.Stop()).To(Succeed()) })
	return c
}
