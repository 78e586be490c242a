//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/projection"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// grace is how long a binding may outlive the suspension of somebody in it, the
// time that no manager runs not counted.
const grace = time.Second

// witness watches the users of a world and all bindings of Rollcall, and notes when
// somebody who is suspended is still bound after the grace.
type witness struct {
	provider string

	mu       sync.Mutex
	users    map[string]*watched
	bindings map[string][]string
	// upSince is when the manager was last ready; zero while it is down.
	upSince  time.Time
	breaches []string
}

type watched struct {
	current *v1alpha1.ProvisionedUser
	// names it has had: a former one may not be left behind either.
	names map[string]bool
	// suspended is since when; zero when it isn't.
	suspended time.Time
}

// observe watches until the spec ends.
func observe(ctx context.Context, provider string) *witness {
	GinkgoHelper()
	w := &witness{provider: provider, users: map[string]*watched{}, bindings: map[string][]string{}, upSince: time.Now()}
	c, err := client.NewWithWatch(shared.Admin(), client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for list, note := range map[client.ObjectList]func(watch.Event){
		&v1alpha1.ProvisionedUserList{}:  w.user,
		&rbacv1.RoleBindingList{}:        w.binding,
		&rbacv1.ClusterRoleBindingList{}: w.binding,
	} {
		events, err := c.Watch(ctx, list)
		Expect(err).NotTo(HaveOccurred())
		running.Go(func() {
			defer events.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case e, ok := <-events.ResultChan():
					if !ok {
						return
					}
					note(e)
				}
			}
		})
	}
	running.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				w.look(now)
			}
		}
	})
	DeferCleanup(func() {
		cancel()
		running.Wait()
	})
	return w
}

func (w *witness) user(e watch.Event) {
	u, ok := e.Object.(*v1alpha1.ProvisionedUser)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.users[u.Name]
	if known == nil {
		known = &watched{names: map[string]bool{}}
		w.users[u.Name] = known
	}
	if e.Type == watch.Deleted {
		u.DeletionTimestamp = &u.CreationTimestamp // whoever is gone is suspended too
	}
	known.current = u
	if s := access.SubjectOf(u, nil); s.Name != "" {
		known.names[s.Name] = true
	}
	if u.Status.Subject != "" {
		known.names[u.Status.Subject] = true
	}
	switch suspended := access.Suspended(u, nil); {
	case !suspended:
		known.suspended = time.Time{}
	case known.suspended.IsZero():
		known.suspended = time.Now()
	}
}

func (w *witness) binding(e watch.Event) {
	o, ok := e.Object.(client.Object)
	if !ok {
		return
	}
	_, ofRule := projection.RuleOf(o)
	_, ofLevel := projection.LevelRoleOf(o)
	key := fmt.Sprintf("%T %s/%s", o, o.GetNamespace(), o.GetName())
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Type == watch.Deleted || (!ofRule && !ofLevel) {
		delete(w.bindings, key)
		return
	}
	w.bindings[key] = subjectNames(projection.BindingOf(o).Subjects)
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

func (w *witness) look(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.upSince.IsZero() {
		return
	}
	bearers := map[string]bool{}
	for _, u := range w.users {
		if u.suspended.IsZero() {
			bearers[u.current.Status.Subject] = true
			for name := range u.names {
				bearers[name] = true
			}
		}
	}
	for name, u := range w.users {
		since := u.suspended
		if since.IsZero() {
			continue
		}
		if w.upSince.After(since) {
			since = w.upSince
		}
		if now.Sub(since) <= grace {
			continue
		}
		for key, subjects := range w.bindings {
			for _, s := range subjects {
				if u.names[s] && !bearers[s] {
					w.breach("%s is suspended, and %q is still in %s", name, s, key)
				}
			}
		}
	}
}

func (w *witness) breach(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(w.breaches, text) {
		w.breaches = append(w.breaches, text)
	}
}

// down and up say when the manager isn't there.
func (w *witness) down() { w.set(time.Time{}) }
func (w *witness) up()   { w.set(time.Now()) }

func (w *witness) set(up time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.upSince = up
}

// report is what was seen, and whether enough was there to be seen.
func (w *witness) report() (breaches []string, users, bindings int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.users {
		if strings.Contains(u.current.Spec.UserName, w.provider) {
			users++
		}
	}
	return slices.Clone(w.breaches), users, len(w.bindings)
}
