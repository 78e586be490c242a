package projection

import (
	"cmp"
	"maps"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Target is a place where a rule is bound.
type Target struct {
	// Namespace is empty for the whole cluster.
	Namespace string
	// Terminating namespaces get nothing new; subjects are still withdrawn.
	Terminating bool
}

// Binding is a RoleBinding, or a ClusterRoleBinding when Namespace is empty.
type Binding struct {
	Namespace string
	Name      string
	// Subjects are those it has, or is to have.
	Subjects []rbacv1.Subject
	// Current is the object in the cluster; nil when it is to be created. It is
	// a *rbacv1.RoleBinding or a *rbacv1.ClusterRoleBinding, and never changed.
	Current client.Object
}

// Plan is what to write so that the cluster is as declared.
type Plan struct {
	// Withdraw takes subjects out of bindings, and is written first. A binding
	// without subjects is deleted.
	Withdraw []Binding
	// Grant creates bindings (Current is nil), and updates others.
	Grant []Binding
	// Prune is written last: bindings whose subjects Grant has put elsewhere are
	// deleted, or narrowed when Subjects are left.
	Prune []Binding
	// Bindings is how many there are in the end, outside terminating namespaces.
	Bindings int
}

// Empty says that there is nothing to write.
func (p *Plan) Empty() bool { return len(p.Withdraw)+len(p.Grant)+len(p.Prune) == 0 }

// Make compares what a source declares with the bindings of ours that project it
// now. The result depends on nothing else, and not on any order.
func Make(from Source, subjects []rbacv1.Subject, targets []Target, existing []Binding) *Plan {
	m := maker{from: from, family: from.family(), declared: declare(subjects), plan: &Plan{}}
	byNamespace := make(map[string][]Binding)
	for _, b := range existing {
		byNamespace[b.Namespace] = append(byNamespace[b.Namespace], b)
	}
	targets = slices.Clone(targets)
	slices.SortFunc(targets, func(a, b Target) int { return cmp.Compare(a.Namespace, b.Namespace) })
	for _, t := range targets {
		here := byNamespace[t.Namespace]
		delete(byNamespace, t.Namespace)
		slices.SortFunc(here, func(a, b Binding) int { return cmp.Compare(a.Name, b.Name) })
		if t.Terminating {
			m.windDown(here)
		} else {
			m.bind(t.Namespace, here)
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		for _, b := range byNamespace[namespace] {
			m.withdraw(b, nil)
		}
	}
	return m.plan
}

// Without is the plan that takes some subjects out of all bindings and does
// nothing else. It costs much less than Make.
func Without(subjects []rbacv1.Subject, existing []Binding) *Plan {
	p := &Plan{}
	for _, b := range existing {
		left := slices.DeleteFunc(slices.Clone(b.Subjects), func(s rbacv1.Subject) bool {
			return slices.Contains(subjects, s)
		})
		if len(left) < len(b.Subjects) {
			b.Subjects = left
			p.Withdraw = append(p.Withdraw, b)
		}
	}
	return p
}

type maker struct {
	from     Source
	family   string
	declared *declared
	plan     *Plan
}

func (m *maker) withdraw(b Binding, left []rbacv1.Subject) {
	b.Subjects = left
	m.plan.Withdraw = append(m.plan.Withdraw, b)
}

// windDown takes out of a terminating namespace whoever must not be there.
func (m *maker) windDown(existing []Binding) {
	for _, b := range existing {
		left := m.declared.keep(b.Subjects, m.nobodyPlaced(), len(b.Subjects))
		if len(left) < len(b.Subjects) || len(left) == 0 {
			m.withdraw(b, left)
		}
	}
}

func (m *maker) nobodyPlaced() []bool { return make([]bool, len(m.declared.subjects)) }

// bind spreads the declared subjects over the shards of one namespace.
func (m *maker) bind(namespace string, existing []Binding) {
	current := make(map[int][]rbacv1.Subject, len(existing))
	objects := make(map[int]Binding, len(existing))
	var stale []Binding
	for _, b := range existing {
		shard, named := shardOf(m.family, b.Name)
		switch {
		case !named:
			stale = append(stale, b)
		case RoleRefOf(b.Current) != m.from.RoleRef:
			// It has our name and grants something else. The name has to be free
			// before the right binding can be made.
			m.withdraw(b, nil)
		default:
			current[shard] = b.Subjects
			objects[shard] = b
		}
	}
	shards := m.declared.spread(current)
	for _, shard := range sortedKeys(shards) {
		m.keepShard(namespace, shard, objects, shards[shard])
	}
	for _, shard := range sortedKeys(current) {
		if _, ok := shards[shard]; !ok {
			stale = append(stale, objects[shard])
		}
	}
	for _, b := range stale {
		m.retire(b)
	}
	m.plan.Bindings += len(shards)
}

// keepShard writes a shard if it differs from what is declared for it.
func (m *maker) keepShard(namespace string, shard int, objects map[int]Binding, subjects []rbacv1.Subject) {
	b, exists := objects[shard]
	switch {
	case !exists:
		m.plan.Grant = append(m.plan.Grant, Binding{
			Namespace: namespace, Name: m.from.BindingName(shard), Subjects: subjects,
		})
	case m.withdraws(b):
		m.withdraw(b, subjects)
	case len(b.Subjects) > MaxSubjects:
		b.Subjects = subjects
		m.plan.Prune = append(m.plan.Prune, b)
	case !sameSet(b.Subjects, subjects) || !m.dressed(b.Current, shard):
		b.Subjects = subjects
		m.plan.Grant = append(m.plan.Grant, b)
	}
}

// retire takes a binding away after its subjects are bound elsewhere, but
// whoever is declared no longer at once.
func (m *maker) retire(b Binding) {
	left := m.declared.keep(b.Subjects, m.nobodyPlaced(), len(b.Subjects))
	if len(left) == 0 {
		m.withdraw(b, nil)
		return
	}
	if m.withdraws(b) {
		m.withdraw(b, left)
	}
	b.Subjects = nil
	m.plan.Prune = append(m.plan.Prune, b)
}

// withdraws says whether the binding has a subject that is not declared.
func (m *maker) withdraws(b Binding) bool {
	return slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool {
		_, ok := m.declared.position[s]
		return !ok
	})
}

// dressed says whether a binding has our labels, annotations and owner.
func (m *maker) dressed(o client.Object, shard int) bool {
	return includes(o.GetLabels(), m.from.labels(shard)) &&
		includes(o.GetAnnotations(), m.from.annotations()) &&
		(m.from.owner == nil || slices.ContainsFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool {
			return equality.Semantic.DeepEqual(r, *m.from.owner)
		}))
}

