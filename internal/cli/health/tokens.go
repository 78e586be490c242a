package health

import (
	"fmt"
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
)

// TokenState is what a token is at now.
func TokenState(t v1alpha1.TokenStatus, now time.Time) string {
	switch {
	case t.ExpiresAt == nil:
		return TokenLive
	case !now.Before(t.ExpiresAt.Time):
		return TokenExpired
	case t.ExpiresAt.Sub(now) <= expirySoon:
		return TokenExpiring
	default:
		return TokenLive
	}
}

// LiveTokens are the tokens of a provider that are good at now.
func LiveTokens(p *v1alpha1.IdentityProvider, now time.Time) []v1alpha1.TokenStatus {
	var live []v1alpha1.TokenStatus
	for _, t := range p.Status.Tokens {
		if TokenState(t, now) != TokenExpired {
			live = append(live, t)
		}
	}
	return live
}

// OfTokens finds tokens that have to be replaced: all that there are end soon; or
// the one in use does, while the one that was made in its place lies unused.
func OfTokens(p *v1alpha1.IdentityProvider, now time.Time) []Problem {
	f := finder{kind: "IdentityProvider", object: p, conditions: p.Status.Conditions}
	f.is(v1alpha1.ConditionTokenExpiring, metav1.ConditionTrue)
	if inUse, unused := rotationUnfinished(p, now); unused != nil {
		ends := "ends at "
		if TokenState(*inUse, now) == TokenExpired {
			ends = "ended at "
		}
		f.add("RotationUnfinished", fmt.Sprintf("token %s is in use and %s%s, and token %s has never been used: give that one to the identity provider, "+
			"or make another if nobody has it any more (kubectl rollcall rotate %s)",
			inUse.ID, ends, inUse.ExpiresAt.UTC().Format(time.RFC3339), unused.ID, p.Name))
	}
	return f.found
}

// rotationUnfinished are the token that was used last, when it has ended or will
// soon, and the one that was made for the time after and never used; nil when all is
// well.
func rotationUnfinished(p *v1alpha1.IdentityProvider, now time.Time) (inUse, unused *v1alpha1.TokenStatus) {
	for i := range p.Status.Tokens {
		if t := &p.Status.Tokens[i]; t.LastUsedAt != nil && (inUse == nil || inUse.LastUsedAt.Before(t.LastUsedAt)) {
			inUse = t
		}
	}
	if inUse == nil || TokenState(*inUse, now) == TokenLive {
		return nil, nil
	}
	for i := range p.Status.Tokens {
		if t := &p.Status.Tokens[i]; t.LastUsedAt == nil && TokenState(*t, now) != TokenExpired &&
			(t.ExpiresAt == nil || inUse.ExpiresAt.Before(t.ExpiresAt)) {
			return inUse, t
		}
	}
	return nil, nil
}
