package explain

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

// Scene is everything that decides why a user may do something, or not.
type Scene struct {
	User *v1alpha1.ProvisionedUser
	// Namesakes are other users whose status shows the same subject. They need not
	// be known before Answer.Strangers says so.
	Namesakes []*v1alpha1.ProvisionedUser
	// Roles by name.
	Roles map[string]*v1alpha1.ProvisionedRole
	Rules []*v1alpha1.AccessRule
	// Bindings of the whole cluster, whoever made them.
	Bindings []projection.Binding
	// Permissions are the rules of every ClusterRole and Role.
	Permissions map[RoleKey][]rbacv1.PolicyRule
	// Namespaces by name.
	Namespaces map[string]*corev1.Namespace
}

// RoleKey names a Role, or a ClusterRole when Namespace is empty.
type RoleKey struct{ Namespace, Name string }

// Origin says how a binding that gives something came to be.
type Origin string

const (
	// OriginRole is a role that the user holds.
	OriginRole Origin = "Role"
	// OriginLevel is the user's permission level.
	OriginLevel Origin = "Level"
	// OriginElsewhere is a binding that Rollcall does not own.
	OriginElsewhere Origin = "NotRollcall"
	// OriginNamesake is a binding of Rollcall for somebody else who has the same
	// subject in force.
	OriginNamesake Origin = "Namesake"
	// OriginStale is a binding of Rollcall that nothing justifies any more.
	OriginStale Origin = "Stale"
)

// Path is one way on which the subject gets what was asked for.
type Path struct {
	Origin Origin `json:"origin"`
	// Role that the user holds, and by which edges.
	Role    string                `json:"role,omitempty"`
	Sources []v1alpha1.RoleSource `json:"sources,omitempty"`
	// Level of the user.
	Level v1alpha1.PermissionLevel `json:"level,omitempty"`
	// Namesake is the other user with the same subject.
	Namesake string `json:"namesake,omitempty"`
	// AccessRule that gives the role its rights.
	AccessRule string `json:"accessRule,omitempty"`
	// RoleRef is what is bound, and Rule what it says about the question.
	RoleRef v1alpha1.RoleReference `json:"roleRef"`
	Rule    string                 `json:"rule"`
	// Binding that names Subject; Namespace is empty for the whole cluster.
	Binding   string `json:"binding"`
	Namespace string `json:"namespace,omitempty"`
	Subject   string `json:"subject"`
}

// Answer is why, or why not.
type Answer struct {
	User     string `json:"user"`
	Subject  string `json:"subject,omitempty"`
	Question string `json:"question"`
	// Allowed is the API server's own verdict on the subject; absent when it could
	// not be asked.
	Allowed *bool `json:"allowed,omitempty"`
	// Message says why the user's state is what it is.
	State   v1alpha1.UserState `json:"state,omitempty"`
	Message string             `json:"message,omitempty"`
	// Paths give what was asked for; Partly in single namespaces alone, where the
	// question is about the whole cluster.
	Paths  []Path `json:"paths,omitempty"`
	Partly []Path `json:"partly,omitempty"`
	// Gaps are the ways that end somewhere.
	Gaps []Gap `json:"gaps,omitempty"`
	// Incomplete says that the caller could not read all that decides it: a way that
	// is not here can be there.
	Incomplete bool     `json:"incomplete,omitempty"`
	Notes      []string `json:"notes,omitempty"`
}

// Strangers says that a binding of Rollcall names the subject for a reason that the
// user does not have: somebody else may have the same subject by now.
func (a *Answer) Strangers() bool {
	return slices.ContainsFunc(slices.Concat(a.Paths, a.Partly), func(p Path) bool { return p.Origin == OriginStale })
}

// Mine says whether a path is the user's own.
func (a *Answer) Mine() bool {
	return slices.ContainsFunc(a.Paths, func(p Path) bool {
		return p.Origin == OriginRole || p.Origin == OriginLevel || p.Origin == OriginElsewhere
	})
}

// Trace follows every way to what is asked for.
func Trace(s Scene, q Question) *Answer {
	a := &Answer{
		User: s.User.Name, Subject: s.User.Status.Subject, Question: q.String(), State: s.User.Status.State,
		Message: message(s.User, v1alpha1.ConditionReady),
	}
	if a.Subject != "" {
		groups := Groups(s.User)
		for _, b := range s.Bindings {
			p, ok := s.path(b, q, groups)
			switch {
			case !ok:
			case b.Namespace == "" || b.Namespace == q.Namespace:
				a.Paths = append(a.Paths, p)
			case q.Namespace == "" && q.Path == "":
				a.Partly = append(a.Partly, p)
			}
		}
	}
	a.Gaps = s.gaps(q, slices.Concat(a.Paths, a.Partly))
	return a
}

