package controllers

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

func (r *levelReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("permissionlevel").
		WatchesRawSource(source.Func(r.atTheStart)).
		Watches(&v1alpha1.ProvisionedUser{}, on(false, r.userChanged)).
		Watches(&v1alpha1.IdentityProvider{}, on(false, r.providerChanged)).
		Watches(&rbacv1.ClusterRoleBinding{}, r.bindingEvents()).
		WithOptions(workers(len(r.levels), maxBindingRetry)).
		Complete(r)
}

// atTheStart queues every level, also one without users or bindings.
func (r *levelReconciler) atTheStart(_ context.Context, q queue) error {
	enqueue(q, normal, 0, r.names()...)
	return nil
}

func (r *levelReconciler) names() []string {
	names := make([]string, len(r.levels))
	for i, l := range r.levels {
		names[i] = l.source.Name
	}
	return names
}

func (r *levelReconciler) userChanged(ctx context.Context, old, u *v1alpha1.ProvisionedUser, q queue) {
	change := compareUsers(old, u)
	if !change.whole && !change.level && !change.standing {
		return
	}
	either := u
	if either == nil {
		either = old
	}
	others := r.reconsider(ctx, either, change)
	for _, other := range others {
		r.revoke(q, levelRoles(other)...)
	}
	if !change.whole && !change.level {
		return
	}
	before, now := levelRoles(old), levelRoles(u)
	if old != nil && !access.Suspended(old, nil) {
		r.revoke(q, before...)
	} else {
		r.grant(q, before...)
	}
	r.grant(q, now...)
}

// levelRoles names the ClusterRole of the level that a user is given, if there
// are both.
func levelRoles(u *v1alpha1.ProvisionedUser) []string {
	if u == nil {
		return nil
	}
	source, ok := projection.OfLevel(access.Given(u))
	if !ok {
		return nil
	}
	return []string{source.Name}
}

// providerChanged is about everybody, as it is for rules.
func (r *levelReconciler) providerChanged(_ context.Context, old, p *v1alpha1.IdentityProvider, q queue) {
	if sameProvider(old, p) {
		return
	}
	r.subjects.clear()
	r.revoke(q, r.names()...)
}
