package health

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func condition(kind string, status metav1.ConditionStatus, reason string) []metav1.Condition {
	return []metav1.Condition{{Type: kind, Status: status, Reason: reason, Message: "why"}}
}

func TestWhatIsMeantIsNoProblem(t *testing.T) {
	object := metav1.ObjectMeta{Name: "x"}
	suspended := &v1alpha1.ProvisionedUser{ObjectMeta: object}
	suspended.Status = v1alpha1.ProvisionedUserStatus{State: v1alpha1.StateSuspended,
		Conditions: condition(v1alpha1.ConditionPermissionLevelInForce, metav1.ConditionFalse, access.ReasonUserSuspended)}
	void := suspended.DeepCopy()
	void.Status.State = v1alpha1.StateActive
	attachment := func(state v1alpha1.AttachmentState, reason string) *v1alpha1.RoleAttachment {
		return &v1alpha1.RoleAttachment{ObjectMeta: object, Status: v1alpha1.RoleAttachmentStatus{
			State: state, Reason: reason, Conditions: condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason)}}
	}
	for _, test := range []struct {
		name string
		got  []Problem
		want []string
	}{
		{"suspended with a level", OfUser(suspended), nil},
		{"active with a void level", OfUser(void), []string{access.ReasonUserSuspended}},
		{"not seen yet", OfUser(&v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Generation: 1}}), []string{"StatusBehind"}},
		{"expired", OfAttachment(attachment(v1alpha1.AttachmentExpired, access.ReasonExpired)), nil},
		{"pending", OfAttachment(attachment(v1alpha1.AttachmentPending, access.ReasonNotStarted)), nil},
		{"of a suspended user", OfAttachment(attachment(v1alpha1.AttachmentIneffective, access.ReasonUserSuspended)), nil},
		{"of nobody", OfAttachment(attachment(v1alpha1.AttachmentIneffective, access.ReasonUserNotFound)), []string{access.ReasonUserNotFound}},
		{"superseded", OfAttachment(attachment(v1alpha1.AttachmentSuperseded, access.ReasonSuspendedSince)), []string{access.ReasonSuspendedSince}},
		{"a nested group", OfRole(&v1alpha1.ProvisionedRole{ObjectMeta: object, Status: v1alpha1.ProvisionedRoleStatus{
			Conditions: condition(v1alpha1.ConditionNestedGroupNotSynced, metav1.ConditionTrue, "Nested")}}), []string{v1alpha1.ConditionNestedGroupNotSynced}},
		{"an author's lost right", OfRule(&v1alpha1.AccessRule{ObjectMeta: object, Status: v1alpha1.AccessRuleStatus{
			Conditions: condition(v1alpha1.ConditionAuthorMayBind, metav1.ConditionFalse, access.ReasonAuthorLostRight)}}), []string{access.ReasonAuthorLostRight}},
		{"no token", OfProvider(&v1alpha1.IdentityProvider{ObjectMeta: object, Status: v1alpha1.IdentityProviderStatus{
			TenantURL: "https://x", Conditions: condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNoToken)}}), []string{v1alpha1.ReasonNoToken}},
		{"a token that ends", OfProvider(&v1alpha1.IdentityProvider{ObjectMeta: object, Status: v1alpha1.IdentityProviderStatus{
			TenantURL: "https://x", Conditions: condition(v1alpha1.ConditionTokenExpiring, metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon)}}), []string{v1alpha1.ReasonExpiresSoon}},
		{"a token that doesn't", OfProvider(&v1alpha1.IdentityProvider{ObjectMeta: object, Status: v1alpha1.IdentityProviderStatus{
			TenantURL: "https://x", Conditions: condition(v1alpha1.ConditionTokenExpiring, metav1.ConditionFalse, v1alpha1.ReasonNotSoon)}}), nil},
		{"no URL", OfProvider(&v1alpha1.IdentityProvider{ObjectMeta: object, Status: v1alpha1.IdentityProviderStatus{ObservedGeneration: 1}}), []string{"NoTenantURL"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range test.got {
				got = append(got, p.Reason)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestLiveTokensEndAtTheirMoment(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(d)} }
	p := &v1alpha1.IdentityProvider{Status: v1alpha1.IdentityProviderStatus{Tokens: []v1alpha1.TokenStatus{
		{ID: "past", ExpiresAt: at(-time.Second)}, {ID: "now", ExpiresAt: at(0)}, {ID: "later", ExpiresAt: at(time.Second)}, {ID: "never"},
		{ID: "probe", ExpiresAt: at(time.Second), Probe: true},
	}}}
	var got []string
	for _, token := range LiveTokens(p, now) {
		got = append(got, token.ID)
	}
	if !slices.Equal(got, []string{"later", "never"}) {
		t.Errorf("got %v", got)
	}
}

func TestTokensSayWhenTheyEndSoon(t *testing.T) {
	for state, ends := range map[string]*metav1.Time{
		TokenLive: nil, TokenExpiring: {Time: now.Add(expirySoon)}, TokenExpired: {Time: now},
	} {
		if got := TokenState(v1alpha1.TokenStatus{ExpiresAt: ends}, now); got != state {
			t.Errorf("%s: got %s", state, got)
		}
	}
	if got := TokenState(v1alpha1.TokenStatus{ExpiresAt: &metav1.Time{Time: now.Add(expirySoon + time.Second)}}, now); got != TokenLive {
		t.Errorf("got %s", got)
	}
	for state, left := range map[string]time.Duration{TokenProbe: time.Second, TokenExpired: 0} {
		if got := TokenState(v1alpha1.TokenStatus{ExpiresAt: &metav1.Time{Time: now.Add(left)}, Probe: true}, now); got != state {
			t.Errorf("a probe is %s, want %s", got, state)
		}
	}
}
