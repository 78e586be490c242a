package projection_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

func rule(change ...func(*v1alpha1.AccessRule)) *v1alpha1.AccessRule {
	r := &v1alpha1.AccessRule{
		ObjectMeta: metav1.ObjectMeta{Name: "platform-edit", UID: "uid-of-rule"},
		Spec:       v1alpha1.AccessRuleSpec{Role: "platform", RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.ClusterRoleKind, Name: "edit"}},
	}
	for _, f := range change {
		f(r)
	}
	return r
}

func user(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
}

func users(from, to int) []rbacv1.Subject {
	var list []rbacv1.Subject
	for i := from; i < to; i++ {
		list = append(list, user(fmt.Sprintf("user-%05d", i)))
	}
	return list
}

// cluster is the bindings that exist, by namespace and name.
type cluster map[string]client.Object

// failer is what *testing.T, *testing.B and *rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func key(namespace, name string) string { return namespace + "/" + name }

func (c cluster) bindings() []projection.Binding {
	var list []projection.Binding
	for _, o := range c { // in any order
		list = append(list, projection.BindingOf(o))
	}
	return list
}

// carryOut does what a plan says, in its order, as the API server would.
func (c cluster) carryOut(t failer, r *v1alpha1.AccessRule, p *projection.Plan) {
	t.Helper()
	for _, b := range p.Withdraw {
		c.write(t, r, b)
	}
	for _, b := range p.Grant {
		if len(b.Subjects) == 0 {
			t.Fatalf("grants nobody anything: %+v", b)
		}
		c.write(t, r, b)
	}
	for _, b := range p.Prune {
		c.write(t, r, b)
	}
}

func (c cluster) write(t failer, r *v1alpha1.AccessRule, b projection.Binding) {
	t.Helper()
	k := key(b.Namespace, b.Name)
	switch {
	case b.Current == nil:
		if c[k] != nil {
			t.Fatalf("%s exists", k)
		}
		c[k] = projection.Declare(projection.OfRule(r), b)
	case len(b.Subjects) == 0:
		if c[k] == nil {
			t.Fatalf("%s is gone already", k)
		}
		delete(c, k)
	default:
		if c[k] == nil {
			t.Fatalf("%s is gone", k)
		}
		c[k] = projection.Declare(projection.OfRule(r), b)
	}
}

// holders are who is bound in a namespace, and how often.
func (c cluster) holders(namespace string) map[rbacv1.Subject]int {
	holders := make(map[rbacv1.Subject]int)
	for _, b := range c.bindings() {
		if b.Namespace == namespace {
			for _, s := range b.Subjects {
				holders[s]++
			}
		}
	}
	return holders
}

func (c cluster) shards() map[string][]rbacv1.Subject {
	shards := make(map[string][]rbacv1.Subject)
	for k, o := range c {
		shards[k] = projection.BindingOf(o).Subjects
	}
	return shards
}

func in(namespaces ...string) []projection.Target {
	var targets []projection.Target
	for _, n := range namespaces {
		targets = append(targets, projection.Target{Namespace: n})
	}
	return targets
}

func TestPlanFromNothing(t *testing.T) {
	t.Parallel()
	p := projection.Make(projection.OfRule(rule()), users(0, 1001), in("b", "a"), nil)
	var got []string
	for _, b := range p.Grant {
		got = append(got, fmt.Sprintf("%s/%s:%d", b.Namespace, b.Name[strings.LastIndex(b.Name, "-")+1:], len(b.Subjects)))
	}
	want := []string{"a/0:500", "a/1:500", "a/2:1", "b/0:500", "b/1:500", "b/2:1"}
	if !slices.Equal(got, want) || len(p.Withdraw)+len(p.Prune) > 0 || p.Bindings != 6 {
		t.Errorf("plan = %v (%d bindings), want %v", got, p.Bindings, want)
	}
}

