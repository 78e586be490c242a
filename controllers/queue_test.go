package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

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
