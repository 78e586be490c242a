package controllers

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	ends := func(in time.Duration) v1alpha1.TokenStatus {
		return v1alpha1.TokenStatus{ExpiresAt: &metav1.Time{Time: noon.Add(in)}}
	}
	for _, tc := range []struct {
		name                  string
		tokens                []v1alpha1.TokenStatus
		paused, contacted     bool
		ready, expiring, conn string // reasons
		next                  time.Duration
	}{
		{"no token", nil, false, false, v1alpha1.ReasonNoToken, v1alpha1.ReasonNoToken, "NeverContacted", 0},
		{"a fresh token", []v1alpha1.TokenStatus{ends(365 * day)}, false, true, v1alpha1.ReasonReconciled, "NotSoon", "Contacted", 335 * day},
		{"a token for ever", []v1alpha1.TokenStatus{{}}, false, true, v1alpha1.ReasonReconciled, "NotSoon", "Contacted", 0},
		{"the last days of a token", []v1alpha1.TokenStatus{ends(3 * day)}, false, true, v1alpha1.ReasonReconciled, "ExpiresSoon", "Contacted", 3 * day},
		{"in rotation", []v1alpha1.TokenStatus{ends(3 * day), ends(300 * day)}, false, true, v1alpha1.ReasonReconciled, "NotSoon", "Contacted", 3 * day},
		{"over to the instant", []v1alpha1.TokenStatus{ends(0)}, false, true, v1alpha1.ReasonNoToken, v1alpha1.ReasonNoToken, "Contacted", 0},
		{"paused", []v1alpha1.TokenStatus{{}}, true, true, v1alpha1.ReasonPaused, "NotSoon", "Contacted", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := &v1alpha1.IdentityProvider{Spec: v1alpha1.IdentityProviderSpec{Paused: tc.paused}}
			status := &v1alpha1.IdentityProviderStatus{Tokens: tc.tokens}
			if tc.contacted {
				status.LastContactAt = &metav1.Time{Time: noon}
			}
			next := judge(status, p, noon)
			for kind, reason := range map[string]string{
				v1alpha1.ConditionReady: tc.ready, v1alpha1.ConditionTokenExpiring: tc.expiring, v1alpha1.ConditionConnected: tc.conn,
			} {
				if c := meta.FindStatusCondition(status.Conditions, kind); c == nil || c.Reason != reason || c.Message == "" {
					t.Errorf("%s = %+v, want reason %s with a message", kind, c, reason)
				}
			}
			if want := noon.Add(tc.next); tc.next == 0 && !next.IsZero() || tc.next != 0 && !next.Equal(want) {
				t.Errorf("next = %s, want %s", next, want)
			}
		})
	}
}

func TestLater(t *testing.T) {
	t.Parallel()
	minute := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	recorded := &metav1.Time{Time: minute}
	for _, tc := range []struct {
		name     string
		recorded *metav1.Time
		seen     time.Time
		want     *metav1.Time
	}{
		{"never", nil, time.Time{}, nil},
		{"the first time", nil, minute.Add(59 * time.Second), recorded},
		{"the same minute", recorded, minute.Add(59 * time.Second), recorded},
		{"the next minute", recorded, minute.Add(61 * time.Second), &metav1.Time{Time: minute.Add(time.Minute)}},
		{"nothing since the start", recorded, time.Time{}, recorded},
	} {
		if got := later(tc.recorded, tc.seen); !got.Equal(tc.want) {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
