package controllers

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/internal/roster"
)

// look finds things in the cache.
type look struct{ roster.Roster }

// base is what every reconciler has.
type base struct {
	look
	client client.Client
	// live reads past the cache.
	live   client.Reader
	clock  clock.PassiveClock
	recent *recent
	// dangling and events are common to all.
	dangling *dangling
	events   *recorder
}

// fork gives a reconciler a memory of its own.
func (b base) fork() base {
	b.recent = newRecent()
	return b
}

// patchStatus writes a status, and records Events of what is new in it. desired is
// a copy of current that differs in its status alone; call it only when it does
// differ, because a patch that changes nothing costs as much as one that does.
func (b base) patchStatus(ctx context.Context, current, desired client.Object) error {
	if err := b.client.Status().Patch(ctx, desired, client.MergeFrom(current)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("patch the status of %q: %w", desired.GetName(), err))
	}
	for _, n := range newsOf(current, desired) {
		b.recordPart(desired, n.part, n.kind, n.reason, n.message)
	}
	b.recent.remember(desired)
	// The event may have come before the answer. The cache has every object whose
	// event came, so that either it shows here or the event is still to come.
	cached, _ := reflect.New(reflect.TypeOf(desired).Elem()).Interface().(client.Object)
	switch found, err := b.Get(ctx, desired.GetName(), cached); {
	case err != nil:
		return err
	case !found:
		b.recent.forget(desired)
	default:
		b.recent.seen(cached)
	}
	return nil
}

// after is the result that brings a reconciler back at a moment; zero is never.
func (b base) after(t time.Time) ctrl.Result {
	if t.IsZero() {
		return ctrl.Result{}
	}
	// Never zero, which would mean not at all.
	return ctrl.Result{RequeueAfter: max(t.Sub(b.clock.Now()), time.Millisecond)}
}

// setCondition sets a condition, and keeps its transition time unless its status
// changes.
func setCondition(conditions *[]metav1.Condition, o client.Object, kind string, status bool, reason, message string) {
	s := metav1.ConditionFalse
	if status {
		s = metav1.ConditionTrue
	}
	setConditionStatus(conditions, o, kind, s, reason, message)
}

// setConditionStatus is setCondition for a status that can be Unknown.
func setConditionStatus(conditions *[]metav1.Condition, o client.Object, kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason,
		Message: shorten(message), ObservedGeneration: o.GetGeneration(),
	})
}

// maxMessage is the limit of a condition's message in the API.
const maxMessage = 32768

func shorten(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return message[:maxMessage-len("…")] + "…"
}
