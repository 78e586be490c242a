package controllers

import (
	"context"
	"slices"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/projection"
	"github.com/rollcall-dev/rollcall/internal/roster"
)

// costly is from when on a revocation doesn't wait until all holders of a role
// have been gone through.
const costly = 10 * time.Millisecond

// suspects are subjects that may have lost the role of a rule, by the rule's
// name.
type suspects struct {
	mu     sync.Mutex
	byRule map[string][]rbacv1.Subject
}

func (s *suspects) add(rules []string, subject rbacv1.Subject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byRule == nil {
		s.byRule = make(map[string][]rbacv1.Subject)
	}
	for _, rule := range rules {
		if !slices.Contains(s.byRule[rule], subject) {
			s.byRule[rule] = append(s.byRule[rule], subject)
		}
	}
}

func (s *suspects) take(rule string) []rbacv1.Subject {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.byRule[rule]
	delete(s.byRule, rule)
	return list
}

// suspect notes who a user was, for rules of which the user may have lost
// something. It is a hint that makes a revocation fast in a large role, no more.
func (r *ruleReconciler) suspect(ctx context.Context, old *v1alpha1.ProvisionedUser, rules []string) {
	p, err := r.Provider(ctx, old.Spec.Provider)
	if err != nil {
		log.FromContext(ctx).Error(err, "Can't tell the former subject of a user", "user", old.Name)
		return
	}
	if s := access.SubjectOf(old, p); !s.Refused && s.ServiceAccount == nil {
		r.suspects.add(rules, rbacSubject(s))
	}
}

// withdrawSuspects takes subjects that nobody holds the role under any longer
// out of the bindings, and returns the bindings as they are then.
func (r *ruleReconciler) withdrawSuspects(ctx context.Context, rule *v1alpha1.AccessRule, existing []projection.Binding) ([]projection.Binding, error) {
	suspects := r.suspects.take(rule.Name)
	if cost, ok := r.cost.Load(rule.Name); len(suspects) == 0 || !ok || cost.(time.Duration) < costly {
		return existing, nil
	}
	role, err := r.Role(ctx, rule.Spec.Role)
	if err != nil || role == nil {
		return existing, err
	}
	all, err := r.Providers(ctx)
	if err != nil {
		return existing, err
	}
	var gone []rbacv1.Subject
	for _, s := range suspects {
		held, err := r.held(ctx, s.Name, role, all, r.clock.Now())
		if err != nil {
			return existing, err
		}
		if !held {
			gone = append(gone, s)
		}
	}
	plan := projection.Without(gone, existing)
	if plan.Empty() {
		return existing, nil
	}
	if _, err := r.apply(ctx, projection.OfRule(rule), plan); err != nil {
		return existing, err
	}
	return r.existing(ctx, rule.Name)
}

// held says whether any user of that subject holds the role.
func (l look) held(ctx context.Context, subject string, role *v1alpha1.ProvisionedRole, all roster.Providers, now time.Time) (bool, error) {
	users, err := l.Called(ctx, subject, all)
	if err != nil {
		return false, err
	}
	for _, u := range users {
		attachments, err := l.Attachments(ctx, index.AttachmentByUser, u.Name)
		if err != nil {
			return false, err
		}
		if access.Holds(u, all.Of(u), role, attachments, now) {
			return true, nil
		}
	}
	return false, nil
}
