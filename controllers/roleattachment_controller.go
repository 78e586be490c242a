package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
)

// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=roleattachments,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=roleattachments/status,verbs=patch

// attachmentReconciler says of each RoleAttachment whether it counts, ties it to
// a role that came later than it, and removes it some time after its end. What it
// gives is the business of the AccessRule reconciler.
type attachmentReconciler struct {
	base
	retention time.Duration
}

func (r *attachmentReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.RoleAttachment{}, builder.WithPredicates(r.recent.changed())).
		Watches(&v1alpha1.ProvisionedUser{}, on(false, r.userChanged)).
		Watches(&v1alpha1.ProvisionedRole{}, on(false, r.roleChanged)).
		Watches(&v1alpha1.IdentityProvider{}, on(false, r.providerChanged)).
		WithOptions(workers(2, maxRetry)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *attachmentReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cached := &v1alpha1.RoleAttachment{}
	if found, err := r.Get(ctx, req.Name, cached); !found || cached.DeletionTimestamp != nil {
		if err == nil {
			attachments.drop(req.Name)
		}
		return ctrl.Result{}, err
	}
	a := latest(r.recent, cached)
	u, err := r.User(ctx, a.Spec.User)
	if err != nil {
		return ctrl.Result{}, err
	}
	role, err := r.Role(ctx, a.Spec.Role)
	if err != nil {
		return ctrl.Result{}, err
	}
	var p *v1alpha1.IdentityProvider
	if u != nil {
		if p, err = r.Provider(ctx, u.Spec.Provider); err != nil {
			return ctrl.Result{}, err
		}
	}
	now := r.clock.Now()
	edge := access.Attachment(a, u, p, role, now)
	removal := r.removal(a)
	switch {
	case !removal.IsZero() && !now.Before(removal):
		return r.retryConflict(r.remove(ctx, a))
	case unstamped(a, role, edge):
		// The write comes back as an event, and the status follows.
		return r.retryConflict(r.stampRole(ctx, a, role))
	}

	attachments.put(a.Name, 1, string(edge.State))
	status := a.Status.DeepCopy()
	status.ObservedGeneration = a.Generation
	status.State, status.Reason = edge.State, edge.Reason
	setCondition(&status.Conditions, a, v1alpha1.ConditionReady, edge.Active(), edge.Reason, edge.Message)
	if !equality.Semantic.DeepEqual(&a.Status, status) {
		desired := a.DeepCopy()
		desired.Status = *status
		if err := r.patchStatus(ctx, a, desired); err != nil {
			return ctrl.Result{}, err
		}
	}
	return r.after(access.Earlier(edge.Next, removal)), nil
}

// removal is when an attachment is removed; zero for one without an end. The end
// may lie before the attachment was made, and whoever made it has to see that.
func (r *attachmentReconciler) removal(a *v1alpha1.RoleAttachment) time.Time {
	if a.Spec.ExpiresAt == nil {
		return time.Time{}
	}
	end := a.Spec.ExpiresAt.Time
	if made := a.CreationTimestamp.Time; made.After(end) {
		end = made
	}
	return end.Add(r.retention)
}

// remove deletes an attachment as it was when its time was found to be up:
// somebody may be prolonging it at this moment.
func (r *attachmentReconciler) remove(ctx context.Context, a *v1alpha1.RoleAttachment) error {
	log.FromContext(ctx).Info("Removing an attachment whose retention is over", "expiresAt", a.Spec.ExpiresAt)
	err := r.client.Delete(ctx, a.DeepCopy(), client.Preconditions{UID: &a.UID, ResourceVersion: &a.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove the attachment %q: %w", a.Name, err)
	}
	return nil
}

// unstamped says that the role came later than the attachment, which must not
// pass to yet another role of that name.
func unstamped(a *v1alpha1.RoleAttachment, role *v1alpha1.ProvisionedRole, edge access.Edge) bool {
	switch edge.State {
	case v1alpha1.AttachmentSuperseded, v1alpha1.AttachmentExpired:
		return false
	default:
		return a.Spec.RoleID == "" && role != nil && role.DeletionTimestamp == nil && role.Spec.ID != ""
	}
}

func (r *attachmentReconciler) stampRole(ctx context.Context, a *v1alpha1.RoleAttachment, role *v1alpha1.ProvisionedRole) error {
	stamped := a.DeepCopy()
	stamped.Spec.RoleID = role.Spec.ID
	err := r.client.Patch(ctx, stamped, client.MergeFromWithOptions(a, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("stamp the role's id on the attachment %q: %w", a.Name, err)
	}
	return nil
}

func (r *attachmentReconciler) userChanged(ctx context.Context, old, u *v1alpha1.ProvisionedUser, q queue) {
	if old != nil && u != nil && old.Generation == u.Generation {
		return
	}
	either := u
	if either == nil {
		either = old
	}
	r.enqueueAttachments(ctx, q, index.AttachmentByUser, either.Name)
}

func (r *attachmentReconciler) roleChanged(ctx context.Context, old, role *v1alpha1.ProvisionedRole, q queue) {
	switch {
	case sameRole(old, role):
	case role == nil:
		r.enqueueAttachments(ctx, q, index.AttachmentByRole, old.Name)
	default:
		r.enqueueAttachments(ctx, q, index.AttachmentByRole, role.Name)
	}
}

// providerChanged: a provider that is being deleted may suspend its users at
// once, by its policy; what it did to them stays when it is gone.
func (r *attachmentReconciler) providerChanged(ctx context.Context, old, p *v1alpha1.IdentityProvider, q queue) {
	if old != nil && p != nil && old.Spec.DeletionPolicy == p.Spec.DeletionPolicy &&
		(old.DeletionTimestamp == nil) == (p.DeletionTimestamp == nil) {
		return
	}
	either := p
	if either == nil {
		either = old
	}
	users, err := r.Users(ctx, index.UserByProvider, either.Name)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell which attachments a provider concerns", "provider", either.Name)
	}
	for _, u := range users {
		r.enqueueAttachments(ctx, q, index.AttachmentByUser, u.Name)
	}
}

func (r *attachmentReconciler) enqueueAttachments(ctx context.Context, q queue, field, value string) {
	attachments, err := r.Attachments(ctx, field, value)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell which attachments a change concerns", "by", field, "value", value)
	}
	for _, a := range attachments {
		enqueue(q, normal, 0, a.Name)
	}
}