func TestPlanTouchesOneShard(t *testing.T) {
	t.Parallel()
	c := cluster{}
	everybody := users(0, 1300)
	c.carryOut(t, rule(), projection.Make(projection.OfRule(rule()), everybody, in("a"), nil))

	t.Run("one less", func(t *testing.T) {
		p := projection.Make(projection.OfRule(rule()), slices.Delete(slices.Clone(everybody), 600, 601), in("a"), c.bindings())
		if len(p.Withdraw) != 1 || len(p.Grant)+len(p.Prune) > 0 || len(p.Withdraw[0].Subjects) != 499 {
			t.Errorf("plan = %+v", p)
		}
	})
	t.Run("one more", func(t *testing.T) {
		p := projection.Make(projection.OfRule(rule()), append(slices.Clone(everybody), user("a-new-one")), in("a"), c.bindings())
		if len(p.Grant) != 1 || len(p.Withdraw)+len(p.Prune) > 0 || len(p.Grant[0].Subjects) != 301 {
			t.Errorf("plan = %+v", p)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		if p := projection.Make(projection.OfRule(rule()), everybody, in("a"), c.bindings()); !p.Empty() || p.Bindings != 3 {
			t.Errorf("plan = %+v", p)
		}
	})
}

func TestPlanCompactsWhatIsMostlyEmpty(t *testing.T) {
	t.Parallel()
	c := cluster{}
	c.carryOut(t, rule(), projection.Make(projection.OfRule(rule()), users(0, 2000), in("a"), nil))
	var few []rbacv1.Subject
	for i := 0; i < 2000; i += 10 {
		few = append(few, user(fmt.Sprintf("user-%05d", i)))
	}
	p := projection.Make(projection.OfRule(rule()), few, in("a"), c.bindings())
	for _, b := range p.Withdraw {
		if len(b.Subjects) == 0 {
			t.Errorf("%s is deleted before its subjects are bound elsewhere", b.Name)
		}
	}
	if len(p.Prune) == 0 {
		t.Error("nothing is dissolved")
	}
	c.carryOut(t, rule(), p)
	if len(c) != 1 || len(c.holders("a")) != 200 {
		t.Errorf("%d bindings for %d holders", len(c), len(c.holders("a")))
	}
}

func TestPlanForAnotherRole(t *testing.T) {
	t.Parallel()
	c := cluster{}
	c.carryOut(t, rule(), projection.Make(projection.OfRule(rule()), users(0, 3), in("a", "b"), nil))
	view := rule(func(r *v1alpha1.AccessRule) { r.Spec.RoleRef.Name = "view" })
	p := projection.Make(projection.OfRule(view), users(1, 3), in("a"), c.bindings())
	// In a: user 0 leaves the old binding at once, which goes when the new one is
	// there. In b: nothing replaces the old one.
	if len(p.Withdraw) != 2 || len(p.Grant) != 1 || len(p.Prune) != 1 {
		t.Fatalf("plan = %+v", p)
	}
	if p.Grant[0].Name == p.Prune[0].Name {
		t.Error("a roleRef can't be changed, so the name has to")
	}
	c.carryOut(t, view, p)
	if len(c) != 1 {
		t.Errorf("%d bindings are left", len(c))
	}
}

func TestPlanFreesAStolenName(t *testing.T) {
	t.Parallel()
	stolen := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: projection.OfRule(rule()).BindingName(0)},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   users(0, 3),
	}
	p := projection.Make(projection.OfRule(rule()), users(0, 3), in("a"), []projection.Binding{projection.BindingOf(stolen)})
	if len(p.Withdraw) != 1 || len(p.Withdraw[0].Subjects) != 0 || len(p.Grant) != 1 || p.Grant[0].Current != nil {
		t.Errorf("plan = %+v", p)
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	c := cluster{}
	c.carryOut(t, rule(), projection.Make(projection.OfRule(rule()), users(0, 501), in("a", "b"), nil))
	p := projection.Without([]rbacv1.Subject{user("user-00003"), user("user-00500"), user("nobody")}, c.bindings())
	if len(p.Withdraw) != 4 || len(p.Grant)+len(p.Prune) > 0 {
		t.Fatalf("plan = %+v", p)
	}
	c.carryOut(t, rule(), p)
	if len(c) != 2 || len(c.holders("a")) != 499 || c.holders("a")[user("user-00003")] != 0 {
		t.Errorf("%d bindings, %d holders are left", len(c), len(c.holders("a")))
	}
}

func TestPlanInTerminatingNamespace(t *testing.T) {
	t.Parallel()
	c := cluster{}
	c.carryOut(t, rule(), projection.Make(projection.OfRule(rule()), users(0, 3), in("a"), nil))
	p := projection.Make(projection.OfRule(rule()), users(1, 5), []projection.Target{{Namespace: "a", Terminating: true}}, c.bindings())
	if len(p.Grant)+len(p.Prune) > 0 || len(p.Withdraw) != 1 || !slices.Equal(p.Withdraw[0].Subjects, users(1, 3)) {
		t.Errorf("plan = %+v", p)
	}
}

