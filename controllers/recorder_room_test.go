package controllers

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestEventsAreBounded(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	const room = 3
	recorded := events.NewFakeRecorder(10 * room)
	b := base{events: &recorder{to: recorded, scheme: scheme, room: map[string]*rate.Limiter{
		corev1.EventTypeNormal: rate.NewLimiter(0, room), corev1.EventTypeWarning: rate.NewLimiter(0, room),
	}}}
	dropped := func(kind string) float64 { return testutil.ToFloat64(eventsDropped.WithLabelValues(kind)) }
	normal, warning := dropped(corev1.EventTypeNormal), dropped(corev1.EventTypeWarning)
	u := &v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Name: "alice"}}
	for range 3 * room {
		b.record(u, corev1.EventTypeNormal, "RoleGained", "100 % of them")
	}
	b.record(u, corev1.EventTypeWarning, "SubjectRefused", "taken")
	if n := dropped(corev1.EventTypeNormal) - normal; n != 2*room {
		t.Errorf("%v Events were dropped, want %d", n, 2*room)
	}
	if n := dropped(corev1.EventTypeWarning) - warning; n != 0 {
		t.Errorf("%v warnings were dropped for what is usual", n)
	}
	for _, want := range []string{"Normal RoleGained 100 % of them", "Normal RoleGained 100 % of them", "Normal RoleGained 100 % of them", "Warning SubjectRefused taken"} {
		if got := <-recorded.Events; got != want {
			t.Errorf("recorded %q, want %q", got, want)
		}
	}
	if n := len(recorded.Events); n != 0 {
		t.Errorf("%d more Events were recorded", n)
	}
}
