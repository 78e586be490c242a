package controllers

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
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

const (
	// firstRetry is how long after its first failure an object is tried again. Each
	// failure in a row doubles it.
	firstRetry = 5 * time.Millisecond
	// maxRetry is the longest that an object waits.
	maxRetry = 15 * time.Second
	// maxBindingRetry is that for what bindings are made of: an expiry that comes
	// meanwhile is no later than this.
	maxBindingRetry = time.Second
)

// workers are the options of a controller: how many objects it works on at once,
// and how long one that fails waits at most. Without that limit an object that has
// failed for a while waits for a quarter of an hour.
func workers(n int, longest time.Duration) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: n,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, longest),
	}
}

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
				if old.GetUID() != current.GetUID() {
					// One object was deleted and another made under its name, in a gap of the watch.
					f(ctx, old, none, q)
					old = none
				}
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
