package patch

import (
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// few is how many values are looked at one by one sooner than by an index.
const few = 8

// values is a multi-valued attribute while a request is applied to it. It is
// kept as Attribute.Normalize would leave it after each operation, at a cost that
// follows from what an operation changes and not from all that is there.
type values struct {
	rt   *schema.ResourceType
	name schema.Name
	attr *schema.Attribute
	// items keep their places. Those that are gone leave a gap.
	items []item
	// at is where the value with that identity stands.
	at map[string]int
	// primary is where the primary value stands, or -1.
	primary int
	// bytes is the size of all values.
	bytes   int
	reading *reading
	// indexes are made when they are first of use: one for each sub-attribute
	// that filters compare, and that of descriptions.
	indexes map[string]*index
}

type item struct {
	value any
	key   string
	bytes int
	gone  bool
}

// newValues takes a list of decoded values over, with their objects.
func newValues(rt *schema.ResourceType, ref schema.Ref, a *schema.Attribute, list []any, r *reading) *values {
	v := &values{rt: rt, name: schema.Name{URN: ref.URN, Attr: ref.AttrName}, attr: a, reading: r}
	v.fill(a.Normalize(list))
	return v
}

// fill starts anew with a normalized list.
func (v *values) fill(list []any) {
	v.items, v.at = make([]item, 0, len(list)), make(map[string]int, len(list))
	v.primary, v.bytes, v.indexes = -1, 0, nil
	for i, value := range list {
		v.push(value)
		v.items[i].key = v.attr.Identity(value)
		v.at[v.items[i].key] = i
		if v.isPrimary(i) {
			v.primary = i
		}
	}
}

// len returns how many values there are.
func (v *values) len() int { return len(v.at) }

// list returns the values.
func (v *values) list() []any {
	list := make([]any, 0, len(v.at))
	for _, it := range v.items {
		if !it.gone {
			list = append(list, it.value)
		}
	}
	return list
}

// closeValues puts plain lists in the place of *values.
func closeValues(object map[string]any) {
	for key, v := range object {
		if v, ok := v.(*values); ok {
			object[key] = v.list()
		}
	}
}

// add appends normalized values.
func (v *values) add(list []any) {
	added := make([]int, len(list))
	for i, value := range list {
		added[i] = v.push(value)
	}
	v.settle(added)
}

// push appends a value that is yet to be settled.
func (v *values) push(value any) int {
	bytes := size(value)
	v.bytes += bytes
	v.items = append(v.items, item{value: value, bytes: bytes})
	return len(v.items) - 1
}

// removeLike removes the values that the given ones describe.
func (v *values) removeLike(list []any) {
	described := v.index("", func(object any) []string {
		return []string{description(v.attr, object, true), description(v.attr, object, false)}
	})
	for _, value := range list {
		for i := range described.at[description(v.attr, value, true)] {
			v.drop(i)
		}
	}
	v.compact()
}

// change changes values, or removes those of which nothing is left. It returns
// the ones to settle.
func (v *values) change(selected []int, change func(map[string]any) map[string]any) []int {
	changed := make([]int, 0, len(selected)+1)
	for _, i := range selected {
		object, _ := v.items[i].value.(map[string]any)
		v.release(i)
		if object = change(object); object == nil {
			v.drop(i)
			continue
		}
		it := &v.items[i]
		v.bytes -= it.bytes
		it.value, it.bytes = object, size(object)
		v.bytes += it.bytes
		changed = append(changed, i)
	}
	return changed
}

// settle restores what must hold between the values after some of them, in the
// order of the list, are new or changed.
func (v *values) settle(changed []int) {
	changed = v.elect(changed)
	// A value may have become equal to others, in front of it and behind.
	for _, i := range changed {
		key := v.attr.Identity(v.items[i].value)
		v.items[i].key = key
		if j, ok := v.at[key]; ok {
			v.release(j)
			changed = append(changed, j)
		}
	}
	slices.Sort(changed)
	changed = slices.Compact(changed)
	for _, i := range changed {
		key := v.items[i].key
		j, ok := v.at[key]
		if !ok {
			v.at[key] = i
			continue
		}
		into, later := &v.items[j], v.items[i].value
		into.value = schema.Unite(into.value, later)
		v.bytes += v.items[i].bytes
		into.bytes += v.items[i].bytes
		if v.primary == i {
			v.primary = j
		}
		v.drop(i)
	}
	for _, i := range changed {
		if !v.items[i].gone {
			for _, x := range v.indexes {
				x.add(i, v.items[i].value)
			}
		}
	}
	v.compact()
}

// elect sees to it that one value at most is primary: the last of the changed
// ones that is, or else the one that was. It returns the changed ones, and among
// them the one that was.
func (v *values) elect(changed []int) []int {
	if v.attr.Find("primary") == nil {
		return changed
	}
	elected := -1
	for _, i := range changed {
		if v.isPrimary(i) {
			elected = i
		}
	}
	if elected < 0 {
		if v.primary >= 0 && !v.isPrimary(v.primary) {
			v.primary = -1
		}
		return changed
	}
	if v.primary >= 0 {
		v.release(v.primary)
		changed = append(changed, v.primary)
	}
	for _, i := range changed {
		if object, ok := v.items[i].value.(map[string]any); ok && i != elected && v.isPrimary(i) {
			object["primary"] = false
		}
	}
	v.primary = elected
	return changed
}

func (v *values) isPrimary(i int) bool {
	object, _ := v.items[i].value.(map[string]any)
	return !v.items[i].gone && object["primary"] == true
}

// drop removes a value.
func (v *values) drop(i int) {
	it := &v.items[i]
	if it.gone {
		return
	}
	v.release(i)
	v.bytes -= it.bytes
	*it = item{gone: true}
	if v.primary == i {
		v.primary = -1
	}
}

// release takes a value out of the maps, for as long as it is in the making.
func (v *values) release(i int) {
	if j, ok := v.at[v.items[i].key]; ok && j == i {
		delete(v.at, v.items[i].key)
		for _, x := range v.indexes {
			x.remove(i, v.items[i].value)
		}
	}
}

// compact closes the gaps when there are more of them than values.
func (v *values) compact() {
	if len(v.items) > 2*len(v.at)+few {
		v.fill(v.list())
	}
}

// selected returns where the values stand that a filter selects, all without
// one, in their order.
func (v *values) selected(f filter.Expr) ([]int, error) {
	if or, ok := f.(filter.Or); ok && len(v.items) > few {
		var all []int
		for _, t := range or.Terms {
			some, err := v.selected(t)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		slices.Sort(all)
		return slices.Compact(all), nil
	}
	matches := filter.Predicate(func(map[string]any) bool { return true })
	var err error
	if f != nil {
		if matches, err = filter.BindValue(f, v.attr); err != nil {
			return nil, err
		}
	}
	if candidates, ok := v.candidates(f); ok {
		return v.matching(candidates, matches, f)
	}
	if err := v.reading.add(v.bytes, f); err != nil {
		return nil, err
	}
	var all []int
	for i, it := range v.items {
		if object, ok := it.value.(map[string]any); ok && matches(object) {
			all = append(all, i)
		}
	}
	return all, nil
}

// candidates returns the values that may fulfil a filter which demands that a
// sub-attribute equals something, if going through them all were more.
func (v *values) candidates(f filter.Expr) (map[int]bool, bool) {
	if f == nil || len(v.items) <= few {
		return nil, false
	}
	for _, eq := range filter.Conjuncts(filter.ValuePath{Attr: v.name, Filter: f}, v.rt) {
		name, ok := strings.CutPrefix(eq.Path, v.name.String()+".")
		if !ok {
			continue
		}
		sub := v.attr.Find(name)
		return v.index(name, func(value any) []string {
			object, _ := value.(map[string]any)
			if s, ok := object[name].(string); ok {
				return []string{textKey(sub, s)}
			}
			return nil
		}).at[textKey(sub, eq.Value)], true
	}
	return nil, false
}

func (v *values) matching(candidates map[int]bool, matches filter.Predicate, f filter.Expr) ([]int, error) {
	var all []int
	for i := range candidates {
		if err := v.reading.add(v.items[i].bytes, f); err != nil {
			return nil, err
		}
		if object, ok := v.items[i].value.(map[string]any); ok && matches(object) {
			all = append(all, i)
		}
	}
	slices.Sort(all)
	return all, nil
}
