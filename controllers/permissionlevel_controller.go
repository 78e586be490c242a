package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

// The manager may bind the three ClusterRoles of the levels without holding what
// they allow.
//
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,verbs=bind,resourceNames=rollcall-team-leader;rollcall-auditor;rollcall-administrator

// levelReconciler keeps the ClusterRoleBindings of each permission level in step.
// Levels are no objects: they are queued by the names of their ClusterRoles.
type levelReconciler struct {
	projector
	levels []projectedLevel
}

// projectedLevel is a level that is bound to a ClusterRole.
type projectedLevel struct {
	level  v1alpha1.PermissionLevel
	source projection.Source
}

func newLevelReconciler(b base, o *Options) *levelReconciler {
	r := &levelReconciler{projector: projector{
		base: b, grantDelay: o.GrantDelay, refusedRetry: o.RefusedRetry, subjects: newSubjects(),
		bindings: bindingKind{field: index.BindingByLevel, source: projection.LevelRoleOf},
	}}
	for _, level := range []v1alpha1.PermissionLevel{v1alpha1.LevelTeamLeader, v1alpha1.LevelAuditor, v1alpha1.LevelAdministrator} {
		if source, ok := projection.OfLevel(level); ok {
			r.levels = append(r.levels, projectedLevel{level, source})
		}
	}
	return r
}

// Reconcile brings the bindings of one level in line.
func (r *levelReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return r.track(ctx, req.Name, r.reconcile)
}

func (r *levelReconciler) reconcile(ctx context.Context, role string) (ctrl.Result, error) {
	defer r.took(role, time.Now())
	// Bindings are read before users, as those of rules are.
	existing, err := r.existing(ctx, role)
	if err != nil {
		return ctrl.Result{}, err
	}
	i := slices.IndexFunc(r.levels, func(l projectedLevel) bool { return l.source.Name == role })
	if i < 0 {
		// Marked as ours, and of no level that there is.
		source := projection.Source{Name: role}
		_, err := r.apply(ctx, source, projection.Make(source, nil, nil, existing))
		return ctrl.Result{}, err
	}
	subjects, err := r.holders(ctx, r.levels[i].level)
	if err != nil {
		return ctrl.Result{}, err
	}
	source := r.levels[i].source
	plan := projection.Make(source, subjects, []projection.Target{{}}, existing)
	refusals, err := r.apply(ctx, source, plan)
	bindings.put(forLevel+role, float64(max(plan.Bindings-len(refusals), 0)), clusterRoleBindingKind)
	bindingsRefused.put(forLevel+role, float64(len(refusals)), forLevel)
	switch {
	case errors.Is(err, projection.ErrInterrupted):
		// The revocation is queued already; this makes sure of the rest.
		return ctrl.Result{RequeueAfter: time.Millisecond}, nil
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("bind permission level %s: %w", r.levels[i].level, err)
	case len(refusals) > 0:
		// There is no object whose status could say so.
		log.FromContext(ctx).Error(errors.New(describe(refusals)), "Bindings of a permission level were refused", "level", r.levels[i].level)
		return r.after(r.clock.Now().Add(r.refusedRetry)), nil
	}
	return ctrl.Result{}, nil
}

// holders are the subjects of the users who have a level in force.
func (r *levelReconciler) holders(ctx context.Context, level v1alpha1.PermissionLevel) ([]rbacv1.Subject, error) {
	mark := r.subjects.begin()
	all, err := r.Providers(ctx)
	if err != nil {
		return nil, err
	}
	given, err := r.Users(ctx, index.UserByLevel, string(level))
	if err != nil {
		return nil, err
	}
	holders := slices.DeleteFunc(given, func(u *v1alpha1.ProvisionedUser) bool {
		return access.Level(u, all.Of(u)).Level != level
	})
	subjects, _, err := r.subjectsOf(ctx, holders, all, mark)
	return subjects, err
}
