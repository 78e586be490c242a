package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// authorReconciler asks from time to time whether the author of each AccessRule may
// still bind what the rule gives. It is on its own so that no revocation waits for
// the answers, and leaves it to the reconciler of rules to show them: a status has
// one writer.
type authorReconciler struct {
	base
	interval time.Duration
	authors  *authors
}

// authors are the last answers about the authors of rules.
type authors struct {
	byRule sync.Map // name to authorAnswer
	// news are rules whose status does not show the last answer.
	news chan event.GenericEvent
}

type authorAnswer struct {
	uid        types.UID
	generation int64
	access.Authorship
}

func newAuthors() *authors { return &authors{news: make(chan event.GenericEvent)} }

// of is the last answer about the author of a rule as it is now, if there is one.
func (a *authors) of(rule *v1alpha1.AccessRule) (access.Authorship, bool) {
	v, _ := a.byRule.Load(rule.Name)
	answer, ok := v.(authorAnswer)
	if !ok || answer.uid != rule.UID || answer.generation != rule.Generation {
		return access.Authorship{}, false
	}
	return answer.Authorship, true
}

// show sets AuthorMayBind. Until the API server was asked about the rule as
// it is now, the condition stays, and its observedGeneration says so.
func (a *authors) show(conditions *[]metav1.Condition, rule *v1alpha1.AccessRule) {
	if answer, ok := a.of(rule); ok {
		setConditionStatus(conditions, rule, v1alpha1.ConditionAuthorMayBind, answer.Status, answer.Reason, answer.Message)
	}
}

func (r *authorReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("accessrule-author").
		For(&v1alpha1.AccessRule{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(workers(1, maxRetry)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *authorReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	rule := &v1alpha1.AccessRule{}
	if found, err := r.Get(ctx, req.Name, rule); !found || rule.DeletionTimestamp != nil {
		r.authors.byRule.Delete(req.Name)
		return ctrl.Result{}, err
	}
	denied, err := r.denied(ctx, rule)
	if err != nil {
		return ctrl.Result{}, err
	}
	answer := access.AuthorMayBind(rule, denied)
	r.authors.byRule.Store(rule.Name, authorAnswer{rule.UID, rule.Generation, answer})
	if !shows(rule, answer) {
		select {
		case r.authors.news <- event.GenericEvent{Object: rule}:
		case <-ctx.Done():
			return ctrl.Result{}, fmt.Errorf("tell that the author of a rule was asked about: %w", ctx.Err())
		}
	}
	return ctrl.Result{RequeueAfter: r.interval}, nil
}

// shows says whether the status has an answer already.
func shows(rule *v1alpha1.AccessRule, answer access.Authorship) bool {
	c := meta.FindStatusCondition(rule.Status.Conditions, v1alpha1.ConditionAuthorMayBind)
	return c != nil && c.ObservedGeneration == rule.Generation &&
		c.Status == answer.Status && c.Reason == answer.Reason && c.Message == answer.Message
}

// denied are the scopes in which the author of a rule may not bind its roleRef.
func (r *authorReconciler) denied(ctx context.Context, rule *v1alpha1.AccessRule) ([]string, error) {
	author := rule.Spec.Author
	if author == nil {
		return nil, nil
	}
	var denied []string
	for _, scope := range access.BindScopes(rule) {
		attributes := access.BindAttributes(rule, scope)
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: author.Username, UID: author.UID, Groups: author.Groups, ResourceAttributes: &attributes,
		}}
		if err := r.client.Create(ctx, review); err != nil {
			return nil, fmt.Errorf("ask whether %q may bind %q %s: %w", author.Username, attributes.Name, access.ScopeWords(scope), err)
		}
		if !review.Status.Allowed {
			denied = append(denied, scope)
		}
	}
	return denied, nil
}