func TestPlanDressesWhatIsUndressed(t *testing.T) {
	t.Parallel()
	for name, undress := range map[string]func(client.Object){
		"shard label":   func(o client.Object) { delete(o.GetLabels(), v1alpha1.ShardLabel) },
		"rule label":    func(o client.Object) { o.GetLabels()[v1alpha1.AccessRuleLabel] = "x" },
		"owner":         func(o client.Object) { o.SetOwnerReferences(nil) },
		"owner of old":  func(o client.Object) { o.GetOwnerReferences()[0].UID = "older" },
		"nothing wrong": func(o client.Object) { o.SetLabels(mapsPlus(o.GetLabels(), "team", "a")) },
	} {
		c := cluster{}
		c.carryOut(t, rule(), projection.Make(projection.OfRule(rule()), users(0, 1), in("a"), nil))
		for _, o := range c {
			undress(o)
		}
		p := projection.Make(projection.OfRule(rule()), users(0, 1), in("a"), c.bindings())
		if wrong := name != "nothing wrong"; p.Empty() == wrong {
			t.Errorf("%s: plan = %+v", name, p)
		}
	}
}

func mapsPlus(m map[string]string, k, v string) map[string]string {
	m = maps.Clone(m)
	m[k] = v
	return m
}

// TestPlanLaws plays random changes of subjects and namespaces.
func TestPlanLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := cluster{}
		r := rule()
		var before []rbacv1.Subject
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			wanted := draw(t, before)
			targets := in(rapid.SampledFrom([][]string{{"a"}, {"a", "b"}, {"b", "c"}, {""}}).Draw(t, "namespaces")...)
			if rapid.Bool().Draw(t, "reversed") {
				slices.Reverse(wanted)
			}
			old := c.shards()
			p := projection.Make(projection.OfRule(r), wanted, targets, c.bindings())
			checkOrder(t, c, p, wanted)
			c.carryOut(t, r, p)
			checkPlaced(t, c, wanted, targets)
			checkChurn(t, old, c.shards(), wanted, targets)
			if again := projection.Make(projection.OfRule(r), wanted, targets, c.bindings()); !again.Empty() {
				t.Fatalf("a second plan is not empty: %+v", again)
			}
			before = wanted
		}
	})
}

// draw picks a window of users, with holes.
func draw(t *rapid.T, before []rbacv1.Subject) []rbacv1.Subject {
	if len(before) > 0 && rapid.Bool().Draw(t, "small change") {
		gone := rapid.IntRange(0, len(before)-1).Draw(t, "gone")
		return append(slices.Delete(slices.Clone(before), gone, gone+1), user("new-"+rapid.StringMatching("[a-z]{4}").Draw(t, "new")))
	}
	from := rapid.IntRange(0, 1500).Draw(t, "from")
	return users(from, from+rapid.IntRange(0, 1600).Draw(t, "count"))
}

// checkOrder: nobody who is to stay is withdrawn first, and whoever is to go is
// gone after the withdrawals.
func checkOrder(t *rapid.T, c cluster, p *projection.Plan, wanted []rbacv1.Subject) {
	after := c.shards()
	for _, b := range p.Withdraw {
		after[key(b.Namespace, b.Name)] = b.Subjects
	}
	keep := make(map[rbacv1.Subject]bool)
	for _, s := range wanted {
		keep[s] = true
	}
	for shard, subjects := range after {
		for _, s := range subjects {
			if !keep[s] {
				t.Fatalf("%s is still in %s after the withdrawals", s.Name, shard)
			}
		}
	}
}

func checkPlaced(t *rapid.T, c cluster, wanted []rbacv1.Subject, targets []projection.Target) {
	places := 0
	for _, target := range targets {
		holders := c.holders(target.Namespace)
		distinct := make(map[rbacv1.Subject]bool)
		for _, s := range wanted {
			distinct[s] = true
			if holders[s] != 1 {
				t.Fatalf("%s is in %d shards of %q", s.Name, holders[s], target.Namespace)
			}
		}
		if len(holders) != len(distinct) {
			t.Fatalf("%d holders for %d subjects", len(holders), len(distinct))
		}
		places += len(holders)
	}
	total := 0
	for name, s := range c.shards() {
		if len(s) > projection.MaxSubjects || len(s) == 0 {
			t.Fatalf("%s has %d subjects", name, len(s))
		}
		total += len(s)
	}
	if total != places {
		t.Fatalf("%d subjects are bound where no rule asks for them", total-places)
	}
}

