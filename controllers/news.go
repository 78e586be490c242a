package controllers

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// Reasons of Events that are no reasons of conditions.
const (
	reasonMembersResolved = "MembersResolved"
	reasonServing         = "Serving"
)

// news is what one Event says.
type news struct {
	// part of the object that it is about, such as status.roles{edit}: Events about
	// different parts are not counted in one.
	part string
	// kind is the Event's type.
	kind            string
	reason, message string
}

// newsOf is what is worth an Event in the change of a status. The first status of an
// object is news only where something is wrong or somebody has acted: a sync of a
// tenant makes thousands of objects.
func newsOf(before, after client.Object) []news {
	switch after := after.(type) {
	case *v1alpha1.ProvisionedUser:
		if before, ok := before.(*v1alpha1.ProvisionedUser); ok {
			return slices.Concat(standingNews(before, after), levelNews(before, after), accountNews(before, after), rolesNews(before, after))
		}
	case *v1alpha1.ProvisionedRole:
		if before, ok := before.(*v1alpha1.ProvisionedRole); ok {
			return roleNews(before, after)
		}
	case *v1alpha1.RoleAttachment:
		if before, ok := before.(*v1alpha1.RoleAttachment); ok {
			return attachmentNews(before, after)
		}
	case *v1alpha1.AccessRule:
		if before, ok := before.(*v1alpha1.AccessRule); ok {
			return ruleNews(before, after)
		}
	case *v1alpha1.IdentityProvider:
		if before, ok := before.(*v1alpha1.IdentityProvider); ok {
			return append(providerNews(before, after), tokenNews(before, after)...)
		}
	}
	return nil
}

// turn is how a condition has changed; either side is nil without the condition.
type turn struct {
	kind          string
	before, after *metav1.Condition
}

func turnOf(before, after []metav1.Condition, kind string) turn {
	return turn{kind, meta.FindStatusCondition(before, kind), meta.FindStatusCondition(after, kind)}
}

// to says that the condition has that status now, and had not, or for another reason.
func (t turn) to(status metav1.ConditionStatus) bool {
	return t.after != nil && t.after.Status == status &&
		(t.before == nil || t.before.Status != status || t.before.Reason != t.after.Reason)
}

// back says that the condition has that status again, after another.
func (t turn) back(status metav1.ConditionStatus) bool {
	return t.after != nil && t.after.Status == status && t.before != nil && t.before.Status != status
}

// news of a condition are its own reason and message.
func (t turn) news(kind string) news {
	return t.because(kind, t.after.Reason)
}

// because is news under a reason that says more than the condition's own, which may
// be another condition's as well.
func (t turn) because(kind, reason string) news {
	return news{part: "status.conditions{" + t.kind + "}", kind: kind, reason: reason, message: t.after.Message}
}

func roleNews(before, after *v1alpha1.ProvisionedRole) []news {
	var all []news
	nested := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionNestedGroupNotSynced)
	switch {
	case nested.to(metav1.ConditionTrue):
		all = append(all, nested.news(corev1.EventTypeWarning))
	case nested.before != nil && nested.after == nil:
		all = append(all, news{"status.conditions{" + nested.kind + "}", corev1.EventTypeNormal, reasonMembersResolved, "every member that was sent is a user"})
	}
	ready := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready.to(metav1.ConditionFalse) && ready.after.Reason == v1alpha1.ReasonReleaseHeld:
		all = append(all, ready.news(corev1.EventTypeWarning))
	case ready.to(metav1.ConditionFalse), ready.back(metav1.ConditionTrue):
		all = append(all, ready.news(corev1.EventTypeNormal))
	}
	return all
}

// attachmentNews: an attachment is made by somebody, who wants to know.
func attachmentNews(before, after *v1alpha1.RoleAttachment) []news {
	ready := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready.to(metav1.ConditionTrue):
		return []news{ready.news(corev1.EventTypeNormal)}
	case !ready.to(metav1.ConditionFalse):
		return nil
	case after.Status.State == v1alpha1.AttachmentSuperseded,
		after.Status.State == v1alpha1.AttachmentIneffective && after.Status.Reason != access.ReasonUserSuspended:
		return []news{ready.news(corev1.EventTypeWarning)}
	}
	return []news{ready.news(corev1.EventTypeNormal)}
}

// ruleNews: a rule may stand in Git before its role is there, so that is no trouble
// at first.
func ruleNews(before, after *v1alpha1.AccessRule) []news {
	var all []news
	ready := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready.to(metav1.ConditionFalse) && ready.before == nil && ready.after.Reason == v1alpha1.ReasonRoleNotFound,
		ready.back(metav1.ConditionTrue):
		all = append(all, ready.news(corev1.EventTypeNormal))
	case ready.to(metav1.ConditionFalse):
		all = append(all, ready.news(corev1.EventTypeWarning))
	}
	author := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionAuthorMayBind)
	switch {
	case author.to(metav1.ConditionFalse):
		all = append(all, author.news(corev1.EventTypeWarning))
	case author.back(metav1.ConditionTrue) && author.before.Status == metav1.ConditionFalse: // and not Unknown
		all = append(all, author.news(corev1.EventTypeNormal))
	}
	return all
}

// providerNews leaves out what tokenNews tells.
func providerNews(before, after *v1alpha1.IdentityProvider) []news {
	var all []news
	ready := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready.to(metav1.ConditionFalse) && ready.after.Reason == v1alpha1.ReasonNoToken:
	case ready.to(metav1.ConditionFalse):
		all = append(all, ready.news(corev1.EventTypeNormal))
	case ready.back(metav1.ConditionTrue):
		all = append(all, ready.because(corev1.EventTypeNormal, reasonServing))
	}
	if connected := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionConnected); connected.to(metav1.ConditionTrue) {
		all = append(all, connected.news(corev1.EventTypeNormal))
	}
	return all
}
