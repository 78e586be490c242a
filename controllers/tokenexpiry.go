package controllers

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

const day = 24 * time.Hour

// expiryWarnings are how long before the end of a token somebody is told.
var expiryWarnings = [...]time.Duration{30 * day, 7 * day, day}

// outOfUse is how long after its last use a token is no longer in use, when
// others are: two of Entra's cycles, and some.
const outOfUse = 2 * time.Hour

// expiry is what the tokens of a provider mean for the time to come.
type expiry struct {
	// live is how many there are that have not ended.
	live int
	// used is the one whose end the identity provider will notice first: of those
	// in use the one that ends first or, as long as none was presented, the one that
	// lives longest, or did. nil for none.
	used *v1alpha1.TokenStatus
	// longest is the live one that ends last.
	longest *v1alpha1.TokenStatus
	// next is when time alone changes what there is to say.
	next time.Time
}

// expiryOf passes over probes, which nobody else has.
func expiryOf(tokens []v1alpha1.TokenStatus, now time.Time) expiry {
	tokens = slices.DeleteFunc(slices.Clone(tokens), func(t v1alpha1.TokenStatus) bool { return t.Probe })
	var e expiry
	var last *v1alpha1.TokenStatus
	var contact time.Time
	for i := range tokens {
		t := &tokens[i]
		if last == nil || endsBefore(last, t) {
			last = t
		}
		if !ended(t, now) {
			e.live++
			if t.ExpiresAt != nil {
				e.next = access.Earlier(e.next, t.ExpiresAt.Time)
			}
		}
		if t.LastUsedAt != nil && t.LastUsedAt.After(contact) {
			contact = t.LastUsedAt.Time
		}
	}
	for i := range tokens {
		t := &tokens[i]
		if t.LastUsedAt != nil && contact.Sub(t.LastUsedAt.Time) < outOfUse && (e.used == nil || endsBefore(t, e.used)) {
			e.used = t
		}
	}
	if e.live > 0 {
		e.longest = last
	}
	if e.used == nil {
		e.used = last
	}
	if e.used != nil && e.used.ExpiresAt != nil {
		for _, warning := range expiryWarnings {
			if at := e.used.ExpiresAt.Add(-warning); at.After(now) {
				e.next = access.Earlier(e.next, at)
			}
		}
	}
	return e
}

func ended(t *v1alpha1.TokenStatus, now time.Time) bool {
	return t.ExpiresAt != nil && !now.Before(t.ExpiresAt.Time)
}

// endsBefore says whether a ends before b; one without an end never does.
func endsBefore(a, b *v1alpha1.TokenStatus) bool {
	return a.ExpiresAt != nil && (b.ExpiresAt == nil || a.ExpiresAt.Before(b.ExpiresAt))
}

// judge sets the condition TokenExpiring. Its message changes when another of the
// warnings is due, and at no other time while the tokens stay the same.
func (e expiry) judge(conditions *[]metav1.Condition, p *v1alpha1.IdentityProvider, now time.Time) {
	set := func(is bool, reason, message string) {
		setCondition(conditions, p, v1alpha1.ConditionTokenExpiring, is, reason, message)
	}
	switch {
	case e.live == 0:
		set(false, v1alpha1.ReasonNoToken, "there is no live token")
	case ended(e.used, now):
		set(true, v1alpha1.ReasonTokenExpired, fmt.Sprintf("the identity provider last used the token %s, which ended at %s: give it %s",
			e.used.ID, moment(e.used.ExpiresAt), e.substitute()))
	case e.used.ExpiresAt == nil || e.used.ExpiresAt.Sub(now) > expiryWarnings[0]:
		set(false, v1alpha1.ReasonNotSoon, "the token in use is good for more than 30 days")
	default:
		left := expiryWarnings[0]
		for _, warning := range expiryWarnings[1:] {
			if e.used.ExpiresAt.Sub(now) <= warning {
				left = warning
			}
		}
		set(true, v1alpha1.ReasonExpiresSoon, fmt.Sprintf("the token %s ends at %s, within %s: give the identity provider %s",
			e.used.ID, moment(e.used.ExpiresAt), days(left), e.substitute()))
	}
}

// substitute is what to give the identity provider instead of the token in use.
func (e expiry) substitute() string {
	if e.longest == e.used {
		return "a new one (kubectl rollcall rotate)"
	}
	if e.longest.ExpiresAt == nil {
		return fmt.Sprintf("the token %s, which has no end", e.longest.ID)
	}
	return fmt.Sprintf("the token %s, which ends at %s", e.longest.ID, moment(e.longest.ExpiresAt))
}

func moment(t *metav1.Time) string { return t.UTC().Format(time.RFC3339) }

func days(d time.Duration) string {
	if d == day {
		return "1 day"
	}
	return fmt.Sprintf("%d days", d/day)
}

// tokenNews tells of each warning once: the condition's message says which is due.
func tokenNews(before, after *v1alpha1.IdentityProvider) []news {
	t := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionTokenExpiring)
	switch {
	case t.after == nil, t.before != nil && t.before.Reason == t.after.Reason && t.before.Message == t.after.Message:
		return nil
	case t.after.Reason == v1alpha1.ReasonExpiresSoon:
		return []news{t.because(corev1.EventTypeWarning, v1alpha1.ConditionTokenExpiring)}
	case t.after.Reason == v1alpha1.ReasonTokenExpired, t.after.Reason == v1alpha1.ReasonNoToken && t.before != nil:
		return []news{t.news(corev1.EventTypeWarning)}
	}
	return nil
}

// measure tells the metrics when the token in use ends.
func (e expiry) measure(provider string) {
	if e.used == nil || e.used.ExpiresAt == nil {
		tokenExpiry.drop(provider)
		return
	}
	tokenExpiry.put(provider, float64(e.used.ExpiresAt.Unix()), provider, e.used.ID)
}
