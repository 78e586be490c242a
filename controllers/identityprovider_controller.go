package controllers

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
)

// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=identityproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=identityproviders/status,verbs=patch
// +kubebuilder:rbac:groups="",namespace=rollcall-system,resources=secrets,verbs=get;list;watch

// providerReconciler shows the health of each connection, and counts.
type providerReconciler struct {
	base
	externalURL   string
	namespace     string
	interval      time.Duration
	contacts      Contacts
	contactEvents <-chan event.GenericEvent
	// counted is when the objects of a provider were last counted.
	counted sync.Map
}

func (r *providerReconciler) setup(mgr ctrl.Manager) error {
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.IdentityProvider{}, builder.WithPredicates(r.recent.changed())).
		Watches(&v1alpha1.ProvisionedUser{}, on(true, r.userChanged)).
		Watches(&v1alpha1.ProvisionedRole{}, on(false, r.roleChanged)).
		Watches(&corev1.Secret{}, on(false, r.secretChanged)).
		WithOptions(workers(1, maxRetry))
	if r.contactEvents != nil {
		b = b.WatchesRawSource(source.Channel(r.contactEvents, &handler.EnqueueRequestForObject{}))
	}
	return b.Complete(r)
}

// Reconcile implements reconcile.Reconciler. The name LocalManager, which no
// IdentityProvider can have, stands for the users without one.
func (r *providerReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if req.Name == v1alpha1.LocalManager {
		_, err := r.countUsers(ctx, req.Name, nil)
		return ctrl.Result{}, err
	}
	cached := &v1alpha1.IdentityProvider{}
	switch found, err := r.Get(ctx, req.Name, cached); {
	case err != nil:
		return ctrl.Result{}, err
	case !found:
		usersByState.DeletePartialMatch(prometheus.Labels{"provider": req.Name})
		tokenExpiry.drop(req.Name)
		r.counted.Delete(req.Name)
		return ctrl.Result{}, nil
	case cached.DeletionTimestamp != nil:
		// The status of one that is being deleted is the business of the
		// deletionPolicyReconciler.
		_, err := r.countUsers(ctx, req.Name, cached)
		return ctrl.Result{}, err
	}
	p := latest(r.recent, cached)
	status, next, err := r.observe(ctx, p)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !equality.Semantic.DeepEqual(&p.Status, status) {
		desired := p.DeepCopy()
		desired.Status = *status
		if err := r.patchStatus(ctx, p, desired); err != nil {
			return ctrl.Result{}, err
		}
	}
	return r.after(next), nil
}

// observe computes the status, and when time alone changes it.
func (r *providerReconciler) observe(ctx context.Context, p *v1alpha1.IdentityProvider) (*v1alpha1.IdentityProviderStatus, time.Time, error) {
	status := p.Status.DeepCopy()
	status.ObservedGeneration = p.Generation
	status.TenantURL = r.tenantURL(p.Name)
	var err error
	if status.Users, err = r.countUsers(ctx, p.Name, p); err != nil {
		return nil, time.Time{}, err
	}
	if status.Roles, err = r.countRoles(ctx, p.Name); err != nil {
		return nil, time.Time{}, err
	}
	if status.Tokens, err = r.tokens(ctx, p); err != nil {
		return nil, time.Time{}, err
	}
	status.LastContactAt = lastContactOf(p, status.Tokens)
	tokens := expiryOf(status.Tokens, r.clock.Now())
	tokens.measure(p.Name)
	judge(status, p, tokens, r.clock.Now())
	return status, tokens.next, nil
}

func (r *providerReconciler) tenantURL(provider string) string {
	if r.externalURL == "" {
		return ""
	}
	return strings.TrimRight(r.externalURL, "/") + "/" + provider + "/scim/v2"
}

// countUsers counts the users that are not deleted, and tells the metrics of
// every state. p is nil for local users.
func (r *providerReconciler) countUsers(ctx context.Context, provider string, p *v1alpha1.IdentityProvider) (int32, error) {
	users, err := r.Users(ctx, index.UserByProvider, provider)
	if err != nil {
		return 0, err
	}
	states := map[v1alpha1.UserState]int32{
		v1alpha1.StateActive: 0, v1alpha1.StateSuspended: 0, v1alpha1.StateDeprovisioned: 0,
	}
	for _, u := range users {
		states[access.State(u, p).State]++
	}
	for state, n := range states {
		usersByState.WithLabelValues(provider, string(state)).Set(float64(n))
	}
	r.counted.Store(provider, time.Now())
	return states[v1alpha1.StateActive] + states[v1alpha1.StateSuspended], nil
}

