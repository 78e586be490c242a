// Package health reads from the status of each kind what somebody should look at.
// Everything here is a pure function of an object.
package health

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// Problem is something that somebody should look at.
type Problem struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// String is the problem in a line.
func (p Problem) String() string {
	return fmt.Sprintf("%s/%s: %s: %s", strings.ToLower(p.Kind), p.Name, p.Reason, p.Message)
}

// OfProvider finds a connection that does not work, or soon won't.
func OfProvider(p *v1alpha1.IdentityProvider) []Problem {
	f := finder{kind: "IdentityProvider", object: p, conditions: p.Status.Conditions, observed: p.Status.ObservedGeneration}
	f.behind()
	f.isNot(v1alpha1.ConditionReady, metav1.ConditionTrue)
	f.found = append(f.found, OfTokens(p)...)
	f.is(v1alpha1.ConditionConnected, metav1.ConditionFalse)
	if p.Status.TenantURL == "" && p.Status.ObservedGeneration > 0 {
		f.add("NoTenantURL", "the manager was started without --external-url, and can't say what to paste into the identity provider")
	}
	return f.found
}

// OfUser finds whose access is not what somebody meant it to be.
func OfUser(u *v1alpha1.ProvisionedUser) []Problem {
	f := finder{kind: "ProvisionedUser", object: u, conditions: u.Status.Conditions, observed: u.Status.ObservedGeneration}
	f.behind()
	f.isNot(v1alpha1.ConditionReady, metav1.ConditionTrue)
	f.is(v1alpha1.ConditionPermissionLevelIgnored, metav1.ConditionTrue)
	f.is(v1alpha1.ConditionServiceAccountFound, metav1.ConditionFalse)
	if u.Status.State == v1alpha1.StateActive {
		f.is(v1alpha1.ConditionPermissionLevelInForce, metav1.ConditionFalse)
	}
	return f.found
}

// OfRole finds members that were not understood, and releases that wait.
func OfRole(r *v1alpha1.ProvisionedRole) []Problem {
	f := finder{kind: "ProvisionedRole", object: r, conditions: r.Status.Conditions, observed: r.Status.ObservedGeneration}
	f.behind()
	f.isNot(v1alpha1.ConditionReady, metav1.ConditionTrue)
	f.isReason(v1alpha1.ConditionNestedGroupNotSynced, metav1.ConditionTrue, v1alpha1.ConditionNestedGroupNotSynced)
	return f.found
}

// OfRule finds what is not bound as it says, and authors who may not bind it.
func OfRule(r *v1alpha1.AccessRule) []Problem {
	f := finder{kind: "AccessRule", object: r, conditions: r.Status.Conditions, observed: r.Status.ObservedGeneration}
	f.behind()
	f.isNot(v1alpha1.ConditionReady, metav1.ConditionTrue)
	f.is(v1alpha1.ConditionAuthorMayBind, metav1.ConditionFalse)
	return f.found
}

// OfAttachment finds those that will never count again unless somebody acts. What
// has expired, waits or is suspended with its user is as it was meant.
func OfAttachment(a *v1alpha1.RoleAttachment) []Problem {
	f := finder{kind: "RoleAttachment", object: a, conditions: a.Status.Conditions, observed: a.Status.ObservedGeneration}
	f.behind()
	switch {
	case a.Status.State == v1alpha1.AttachmentSuperseded,
		a.Status.State == v1alpha1.AttachmentIneffective && a.Status.Reason != access.ReasonUserSuspended:
		f.isNot(v1alpha1.ConditionReady, metav1.ConditionTrue)
	}
	return f.found
}

type finder struct {
	kind       string
	object     metav1.Object
	conditions []metav1.Condition
	observed   int64
	found      []Problem
}

func (f *finder) add(reason, message string) {
	f.found = append(f.found, Problem{f.kind, f.object.GetName(), reason, message})
}

// behind is a manager that does not keep up, or does not run.
func (f *finder) behind() {
	if f.observed < f.object.GetGeneration() {
		f.add("StatusBehind", "the manager has not seen the last change (yet): is it running?")
	}
}

func (f *finder) is(condition string, status metav1.ConditionStatus) {
	if c := meta.FindStatusCondition(f.conditions, condition); c != nil && c.Status == status {
		f.add(c.Reason, c.Message)
	}
}

// isReason does what is does, for a condition whose own name says more than its reason.
func (f *finder) isReason(condition string, status metav1.ConditionStatus, reason string) {
	if c := meta.FindStatusCondition(f.conditions, condition); c != nil && c.Status == status {
		f.add(reason, c.Message)
	}
}

func (f *finder) isNot(condition string, status metav1.ConditionStatus) {
	if c := meta.FindStatusCondition(f.conditions, condition); c != nil && c.Status != status {
		f.add(c.Reason, c.Message)
	}
}