// checkChurn: as long as the shards are not mostly empty, a subject stays where
// it is.
func checkChurn(t *rapid.T, old, now map[string][]rbacv1.Subject, wanted []rbacv1.Subject, targets []projection.Target) {
	keep := make(map[rbacv1.Subject]bool)
	for _, s := range wanted {
		keep[s] = true
	}
	for _, target := range targets {
		kept := make(map[string][]rbacv1.Subject)
		for shard, subjects := range old {
			if strings.HasPrefix(shard, target.Namespace+"/") {
				for _, s := range subjects {
					if keep[s] {
						kept[shard] = append(kept[shard], s)
					}
				}
			}
		}
		if len(wanted) <= (len(kept)-1)*projection.MaxSubjects/2 {
			continue
		}
		for shard, subjects := range kept {
			for _, s := range subjects {
				if !slices.Contains(now[shard], s) {
					t.Fatalf("%s moved out of %s", s.Name, shard)
				}
			}
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?`).Draw(t, "rule")
		shard := rapid.IntRange(0, 100000).Draw(t, "shard")
		r := rule(func(r *v1alpha1.AccessRule) { r.Name = name })
		if got := projection.OfRule(r).BindingName(shard); len(got) > 253 || strings.ContainsAny(got, "/%") {
			t.Fatalf("name %q", got)
		}
		if errs := validation.IsValidLabelValue(projection.LabelValue(name)); len(errs) > 0 {
			t.Fatalf("label value %q: %v", projection.LabelValue(name), errs)
		}
		o := projection.Declare(projection.OfRule(r), projection.Binding{Namespace: "a", Name: projection.OfRule(r).BindingName(shard), Subjects: users(0, 1)})
		if of, ours := projection.RuleOf(o); !ours || of != name {
			t.Fatalf("RuleOf = %q, %v, want %q", of, ours, name)
		}
	})
}

func TestNamesTellRulesApart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 250)
	seen := make(map[string]string)
	for what, r := range map[string]*v1alpha1.AccessRule{
		"one":        rule(),
		"other role": rule(func(r *v1alpha1.AccessRule) { r.Spec.RoleRef.Name = "view" }),
		"other kind": rule(func(r *v1alpha1.AccessRule) { r.Spec.RoleRef.Kind = v1alpha1.RoleKind }),
		"long":       rule(func(r *v1alpha1.AccessRule) { r.Name = long + "a" }),
		"long too":   rule(func(r *v1alpha1.AccessRule) { r.Name = long + "b" }),
	} {
		name := projection.OfRule(r).BindingName(0)
		if other, ok := seen[name]; ok {
			t.Errorf("%s and %s are both called %s", what, other, name)
		}
		seen[name] = what
	}
}

func TestOurs(t *testing.T) {
	t.Parallel()
	r := rule()
	mine := projection.Declare(projection.OfRule(r), projection.Binding{Namespace: "a", Name: projection.OfRule(r).BindingName(0), Subjects: users(0, 1)})
	if !projection.OfRule(r).Ours(mine) {
		t.Error("our own binding is not ours")
	}
	mine.SetLabels(nil)
	if !projection.OfRule(r).Ours(mine) {
		t.Error("without its labels it still has its owner")
	}
	mine.SetOwnerReferences(nil)
	if projection.OfRule(r).Ours(mine) {
		t.Error("a binding without any mark is not ours")
	}
	other := rule(func(r *v1alpha1.AccessRule) { r.Name, r.UID = "other", "other" })
	if projection.OfRule(r).Ours(projection.Declare(projection.OfRule(other), projection.Binding{Namespace: "a", Name: "x"})) {
		t.Error("another rule's binding is not this rule's")
	}
}

func TestOursOfALevel(t *testing.T) {
	t.Parallel()
	level, _ := projection.OfLevel(v1alpha1.LevelAuditor)
	mine := projection.Declare(level, projection.Binding{Name: level.BindingName(0), Subjects: users(0, 1)})
	mine.SetLabels(nil)
	if !level.Ours(mine) {
		t.Error("without its labels it still has its name and its ClusterRole")
	}
	mine.SetName("somebody-elses")
	if level.Ours(mine) {
		t.Error("another name is somebody else's, though the ClusterRole is the level's")
	}
	other, _ := projection.OfLevel(v1alpha1.LevelAdministrator)
	foreign := projection.Declare(other, projection.Binding{Name: level.BindingName(0), Subjects: users(0, 1)})
	foreign.SetLabels(nil)
	if level.Ours(foreign) {
		t.Error("a binding of another role is not this level's, whatever it is called")
	}
}

func BenchmarkPlanUnchanged(b *testing.B) {
	c := cluster{}
	everybody := users(0, 10_000)
	c.carryOut(b, rule(), projection.Make(projection.OfRule(rule()), everybody, in("a"), nil))
	bindings := c.bindings()
	for b.Loop() {
		if p := projection.Make(projection.OfRule(rule()), everybody, in("a"), bindings); !p.Empty() {
			b.Fatal("not idempotent")
		}
	}
}
