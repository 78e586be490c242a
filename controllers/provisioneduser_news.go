package controllers

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// Reasons of a user's Events that are no reasons of conditions.
const (
	reasonRestored               = "Restored"
	reasonRoleGained             = "RoleGained"
	reasonRoleLost               = "RoleLost"
	reasonLevelInForce           = "PermissionLevelInForce"
	reasonLevelTaken             = "PermissionLevelTaken"
	reasonServiceAccountCame     = "ServiceAccountFound"
	reasonServiceAccountWentAway = "ServiceAccountNotFound"
)

// maxRoles is how many roles that came, or went, get an Event each.
const maxRoles = 5

// standingNews: suspended, restored, deleted, or without a usable subject.
func standingNews(before, after *v1alpha1.ProvisionedUser) []news {
	ready := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionReady)
	active := after.Status.State == v1alpha1.StateActive
	switch {
	case ready.to(metav1.ConditionFalse):
		return []news{ready.news(corev1.EventTypeWarning)}
	case active && before.Status.State != "" && (before.Status.State != v1alpha1.StateActive || ready.back(metav1.ConditionTrue)):
		n := ready.because(corev1.EventTypeNormal, reasonRestored)
		n.message = fmt.Sprintf("the user is active, as %q, and holds %d roles", after.Status.Subject, len(after.Status.Roles))
		return []news{n}
	case !active && before.Status.State != "" && ready.to(metav1.ConditionTrue):
		return []news{ready.news(corev1.EventTypeNormal)}
	}
	return nil
}

// levelNews: given, taken away, or void. That a suspended user has no level goes
// without saying.
func levelNews(before, after *v1alpha1.ProvisionedUser) []news {
	var all []news
	level := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionPermissionLevelInForce)
	switch {
	case level.after == nil:
		if level.before != nil {
			all = append(all, news{"status.permissionLevel", corev1.EventTypeNormal, reasonLevelTaken,
				"no permission level is given to the user any more"})
		}
	case level.to(metav1.ConditionFalse) && level.after.Reason != access.ReasonUserSuspended:
		all = append(all, level.news(corev1.EventTypeWarning))
	case level.after.Status == metav1.ConditionTrue && before.Status.PermissionLevel != after.Status.PermissionLevel:
		all = append(all, level.because(corev1.EventTypeNormal, reasonLevelInForce))
	}
	if ignored := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionPermissionLevelIgnored); ignored.to(metav1.ConditionTrue) {
		all = append(all, ignored.news(corev1.EventTypeWarning))
	}
	return all
}

// accountNews: the ServiceAccount came or went.
func accountNews(before, after *v1alpha1.ProvisionedUser) []news {
	account := turnOf(before.Status.Conditions, after.Status.Conditions, v1alpha1.ConditionServiceAccountFound)
	switch {
	case account.back(metav1.ConditionTrue):
		return []news{account.because(corev1.EventTypeNormal, reasonServiceAccountCame)}
	case account.back(metav1.ConditionFalse):
		return []news{account.because(corev1.EventTypeWarning, reasonServiceAccountWentAway)}
	}
	return nil
}

// rolesNews: what an active user came to hold or holds no longer. A suspension takes
// everything, and a restore says how much there is.
func rolesNews(before, after *v1alpha1.ProvisionedUser) []news {
	if before.Status.State != v1alpha1.StateActive || after.Status.State != v1alpha1.StateActive {
		return nil
	}
	gained, lost := difference(after.Status.Roles, before.Status.Roles), difference(before.Status.Roles, after.Status.Roles)
	return slices.Concat(
		rolesEach(gained, reasonRoleGained, func(role v1alpha1.EffectiveRole) string {
			return fmt.Sprintf("the user holds role %q now, by %s", role.Name, sourcesOf(role))
		}),
		rolesEach(lost, reasonRoleLost, func(role v1alpha1.EffectiveRole) string {
			return fmt.Sprintf("the user does not hold role %q any more, which came by %s", role.Name, sourcesOf(role))
		}))
}

func rolesEach(roles []v1alpha1.EffectiveRole, reason string, say func(v1alpha1.EffectiveRole) string) []news {
	var all []news
	for _, role := range roles[:min(maxRoles, len(roles))] {
		all = append(all, news{"status.roles{" + role.Name + "}", corev1.EventTypeNormal, reason, say(role)})
	}
	if more := len(roles) - maxRoles; more > 0 {
		all = append(all, news{"status.roles", corev1.EventTypeNormal, reason, fmt.Sprintf("and %d more roles at once: see status.roles", more)})
	}
	return all
}

// difference is what a has and b has not, by name.
func difference(a, b []v1alpha1.EffectiveRole) []v1alpha1.EffectiveRole {
	return slices.DeleteFunc(slices.Clone(a), func(role v1alpha1.EffectiveRole) bool {
		return slices.ContainsFunc(b, func(other v1alpha1.EffectiveRole) bool { return other.Name == role.Name })
	})
}

// sourcesOf names what gives a role, the first few.
func sourcesOf(role v1alpha1.EffectiveRole) string {
	names := make([]string, 0, len(role.Sources))
	for _, s := range role.Sources[:min(maxRoles, len(role.Sources))] {
		names = append(names, fmt.Sprintf("%s %q", s.Kind, s.Name))
	}
	return strings.Join(names, " and ")
}
