package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
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
		{"the last days of a token", []v1alpha1.TokenStatus{ends(3 * day)}, false, true, v1alpha1.ReasonReconciled, v1alpha1.ReasonExpiresSoon, "Contacted", 2 * day},
		{"in rotation", []v1alpha1.TokenStatus{ends(3 * day), ends(300 * day)}, false, true, v1alpha1.ReasonReconciled, "NotSoon", "Contacted", 3 * day},
		{"over to the instant", []v1alpha1.TokenStatus{ends(0)}, false, true, v1alpha1.ReasonNoToken, v1alpha1.ReasonNoToken, "Contacted", 0},
		{"a probe alone", []v1alpha1.TokenStatus{{ExpiresAt: &metav1.Time{Time: noon.Add(time.Minute)}, Probe: true}}, false, false, v1alpha1.ReasonNoToken, v1alpha1.ReasonNoToken, "NeverContacted", 0},
		{"paused", []v1alpha1.TokenStatus{{}}, true, true, v1alpha1.ReasonPaused, "NotSoon", "Contacted", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := &v1alpha1.IdentityProvider{Spec: v1alpha1.IdentityProviderSpec{Paused: tc.paused}}
			status := &v1alpha1.IdentityProviderStatus{Tokens: tc.tokens}
			if tc.contacted {
				status.LastContactAt = &metav1.Time{Time: noon}
			}
			tokens := expiryOf(tc.tokens, noon)
			judge(status, p, tokens, noon)
			next := tokens.next
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

func TestTokenExpiry(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	token := func(id string, left time.Duration, usedBefore ...time.Duration) v1alpha1.TokenStatus {
		s := v1alpha1.TokenStatus{ID: id, ExpiresAt: &metav1.Time{Time: noon.Add(left)}}
		for _, ago := range usedBefore {
			s.LastUsedAt = &metav1.Time{Time: noon.Add(-ago)}
		}
		return s
	}
	probe := func(id string, left time.Duration, usedBefore ...time.Duration) v1alpha1.TokenStatus {
		s := token(id, left, usedBefore...)
		s.Probe = true
		return s
	}
	for _, tc := range []struct {
		name   string
		tokens []v1alpha1.TokenStatus
		used   string
		reason string // of True; empty for False
		says   string
		next   time.Duration
	}{
		{"30 days and a second before its end", []v1alpha1.TokenStatus{token("a", 30*day+time.Second)}, "a", "", "", time.Second},
		{"30 days before", []v1alpha1.TokenStatus{token("a", 30*day)}, "a", v1alpha1.ReasonExpiresSoon, "within 30 days: give the identity provider a new one", 23 * day},
		{"7 days and a second before", []v1alpha1.TokenStatus{token("a", 7*day+time.Second)}, "a", v1alpha1.ReasonExpiresSoon, "within 30 days", time.Second},
		{"7 days before", []v1alpha1.TokenStatus{token("a", 7*day)}, "a", v1alpha1.ReasonExpiresSoon, "within 7 days", 6 * day},
		{"a day before", []v1alpha1.TokenStatus{token("a", day)}, "a", v1alpha1.ReasonExpiresSoon, "within 1 day", day},
		{"at its end", []v1alpha1.TokenStatus{token("a", 0)}, "a", "", "there is no live token", 0},
		{
			"a rotation that the client does not know of", []v1alpha1.TokenStatus{token("new", 365*day), token("old", 3*day, time.Hour)},
			"old", v1alpha1.ReasonExpiresSoon, "within 7 days: give the identity provider the token new, which ends at 2027-03-01T12:00:00Z", 2 * day,
		},
		{"a rotation done", []v1alpha1.TokenStatus{token("new", 365*day, time.Minute), token("old", 3*day, time.Minute+outOfUse)}, "new", "", "", 3 * day},
		{
			"a token each for two clients", []v1alpha1.TokenStatus{token("a", 365*day, time.Minute), token("b", 3*day, time.Hour)},
			"b", v1alpha1.ReasonExpiresSoon, "the token b ends at 2026-03-04T12:00:00Z, within 7 days: give the identity provider the token a", 2 * day,
		},
		{
			"a rotation forgotten", []v1alpha1.TokenStatus{token("new", 365*day), token("old", -day, 2*day)},
			"old", v1alpha1.ReasonTokenExpired, "ended at 2026-02-28T12:00:00Z: give it the token new", 365 * day,
		},
		{"an old one that was never used", []v1alpha1.TokenStatus{token("old", -day), token("new", 365*day)}, "new", "", "", 335 * day},
		{
			"one without end in reserve", []v1alpha1.TokenStatus{{ID: "new"}, token("old", 3*day, time.Hour)},
			"old", v1alpha1.ReasonExpiresSoon, "the token new, which has no end", 2 * day,
		},
		{"a probe beside the one in use", []v1alpha1.TokenStatus{token("a", 365*day, time.Hour), probe("p", time.Minute, 0)}, "a", "", "", 335 * day},
		{"a probe beside one that was never used", []v1alpha1.TokenStatus{token("a", 365*day), probe("p", time.Minute, 0)}, "a", "", "", 335 * day},
		{
			"a probe long after the last contact", []v1alpha1.TokenStatus{token("new", 365*day), token("old", 3*day, 5*time.Hour), probe("p", time.Minute, 0)},
			"old", v1alpha1.ReasonExpiresSoon, "give the identity provider the token new", 2 * day,
		},
		{"one without end in use", []v1alpha1.TokenStatus{{ID: "new", LastUsedAt: &metav1.Time{Time: noon}}, token("old", 3*day, 3*time.Hour)}, "new", "", "", 3 * day},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // in either order
				e := expiryOf(tc.tokens, noon)
				if e.used == nil || e.used.ID != tc.used {
					t.Errorf("in use is %+v, want %s", e.used, tc.used)
				}
				p, status := &v1alpha1.IdentityProvider{}, &v1alpha1.IdentityProviderStatus{Tokens: tc.tokens}
				judge(status, p, e, noon)
				next := e.next
				c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionTokenExpiring)
				if is := c.Status == metav1.ConditionTrue; is != (tc.reason != "") || (is && c.Reason != tc.reason) || !strings.Contains(c.Message, tc.says) {
					t.Errorf("%s, %s: %s", c.Status, c.Reason, c.Message)
				}
				if want := noon.Add(tc.next); tc.next == 0 && !next.IsZero() || tc.next != 0 && !next.Equal(want) {
					t.Errorf("next is %s, want %s", next, want)
				}
				tc.tokens = slices.Clone(tc.tokens)
				slices.Reverse(tc.tokens)
			}
		})
	}
}

func TestLastContact(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(in time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(in)} }
	for _, tc := range []struct {
		name     string
		recorded *metav1.Time
		tokens   []v1alpha1.TokenStatus
		want     *metav1.Time
	}{
		{"never", nil, []v1alpha1.TokenStatus{{}}, nil},
		{"with the one of two that was used last", at(-time.Hour), []v1alpha1.TokenStatus{{LastUsedAt: at(0)}, {LastUsedAt: at(-time.Minute)}}, at(0)},
		{"with a token that is gone", at(0), []v1alpha1.TokenStatus{{LastUsedAt: at(-time.Hour)}}, at(0)},
		{"a probe, and never by the client", nil, []v1alpha1.TokenStatus{{}, {LastUsedAt: at(0), Probe: true}}, nil},
		{"a probe while the client is silent", at(-2 * time.Hour), []v1alpha1.TokenStatus{{LastUsedAt: at(-2 * time.Hour)}, {LastUsedAt: at(0), Probe: true}}, at(-2 * time.Hour)},
	} {
		p := &v1alpha1.IdentityProvider{Status: v1alpha1.IdentityProviderStatus{LastContactAt: tc.recorded}}
		if got := lastContactOf(p, tc.tokens); !got.Equal(tc.want) {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
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
