//go:build integration

package directory_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// One control plane and one cache, under the rights of the manager's
// ServiceAccount, serve all tests; a provider each keeps them apart.
var (
	control *cluster.Cluster
	admin   client.Client
	// itself writes as the manager does, who alone may write what an identity
	// provider owns: another replica, or a reconciler.
	itself client.Client
	cached client.Client
	live   client.Reader
	tally  *directory.Tally
	// perProvider numbers the providers.
	perProvider atomic.Int32
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var err error
	if control, err = cluster.Start(ctx, cluster.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = control.Stop() }()
	admin = control.Client()
	if itself, err = client.New(control.Manager(), client.Options{Scheme: cluster.Scheme()}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if cached, live, tally, err = cluster.Cache(ctx, control.Manager()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// newProvider returns the name of a provider that nobody has used.
func newProvider() string { return fmt.Sprintf("idp-%d", perProvider.Add(1)) }

func newDirectory() (*directory.Directory, string) {
	provider := newProvider()
	return directory.New(cached, live, tally, provider, clock.RealClock{}), provider
}

func TestConformance(t *testing.T) {
	scimtest.TestDirectory(t, func() scim.Directory {
		d, _ := newDirectory()
		return d
	})
}

func TestDirectory(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	RunSpecs(t, "Directory")
}

// merge patches an object as somebody, by a JSON merge patch.
func merge(ctx context.Context, as client.Client, o client.Object, format string, args ...any) {
	GinkgoHelper()
	Expect(as.Patch(ctx, o, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, format, args...)))).To(Succeed())
}

// reread reads an object as it is now.
func reread(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
}
