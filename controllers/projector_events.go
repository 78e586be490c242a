package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// maxGrantDelay bounds how long a grant waits for others.
const maxGrantDelay = time.Second

// revoke queues sources from which somebody may lose something.
func (p *projector) revoke(q queue, sources ...string) {
	p.wait(sources)
	for _, source := range sources {
		p.revoking.Store(source, true)
	}
	enqueue(q, urgent, 0, sources...)
}

// grant queues sources that can only give more. Each waits a moment for others of
// its kind, the longer the more a reconcile costs.
func (p *projector) grant(q queue, sources ...string) {
	p.wait(sources)
	for _, source := range sources {
		enqueue(q, normal, p.delay(source), source)
	}
}

func (p *projector) wait(sources []string) {
	now := time.Now()
	for _, source := range sources {
		p.pending.LoadOrStore(source, now)
	}
}

func (p *projector) delay(source string) time.Duration {
	const share = 5 // of the time, a busy source is being reconciled for one fifth
	if cost, ok := p.cost.Load(source); ok {
		return min(max(p.grantDelay, share*cost.(time.Duration)), max(maxGrantDelay, p.grantDelay))
	}
	return p.grantDelay
}

// reconsider forgets the subjects that a change of the whole user, or of its
// standing, can concern, and returns whoever shares a name with the user and may get
// it now, or lose it. With a change of the standing alone the user is among them.
func (p *projector) reconsider(ctx context.Context, u *v1alpha1.ProvisionedUser, change userChange) []*v1alpha1.ProvisionedUser {
	if !change.whole && !change.standing {
		return nil
	}
	others, err := p.Sharing(ctx, change.subjects, u.Name)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell who shares a subject", "user", u.Name)
		p.subjects.clear()
	}
	switch {
	case change.whole:
		p.subjects.forget(append(others, u)...)
	case len(others) > 0:
		others = append(others, u)
		p.subjects.forget(others...)
	}
	return others
}

// bindingEvents repairs what others do to our bindings. At the start it also
// finds the bindings of sources that are gone.
func (p *projector) bindingEvents() handler.EventHandler {
	repair := func(q queue, o client.Object, priority int) {
		if source, ours := p.bindings.source(o); ours {
			enqueue(q, priority, 0, source)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
			if p.recent.seen(e.Object) || p.recent.expects(e.Object) {
				return
			}
			priority := urgent
			if e.IsInInitialList {
				priority = idle
			}
			repair(q, e.Object, priority)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			if p.recent.seen(e.ObjectNew) || p.recent.expects(e.ObjectNew) || e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion() {
				return
			}
			repair(q, e.ObjectOld, urgent)
			repair(q, e.ObjectNew, urgent)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			p.recent.forget(e.Object)
			repair(q, e.Object, urgent)
		},
	}
}
