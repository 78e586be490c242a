package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

// Rollcall writes bindings. What it may bind is a list of its own beside these
// rights, which administrators widen (config/rbac/bindable_roles.yaml); it never
// holds escalate or impersonate.
//
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=accessrules,verbs=get;list;watch
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=accessrules/status,verbs=patch
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=accessrules/finalizers,verbs=update
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=provisionedusers;provisionedroles;roleattachments;identityproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings;clusterrolebindings,verbs=get;list;watch;create;update;delete

// ruleReconciler keeps the bindings of each AccessRule in step.
type ruleReconciler struct {
	projector
	// suspects may have lost the role of a rule.
	suspects suspects
	authors  *authors
}

func newRuleReconciler(b base, o *Options, a *authors) *ruleReconciler {
	return &ruleReconciler{authors: a, projector: projector{
		base: b, grantDelay: o.GrantDelay, refusedRetry: o.RefusedRetry, subjects: newSubjects(),
		bindings: bindingKind{field: index.BindingByRule, source: projection.RuleOf, namespaced: true},
	}}
}

// Reconcile brings the bindings of one rule in line, and then says so.
func (r *ruleReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return r.track(ctx, req.Name, r.reconcile)
}

func (r *ruleReconciler) reconcile(ctx context.Context, name string) (ctrl.Result, error) {
	cached := &v1alpha1.AccessRule{}
	found, err := r.Get(ctx, name, cached)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !found || cached.DeletionTimestamp != nil {
		return ctrl.Result{}, r.withdrawAll(ctx, name, cached)
	}
	defer r.took(name, time.Now())
	rule := latest(r.recent, cached)
	// Bindings are read before users: what somebody writes in between fails our
	// write, instead of being undone by what we knew before.
	existing, err := r.existing(ctx, name)
	if err != nil {
		return ctrl.Result{}, err
	}
	if existing, err = r.withdrawSuspects(ctx, rule, existing); err != nil {
		return ctrl.Result{}, err
	}
	d, err := r.declare(ctx, rule)
	if err != nil {
		return ctrl.Result{}, err
	}
	plan := projection.Make(projection.OfRule(rule), d.subjects, d.targets, existing)
	refusals, err := r.apply(ctx, projection.OfRule(rule), plan)
	if errors.Is(err, projection.ErrInterrupted) {
		// The revocation is queued already; this makes sure of the rest.
		return ctrl.Result{RequeueAfter: time.Millisecond}, nil
	}
	if apierrors.IsConflict(err) {
		// Somebody wrote in between; nothing to tell anybody about.
		return ctrl.Result{}, err
	}
	if statusErr := r.report(ctx, rule, d, plan, refusals, err); err == nil {
		err = statusErr
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	next := d.next
	if len(refusals) > 0 {
		next = access.Earlier(next, r.clock.Now().Add(r.refusedRetry))
	}
	return r.after(next), nil
}

// withdrawAll takes away what a deleted rule gave, without waiting for the
// garbage collector.
func (r *ruleReconciler) withdrawAll(ctx context.Context, name string, rule *v1alpha1.AccessRule) error {
	rule.Name = name
	existing, err := r.existing(ctx, name)
	if err != nil {
		return err
	}
	r.cost.Delete(name)
	r.suspects.take(name)
	rules.drop(name)
	rulesUnbacked.drop(name)
	bindings.drop(forRule + name)
	bindingsRefused.drop(forRule + name)
	_, err = r.apply(ctx, projection.OfRule(rule), projection.Make(projection.OfRule(rule), nil, nil, existing))
	return err
}

// declaration is what a rule asks for now.
type declaration struct {
	// reach is whether the rule is for the role that there is.
	reach    access.Reach
	subjects []rbacv1.Subject
	// refused is how many holders of the role have no usable subject.
	refused int
	targets []projection.Target
	// next is when time alone changes the subjects.
	next time.Time
}

func (r *ruleReconciler) declare(ctx context.Context, rule *v1alpha1.AccessRule) (declaration, error) {
	var d declaration
	role, err := r.Role(ctx, rule.Spec.Role)
	if err != nil {
		return d, err
	}
	if d.reach = access.Reaches(rule, role); !d.reach.Reaches {
		return d, nil
	}
	if d.targets, err = r.targets(ctx, rule); err != nil {
		return d, err
	}
	mark := r.subjects.begin()
	all, err := r.Providers(ctx)
	if err != nil {
		return d, err
	}
	holders, next, err := r.Holders(ctx, role, all, r.clock.Now())
	if err != nil {
		return d, err
	}
	d.next = next
	d.subjects, d.refused, err = r.subjectsOf(ctx, holders, all, mark)
	return d, err
}

// targets are the places that a rule names and that exist.
func (r *ruleReconciler) targets(ctx context.Context, rule *v1alpha1.AccessRule) ([]projection.Target, error) {
	if rule.Spec.ClusterWide {
		return []projection.Target{{}}, nil
	}
	var targets []projection.Target
	if rule.Spec.NamespaceSelector != nil {
		selector, err := metav1.LabelSelectorAsSelector(rule.Spec.NamespaceSelector)
		if err != nil {
			return nil, fmt.Errorf("read spec.namespaceSelector: %w", err)
		}
		var list corev1.NamespaceList
		if err := r.Reader.List(ctx, &list, client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("list namespaces: %w", err)
		}
		for i := range list.Items {
			targets = append(targets, target(&list.Items[i]))
		}
		return targets, nil
	}
	for _, name := range rule.Spec.Namespaces {
		namespace := &corev1.Namespace{}
		found, err := r.Get(ctx, name, namespace)
		if err != nil {
			return nil, err
		}
		if found {
			targets = append(targets, target(namespace))
		}
	}
	return targets, nil
}

func target(n *corev1.Namespace) projection.Target {
	return projection.Target{Namespace: n.Name, Terminating: n.DeletionTimestamp != nil}
}

// report patches the status, once, if it differs.
func (r *ruleReconciler) report(ctx context.Context, rule *v1alpha1.AccessRule, d declaration, plan *projection.Plan, refusals []projection.Refusal, failed error) error {
	status := rule.Status.DeepCopy()
	status.ObservedGeneration = rule.Generation
	status.Subjects = int32(len(d.subjects))                     //nolint:gosec // a cluster has no 2^31 users
	status.Bindings = int32(max(plan.Bindings-len(refusals), 0)) //nolint:gosec // nor bindings
	status.Namespaces = int32(namespacesOf(d))                   //nolint:gosec // nor namespaces
	ready, reason, message := verdict(d, refusals, failed)
	setCondition(&status.Conditions, rule, v1alpha1.ConditionReady, ready, reason, message)
	r.authors.show(&status.Conditions, rule)
	measureRule(rule, status, reason, len(refusals))
	if equality.Semantic.DeepEqual(&rule.Status, status) {
		return nil
	}
	desired := rule.DeepCopy()
	desired.Status = *status
	return r.patchStatus(ctx, rule, desired)
}

// measureRule tells the metrics of a rule.
func measureRule(rule *v1alpha1.AccessRule, status *v1alpha1.AccessRuleStatus, reason string, refused int) {
	kind := roleBindingKind
	if rule.Spec.ClusterWide {
		kind = clusterRoleBindingKind
	}
	rules.put(rule.Name, 1, reason)
	rulesUnbacked.put(rule.Name, one(meta.IsStatusConditionFalse(status.Conditions, v1alpha1.ConditionAuthorMayBind)), access.ReasonAuthorLostRight)
	bindings.put(forRule+rule.Name, float64(status.Bindings), kind)
	bindingsRefused.put(forRule+rule.Name, float64(refused), forRule)
}

func namespacesOf(d declaration) (n int) {
	if len(d.subjects) == 0 {
		return 0
	}
	for _, t := range d.targets {
		if t.Namespace != "" && !t.Terminating {
			n++
		}
	}
	return n
}

func verdict(d declaration, refusals []projection.Refusal, failed error) (ready bool, reason, message string) {
	switch {
	case failed != nil:
		return false, v1alpha1.ReasonProjecting, "bindings are still being written: " + failed.Error()
	case len(refusals) > 0:
		return false, v1alpha1.ReasonBindingsRefused, describe(refusals)
	case d.refused > 0:
		return d.reach.Reaches, d.reach.Reason,
			fmt.Sprintf("%s but %d without a usable subject", d.reach.Message, d.refused)
	default:
		return d.reach.Reaches, d.reach.Reason, d.reach.Message
	}
}

// describe shows the first few refusals.
func describe(refusals []projection.Refusal) string {
	const shown = 3
	messages := make([]string, 0, shown)
	for _, f := range refusals[:min(shown, len(refusals))] {
		messages = append(messages, f.Message)
	}
	text := strings.Join(messages, "; ")
	if more := len(refusals) - shown; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}
