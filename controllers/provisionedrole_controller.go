package controllers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/roster"
)

// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=provisionedroles,verbs=get;list;watch
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=provisionedroles/status,verbs=patch

// countDelay gathers the changes of one role's members before they are counted.
const countDelay = 200 * time.Millisecond

// maxPause is how old counts may get.
const maxPause = 10 * time.Second

// roleReconciler counts what a role has: members, holders, bindings.
type roleReconciler struct {
	base
	interval time.Duration
	// rest is until when a role's status is not written again: name to time.Time.
	rest sync.Map
}

func (r *roleReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ProvisionedRole{}, builder.WithPredicates(r.recent.changed())).
		Watches(&v1alpha1.ProvisionedUser{}, on(false, r.userChanged)).
		Watches(&v1alpha1.RoleAttachment{}, on(false, r.attachmentChanged)).
		Watches(&v1alpha1.AccessRule{}, on(false, r.ruleChanged)).
		Watches(&v1alpha1.IdentityProvider{}, on(false, r.providerChanged)).
		WithOptions(workers(2, maxRetry)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *roleReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cached := &v1alpha1.ProvisionedRole{}
	if found, err := r.Get(ctx, req.Name, cached); !found {
		r.rest.Delete(req.Name)
		if err == nil {
			roles.drop(req.Name)
			rolesIncomplete.drop(req.Name)
		}
		return ctrl.Result{}, err
	}
	role := latest(r.recent, cached)
	provider := access.ManagerOf(role.Spec.Provider)
	roles.put(role.Name, 1, provider)
	rolesIncomplete.put(role.Name, one(len(role.Spec.UnresolvedMembers) > 0), provider)
	start := time.Now()
	if wait := r.wait(role); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	status, next, err := r.observe(ctx, role)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !equality.Semantic.DeepEqual(&role.Status, status) {
		desired := role.DeepCopy()
		desired.Status = *status
		if err := r.patchStatus(ctx, role, desired); err != nil {
			return ctrl.Result{}, err
		}
		r.rest.Store(role.Name, time.Now().Add(pause(r.interval, time.Since(start))))
	}
	return r.after(next), nil
}

// wait is how long the counts of a hot role have to be held back. A change of
// the role itself is shown at once.
func (r *roleReconciler) wait(role *v1alpha1.ProvisionedRole) time.Duration {
	until, ok := r.rest.Load(role.Name)
	if !ok || role.Status.ObservedGeneration != role.Generation {
		return 0
	}
	return time.Until(until.(time.Time))
}

// pause is how long the counts of a role rest after they took some time to count
// and write: the longer the busier the API server is.
func pause(interval, took time.Duration) time.Duration {
	const share = 50 // of the time, a hot role is being counted for one fiftieth
	return min(max(interval, share*took), max(interval, maxPause))
}

// observe computes the status, and when time alone changes it.
func (r *roleReconciler) observe(ctx context.Context, role *v1alpha1.ProvisionedRole) (*v1alpha1.ProvisionedRoleStatus, time.Time, error) {
	all, err := r.Providers(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	concerned, err := r.AffectedBy(ctx, role)
	if err != nil {
		return nil, time.Time{}, err
	}
	rules, err := r.Rules(ctx, role.Name)
	if err != nil {
		return nil, time.Time{}, err
	}
	var (
		next            time.Time
		members, active int32
		now             = r.clock.Now()
	)
	for _, u := range concerned {
		p := all.Of(u.ProvisionedUser)
		if u.Spec.DeprovisionedAt == nil && (access.Member(u.ProvisionedUser, role) || mayHold(u, p, role, now)) {
			members++
		}
		if access.Holds(u.ProvisionedUser, p, role, u.Attachments, now) {
			active++
		}
		for _, a := range u.Attachments {
			next = access.Earlier(next, access.Attachment(a, u.ProvisionedUser, p, role, now).Next)
		}
	}
	status := role.Status.DeepCopy()
	status.ObservedGeneration = role.Generation
	status.ManagedBy = access.ManagerOf(role.Spec.Provider)
	status.Members, status.ActiveMembers, status.Bindings = members, active, 0
	for _, rule := range rules {
		status.Bindings += rule.Status.Bindings
	}
	held, err := r.heldBy(ctx, role)
	if err != nil {
		return nil, time.Time{}, err
	}
	switch {
	case role.DeletionTimestamp == nil && asked(role) && role.Spec.Provider != "" && len(held) > 0:
		setCondition(&status.Conditions, role, v1alpha1.ConditionReady, false, v1alpha1.ReasonReleaseHeld,
			holding(role.Spec.Provider, held))
	case role.DeletionTimestamp == nil:
		setCondition(&status.Conditions, role, v1alpha1.ConditionReady, true, v1alpha1.ReasonReconciled,
			"the members are counted")
	default:
		setCondition(&status.Conditions, role, v1alpha1.ConditionReady, false, access.ReasonLeaving,
			"the object is being deleted: nobody holds the role")
	}
	if unresolved := role.Spec.UnresolvedMembers; len(unresolved) > 0 {
		setCondition(&status.Conditions, role, v1alpha1.ConditionNestedGroupNotSynced, true, "UnresolvedMembers",
			unresolvedMessage(unresolved))
	} else {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionNestedGroupNotSynced)
	}
	return status, next, nil
}

