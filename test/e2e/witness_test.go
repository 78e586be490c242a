//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/projection"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// witness writes down what the API server stores of some users and of all bindings
// of Rollcall, for a judgement afterwards, in the order of the resourceVersions:
// watches of different kinds are late by different times, and so is the process of
// the test, but all that the API server of the tests stores has its revision from
// one etcd.
//
// Time is measured in beats. A beat is a write of the witness's own that has come
// back, and counts for what it took, but never for more than longestBeat. With
// beats every few milliseconds that is the time on the clock. On a machine that
// stalls, for the test, for the API server or for etcd, beats fail to come, and the
// time in which nobody could get anything done isn't held against the manager: who
// is late by a second was late for twenty writes of others, one after the other.
type witness struct {
	client client.WithWatch
	bears  func(name string) bool

	mu      sync.Mutex
	history []occurrence
	// elapsed is what the beats of the history count for.
	elapsed time.Duration
	// stored is the resourceVersion of each object, as far as it was seen.
	stored map[string]string
	// away is set while no manager runs, and restarted until the next beat.
	away, restarted bool
	// failed says why the history isn't whole.
	failed []string
}

const (
	// beatInterval is between two beats.
	beatInterval = 20 * time.Millisecond
	// longestBeat is how much time a beat can count for.
	longestBeat = 50 * time.Millisecond
)

// witnessed are the kinds that a witness watches.
func witnessed() []client.ObjectList {
	return []client.ObjectList{&v1alpha1.ProvisionedUserList{}, &rbacv1.RoleBindingList{}, &rbacv1.ClusterRoleBindingList{}}
}

// observe watches until the spec ends. bears says whose names count: userNames and
// subjects of bindings.
func observe(ctx context.Context, bears func(name string) bool) *witness {
	GinkgoHelper()
	w := &witness{bears: bears, stored: map[string]string{}}
	var err error
	w.client, err = client.NewWithWatch(shared.Admin(), client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	pulse := &corev1.ConfigMap{}
	pulse.Namespace, pulse.GenerateName = "default", "pulse-"
	Expect(w.client.Create(ctx, pulse)).To(Succeed())
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, list := range witnessed() {
		events := w.watch(ctx, list)
		running.Go(func() {
			defer events.Stop()
			for e := range events.ResultChan() {
				w.note(e)
			}
			if ctx.Err() == nil {
				w.fail("the watch of %T has ended", list)
			}
		})
	}
	running.Go(func() { w.beat(ctx, pulse) })
	DeferCleanup(func() {
		cancel()
		running.Wait()
	})
	return w
}

// watch notes what there is of a kind and watches it from then on. An API server ends
// the watches of those who can't keep up, as happens on a busy machine: they go on where
// they were.
func (w *witness) watch(ctx context.Context, list client.ObjectList) watch.Interface {
	GinkgoHelper()
	Expect(w.client.List(ctx, list)).To(Succeed())
	Expect(meta.EachListItem(list, func(item runtime.Object) error {
		w.note(watch.Event{Type: watch.Added, Object: item})
		return nil
	})).To(Succeed())
	events, err := toolswatch.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return w.client.Watch(ctx, list, &client.ListOptions{Raw: &options})
		},
	})
	Expect(err).NotTo(HaveOccurred())
	return events
}

// note writes down one event of a watch.
func (w *witness) note(e watch.Event) {
	o, ok := e.Object.(client.Object)
	if !ok {
		w.fail("a watch says %s: %v", e.Type, e.Object)
		return
	}
	revision, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		w.fail("resourceVersion of %s: %v", o.GetName(), err)
		return
	}
	gone := e.Type == watch.Deleted
	w.mu.Lock()
	defer w.mu.Unlock()
	key := keyOf(o)
	if !w.counts(o) {
		// A binding that isn't ours any more gives nothing of ours.
		if _, was := w.stored[key]; !was {
			return
		}
		gone = true
	}
	if w.stored[key] = o.GetResourceVersion(); gone {
		delete(w.stored, key)
	}
	at := occurrence{revision: revision, object: key}
	if u, is := o.(*v1alpha1.ProvisionedUser); is {
		at.user = bearerOf(u, gone)
	} else if !gone {
		for _, name := range subjectNames(projection.BindingOf(o).Subjects) {
			if w.bears(name) {
				at.subjects = append(at.subjects, name)
			}
		}
	}
	w.history = append(w.history, at)
}

