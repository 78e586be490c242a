package controllers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// An informer that lists again after a gap tells of a deletion and a creation under the
// same name as of one change. Who had the one attachment loses it all the same.
func TestAnotherOfTheSameName(t *testing.T) {
	t.Parallel()
	attachment := func(uid types.UID, version, role string) *v1alpha1.RoleAttachment {
		return &v1alpha1.RoleAttachment{
			ObjectMeta: metav1.ObjectMeta{Name: "temp", UID: uid, ResourceVersion: version, Generation: 1},
			Spec:       v1alpha1.RoleAttachmentSpec{User: "bob", Role: role},
		}
	}
	type call struct{ old, current string }
	told := func(old, current *v1alpha1.RoleAttachment) (calls []call) {
		roleOf := func(a *v1alpha1.RoleAttachment) string {
			if a == nil {
				return ""
			}
			return a.Spec.Role
		}
		on(false, func(_ context.Context, old, current *v1alpha1.RoleAttachment, _ queue) {
			calls = append(calls, call{roleOf(old), roleOf(current)})
		}).Update(t.Context(), event.UpdateEvent{ObjectOld: old, ObjectNew: current}, nil)
		return calls
	}
	if got, want := told(attachment("1", "1", "dev"), attachment("2", "9", "ops")), []call{{"dev", ""}, {"", "ops"}}; !slices.Equal(got, want) {
		t.Errorf("another one: %v, want %v", got, want)
	}
	if got, want := told(attachment("1", "1", "dev"), attachment("1", "2", "dev")), []call{{"dev", "dev"}}; !slices.Equal(got, want) {
		t.Errorf("the same one: %v, want %v", got, want)
	}
	if got := told(attachment("1", "1", "dev"), attachment("1", "1", "dev")); got != nil {
		t.Errorf("a resync: %v", got)
	}
}

// What has failed for hours is tried again soon after the fault is mended, and an
// expiry that comes meanwhile is at most a second late.
func TestRetriesAreBounded(t *testing.T) {
	t.Parallel()
	limiter := workers(1, maxBindingRetry).RateLimiter
	var longest time.Duration
	for range 100 {
		longest = max(longest, limiter.When(reconcile.Request{}))
	}
	if longest != time.Second {
		t.Errorf("the longest pause is %s", longest)
	}
	limiter.Forget(reconcile.Request{})
	if again := limiter.When(reconcile.Request{}); again != firstRetry {
		t.Errorf("the first pause after a success is %s", again)
	}
}

// A source that was queued for no hurry comes back in a hurry: for what ends at a
// foreseen moment, or for what failed.
func TestWhatComesBackIsUrgent(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"at a foreseen moment": nil, "after a failure": errors.New("no answer")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := (&projector{}).track(t.Context(), "rule", func(context.Context, string) (ctrl.Result, error) {
				return ctrl.Result{RequeueAfter: time.Hour}, failure
			})
			if !errors.Is(err, failure) || result.Priority == nil || *result.Priority != urgent {
				t.Errorf("track = %+v, %v", result, err)
			}
		})
	}
}
