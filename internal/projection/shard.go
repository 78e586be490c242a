package projection

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// MaxSubjects is how many subjects one binding holds at most. The authorizer
// reads every binding of a namespace on each request, and every write of a
// binding rewrites it whole: at 500 subjects a write costs about 7 ms.
const MaxSubjects = 500

// compareSubjects orders subjects for a reader.
func compareSubjects(a, b rbacv1.Subject) int {
	return cmp.Or(
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.APIGroup, b.APIGroup),
	)
}

// declared is the set of subjects that a rule asks for, ready to be looked up
// in once per namespace.
type declared struct {
	subjects []rbacv1.Subject
	position map[rbacv1.Subject]int
}

func declare(subjects []rbacv1.Subject) *declared {
	d := &declared{subjects: slices.Clone(subjects)}
	slices.SortFunc(d.subjects, compareSubjects)
	d.subjects = slices.Compact(d.subjects)
	d.position = make(map[rbacv1.Subject]int, len(d.subjects))
	for i, s := range d.subjects {
		d.position[s] = i
	}
	return d
}

// keep returns those of current that are declared and not placed yet, at most
// limit of them, and marks them placed.
func (d *declared) keep(current []rbacv1.Subject, placed []bool, limit int) []rbacv1.Subject {
	kept := make([]rbacv1.Subject, 0, min(len(current), limit))
	for _, s := range current {
		if len(kept) == limit {
			break
		}
		if i, ok := d.position[s]; ok && !placed[i] {
			placed[i] = true
			kept = append(kept, s)
		}
	}
	return kept
}

// spread assigns each declared subject to exactly one shard, and moves none
// without need: a subject stays in the shard that has it, new ones go into the
// first shard with room, then into new shards. Only when the shards could lose
// half of their number are the emptiest dissolved.
func (d *declared) spread(current map[int][]rbacv1.Subject) map[int][]rbacv1.Subject {
	shards := make(map[int][]rbacv1.Subject, len(current))
	placed := make([]bool, len(d.subjects))
	order := sortedKeys(current)
	for _, shard := range order {
		if kept := d.keep(current[shard], placed, MaxSubjects); len(kept) > 0 {
			shards[shard] = kept
		}
	}
	var homeless []rbacv1.Subject
	for i, s := range d.subjects {
		if !placed[i] {
			homeless = append(homeless, s)
		}
	}
	for tooMany(len(shards), len(d.subjects)) {
		emptiest := emptiest(shards)
		homeless = append(homeless, shards[emptiest]...)
		delete(shards, emptiest)
	}
	slices.SortFunc(homeless, compareSubjects)
	fill(shards, homeless)
	for _, s := range shards {
		slices.SortFunc(s, compareSubjects)
	}
	return shards
}

// tooMany says whether the subjects would fit into half of the shards.
func tooMany(shards, subjects int) bool {
	return shards > 1 && subjects <= (shards-1)*MaxSubjects/2
}

// emptiest is the shard with the fewest subjects, of equals the last.
func emptiest(shards map[int][]rbacv1.Subject) int {
	return slices.MinFunc(sortedKeys(shards), func(a, b int) int {
		return cmp.Or(cmp.Compare(len(shards[a]), len(shards[b])), cmp.Compare(b, a))
	})
}

// fill puts subjects into the shards that have room, in order, and then into new
// ones, the lowest free numbers first.
func fill(shards map[int][]rbacv1.Subject, subjects []rbacv1.Subject) {
	put := func(shard int) {
		n := min(MaxSubjects-len(shards[shard]), len(subjects))
		if n > 0 {
			shards[shard] = append(shards[shard], subjects[:n]...)
			subjects = subjects[n:]
		}
	}
	for _, shard := range sortedKeys(shards) {
		put(shard)
	}
	for shard := 0; len(subjects) > 0; shard++ {
		put(shard)
	}
}

func sortedKeys(m map[int][]rbacv1.Subject) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
