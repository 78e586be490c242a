package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
)

// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=roleattachments,verbs=get;list;watch
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=roleattachments/status,verbs=patch

// attachmentReconciler says of each RoleAttachment whether it counts. What it
// gives is the business of the AccessRule reconciler.
type attachmentReconciler struct{ base }

func (r *attachmentReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.RoleAttachment{}, builder.WithPredicates(r.recent.changed())).
		Watches(&v1alpha1.ProvisionedUser{}, on(false, r.userChanged)).
		Watches(&v1alpha1.ProvisionedRole{}, on(false, r.roleChanged)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 2}).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *attachmentReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cached := &v1alpha1.RoleAttachment{}
	if found, err := r.Get(ctx, req.Name, cached); !found || cached.DeletionTimestamp != nil {
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
	edge := access.Attachment(a, u, p, role, r.clock.Now())

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
	return r.after(edge.Next), nil
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

func (r *attachmentReconciler) enqueueAttachments(ctx context.Context, q queue, field, value string) {
	attachments, err := r.Attachments(ctx, field, value)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell which attachments a change concerns", "by", field, "value", value)
	}
	for _, a := range attachments {
		enqueue(q, normal, 0, a.Name)
	}
}
