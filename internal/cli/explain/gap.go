package explain

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

// Reasons of a Gap beside those of package access.
const (
	// ReasonNotHeld says that no edge leads from the user to the role.
	ReasonNotHeld = "NotHeld"
	// ReasonOnItsWay says that nothing is missing but the binding.
	ReasonOnItsWay = "OnItsWay"
)

// Gap is a way to what was asked for that ends somewhere.
type Gap struct {
	// Role and AccessRule that would give it, or the Level that would.
	Role       string                   `json:"role,omitempty"`
	AccessRule string                   `json:"accessRule,omitempty"`
	Level      v1alpha1.PermissionLevel `json:"level,omitempty"`
	// RoleRef is what would be bound.
	RoleRef v1alpha1.RoleReference `json:"roleRef"`
	Reason  string                 `json:"reason"`
	Message string                 `json:"message"`
	// Withheld are the edges to the role that do not count.
	Withheld []v1alpha1.WithheldSource `json:"withheld,omitempty"`
}

// gaps are the rules and the level that would give what is asked for, and on which
// no path of the user's runs. Those that an edge leads to come first.
func (s Scene) gaps(q Question, paths []Path) []Gap {
	var all []Gap
	if g, ok := s.levelGap(q); ok {
		all = append(all, g)
	}
	for _, rule := range s.Rules {
		onPath := slices.ContainsFunc(paths, func(p Path) bool { return p.Origin == OriginRole && p.AccessRule == rule.Name })
		if !onPath && s.wouldGive(rule, q) {
			all = append(all, s.ruleGap(rule))
		}
	}
	slices.SortStableFunc(all, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.distance(), b.distance()), cmp.Compare(a.Role, b.Role), cmp.Compare(a.AccessRule, b.AccessRule))
	})
	return all
}

// Far says that no edge leads from the user to where the way begins: it is one that
// many could be on.
func (g Gap) Far() bool { return g.distance() > 0 }

func (g Gap) distance() int {
	switch g.Reason {
	case ReasonNotHeld:
		return 1
	case v1alpha1.ReasonRoleNotFound:
		return 2
	default:
		return 0
	}
}

// wouldGive says whether the rule, were its role held, gave what is asked for, in
// the namespace that is asked about or in any.
func (s Scene) wouldGive(rule *v1alpha1.AccessRule, q Question) bool {
	for _, namespace := range s.scopes(rule, q) {
		key := RoleKey{"", rule.Spec.RoleRef.Name}
		if rule.Spec.RoleRef.Kind == v1alpha1.RoleKind {
			key.Namespace = namespace
		}
		if q.first(s.Permissions[key]) != nil {
			return true
		}
	}
	return false
}

// scopes are those in which a rule binds and that the question is about.
func (s Scene) scopes(rule *v1alpha1.AccessRule, q Question) []string {
	switch {
	case rule.Spec.ClusterWide:
		return []string{""}
	case q.Path != "":
		return nil // A RoleBinding gives no path.
	}
	var scopes []string
	for _, name := range rule.Spec.Namespaces {
		if q.Namespace == "" || q.Namespace == name {
			scopes = append(scopes, name)
		}
	}
	if selector, err := metav1.LabelSelectorAsSelector(rule.Spec.NamespaceSelector); err == nil && rule.Spec.NamespaceSelector != nil {
		for name, namespace := range s.Namespaces {
			if (q.Namespace == "" || q.Namespace == name) && selector.Matches(labels.Set(namespace.Labels)) {
				scopes = append(scopes, name)
			}
		}
	}
	return scopes
}

func (s Scene) ruleGap(rule *v1alpha1.AccessRule) Gap {
	u, role := s.User, s.Roles[rule.Spec.Role]
	g := Gap{Role: rule.Spec.Role, AccessRule: rule.Name, RoleRef: rule.Spec.RoleRef}
	withheld := withholding(u, rule.Spec.Role)
	reach := access.Reaches(rule, role)
	ready := meta.FindStatusCondition(rule.Status.Conditions, v1alpha1.ConditionReady)
	switch held := holding(u, rule.Spec.Role); {
	case held != nil && !Bound(u):
		g.Reason, g.Message = u.Status.Reason, message(u, v1alpha1.ConditionReady)
	case held == nil && withheld != nil:
		g.Reason, g.Withheld = withheld.Sources[0].Reason, withheld.Sources
		g.Message = fmt.Sprintf("role %q is withheld", rule.Spec.Role)
	case !reach.Reaches:
		g.Reason, g.Message = reach.Reason, reach.Message
	case held == nil:
		g.Reason, g.Message = ReasonNotHeld, s.notHeld(role)
	case ready != nil && ready.Status != metav1.ConditionTrue:
		g.Reason, g.Message = ready.Reason, ready.Message
	default:
		g.Reason, g.Message = ReasonOnItsWay, "the user holds the role, and the binding is not there (yet): is the namespace there, and the manager running?"
	}
	return g
}

// notHeld says where the missing edge would be made.
func (s Scene) notHeld(role *v1alpha1.ProvisionedRole) string {
	u := s.User
	here := fmt.Sprintf("kubectl rollcall attach %s %s", u.Name, role.Name)
	if role.Spec.Provider != "" && role.Spec.Provider == u.Spec.Provider {
		return fmt.Sprintf("the user does not hold role %q: put them in group %q of identity provider %q, or attach them here (%s)",
			role.Name, role.Spec.DisplayName, role.Spec.Provider, here)
	}
	return fmt.Sprintf("the user does not hold role %q: only an attachment can give it (%s)", role.Name, here)
}

// levelGap is a level that was given, and is not in force.
func (s Scene) levelGap(q Question) (Gap, bool) {
	given := access.Given(s.User)
	source, ok := projection.OfLevel(given)
	if !ok || (s.User.Status.PermissionLevel == given && Bound(s.User)) ||
		q.first(s.Permissions[RoleKey{"", source.RoleRef.Name}]) == nil {
		return Gap{}, false
	}
	g := Gap{
		Level: given, RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.ClusterRoleKind, Name: source.RoleRef.Name},
		Reason: ReasonOnItsWay, Message: "the manager has not seen the level yet",
	}
	if c := meta.FindStatusCondition(s.User.Status.Conditions, v1alpha1.ConditionPermissionLevelInForce); c != nil {
		g.Reason, g.Message = c.Reason, c.Message
	}
	return g, true
}

func withholding(u *v1alpha1.ProvisionedUser, role string) *v1alpha1.WithheldRole {
	for i := range u.Status.Withheld {
		if u.Status.Withheld[i].Name == role {
			return &u.Status.Withheld[i]
		}
	}
	return nil
}