// Groups are those that the API server puts everybody in who signs in as this user.
// What a token says beyond that is known to nobody here.
func Groups(u *v1alpha1.ProvisionedUser) []string {
	if ref := u.Spec.ServiceAccountRef; ref != nil && u.Spec.Type == v1alpha1.ServiceAccount {
		return []string{"system:serviceaccounts", "system:serviceaccounts:" + ref.Namespace, "system:authenticated"}
	}
	return []string{"system:authenticated"}
}

// path follows one binding.
func (s Scene) path(b projection.Binding, q Question, groups []string) (Path, bool) {
	i := slices.IndexFunc(b.Subjects, func(subject rbacv1.Subject) bool {
		return names(subject, b.Namespace, s.User.Status.Subject, groups)
	})
	if i < 0 {
		return Path{}, false
	}
	ref := projection.RoleRefOf(b.Current)
	rule := q.first(s.Permissions[keyOf(ref, b.Namespace)])
	if rule == nil {
		return Path{}, false
	}
	p := Path{
		Origin: OriginElsewhere, RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.RoleRefKind(ref.Kind), Name: ref.Name},
		Rule: ruleWords(rule), Binding: b.Name, Namespace: b.Namespace, Subject: b.Subjects[i].Kind + " " + b.Subjects[i].Name,
	}
	if name, ours := projection.RuleOf(b.Current); ours {
		s.byRule(&p, name)
	} else if role, ours := projection.LevelRoleOf(b.Current); ours {
		s.byLevel(&p, role)
	}
	return p, true
}

func keyOf(ref rbacv1.RoleRef, namespace string) RoleKey {
	if ref.Kind == string(v1alpha1.RoleKind) {
		return RoleKey{namespace, ref.Name}
	}
	return RoleKey{"", ref.Name}
}

// names says whether a subject of a binding in a namespace means the user.
func names(s rbacv1.Subject, namespace, user string, groups []string) bool {
	switch s.Kind {
	case rbacv1.UserKind:
		return s.Name == user
	case rbacv1.GroupKind:
		return slices.Contains(groups, s.Name)
	case rbacv1.ServiceAccountKind:
		if s.Namespace != "" {
			namespace = s.Namespace
		}
		return user == "system:serviceaccount:"+namespace+":"+s.Name
	default:
		return false
	}
}

func (s Scene) byRule(p *Path, name string) {
	p.AccessRule = name
	var role string
	for _, rule := range s.Rules {
		if rule.Name == name {
			role = rule.Spec.Role
		}
	}
	p.Role = role
	if held := holding(s.User, role); held != nil && Bound(s.User) {
		p.Origin, p.Sources = OriginRole, held.Sources
		return
	}
	s.byNamesake(p, func(o *v1alpha1.ProvisionedUser) bool { return holding(o, role) != nil })
}

func (s Scene) byLevel(p *Path, clusterRole string) {
	matches := func(u *v1alpha1.ProvisionedUser) bool {
		source, ok := projection.OfLevel(u.Status.PermissionLevel)
		return ok && source.RoleRef.Name == clusterRole
	}
	if matches(s.User) && Bound(s.User) {
		p.Origin, p.Level = OriginLevel, s.User.Status.PermissionLevel
		return
	}
	s.byNamesake(p, matches)
}

func (s Scene) byNamesake(p *Path, justified func(*v1alpha1.ProvisionedUser) bool) {
	p.Origin = OriginStale
	for _, o := range s.Namesakes {
		if o.Name != s.User.Name && o.Status.Subject == s.User.Status.Subject && Bound(o) && justified(o) {
			p.Origin, p.Namesake = OriginNamesake, o.Name
			return
		}
	}
}

// holding is a role in force; nil when it is not held.
func holding(u *v1alpha1.ProvisionedUser, role string) *v1alpha1.EffectiveRole {
	for i := range u.Status.Roles {
		if u.Status.Roles[i].Name == role {
			return &u.Status.Roles[i]
		}
	}
	return nil
}