func includes(all, some map[string]string) bool {
	for k, v := range some {
		if got, ok := all[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// sameSet compares without order and without copying: b has no duplicates.
func sameSet(a, b []rbacv1.Subject) bool {
	if len(a) != len(b) {
		return false
	}
	if slices.Equal(a, b) {
		return true
	}
	sorted := slices.SortedFunc(slices.Values(a), compareSubjects)
	return slices.Equal(sorted, b)
}

// RoleRefOf is what a RoleBinding or ClusterRoleBinding refers to.
func RoleRefOf(o client.Object) rbacv1.RoleRef {
	switch o := o.(type) {
	case *rbacv1.RoleBinding:
		return o.RoleRef
	case *rbacv1.ClusterRoleBinding:
		return o.RoleRef
	default:
		return rbacv1.RoleRef{}
	}
}

// BindingOf wraps a *rbacv1.RoleBinding or *rbacv1.ClusterRoleBinding.
func BindingOf(o client.Object) Binding {
	b := Binding{Namespace: o.GetNamespace(), Name: o.GetName(), Current: o}
	switch o := o.(type) {
	case *rbacv1.RoleBinding:
		b.Subjects = o.Subjects
	case *rbacv1.ClusterRoleBinding:
		b.Subjects = o.Subjects
	}
	return b
}
