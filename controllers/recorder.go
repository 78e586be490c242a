package controllers

import (
	"strings"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/reference"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The API server keeps Events on cluster-scoped objects, which ours all are, in the
// namespace default.
//
// +kubebuilder:rbac:groups=events.k8s.io,roleName=rollcall-events,namespace=default,resources=events,verbs=create;patch

const (
	// reportingController is who Events say they are from.
	reportingController = "rollcall-manager"
	// actionReconcile is what was being done when a reconciler had something to say.
	actionReconcile = "Reconcile"
	// maxNote is the limit of an Event's note in the API, in bytes.
	maxNote = 1024
	// eventSeconds is for how many seconds' worth of Events at once there is room.
	eventSeconds = 20
)

// recorder records Events. It is bounded, because each Event is a write: a sync of a
// whole tenant must not write one for each person beside what it has to write.
type recorder struct {
	to     events.EventRecorder
	scheme *runtime.Scheme
	// room is for each type of its own, so that what is usual doesn't displace what
	// is not.
	room map[string]*rate.Limiter
}

func newRecorder(mgr ctrl.Manager, perSecond int) *recorder {
	room := func() *rate.Limiter { return rate.NewLimiter(rate.Limit(perSecond), eventSeconds*perSecond) }
	return &recorder{
		to:     mgr.GetEventRecorder(reportingController),
		scheme: mgr.GetScheme(),
		room:   map[string]*rate.Limiter{corev1.EventTypeNormal: room(), corev1.EventTypeWarning: room()},
	}
}

// record records an Event on an object: once for each transition, after the write
// that shows it. eventType is corev1.EventTypeNormal or corev1.EventTypeWarning.
// Events of one object, type and reason that follow each other within minutes are
// counted in one, which keeps the first message; recordPart tells them apart.
func (b base) record(o client.Object, eventType, reason, message string) {
	b.recordPart(o, "", eventType, reason, message)
}

// recordPart records an Event on a part of an object, such as status.roles{edit}.
// Events about different parts are not counted in one.
func (b base) recordPart(o client.Object, part, eventType, reason, message string) {
	if !b.events.room[eventType].Allow() {
		eventsDropped.WithLabelValues(eventType).Inc()
		return
	}
	about, err := reference.GetPartialReference(b.events.scheme, o, part)
	if err != nil {
		// Of a kind that the scheme doesn't know: there is no such caller.
		ctrl.Log.Error(err, "Can't refer to the object of an Event", "name", o.GetName(), "reason", reason)
		return
	}
	// Events about several versions of an object would never be counted in one.
	about.ResourceVersion = ""
	b.events.to.Eventf(about, nil, eventType, reason, actionReconcile, "%s", note(message))
}

// note is a message as an Event can bear it.
func note(message string) string {
	const ellipsis = "…"
	if len(message) <= maxNote {
		return message
	}
	return strings.ToValidUTF8(message[:maxNote-len(ellipsis)], "") + ellipsis
}
