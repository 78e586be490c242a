package controllers

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/index"
)

func (r *ruleReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.AccessRule{}, builder.WithPredicates(r.recent.changed())).
		Watches(&v1alpha1.ProvisionedUser{}, on(false, r.userChanged)).
		Watches(&v1alpha1.ProvisionedRole{}, on(false, r.roleChanged)).
		Watches(&v1alpha1.RoleAttachment{}, on(false, r.attachmentChanged)).
		Watches(&v1alpha1.IdentityProvider{}, on(false, r.providerChanged)).
		Watches(&corev1.Namespace{}, on(false, r.namespaceChanged)).
		Watches(&rbacv1.RoleBinding{}, r.bindingEvents()).
		Watches(&rbacv1.ClusterRoleBinding{}, r.bindingEvents()).
		WatchesRawSource(source.Channel(r.authors.news, &handler.EnqueueRequestForObject{})).
		WithOptions(workers(8, maxBindingRetry)).
		Complete(r)
}

func (r *ruleReconciler) userChanged(ctx context.Context, old, u *v1alpha1.ProvisionedUser, q queue) {
	change := compareUsers(old, u)
	if change.nothing() && !change.standing {
		return
	}
	either := u
	if either == nil {
		either = old
	}
	others := r.reconsider(ctx, either, change)
	rules, err := r.rulesOf(ctx, either, change)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell which rules a change of a user concerns", "user", either.Name)
	}
	if change.loses {
		r.suspect(ctx, old, rules)
		r.revoke(q, rules...)
	} else {
		r.grant(q, rules...)
	}
	for _, other := range others {
		rules, err := r.rulesOf(ctx, other, compareUsers(nil, other))
		if err != nil {
			log.FromContext(ctx).Error(err, "Can't tell which rules a shared subject concerns", "user", other.Name)
		}
		r.revoke(q, rules...)
	}
}

// rulesOf are the rules of the roles that a change of a user is about.
func (l look) rulesOf(ctx context.Context, u *v1alpha1.ProvisionedUser, change userChange) ([]string, error) {
	roles, err := l.rolesOf(ctx, u, change)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, role := range roles {
		rules, err := l.Rules(ctx, role)
		if err != nil {
			return nil, err
		}
		for _, rule := range rules {
			names = append(names, rule.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// rolesOf are the names of the roles that a change of a user is about.
func (l look) rolesOf(ctx context.Context, u *v1alpha1.ProvisionedUser, change userChange) ([]string, error) {
	var names []string
	for _, provider := range change.providers {
		for _, id := range change.roleIDs {
			role, err := l.RoleByID(ctx, provider, id)
			if err != nil {
				return nil, err
			}
			if role != nil {
				names = append(names, role.Name)
			}
		}
	}
	if change.whole {
		attachments, err := l.Attachments(ctx, index.AttachmentByUser, u.Name)
		if err != nil {
			return nil, err
		}
		for _, a := range attachments {
			names = append(names, a.Spec.Role)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (r *ruleReconciler) roleChanged(ctx context.Context, old, role *v1alpha1.ProvisionedRole, q queue) {
	if sameRole(old, role) {
		return
	}
	either := role
	if either == nil {
		either = old
	}
	rules, err := r.ruleNames(ctx, either.Name)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell which rules a change of a role concerns", "role", either.Name)
	}
	if old == nil {
		r.grant(q, rules...)
	} else {
		r.revoke(q, rules...)
	}
}

func (l look) ruleNames(ctx context.Context, role string) ([]string, error) {
	rules, err := l.Rules(ctx, role)
	names := make([]string, len(rules))
	for i, rule := range rules {
		names[i] = rule.Name
	}
	return names, err
}

func (r *ruleReconciler) attachmentChanged(ctx context.Context, old, a *v1alpha1.RoleAttachment, q queue) {
	if sameAttachment(old, a) {
		return
	}
	either := a
	if either == nil {
		either = old
	}
	rules, err := r.ruleNames(ctx, either.Spec.Role)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell which rules an attachment concerns", "attachment", either.Name)
	}
	if old == nil {
		r.grant(q, rules...)
	} else {
		r.revoke(q, rules...)
	}
}

// providerChanged: a provider that comes, goes or names its users differently
// can change the subject of everybody, and one that is deleted can suspend them.
func (r *ruleReconciler) providerChanged(ctx context.Context, old, p *v1alpha1.IdentityProvider, q queue) {
	if sameProvider(old, p) {
		return
	}
	r.subjects.clear()
	r.everyRule(ctx, q, func(*v1alpha1.AccessRule) bool { return true })
}

func (r *ruleReconciler) namespaceChanged(ctx context.Context, old, n *corev1.Namespace, q queue) {
	if old != nil && n != nil && equality.Semantic.DeepEqual(old.Labels, n.Labels) &&
		(old.DeletionTimestamp == nil) == (n.DeletionTimestamp == nil) {
		return
	}
	r.everyRule(ctx, q, func(rule *v1alpha1.AccessRule) bool { return selects(rule, old) || selects(rule, n) })
}

func selects(rule *v1alpha1.AccessRule, n *corev1.Namespace) bool {
	if n == nil || rule.Spec.ClusterWide {
		return false
	}
	if rule.Spec.NamespaceSelector == nil {
		return slices.Contains(rule.Spec.Namespaces, n.Name)
	}
	selector, err := metav1.LabelSelectorAsSelector(rule.Spec.NamespaceSelector)
	return err == nil && selector.Matches(k8slabels.Set(n.Labels))
}

func (r *ruleReconciler) everyRule(ctx context.Context, q queue, concerned func(*v1alpha1.AccessRule) bool) {
	var list v1alpha1.AccessRuleList
	if err := r.Reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Can't list the rules that a change concerns")
		return
	}
	for i := range list.Items {
		if concerned(&list.Items[i]) {
			r.revoke(q, list.Items[i].Name)
		}
	}
}
