package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=identityproviders,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=identityproviders/status,verbs=patch

const (
	// policyPause is between two steps of a policy.
	policyPause = 50 * time.Millisecond
	// holdPause is that while the policy waits for an administrator.
	holdPause = time.Minute
	// contactAccuracy is how exactly contacts are known.
	contactAccuracy = time.Minute
)

// deletionPolicyReconciler holds each IdentityProvider that is deleted until its
// deletionPolicy is carried out, and carries it out. Until then the provider's
// status is this reconciler's alone.
type deletionPolicyReconciler struct {
	base
	releaser       *releaser
	contacts       Contacts
	requestTimeout time.Duration
}

func (r *deletionPolicyReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("deletionpolicy").
		For(&v1alpha1.IdentityProvider{}, builder.WithPredicates(r.recent.changed())).
		Watches(&v1alpha1.AccessRule{}, on(false, r.ruleChanged)).
		WithOptions(workers(2, maxRetry)).
		Complete(r)
}

// ruleChanged: a rule may have held the release of a provider's roles.
func (r *deletionPolicyReconciler) ruleChanged(ctx context.Context, old, _ *v1alpha1.AccessRule, q queue) {
	if old == nil || old.Spec.Provider == "" || old.Spec.Provider == v1alpha1.LocalManager {
		return
	}
	if p, err := r.Provider(ctx, old.Spec.Provider); err == nil && p != nil && p.DeletionTimestamp != nil {
		enqueue(q, normal, 0, p.Name)
	}
}

// Reconcile implements reconcile.Reconciler.
func (r *deletionPolicyReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cached := &v1alpha1.IdentityProvider{}
	if found, err := r.Get(ctx, req.Name, cached); !found {
		return ctrl.Result{}, err
	}
	p := latest(r.recent, cached)
	holds := controllerutil.ContainsFinalizer(p, v1alpha1.DeletionPolicyFinalizer)
	switch {
	case p.DeletionTimestamp == nil && !holds:
		return r.retryConflict(r.finalize(ctx, p, controllerutil.AddFinalizer))
	case p.DeletionTimestamp == nil || !holds:
		return ctrl.Result{}, nil
	}
	l, err := r.carryOut(ctx, p)
	if err != nil {
		return r.retryConflict(r.report(ctx, p, fmt.Sprintf("%s: %s", l, err), err))
	}
	if l == (remainder{}) {
		wait := r.underWay(p)
		if wait <= 0 {
			log.FromContext(ctx).Info("Carried out the deletion policy", "policy", p.Spec.DeletionPolicy)
			return r.retryConflict(r.finalize(ctx, p, controllerutil.RemoveFinalizer))
		}
		return ctrl.Result{RequeueAfter: wait}, r.report(ctx, p, "SCIM requests may still be under way", nil)
	}
	if err := r.report(ctx, p, l.String(), nil); err != nil {
		return ctrl.Result{}, err
	}
	if l.holding != "" {
		return ctrl.Result{RequeueAfter: holdPause}, nil
	}
	return ctrl.Result{RequeueAfter: policyPause}, nil
}

// underWay is how long a SCIM request may still be under way that began before the
// deletion. With the policy Freeze none does any harm: nothing is to be done to
// whomever it makes.
func (r *deletionPolicyReconciler) underWay(p *v1alpha1.IdentityProvider) time.Duration {
	if r.contacts == nil || (p.Spec.DeletionPolicy != v1alpha1.DeletionSuspend && p.Spec.DeletionPolicy != v1alpha1.DeletionRelease) {
		return 0
	}
	last := r.contacts.LastContact(p.Name)
	if last.IsZero() || last.Add(contactAccuracy+r.requestTimeout).Before(p.DeletionTimestamp.Time) {
		return 0
	}
	// A deletionTimestamp is to the second, and the cache knows of it a moment later.
	return p.DeletionTimestamp.Add(r.requestTimeout + requestMargin).Sub(r.clock.Now())
}

// finalize puts the finalizer on the provider or takes it off, as the provider was
// when that was found to be due.
func (r *deletionPolicyReconciler) finalize(ctx context.Context, p *v1alpha1.IdentityProvider, change func(client.Object, string) bool) error {
	changed := p.DeepCopy()
	change(changed, v1alpha1.DeletionPolicyFinalizer)
	err := r.client.Patch(ctx, changed, client.MergeFromWithOptions(p, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("write the finalizer of identity provider %q: %w", p.Name, err)
	}
	return nil
}

// report shows how far a policy has come. It returns failed, what the policy failed
// with, or an error of its own.
func (r *deletionPolicyReconciler) report(ctx context.Context, p *v1alpha1.IdentityProvider, progress string, failed error) error {
	status := p.Status.DeepCopy()
	status.ObservedGeneration = p.Generation
	setCondition(&status.Conditions, p, v1alpha1.ConditionReady, false, v1alpha1.ReasonCarryingOutDeletionPolicy,
		fmt.Sprintf("deletionPolicy %s: %s", cmp.Or(p.Spec.DeletionPolicy, v1alpha1.DeletionFreeze), progress))
	if !equality.Semantic.DeepEqual(&p.Status, status) {
		desired := p.DeepCopy()
		desired.Status = *status
		if err := r.patchStatus(ctx, p, desired); err != nil && failed == nil {
			return err
		}
	}
	return failed
}
