package access

import (
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Reasons of the condition AuthorMayBind.
const (
	// ReasonAuthorMayBind says that the author may still bind the roleRef.
	ReasonAuthorMayBind = "AuthorMayBind"
	// ReasonAuthorLostRight says that the author may not, or no longer.
	ReasonAuthorLostRight = "AuthorMayNotBind"
	// ReasonAuthorUnknown says that the rule does not say who wrote it.
	ReasonAuthorUnknown = "AuthorUnknown"
)

// BindScopes lists the namespaces in which the author of a rule must hold the verb
// bind on its roleRef; "" is the whole cluster. A selector can match any namespace,
// also later ones, so it asks for the whole cluster.
func BindScopes(rule *v1alpha1.AccessRule) []string {
	if rule.Spec.ClusterWide || rule.Spec.NamespaceSelector != nil {
		return []string{""}
	}
	return rule.Spec.Namespaces
}

// BindAttributes is what has to be allowed to the author of a rule in one of its
// BindScopes: the question that RBAC asks of whoever writes a binding.
func BindAttributes(rule *v1alpha1.AccessRule, scope string) authorizationv1.ResourceAttributes {
	resource := "clusterroles"
	if rule.Spec.RoleRef.Kind == v1alpha1.RoleKind {
		resource = "roles"
	}
	return authorizationv1.ResourceAttributes{
		Verb:      "bind",
		Group:     rbacv1.GroupName,
		Version:   "v1",
		Resource:  resource,
		Name:      rule.Spec.RoleRef.Name,
		Namespace: scope,
	}
}

// ScopeWords says in a sentence where a scope of BindScopes is.
func ScopeWords(scope string) string {
	if scope == "" {
		return "in every namespace"
	}
	return fmt.Sprintf("in namespace %q", scope)
}

// Authorship is whether the author of a rule may bind what it gives.
type Authorship struct {
	// Status is True, False, or Unknown when nobody knows the author.
	Status  metav1.ConditionStatus
	Reason  string
	Message string
}

// AuthorMayBind decides what the answers to BindAttributes mean for a rule; denied
// are the BindScopes in which the author was denied.
func AuthorMayBind(rule *v1alpha1.AccessRule, denied []string) Authorship {
	author, ref := rule.Spec.Author, rule.Spec.RoleRef
	kind := ref.Kind
	if kind == "" {
		kind = v1alpha1.ClusterRoleKind
	}
	switch {
	case author == nil:
		return Authorship{metav1.ConditionUnknown, ReasonAuthorUnknown,
			"the rule does not say who wrote it: the next change of its spec records the author"}
	case len(denied) > 0:
		return Authorship{metav1.ConditionFalse, ReasonAuthorLostRight, fmt.Sprintf(
			"%q, who wrote the rule, may not bind %s %q %s any longer. Its bindings stay. If they shall, have somebody who may bind it "+
				"change the rule's spec or make the rule anew, or give the right back; if not, delete the rule",
			author.Username, kind, ref.Name, places(denied))}
	default:
		return Authorship{metav1.ConditionTrue, ReasonAuthorMayBind,
			fmt.Sprintf("%q, who wrote the rule, may bind %s %q", author.Username, kind, ref.Name)}
	}
}

// places names the first few scopes.
func places(scopes []string) string {
	const shown = 3
	words := make([]string, 0, shown+1)
	for _, scope := range scopes[:min(shown, len(scopes))] {
		words = append(words, ScopeWords(scope))
	}
	if more := len(scopes) - shown; more > 0 {
		words = append(words, fmt.Sprintf("and in %d more", more))
	}
	return strings.Join(words, ", ")
}
