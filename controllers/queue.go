package controllers

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Priorities in a reconciler's queue. What takes access away goes first.
const (
	urgent = 100
	normal = 0
	// idle work comes in bulk and nobody waits for it.
	idle = handler.LowPriority + 1
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// enqueue adds objects by name. An object that is queued already keeps the
// higher priority and the earlier time.
func enqueue(q queue, priority int, after time.Duration, names ...string) {
	for _, name := range names {
		request := reconcile.Request{NamespacedName: client.ObjectKey{Name: name}}
		if pq, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
			pq.AddWithOpts(priorityqueue.AddOpts{Priority: &priority, After: after}, request)
		} else {
			q.AddAfter(request, after)
		}
	}
}

// on is an event handler for objects of type T: old is nil for a new object,
// and current for a deleted one. Objects that exist at the start are skipped
// unless initial is set: at the start every object is reconciled for its own
// sake. So are resyncs.
func on[T client.Object](initial bool, f func(ctx context.Context, old, current T, q queue)) handler.EventHandler {
	var none T
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			if o, ok := e.Object.(T); ok && (initial || !e.IsInInitialList) {
				f(ctx, none, o, q)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			old, ok := e.ObjectOld.(T)
			current, ok2 := e.ObjectNew.(T)
			if ok && ok2 && old.GetResourceVersion() != current.GetResourceVersion() {
				f(ctx, old, current, q)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			if o, ok := e.Object.(T); ok {
				f(ctx, o, none, q)
			}
		},
	}
}