// counts says whether an object is of a kind and of somebody that is watched.
func (w *witness) counts(o client.Object) bool {
	if u, is := o.(*v1alpha1.ProvisionedUser); is {
		return w.bears(u.Spec.UserName)
	}
	_, ofRule := projection.RuleOf(o)
	_, ofLevel := projection.LevelRoleOf(o)
	return ofRule || ofLevel
}

func keyOf(o client.Object) string {
	return fmt.Sprintf("%T %s/%s", o, o.GetNamespace(), o.GetName())
}

func subjectNames(subjects []rbacv1.Subject) []string {
	names := make([]string, len(subjects))
	for i, s := range subjects {
		names[i] = s.Name
		if s.Kind == rbacv1.ServiceAccountKind {
			names[i] = "system:serviceaccount:" + s.Namespace + ":" + s.Name
		}
	}
	return names
}

// beat measures time.
func (w *witness) beat(ctx context.Context, pulse *corev1.ConfigMap) {
	ticker := time.NewTicker(beatInterval)
	defer ticker.Stop()
	last := time.Now()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		patch := fmt.Appendf(nil, `{"data":{"beat":"%d"}}`, n)
		err := w.client.Patch(ctx, pulse, client.RawPatch("application/merge-patch+json", patch))
		if err != nil {
			continue // it comes late, and a time that passed without beats counts as one
		}
		revision, err := strconv.ParseUint(pulse.ResourceVersion, 10, 64)
		if err != nil {
			w.fail("resourceVersion of a beat: %v", err)
			return
		}
		now := time.Now()
		w.mu.Lock()
		at := occurrence{revision: revision, passed: min(now.Sub(last), longestBeat)}
		switch {
		case w.away:
			at.passed = 0
		case w.restarted:
			at.passed, at.restarted, w.restarted = 0, true, false
		}
		w.history, w.elapsed = append(w.history, at), w.elapsed+at.passed
		w.mu.Unlock()
		last = now
	}
}

// down and up say when no manager is there. Afterwards everybody has the grace anew.
func (w *witness) down() { w.set(true) }
func (w *witness) up()   { w.set(false) }

func (w *witness) set(away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away, w.restarted = away, true
}

// outlast waits until everybody who had to be withdrawn by now would be late. A
// manager has to be there.
func (w *witness) outlast(ctx context.Context) {
	GinkgoHelper()
	elapsed := func() time.Duration {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.elapsed
	}
	end := elapsed() + grace + 2*longestBeat
	Eventually(elapsed).WithContext(ctx).WithTimeout(time.Minute).Should(BeNumerically(">", end))
}

func (w *witness) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = append(w.failed, fmt.Sprintf(format, args...))
}

// testify is what was seen until now.
func (w *witness) testify(ctx context.Context) testimony {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		there := map[string]string{}
		for _, list := range witnessed() {
			g.Expect(w.client.List(ctx, list)).To(Succeed())
			g.Expect(meta.EachListItem(list, func(item runtime.Object) error {
				if o, is := item.(client.Object); is && w.counts(o) {
					there[keyOf(o)] = o.GetResourceVersion()
				}
				return nil
			})).To(Succeed())
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		g.Expect(w.failed).To(BeEmpty())
		g.Expect(w.stored).To(Equal(there), "the witness is behind")
	}).WithContext(ctx).Should(Succeed())
	w.mu.Lock()
	defer w.mu.Unlock()
	return retell(w.history)
}

// bound are the names in any binding now.
func (w *witness) bound() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return newStory(w.history).bound()
}
