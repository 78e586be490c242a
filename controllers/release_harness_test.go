//go:build integration

package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/manager"
)

// grant is one subject that a rule binds.
type grant struct{ rule, subject string }

func (g grant) String() string { return g.subject + " by " + g.rule }

// witness watches the bindings of a namespace, and keeps every set of grants that
// was there at any moment.
type witness struct {
	mu       sync.Mutex
	bindings map[string][]grant
	history  []map[grant]bool
}

func (s *stage) witness(ctx context.Context) *witness {
	GinkgoHelper()
	c, err := client.NewWithWatch(control.Admin(), client.Options{Scheme: manager.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	events, err := c.Watch(ctx, &rbacv1.RoleBindingList{}, client.InNamespace(s.namespace))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Stop)
	w := &witness{bindings: make(map[string][]grant)}
	go func() {
		for e := range events.ResultChan() {
			if b, ok := e.Object.(*rbacv1.RoleBinding); ok {
				w.record(e.Type, b)
			}
		}
	}()
	return w
}

func (w *witness) record(kind watch.EventType, b *rbacv1.RoleBinding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.bindings, b.Name)
	if kind != watch.Deleted {
		w.bindings[b.Name] = grantsOf(b)
	}
	w.history = append(w.history, w.all())
}

func grantsOf(b *rbacv1.RoleBinding) []grant {
	var grants []grant
	for _, s := range b.Subjects {
		grants = append(grants, grant{b.Labels[v1alpha1.AccessRuleLabel], s.Name})
	}
	return grants
}

func (w *witness) all() map[grant]bool {
	all := make(map[grant]bool)
	for _, grants := range w.bindings {
		for _, g := range grants {
			all[g] = true
		}
	}
	return all
}

// now are the grants of this moment.
func (w *witness) now() map[grant]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all()
}

// forget begins the history anew.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = nil
}

// expectNoGap expects each grant to have been there all the time.
func (w *witness) expectNoGap(grants map[grant]bool) {
	GinkgoHelper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, moment := range w.history {
		for g := range grants {
			Expect(moment).To(HaveKey(g), "moment %d of %d", i, len(w.history))
		}
	}
}

// always makes a fault strike every write.
const always = 0

// fault makes one write of the manager fail: the nth that concerns the objects of
// one stage, before it reaches the API server or after.
type fault struct {
	mu       sync.Mutex
	stage    string
	nth      int
	answered bool
	seen     int
	struck   bool
}

// outage is what the suite's manager suffers.
var outage = &fault{}

var errOutage = errors.New("the API server is out of reach, as this spec wants it")

func (f *fault) arm(stage string, nth int, answered bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stage, f.nth, f.answered, f.seen, f.struck = stage, nth, answered, 0, false
}

// disarm ends the outage, and says whether it came to one.
func (f *fault) disarm() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stage = ""
	return f.struck
}

// hit says whether the outage has come to one.
func (f *fault) hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.struck
}

// strikes counts a request, and says whether it is the one to fail.
func (f *fault) strikes(r *http.Request) (strikes, answered bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	target := r.URL.Path
	concerned := strings.Contains(target, f.stage) || (f.nth != always && r.Method == http.MethodPost && strings.HasSuffix(target, "/roleattachments"))
	if f.stage == "" || r.Method == http.MethodGet || !concerned ||
		!strings.Contains(target, v1alpha1.GroupVersion.Group) || strings.HasSuffix(target, "/status") != strings.HasSuffix(f.stage, "/status") {
		return false, false
	}
	f.seen++
	if f.nth != always && f.seen != f.nth {
		return false, false
	}
	f.struck = true
	return true, f.answered
}

func (f *fault) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		strikes, answered := f.strikes(r)
		if strikes && !answered {
			return nil, errOutage
		}
		response, err := next.RoundTrip(r)
		if strikes && err == nil {
			return nil, errors.Join(errOutage, response.Body.Close())
		}
		return response, err
	})
}

// delay holds back what the manager's cache hears of one kind.
type delay struct {
	mu       sync.Mutex
	resource string
	over     chan struct{}
}

// lag is what the suite's manager suffers.
var lag = &delay{}

// begin holds back the events of a resource until the returned function is called,
// or the spec ends.
func (d *delay) begin(resource string) (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	over := make(chan struct{})
	d.resource, d.over = resource, over
	end = sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.resource = ""
		close(over)
	})
	DeferCleanup(end)
	return end
}

// wait returns when the events of a resource may pass.
func (d *delay) wait(resource string) {
	d.mu.Lock()
	over := d.over
	held := d.resource == resource
	d.mu.Unlock()
	if held {
		<-over
	}
}

func (d *delay) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		if err == nil && r.URL.Query().Get("watch") == "true" {
			response.Body = &delayed{ReadCloser: response.Body, resource: path.Base(r.URL.Path)}
		}
		return response, err
	})
}

// delayed is the stream of a watch.
type delayed struct {
	io.ReadCloser
	resource string
}

func (d *delayed) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	lag.wait(d.resource)
	return n, err
}

// gate holds back one kind of write of the manager.
type gate struct {
	mu      sync.Mutex
	path    string
	open    chan struct{}
	arrived chan struct{}
}

// door is what the suite's manager stands before.
var door = &gate{}

// shut holds back the patches of one path until the returned function is called, or
// the spec ends. The channel ends when the first one has arrived.
func (g *gate) shut(path string) (arrived <-chan struct{}, open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	way, first := make(chan struct{}), make(chan struct{})
	g.path, g.open, g.arrived = path, way, first
	open = sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.path = ""
		close(way)
	})
	DeferCleanup(open)
	return first, open
}

func (g *gate) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		g.mu.Lock()
		held, way := g.path != "" && r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, g.path), g.open
		if held && g.arrived != nil {
			close(g.arrived)
			g.arrived = nil
		}
		g.mu.Unlock()
		if held {
			<-way
		}
		return next.RoundTrip(r)
	})
}

// end deletes the stage's provider by a policy, once the finalizer holds it.
func (s *stage) end(ctx context.Context, policy v1alpha1.DeletionPolicy) *v1alpha1.IdentityProvider {
	GinkgoHelper()
	p := s.held(ctx, policy)
	Expect(admin.Delete(ctx, p)).To(Succeed())
	return p
}

// held is the stage's provider with a policy and the finalizer.
func (s *stage) held(ctx context.Context, policy v1alpha1.DeletionPolicy) *v1alpha1.IdentityProvider {
	GinkgoHelper()
	p := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}
	Eventually(func(g Gomega) {
		g.Expect(fetch(ctx, g, p).Finalizers).To(ContainElement(v1alpha1.DeletionPolicyFinalizer))
	}, patience, interval).Should(Succeed())
	patch(ctx, p, func(p *v1alpha1.IdentityProvider) { p.Spec.DeletionPolicy = policy })
	return p
}

// expectGone waits until an object is no more.
func expectGone(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Eventually(func() error {
		return client.IgnoreNotFound(notYet(admin.Get(ctx, client.ObjectKeyFromObject(o), o)))
	}, patience, interval).Should(Succeed())
}

func notYet(err error) error {
	if err == nil {
		return fmt.Errorf("the object is still there")
	}
	return err
}

// attachmentsOf are the attachments of a user.
func attachmentsOf(ctx context.Context, g Gomega, u *v1alpha1.ProvisionedUser) []v1alpha1.RoleAttachment {
	var list v1alpha1.RoleAttachmentList
	g.Expect(admin.List(ctx, &list, client.MatchingFields{"spec.user": u.Name})).To(Succeed())
	return list.Items
}
