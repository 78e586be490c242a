//go:build integration

package controllers_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/controllers"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/manager"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

const (
	patience = 20 * time.Second
	interval = 20 * time.Millisecond
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Reconcilers")
}

// One control plane and one manager, under the rights of its own
// ServiceAccount, serve all specs; names keep them apart. What nobody but the
// manager may write, specs write in its name.
var (
	admin    client.Client
	operator client.Client
	control  *cluster.Cluster
	now      = &shiftedClock{}
	writes   = &writeLog{}
)

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(GinkgoLogr)
	var err error
	control, err = cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(control.Stop()).To(Succeed()) })
	admin = control.Client()
	operator, err = client.New(control.Manager(), client.Options{Scheme: manager.Scheme()})
	Expect(err).NotTo(HaveOccurred())

	allowBinding(ctx, "pod-reader", "pod-writer", "secret-reader")

	startManager(ctx, control, ctrlconfig.Controller{}, writes.wrap)
})

// startManager runs the reconcilers until the end of the suite or spec.
func startManager(ctx context.Context, c *cluster.Cluster, options ctrlconfig.Controller, wrap func(http.RoundTripper) http.RoundTripper) {
	GinkgoHelper()
	config := c.Manager()
	config.QPS = -1
	config.Wrap(wrap)
	config.Wrap(outage.wrap)
	config.Wrap(lag.wrap)
	config.Wrap(door.wrap)
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:     manager.Scheme(),
		Cache:      manager.CacheOptions(cluster.Namespace),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: options,
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(index.Register(ctx, mgr.GetFieldIndexer())).To(Succeed())
	Expect(controllers.SetupWithManager(mgr, controllers.Options{
		ExternalURL:      "https://scim.example.com/",
		Clock:            now,
		ProviderInterval: 100 * time.Millisecond,
		RefusedRetry:     300 * time.Millisecond,
		AuthorRecheck:    300 * time.Millisecond,
		RequestTimeout:   time.Second,
		EventsPerSecond:  1000, // no spec goes without for what others said
	})).To(Succeed())
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // longer than the node that starts it
	done := make(chan error, 1)
	go func() { done <- mgr.Start(running) }()
	DeferCleanup(func() {
		stop()
		Eventually(done, patience).Should(Receive(BeNil()))
	})
	Expect(mgr.GetCache().WaitForCacheSync(ctx)).To(BeTrue())
}

// A rule whose bindings are refused is tried again and again, which no other spec
// should see.
var _ = AfterEach(func(ctx SpecContext) {
	Expect(admin.DeleteAllOf(ctx, &v1alpha1.AccessRule{})).To(Succeed())
}, NodeTimeout(patience))

// allowBinding makes ClusterRoles and lets the manager bind them, as an
// administrator would.
func allowBinding(ctx context.Context, names ...string) {
	GinkgoHelper()
	verbs := map[string][]string{"reader": {"get", "list"}, "writer": {"create", "delete"}}
	for _, name := range names {
		resource, kind, _ := strings.Cut(name, "-")
		Expect(admin.Create(ctx, &rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{resource + "s"}, Verbs: verbs[kind]}},
		})).To(Succeed())
	}
	grantBind(ctx, "tests", names...)
}

func grantBind(ctx context.Context, name string, roles ...string) {
	GinkgoHelper()
	name = "bindable-" + name
	Expect(admin.Create(ctx, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: roles, Verbs: []string{"bind"},
		}},
	})).To(Succeed())
	Expect(admin.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: cluster.Namespace, Name: cluster.ServiceAccount}},
	})).To(Succeed())
}

// shiftedClock is the real clock, moved by as much as a spec asks for.
type shiftedClock struct{ offset atomic.Int64 }

func (c *shiftedClock) Now() time.Time                  { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *shiftedClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// shift moves the clock for the rest of the spec.
func (c *shiftedClock) shift(d time.Duration) {
	c.offset.Add(int64(d))
	DeferCleanup(func() { c.offset.Add(-int64(d)) })
}

// writeLog tells what the manager sends that is neither a read nor a question.
type writeLog struct {
	mutex sync.Mutex
	lines []string // method and path
}

func (w *writeLog) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/subjectaccessreviews") {
			w.mutex.Lock()
			w.lines = append(w.lines, r.Method+" "+r.URL.Path)
			w.mutex.Unlock()
		}
		return next.RoundTrip(r)
	})
}

// fromNow starts an account: what it returns are the writes sent since, but for those
// that concern another spec's objects, which the manager may not be done with.
func (w *writeLog) fromNow(s *stage) func() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	seen := len(w.lines)
	return func() []string {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		return slices.DeleteFunc(slices.Clone(w.lines[seen:]), s.isAnothers)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