func (r *providerReconciler) countRoles(ctx context.Context, provider string) (int32, error) {
	var list v1alpha1.ProvisionedRoleList
	if err := r.List(ctx, &list, index.RoleByProvider, provider); err != nil {
		return 0, err
	}
	return int32(len(list.Items)), nil //nolint:gosec // bounded by the cluster
}

// lastContactOf is to the minute, so that traffic doesn't turn into status writes. A
// probe is not the client, whose silence it must not hide.
func lastContactOf(p *v1alpha1.IdentityProvider, tokens []v1alpha1.TokenStatus) *metav1.Time {
	last := p.Status.LastContactAt
	for i := range tokens {
		if t := &tokens[i]; t.LastUsedAt != nil && !t.Probe {
			last = later(last, t.LastUsedAt.Time)
		}
	}
	return last
}

// later is the later of what is on record and what was seen since, to the
// minute.
func later(recorded *metav1.Time, seen time.Time) *metav1.Time {
	if seen = seen.Truncate(time.Minute); seen.IsZero() || (recorded != nil && !seen.After(recorded.Time)) {
		return recorded
	}
	return &metav1.Time{Time: seen}
}

// judge sets the conditions.
func judge(status *v1alpha1.IdentityProviderStatus, p *v1alpha1.IdentityProvider, tokens expiry, now time.Time) {
	set := func(kind string, is bool, reason, message string) {
		setCondition(&status.Conditions, p, kind, is, reason, message)
	}
	tokens.judge(&status.Conditions, p, now)
	if status.LastContactAt != nil {
		set(v1alpha1.ConditionConnected, true, "Contacted", "a client has authenticated")
	} else {
		set(v1alpha1.ConditionConnected, false, "NeverContacted", "no client has authenticated yet")
	}
	switch {
	case p.Spec.Paused:
		set(v1alpha1.ConditionReady, false, v1alpha1.ReasonPaused, "spec.paused is set: SCIM requests are answered with 503, access stays as it is")
	case tokens.live == 0:
		set(v1alpha1.ConditionReady, false, v1alpha1.ReasonNoToken, "no live token: SCIM requests can't authenticate")
	default:
		set(v1alpha1.ConditionReady, true, v1alpha1.ReasonReconciled, "SCIM requests are served")
	}
}

// count queues a provider for counting, at most once an interval.
func (r *providerReconciler) count(q queue, provider string) {
	name := access.ManagerOf(provider)
	wait := countDelay
	if last, ok := r.counted.Load(name); ok {
		wait = max(wait, r.interval-time.Since(last.(time.Time)))
	}
	enqueue(q, normal, wait, name)
}

func (r *providerReconciler) userChanged(_ context.Context, old, u *v1alpha1.ProvisionedUser, q queue) {
	switch {
	case old == nil:
		r.count(q, u.Spec.Provider)
	case u == nil:
		r.count(q, old.Spec.Provider)
	case access.State(old, nil).State != access.State(u, nil).State || old.Spec.Provider != u.Spec.Provider:
		r.count(q, old.Spec.Provider)
		r.count(q, u.Spec.Provider)
	}
}

func (r *providerReconciler) roleChanged(_ context.Context, old, role *v1alpha1.ProvisionedRole, q queue) {
	switch {
	case old == nil:
		r.count(q, role.Spec.Provider)
	case role == nil:
		r.count(q, old.Spec.Provider)
	case old.Spec.Provider != role.Spec.Provider:
		r.count(q, old.Spec.Provider)
		r.count(q, role.Spec.Provider)
	}
}

func (r *providerReconciler) secretChanged(_ context.Context, old, s *corev1.Secret, q queue) {
	for _, secret := range []*corev1.Secret{old, s} {
		if secret != nil && secret.Namespace == r.namespace {
			if provider := secret.Labels[v1alpha1.TokenLabel]; provider != "" {
				enqueue(q, normal, 0, provider)
			}
		}
	}
}
