package health

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// expirySoon is how long before its end a token should have been replaced; the
// condition TokenExpiring reckons alike.
const expirySoon = 30 * 24 * time.Hour

// The states of a token.
const (
	TokenLive     = "Live"
	TokenExpiring = "Expiring"
	TokenExpired  = "Expired"
	// TokenProbe is one that doctor made, for minutes.
	TokenProbe = "Probe"
)

// TokenState is what a token is at now.
func TokenState(t v1alpha1.TokenStatus, now time.Time) string {
	switch {
	case t.ExpiresAt != nil && !now.Before(t.ExpiresAt.Time):
		return TokenExpired
	case t.Probe:
		return TokenProbe
	case t.ExpiresAt == nil:
		return TokenLive
	case t.ExpiresAt.Sub(now) <= expirySoon:
		return TokenExpiring
	default:
		return TokenLive
	}
}

// LiveTokens are the tokens of a provider that are good at now, without probes: no
// identity provider has them.
func LiveTokens(p *v1alpha1.IdentityProvider, now time.Time) []v1alpha1.TokenStatus {
	var live []v1alpha1.TokenStatus
	for _, t := range p.Status.Tokens {
		if state := TokenState(t, now); state == TokenLive || state == TokenExpiring {
			live = append(live, t)
		}
	}
	return live
}

// OfTokens finds a token in use that ends soon or has ended, also when another was
// made in its place and the identity provider has not been given it.
func OfTokens(p *v1alpha1.IdentityProvider) []Problem {
	f := finder{kind: "IdentityProvider", object: p, conditions: p.Status.Conditions}
	f.is(v1alpha1.ConditionTokenExpiring, metav1.ConditionTrue)
	return f.found
}
