package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
)

// memberDelay gathers the memberships that a sync gives one user, so that each
// doesn't cost a status write of its own.
const memberDelay = 50 * time.Millisecond

func (r *userReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("provisioneduser").
		Watches(&v1alpha1.ProvisionedUser{}, r.ownEvents(), builder.WithPredicates(r.recent.changed())).
		Watches(&v1alpha1.ProvisionedUser{}, on(false, r.otherChanged)).
		Watches(&v1alpha1.ProvisionedRole{}, on(false, r.roleChanged)).
		Watches(&v1alpha1.RoleAttachment{}, on(false, r.attachmentChanged)).
		Watches(&v1alpha1.IdentityProvider{}, on(false, r.providerChanged)).
		WatchesMetadata(&corev1.ServiceAccount{}, on(false, r.accountChanged)).
		// Few, because at a sync the status writes compete with those of the sync
		// for the API server. No access waits for them.
		WithOptions(workers(2, maxRetry)).
		Complete(r)
}

func (r *userReconciler) ownEvents() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
			priority := normal
			if e.IsInInitialList {
				priority = idle
			}
			enqueue(q, priority, 0, e.Object.GetName())
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			old, _ := e.ObjectOld.(*v1alpha1.ProvisionedUser)
			u, _ := e.ObjectNew.(*v1alpha1.ProvisionedUser)
			if change := compareUsers(old, u); !change.whole && !change.loses && !change.level {
				enqueue(q, normal, memberDelay, u.Name)
			} else {
				enqueue(q, urgent, 0, u.Name)
			}
		},
		// The metrics still have one who is gone.
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { enqueue(q, idle, 0, e.Object.GetName()) },
	}
}

// otherChanged queues the users who share a name with one that changed: the
// subject may be theirs now, or no longer.
func (r *userReconciler) otherChanged(ctx context.Context, old, u *v1alpha1.ProvisionedUser, q queue) {
	change := compareUsers(old, u)
	if !change.whole && !change.standing {
		return
	}
	either := u
	if either == nil {
		either = old
	}
	others, err := r.Sharing(ctx, change.subjects, either.Name)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell who shares a subject", "user", either.Name)
	}
	for _, other := range others {
		enqueue(q, normal, 0, other.Name)
	}
}

// roleChanged: a role that comes or goes changes what its members hold. There
// can be many, and access itself does not wait for them.
func (r *userReconciler) roleChanged(ctx context.Context, old, role *v1alpha1.ProvisionedRole, q queue) {
	switch {
	case sameRole(old, role):
		return
	case role == nil || (old != nil && old.Spec.Provider != "" && role.Spec.Provider == ""):
		// Memberships in a role that was released are void for good, also when an
		// identity provider takes the role over again.
		r.dangling.deleted(old.Spec.ID, r.clock.Now())
	default:
		r.dangling.created(role.Spec.ID)
	}
	for _, either := range []*v1alpha1.ProvisionedRole{old, role} {
		if either == nil {
			continue
		}
		there := *either
		there.DeletionTimestamp = nil // its members are meant, though it gives them nothing
		users, err := r.AffectedBy(ctx, &there)
		if err != nil {
			log.FromContext(ctx).Error(err, "Can't tell which users a role concerns", "role", either.Name)
		}
		for _, u := range users {
			enqueue(q, idle, 0, u.Name)
		}
	}
}

func (r *userReconciler) attachmentChanged(_ context.Context, old, a *v1alpha1.RoleAttachment, q queue) {
	switch {
	case old == nil:
		enqueue(q, normal, 0, a.Spec.User)
	case a == nil:
		enqueue(q, urgent, 0, old.Spec.User)
	case old.Generation != a.Generation:
		enqueue(q, urgent, 0, a.Spec.User)
	}
}

func (r *userReconciler) providerChanged(ctx context.Context, old, p *v1alpha1.IdentityProvider, q queue) {
	if old != nil && p != nil && old.Generation == p.Generation {
		return
	}
	either := p
	if either == nil {
		either = old
	}
	users, err := r.Users(ctx, index.UserByProvider, either.Name)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell which users a provider has", "provider", either.Name)
	}
	for _, u := range users {
		enqueue(q, idle, 0, u.Name)
		if sameProvider(old, p) {
			continue
		}
		// What it is no longer called, or suspended under, may be another's now.
		others, err := r.Sharing(ctx, index.SubjectCandidates(u), u.Name)
		if err != nil {
			log.FromContext(ctx).Error(err, "Can't tell who shares a subject", "user", u.Name)
		}
		for _, other := range others {
			enqueue(q, idle, 0, other.Name)
		}
	}
}

// accountChanged: a ServiceAccount that comes or goes is shown at the users that
// stand for it.
func (r *userReconciler) accountChanged(ctx context.Context, old, account *metav1.PartialObjectMetadata, q queue) {
	if old != nil && account != nil && (old.DeletionTimestamp == nil) == (account.DeletionTimestamp == nil) {
		return
	}
	either := account
	if either == nil {
		either = old
	}
	ref := v1alpha1.ServiceAccountReference{Namespace: either.Namespace, Name: either.Name}
	machine := &v1alpha1.ProvisionedUser{Spec: v1alpha1.ProvisionedUserSpec{Type: v1alpha1.ServiceAccount, ServiceAccountRef: &ref}}
	users, err := r.Users(ctx, index.UserBySubject, access.SubjectOf(machine, nil).Key())
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell which users stand for a ServiceAccount", "namespace", ref.Namespace, "name", ref.Name)
	}
	for _, u := range users {
		if u.Spec.ServiceAccountRef != nil && *u.Spec.ServiceAccountRef == ref {
			enqueue(q, normal, 0, u.Name)
		}
	}
}
