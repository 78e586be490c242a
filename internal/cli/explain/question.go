package explain

import (
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// Question is what somebody may want to do: with a resource, or with a path of the
// API server that is none.
type Question struct {
	Verb string
	// Group, Resource and Subresource, such as apps, deployments and scale.
	Group, Resource, Subresource string
	// Name of one object; empty for all.
	Name string
	// Namespace is empty for the whole cluster.
	Namespace string
	// Path is set instead of a resource, such as /metrics.
	Path string
}

// What is asked for, as it is typed: deployments.apps/scale.
func (q Question) What() string {
	if q.Path != "" {
		return q.Path
	}
	what := q.Resource
	if q.Group != "" {
		what += "." + q.Group
	}
	if q.Subresource != "" {
		what += "/" + q.Subresource
	}
	return what
}

// String continues a sentence: create deployments.apps in namespace "payments".
func (q Question) String() string {
	s := q.Verb + " " + q.What()
	if q.Name != "" {
		s += fmt.Sprintf(" named %q", q.Name)
	}
	switch {
	case q.Path != "":
		return s
	case q.Namespace != "":
		return s + fmt.Sprintf(" in namespace %q", q.Namespace)
	default:
		return s + " in the whole cluster"
	}
}

// Review asks the API server about a subject, who is in groups.
func (q Question) Review(subject string, groups []string) *authorizationv1.SubjectAccessReview {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: subject, Groups: groups}}
	if q.Path != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: q.Path, Verb: q.Verb}
		return review
	}
	review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
		Verb: q.Verb, Group: q.Group, Resource: q.Resource, Subresource: q.Subresource, Name: q.Name, Namespace: q.Namespace,
	}
	return review
}

// AllowedBy says whether a rule of a ClusterRole or Role gives it. The rules of the
// comparison are those of the API server's RBAC authorizer.
func (q Question) AllowedBy(rule rbacv1.PolicyRule) bool {
	if !has(rule.Verbs, q.Verb) {
		return false
	}
	if q.Path != "" {
		return slices.ContainsFunc(rule.NonResourceURLs, q.onPath)
	}
	return has(rule.APIGroups, q.Group) && slices.ContainsFunc(rule.Resources, q.onResource) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, q.Name))
}

func has(values []string, value string) bool {
	return slices.Contains(values, rbacv1.VerbAll) || slices.Contains(values, value)
}

func (q Question) onResource(granted string) bool {
	combined := q.Resource
	if q.Subresource != "" {
		combined += "/" + q.Subresource
	}
	return granted == rbacv1.ResourceAll || granted == combined ||
		(q.Subresource != "" && granted == rbacv1.ResourceAll+"/"+q.Subresource)
}

func (q Question) onPath(granted string) bool {
	prefix, open := strings.CutSuffix(granted, "*")
	return granted == q.Path || (open && strings.HasPrefix(q.Path, prefix))
}

// first is the rule that gives it; nil when none does.
func (q Question) first(rules []rbacv1.PolicyRule) *rbacv1.PolicyRule {
	for i := range rules {
		if q.AllowedBy(rules[i]) {
			return &rules[i]
		}
	}
	return nil
}

// ruleWords is what a rule says, in one line: create,list deployments.apps.
func ruleWords(rule *rbacv1.PolicyRule) string {
	verbs := strings.Join(rule.Verbs, ",")
	if len(rule.NonResourceURLs) > 0 {
		return verbs + " " + strings.Join(rule.NonResourceURLs, ",")
	}
	what := strings.Join(rule.Resources, ",")
	if groups := strings.Join(rule.APIGroups, ","); groups != "" {
		what += " of " + groups
	}
	if len(rule.ResourceNames) > 0 {
		what += " named " + strings.Join(rule.ResourceNames, ",")
	}
	return verbs + " " + what
}
