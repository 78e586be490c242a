package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/roster"
)

// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=provisionedusers,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=provisionedusers/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get;list;watch

// defaultRetention of tombstones, when the IdentityProvider is gone or says
// nothing.
const defaultRetention = 30 * 24 * time.Hour

// userReconciler shows the effective state of each user, sweeps memberships in
// deleted roles, and removes tombstones that have served their time.
type userReconciler struct {
	base
	sweepAfter time.Duration
}

// Reconcile implements reconcile.Reconciler.
func (r *userReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cached := &v1alpha1.ProvisionedUser{}
	if found, err := r.Get(ctx, req.Name, cached); !found {
		if err == nil {
			usersRefused.drop(req.Name)
		}
		return ctrl.Result{}, err
	}
	u := latest(r.recent, cached)
	all, err := r.Providers(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	facts, missing, err := r.facts(ctx, u, all.Of(u))
	if err != nil {
		return ctrl.Result{}, err
	}
	if u.DeletionTimestamp != nil {
		// Nothing is left to do but to say so.
		return ctrl.Result{}, r.report(ctx, facts, all)
	}
	if expiry := tombstoneExpiry(u, facts.Provider); !expiry.IsZero() && !facts.Now.Before(expiry) {
		return ctrl.Result{}, r.remove(ctx, u)
	}
	swept, retry, err := r.sweep(ctx, u, missing)
	if err != nil || swept {
		// The write comes back as an event, and the status follows.
		return ctrl.Result{}, err
	}
	if err := r.report(ctx, facts, all); err != nil {
		return ctrl.Result{}, err
	}
	next := access.Earlier(access.NextChange(facts), tombstoneExpiry(u, facts.Provider))
	return r.after(access.Earlier(next, retry)), nil
}

// facts gathers what decides about a user, and which of its memberships name no
// role.
func (r *userReconciler) facts(ctx context.Context, u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) (access.Facts, []string, error) {
	f := access.Facts{User: u, Provider: p, Now: r.clock.Now()}
	var missing []string
	for id := range u.Spec.Memberships {
		role, err := r.RoleByID(ctx, u.Spec.Provider, id)
		if err != nil {
			return f, nil, err
		}
		if role == nil {
			missing = append(missing, id)
			continue
		}
		f.Roles = append(f.Roles, role)
	}
	attachments, err := r.Attachments(ctx, index.AttachmentByUser, u.Name)
	if err != nil {
		return f, nil, err
	}
	f.Attachments = attachments
	for _, a := range attachments {
		if a.Spec.ReleaseOf == v1alpha1.ReleaseOfRole {
			// The membership is what tells whether the attachment may stay.
			missing = slices.DeleteFunc(missing, func(id string) bool { return id == a.Spec.RoleID })
		}
		role, err := r.Role(ctx, a.Spec.Role)
		if err != nil {
			return f, nil, err
		}
		if role != nil {
			f.Roles = append(f.Roles, role)
		}
	}
	return f, missing, nil
}

// report patches the status, once, if it differs.
func (r *userReconciler) report(ctx context.Context, f access.Facts, all roster.Providers) error {
	u := f.User
	standing := access.State(u, f.Provider)
	subject, err := r.Subject(ctx, u, all)
	if err != nil {
		return err
	}
	status := u.Status.DeepCopy()
	status.ObservedGeneration = u.Generation
	status.State, status.Reason = standing.State, standing.Reason
	status.ManagedBy = access.ManagerOf(u.Spec.Provider)
	status.Subject = subject.Name
	status.Roles, status.Withheld = access.Roles(f), access.Withheld(f)
	status.RoleCount = int32(len(status.Roles)) //nolint:gosec // bounded by the memberships of one user
	refused := subject.Refused && !standing.Suspended()
	usersRefused.put(u.Name, one(refused), status.ManagedBy)
	if refused {
		setCondition(&status.Conditions, u, v1alpha1.ConditionReady, false, v1alpha1.ReasonSubjectRefused,
			fmt.Sprintf("%s: %s; the user's roles are not bound", subject.Reason, subject.Message))
		status.Reason = v1alpha1.ReasonSubjectRefused
	} else {
		setCondition(&status.Conditions, u, v1alpha1.ConditionReady, true, standing.Reason, standing.Message)
	}
	showLevel(status, u, access.Level(u, f.Provider), subject)
	showIgnoredLevel(status, u)
	if err := r.showServiceAccount(ctx, status, u); err != nil {
		return err
	}
	// nil and empty lists are equal here: the API server drops empty ones.
	if equality.Semantic.DeepEqual(&u.Status, status) {
		return nil
	}
	desired := u.DeepCopy()
	desired.Status = *status
	return r.patchStatus(ctx, u, desired)
}

// tombstoneExpiry is when a deleted user is removed for good; zero for others.
func tombstoneExpiry(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) time.Time {
	if u.Spec.DeprovisionedAt == nil {
		return time.Time{}
	}
	retention := defaultRetention
	if p != nil && p.Spec.Retention != nil {
		retention = p.Spec.Retention.Duration
	}
	return u.Spec.DeprovisionedAt.Add(retention)
}

// remove deletes a tombstone as it was when its time was found to be up: the
// identity provider may be bringing the user back at this moment.
func (r *userReconciler) remove(ctx context.Context, u *v1alpha1.ProvisionedUser) error {
	log.FromContext(ctx).Info("Removing a user whose retention is over", "deprovisionedAt", u.Spec.DeprovisionedAt)
	err := r.client.Delete(ctx, u.DeepCopy(), client.Preconditions{UID: &u.UID, ResourceVersion: &u.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove the tombstone %q: %w", u.Name, err)
	}
	return nil
}

// sweep takes memberships in deleted roles off the user, and says when to look
// at the others again.
func (r *userReconciler) sweep(ctx context.Context, u *v1alpha1.ProvisionedUser, missing []string) (swept bool, retry time.Time, err error) {
	gone := make(map[string]any)
	now := r.clock.Now()
	for _, id := range missing {
		due := r.dangling.due(id, now, r.sweepAfter)
		if now.Before(due) {
			retry = access.Earlier(retry, due)
			continue
		}
		confirmed, err := r.roleGone(ctx, u.Spec.Provider, id)
		if err != nil {
			return false, retry, err
		}
		if confirmed {
			gone[id] = nil
		}
	}
	if len(gone) == 0 {
		return false, retry, nil
	}
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"memberships": gone}})
	if err != nil {
		return false, retry, fmt.Errorf("write a merge patch: %w", err)
	}
	if err := r.client.Patch(ctx, u.DeepCopy(), client.RawPatch(types.MergePatchType, body)); err != nil {
		return false, retry, client.IgnoreNotFound(fmt.Errorf("sweep memberships off %q: %w", u.Name, err))
	}
	return true, retry, nil
}
