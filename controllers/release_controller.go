package controllers

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/roster"
)

// asked says whether an annotation asks for the release of an object. Any other
// value than the one that means it is ignored, like one on an object that is being
// deleted.
func asked(o client.Object) bool {
	return o.GetAnnotations()[v1alpha1.ReleaseAnnotation] == v1alpha1.ReleaseValue && o.GetDeletionTimestamp() == nil
}

// releaseEvents queues what is to be released, and what was to be and is no longer:
// the release may have been called off.
func releaseEvents[T client.Object](_ context.Context, old, current T, q queue) {
	for _, o := range []T{old, current} {
		if any(o) != any(*new(T)) && asked(o) {
			enqueue(q, normal, 0, o.GetName())
			return
		}
	}
}

// userReleaser releases users by annotation.
type userReleaser struct{ *releaser }

func (r *userReleaser) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("userrelease").
		Watches(&v1alpha1.ProvisionedUser{}, on(true, releaseEvents[*v1alpha1.ProvisionedUser])).
		WithOptions(workers(2, maxRetry)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *userReleaser) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	u, err := r.User(ctx, req.Name)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case u == nil:
		r.made.forget(func(a *v1alpha1.RoleAttachment) bool { return a.Spec.User == req.Name })
		return ctrl.Result{}, nil
	case !asked(u) || (u.Spec.Provider != "" && !access.Releasable(u)):
		return ctrl.Result{}, r.unmake(ctx, func(a *v1alpha1.RoleAttachment) bool {
			return u.Spec.Provider != "" && a.Spec.User == u.Name
		})
	case u.Spec.Provider == "":
		return r.again(r.clear(ctx, u))
	}
	done, err := r.user(ctx, u)
	if err != nil || done {
		return r.again(err)
	}
	return ctrl.Result{RequeueAfter: settle}, nil
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

// roleReleaser releases roles by annotation.
type roleReleaser struct{ *releaser }

func (r *roleReleaser) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("rolerelease").
		Watches(&v1alpha1.ProvisionedRole{}, on(true, releaseEvents[*v1alpha1.ProvisionedRole])).
		WithOptions(workers(2, maxRetry)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *roleReleaser) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	role, err := r.Role(ctx, req.Name)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case role == nil:
		r.made.forget(func(a *v1alpha1.RoleAttachment) bool { return a.Spec.Role == req.Name })
		return ctrl.Result{}, nil
	case !asked(role):
		return ctrl.Result{}, r.unmake(ctx, func(a *v1alpha1.RoleAttachment) bool {
			return role.Spec.Provider != "" && a.Spec.Role == role.Name
		})
	case role.Spec.Provider == "":
		return r.again(r.clear(ctx, role))
	}
	done, err := r.role(ctx, role)
	if err != nil || done {
		return r.again(err)
	}
	return ctrl.Result{RequeueAfter: settle}, nil
}

// role takes a role one step on its way to a local one. The members stay with
// their identity provider, but it can't give them a local role: attachments do.
// Their memberships are swept like those in a role that is gone. That is also what
// becomes of one which a SCIM request adds in the last moment.
func (r *roleReleaser) role(ctx context.Context, role *v1alpha1.ProvisionedRole) (done bool, err error) {
	ready, members, err := r.substituteMembers(ctx, role)
	if err != nil || !ready {
		return false, err
	}
	if err := r.unmake(ctx, func(a *v1alpha1.RoleAttachment) bool {
		return a.Spec.Role == role.Name && !members[a.Spec.User]
	}); err != nil {
		return false, err
	}
	if err := r.writeRole(ctx, role); err != nil {
		return false, err
	}
	r.made.forget(func(a *v1alpha1.RoleAttachment) bool { return a.Spec.Role == role.Name })
	return true, nil
}

// substituteMembers makes attachments for the members of a role: those of the
// cache, and once these have theirs, those that the API server has.
func (r *roleReleaser) substituteMembers(ctx context.Context, role *v1alpha1.ProvisionedRole) (ready bool, members map[string]bool, err error) {
	all, err := r.Providers(ctx)
	if err != nil {
		return false, nil, err
	}
	cached, err := r.Users(ctx, index.UserByRoleID, role.Spec.ID)
	if err != nil {
		return false, nil, err
	}
	if ready, _, err = r.substituteEach(ctx, cached, all, role); err != nil || !ready {
		return false, nil, err
	}
	live, err := r.liveUsers(ctx, role.Spec.Provider)
	if err != nil {
		return false, nil, err
	}
	return r.substituteEach(ctx, live, all, role)
}

// substituteEach makes attachments for the members among users, and says whether
// the cache has them, and the users as they are here.
func (r *roleReleaser) substituteEach(ctx context.Context, users []*v1alpha1.ProvisionedUser, all roster.Providers, role *v1alpha1.ProvisionedRole) (ready bool, members map[string]bool, err error) {
	ready, members = true, make(map[string]bool)
	for _, u := range users {
		if !access.Releasable(u) || !access.Member(u, role) {
			continue
		}
		members[u.Name] = true
		there, err := r.substitute(ctx, u, all.Of(u), role)
		if err != nil {
			return false, nil, err
		}
		known, err := r.has(ctx, u)
		if err != nil {
			return false, nil, err
		}
		ready = ready && there && known
	}
	return ready, members, nil
}