// mayHold says whether an attachment gives the role now, or would if the user
// were not suspended.
func mayHold(u roster.Affected, p *v1alpha1.IdentityProvider, role *v1alpha1.ProvisionedRole, now time.Time) bool {
	for _, a := range u.Attachments {
		e := access.Attachment(a, u.ProvisionedUser, p, role, now)
		if e.Active() || e.Reason == access.ReasonUserSuspended {
			return true
		}
	}
	return false
}

func unresolvedMessage(ids []string) string {
	const shown = 5
	members := "1 member is no user"
	if len(ids) != 1 {
		members = fmt.Sprintf("%d members are no users", len(ids))
	}
	message := fmt.Sprintf("%s of this identity provider: nested groups are not resolved, assign their users directly (%s",
		members, strings.Join(ids[:min(shown, len(ids))], ", "))
	if len(ids) > shown {
		message += ", …"
	}
	return message + ")"
}

func (r *roleReconciler) userChanged(ctx context.Context, old, u *v1alpha1.ProvisionedUser, q queue) {
	change := compareUsers(old, u)
	if change.nothing() {
		return
	}
	either := u
	if either == nil {
		either = old
	}
	roles, err := r.rolesOf(ctx, either, change)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell which roles a change of a user concerns", "user", either.Name)
	}
	enqueue(q, normal, countDelay, roles...)
}

func (r *roleReconciler) attachmentChanged(_ context.Context, old, a *v1alpha1.RoleAttachment, q queue) {
	switch {
	case old == nil:
		enqueue(q, normal, countDelay, a.Spec.Role)
	case a == nil:
		enqueue(q, normal, countDelay, old.Spec.Role)
	case old.Generation != a.Generation:
		enqueue(q, normal, countDelay, a.Spec.Role)
	}
}

func (r *roleReconciler) ruleChanged(_ context.Context, old, rule *v1alpha1.AccessRule, q queue) {
	switch {
	case old == nil:
		enqueue(q, normal, countDelay, rule.Spec.Role)
	case rule == nil:
		enqueue(q, normal, countDelay, old.Spec.Role)
	case old.Status.Bindings != rule.Status.Bindings || old.Spec.Role != rule.Spec.Role || old.Spec.Provider != rule.Spec.Provider:
		enqueue(q, normal, countDelay, old.Spec.Role, rule.Spec.Role)
	}
}

// providerChanged: with a provider, many users can be suspended or restored at
// once, in whatever roles.
func (r *roleReconciler) providerChanged(ctx context.Context, old, p *v1alpha1.IdentityProvider, q queue) {
	if sameProvider(old, p) || (old == nil && !suspending(p)) || (p == nil && !suspending(old)) {
		return
	}
	var roles v1alpha1.ProvisionedRoleList
	if err := r.Reader.List(ctx, &roles, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Can't list the roles that a provider concerns")
	}
	for i := range roles.Items {
		enqueue(q, idle, countDelay, roles.Items[i].Name)
	}
}
