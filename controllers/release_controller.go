package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// asked says whether an annotation asks for the release of an object. Any other
// value than the one that means it is ignored, like one on an object that is being
// deleted.
func asked(o client.Object) bool {
	return o.GetAnnotations()[v1alpha1.ReleaseAnnotation] == v1alpha1.ReleaseValue && o.GetDeletionTimestamp() == nil
}

// releaseEvents queues what is to be released; what was to be and is no longer,
// because the release may have been called off; and what has just become local.
func releaseEvents[T client.Object](provider func(T) string) func(context.Context, T, T, queue) {
	return func(_ context.Context, old, current T, q queue) {
		var none T
		was, is := any(old) != any(none), any(current) != any(none)
		switch {
		case was && asked(old), was && is && provider(old) != "" && provider(current) == "":
			enqueue(q, normal, 0, old.GetName())
		case is && asked(current):
			enqueue(q, normal, 0, current.GetName())
		}
	}
}

// userReleaser releases users by annotation, and sees to the attachments of users
// whose release is over, by whatever means.
type userReleaser struct{ *releaser }

func (r *userReleaser) setup(mgr ctrl.Manager) error {
	provider := func(u *v1alpha1.ProvisionedUser) string { return u.Spec.Provider }
	return ctrl.NewControllerManagedBy(mgr).
		Named("userrelease").
		Watches(&v1alpha1.ProvisionedUser{}, on(true, releaseEvents(provider))).
		Watches(&v1alpha1.RoleAttachment{}, r.pendingEvents(v1alpha1.ReleaseOfUser)).
		Watches(&v1alpha1.IdentityProvider{}, on(false, r.providerChanged)).
		WithOptions(workers(2, maxRetry)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *userReleaser) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	u, err := r.User(ctx, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	pending, err := r.pendingOf(ctx, v1alpha1.ReleaseOfUser, req.Name)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case u == nil:
		return r.takeBackUnlessLocal(ctx, req.Name, pending)
	case u.Spec.Provider == "":
		if err := r.confirm(ctx, pending); err != nil || !asked(u) {
			return r.retryConflict(err)
		}
		return r.retryConflict(r.clear(ctx, u))
	case asked(u) && access.Releasable(u):
		// Whoever calls it off writes the user, and the write of the release fails.
		done, err := r.user(ctx, u, func(context.Context) (bool, error) { return false, nil })
		if err != nil || done {
			return r.retryConflict(err)
		}
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	if asked(u) {
		// Deleted meanwhile: it must not happen when the user is restored, with
		// whatever the user has then.
		if err := r.clear(ctx, u); err != nil {
			return r.retryConflict(err)
		}
	}
	p, err := r.Provider(ctx, u.Spec.Provider)
	if err != nil || releasing(p) {
		return ctrl.Result{}, err // the deletion policy is at it
	}
	return r.takeBackUnlessLocal(ctx, u.Name, pending)
}

// takeBackUnlessLocal takes attachments back that were made for the release of a user
// who is none of a provider's by now, as far as the cache knows.
func (r *userReleaser) takeBackUnlessLocal(ctx context.Context, name string, pending []*v1alpha1.RoleAttachment) (ctrl.Result, error) {
	if len(pending) == 0 {
		return ctrl.Result{}, nil
	}
	defer r.turn(name)()
	// Whoever had the turn before may have made the user local, or, at the start, the
	// leader before this one.
	switch local, err := r.localByNow(ctx, &v1alpha1.ProvisionedUser{}, name); {
	case err != nil:
		return ctrl.Result{}, err
	case local:
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	return r.retryConflict(r.takeBack(ctx, pending))
}

// localByNow says whether a user or role has become a local one, as the API server has
// it. o takes it.
func (r *releaser) localByNow(ctx context.Context, o client.Object, name string) (bool, error) {
	err := r.live.Get(ctx, client.ObjectKey{Name: name}, o)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %q, of which the release may be over: %w", name, err)
	}
	switch o := o.(type) {
	case *v1alpha1.ProvisionedUser:
		return o.Spec.Provider == "", nil
	case *v1alpha1.ProvisionedRole:
		return o.Spec.Provider == "", nil
	default:
		return false, fmt.Errorf("%T is never released", o)
	}
}

// releasing says whether a provider is being deleted, and its users are released
// for that.
func releasing(p *v1alpha1.IdentityProvider) bool {
	return p != nil && p.DeletionTimestamp != nil && p.Spec.DeletionPolicy == v1alpha1.DeletionRelease &&
		controllerutil.ContainsFinalizer(p, v1alpha1.DeletionPolicyFinalizer)
}

// providerChanged: the policy of a provider that is being deleted can change on
// the way.
func (r *userReleaser) providerChanged(ctx context.Context, old, p *v1alpha1.IdentityProvider, q queue) {
	if !releasing(old) || releasing(p) {
		return
	}
	var all v1alpha1.RoleAttachmentList
	if err := r.Reader.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Can't list the attachments of releases that a provider has called off", "provider", old.Name)
	}
	for i := range all.Items {
		if a := &all.Items[i]; a.Spec.ReleaseOf == v1alpha1.ReleaseOfUser {
			enqueue(q, normal, 0, a.Spec.User)
		}
	}
}

// clear takes the annotation off what is a local object already.
func (r *releaser) clear(ctx context.Context, o client.Object) error {
	cleared, _ := o.DeepCopyObject().(client.Object)
	annotations := cleared.GetAnnotations()
	delete(annotations, v1alpha1.ReleaseAnnotation)
	cleared.SetAnnotations(annotations)
	err := r.client.Patch(ctx, cleared, client.MergeFromWithOptions(o, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("take the annotation %s off %q: %w", v1alpha1.ReleaseAnnotation, o.GetName(), err)
	}
	return nil
}
