package patch

import (
	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/internal/tree"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// index finds the places of values by what they have.
type index struct {
	keys func(value any) []string
	at   map[string]map[int]bool
}

// index returns the index of that name, made if need be.
func (v *values) index(name string, keys func(any) []string) *index {
	if x := v.indexes[name]; x != nil {
		return x
	}
	x := &index{keys: keys, at: make(map[string]map[int]bool, len(v.at))}
	for _, i := range v.at {
		x.add(i, v.items[i].value)
	}
	if v.indexes == nil {
		v.indexes = map[string]*index{}
	}
	v.indexes[name] = x
	return x
}

func (x *index) add(i int, value any) {
	for _, key := range x.keys(value) {
		if x.at[key] == nil {
			x.at[key] = map[int]bool{}
		}
		x.at[key][i] = true
	}
}

func (x *index) remove(i int, value any) {
	for _, key := range x.keys(value) {
		delete(x.at[key], i)
	}
}

// description is what a remove has to say of a value to mean it: its value, and
// its type if that is given too; of one that has no value, all it has.
func description(a *schema.Attribute, v any, withType bool) string {
	object, ok := v.(map[string]any)
	if !ok {
		return tree.Fingerprint(v)
	}
	about := map[string]any{}
	_, hasValue := object["value"]
	for name, v := range object {
		switch name {
		case "primary", "display":
			continue
		case "value":
		case "type":
			if hasValue && !withType {
				continue
			}
		default:
			if hasValue {
				continue
			}
		}
		if s, ok := v.(string); ok {
			v = textKey(a.Find(name), s)
		}
		about[name] = v
	}
	return tree.Fingerprint(about)
}

// textKey is equal for texts that filters take for equal.
func textKey(a *schema.Attribute, s string) string {
	if a.CaseExact {
		return s
	}
	return fold.String(s)
}
