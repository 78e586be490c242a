package controllers

import (
	"context"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/projection"
	"github.com/rollcall-dev/rollcall/internal/roster"
)

// projector is what the reconcilers that write bindings have in common. They are
// queued by the name of a source: an AccessRule, or a permission level's
// ClusterRole.
type projector struct {
	base
	bindings   bindingKind
	grantDelay time.Duration
	// refusedRetry is when refused bindings are tried again.
	refusedRetry time.Duration
	subjects     *subjects

	// pending is since when a source has waited: name to time.Time.
	pending sync.Map
	// cost is how long the last reconcile of a source took: name to Duration.
	cost sync.Map
	// disturbed are sources of which a binding changed during a write that failed.
	disturbed sync.Map
	// revoking are sources from which somebody may have lost something since their
	// last reconcile began.
	revoking sync.Map
}

// bindingKind is how a reconciler knows the bindings that it writes.
type bindingKind struct {
	// field is the index that finds them by their source.
	field string
	// source of a binding, and whether it is one of them.
	source func(metav1.Object) (name string, ours bool)
	// namespaced says that there are RoleBindings among them.
	namespaced bool
}

// track reconciles one source, and keeps account of who waited for it.
func (p *projector) track(ctx context.Context, name string, reconcile func(context.Context, string) (ctrl.Result, error)) (ctrl.Result, error) {
	since, waiting := p.pending.LoadAndDelete(name)
	p.revoking.Delete(name)
	result, err := reconcile(ctx, name)
	if _, disturbed := p.disturbed.LoadAndDelete(name); disturbed && err == nil {
		result = ctrl.Result{RequeueAfter: time.Millisecond}
	}
	// At a moment that was foreseen something may end, and what failed may not have
	// ended yet, whatever it was queued for this time.
	result.Priority = ptr.To(urgent)
	switch {
	case err != nil && waiting:
		p.pending.LoadOrStore(name, since)
	case waiting:
		projectionLag.Observe(time.Since(since.(time.Time)).Seconds())
	}
	return result, err
}

// took notes what a reconcile that began at start has cost.
func (p *projector) took(name string, start time.Time) { p.cost.Store(name, time.Since(start)) }

// existing are the bindings of ours that project a source.
func (p *projector) existing(ctx context.Context, source string) ([]projection.Binding, error) {
	var cached []client.Object
	if p.bindings.namespaced {
		var namespaced rbacv1.RoleBindingList
		if err := p.List(ctx, &namespaced, p.bindings.field, source); err != nil {
			return nil, err
		}
		for i := range namespaced.Items {
			cached = append(cached, &namespaced.Items[i])
		}
	}
	var cluster rbacv1.ClusterRoleBindingList
	if err := p.List(ctx, &cluster, p.bindings.field, source); err != nil {
		return nil, err
	}
	for i := range cluster.Items {
		cached = append(cached, &cluster.Items[i])
	}
	bindings := make([]projection.Binding, 0, len(cached))
	known := make(map[objectKey]bool, len(cached))
	for _, o := range cached {
		known[keyOf(o)] = true
		bindings = append(bindings, projection.BindingOf(latest(p.recent, o)))
	}
	for _, o := range p.recent.all(func(o client.Object) bool {
		of, ours := p.bindings.source(o)
		return ours && of == source && !known[keyOf(o)]
	}) {
		bindings = append(bindings, projection.BindingOf(o))
	}
	return bindings, nil
}

// apply carries out a plan for a source.
func (p *projector) apply(ctx context.Context, from projection.Source, plan *projection.Plan) ([]projection.Refusal, error) {
	if plan.Empty() {
		return nil, nil
	}
	w := &projection.Writer{
		Client: p.client, Live: p.live, Writing: p.recent.expect, Written: p.recent.remember,
		Interrupted: func() bool {
			_, revoking := p.revoking.Load(from.Name)
			return revoking
		},
		Failed: func(o client.Object, err error) {
			if p.recent.failed(o, err) {
				p.disturbed.Store(from.Name, true)
			}
		},
	}
	return w.Apply(ctx, from, plan)
}

// subjectsOf are the subjects of users who hold something, and how many of the
// users have none that can be bound. Begin the mark before reading the providers.
func (p *projector) subjectsOf(ctx context.Context, users []*v1alpha1.ProvisionedUser, all roster.Providers, mark uint64) (bound []rbacv1.Subject, refused int, err error) {
	bound = make([]rbacv1.Subject, 0, len(users))
	for _, u := range users {
		s, err := p.subjects.of(ctx, p.look, u, all, mark)
		if err != nil {
			return nil, 0, err
		}
		if s.Refused {
			refused++
			continue
		}
		bound = append(bound, rbacSubject(s))
	}
	return bound, refused, nil
}

func rbacSubject(s access.Subject) rbacv1.Subject {
	if sa := s.ServiceAccount; sa != nil {
		return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: sa.Namespace, Name: sa.Name}
	}
	return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: s.Name}
}
