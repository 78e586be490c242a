package patch

import (
	"maps"
	"slices"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// activeName is the one attribute that nobody can unassign: it would default
// to true, and give a suspended user access again because of a null.
const activeName = "active"

// applySingle applies an operation on a single-valued attribute. add and replace
// are the same there (RFC 7644 section 3.5.2.1).
func (e *engine) applySingle(op Op, ref schema.Ref, f filter.Expr, value any) error {
	a := ref.Attr
	current, _ := ref.Get(e.resource).(map[string]any)
	if f != nil {
		matches, err := filter.BindValue(f, a)
		if err != nil {
			return err
		}
		if current == nil && op != Remove {
			if current, err = missing(op, a, f); err != nil {
				return err
			}
		} else if current == nil || !matches(current) {
			if op == Remove || schema.Clean(value) == nil {
				return nil
			}
			return noTarget(a)
		}
	}
	switch {
	case op == Remove && ref.Sub == nil:
		value = nil
	case op == Remove:
		value = setSub(current, ref.Sub, nil)
	case ref.Sub != nil:
		decoded, err := ref.Sub.Decode(value)
		if err != nil {
			return err
		}
		value = setSub(current, ref.Sub, decoded)
	default:
		decoded, err := a.Decode(value)
		if err != nil {
			return err
		}
		if object, ok := unwrap(value).(map[string]any); ok && a.Type == schema.Complex {
			value = merge(a, current, object, decoded)
		} else {
			value = decoded
		}
	}
	if value == nil && ref.URN == "" && ref.AttrName == activeName {
		return nil
	}
	return e.assign(ref, value)
}

// setSub sets a sub-attribute of a complex value, which may be nil, and returns
// the value; nil if nothing is left of it.
func setSub(object map[string]any, sub *schema.Attribute, value any) any {
	if value != nil {
		if object == nil {
			object = map[string]any{}
		}
		object[sub.Name] = value
		return object
	}
	delete(object, sub.Name)
	if len(object) == 0 {
		return nil
	}
	return object
}

// merge puts the sub-attributes of sent, decoded as decoded, into a complex
// value. Those that sent names as null are unassigned.
func merge(a *schema.Attribute, current, sent map[string]any, decoded any) any {
	assigned, _ := decoded.(map[string]any)
	merged := maps.Clone(current)
	if merged == nil {
		merged = map[string]any{}
	}
	for key := range sent {
		if sub := a.Find(key); sub != nil && sub.Mutability != schema.ReadOnly && assigned[sub.Name] == nil {
			delete(merged, sub.Name)
		}
	}
	maps.Copy(merged, assigned)
	if len(merged) == 0 {
		return nil
	}
	return merged
}

// unwrap takes a value out of one-element arrays.
func unwrap(v any) any {
	for {
		list, ok := v.([]any)
		if !ok || len(list) != 1 {
			return v
		}
		v = list[0]
	}
}

// applyMulti applies an operation on a multi-valued attribute.
func (e *engine) applyMulti(op Op, ref schema.Ref, f filter.Expr, value any) error {
	list, _ := ref.Get(e.resource).([]any)
	var err error
	switch {
	case f != nil || ref.Sub != nil:
		list, err = changeSelected(op, ref, list, f, value)
	case op == Remove && value == nil:
		list = nil
	default:
		var decoded any
		if decoded, err = ref.Attr.Decode(value); err != nil {
			return err
		}
		values, _ := decoded.([]any)
		switch op {
		case Add:
			list = slices.Concat(list, values)
		case Replace:
			list = values
		case Remove:
			list = without(ref.Attr, list, values)
		}
	}
	if err != nil {
		return err
	}
	if list = ref.Attr.Normalize(list); len(list) > schema.MaxValues {
		return ref.Attr.TooMany()
	}
	if len(list) == 0 {
		return e.assign(ref, nil)
	}
	return e.assign(ref, list)
}

// changeSelected applies an operation to the values that the filter selects, or
// to all without one.
func changeSelected(op Op, ref schema.Ref, list []any, f filter.Expr, value any) ([]any, error) {
	selected := func(map[string]any) bool { return true }
	if f != nil {
		matches, err := filter.BindValue(f, ref.Attr)
		if err != nil {
			return nil, err
		}
		selected = matches
	}
	change, err := elementChange(op, ref, f, value)
	if err != nil {
		return nil, err
	}
	var changed map[string]any
	found := false
	out := make([]any, 0, len(list)+1)
	for _, v := range list {
		object, ok := v.(map[string]any)
		if !ok || !selected(object) {
			out = append(out, v)
			continue
		}
		found = true
		if object = change(object); object != nil {
			out = append(out, object)
			changed = primaryOf(object, changed)
		}
	}
	if !found && op != Remove && schema.Clean(value) != nil {
		object, err := missing(op, ref.Attr, f)
		if err != nil {
			return nil, err
		}
		if object = change(object); object != nil {
			out = append(out, object)
			changed = primaryOf(object, changed)
		}
	}
	if changed != nil {
		demoteOthers(out, changed)
	}
	return out, nil
}

// elementChange returns what the operation makes of one value; nil for nothing.
// It may change its argument, which is a copy already.
func elementChange(op Op, ref schema.Ref, f filter.Expr, value any) (func(map[string]any) map[string]any, error) {
	if op == Remove && ref.Sub == nil {
		return func(map[string]any) map[string]any { return nil }, nil
	}
	if ref.Sub != nil {
		var decoded any
		if op != Remove {
			var err error
			if decoded, err = ref.Sub.Decode(value); err != nil {
				return nil, err
			}
		}
		return func(object map[string]any) map[string]any {
			object, _ = setSub(object, ref.Sub, decoded).(map[string]any)
			if decoded == nil && onlyLabels(object) {
				return nil
			}
			return object
		}, nil
	}
	decoded, err := ref.Attr.DecodeOne(value)
	if err != nil {
		return nil, err
	}
	assigned, _ := decoded.(map[string]any)
	if op == Add {
		return func(object map[string]any) map[string]any {
			maps.Copy(object, assigned)
			return object
		}, nil
	}
	// What the filter says of the value stays true of its replacement, so that
	// the same filter finds it again.
	example, _ := filter.Example(f, ref.Attr)
	return func(map[string]any) map[string]any {
		if assigned == nil {
			return nil
		}
		object := maps.Clone(example)
		if object == nil {
			object = map[string]any{}
		}
		maps.Copy(object, assigned)
		return object
	}, nil
}

// onlyLabels says whether nothing is left of a value but what it was for.
func onlyLabels(object map[string]any) bool {
	for name := range object {
		if name != "type" && name != "primary" {
			return false
		}
	}
	return true
}

// missing makes the value that a filter looked for in vain. RFC 7644 wants
// noTarget here, but Entra ID sends changes to values that it has never
// created. A replace of a type that nobody ever uses is still an error.
func missing(op Op, a *schema.Attribute, f filter.Expr) (map[string]any, error) {
	if f == nil {
		return map[string]any{}, nil
	}
	object, ok := filter.Example(f, a)
	if !ok {
		return nil, noTarget(a)
	}
	for name, v := range object {
		s, isString := v.(string)
		if sub := a.Find(name); op == Replace && isString && len(sub.Canonical) > 0 && !sub.HasCanonical(s) {
			return nil, noTarget(a)
		}
	}
	return object, nil
}

func noTarget(a *schema.Attribute) error {
	return scim.BadRequest(scim.NoTarget, "no value of %s matches the filter: add one first", a.Name)
}

// primaryOf returns object if it is a primary value, else otherwise.
func primaryOf(object, otherwise map[string]any) map[string]any {
	if object["primary"] == true {
		return object
	}
	return otherwise
}

// demoteOthers makes all but the given value no longer primary. Maps have no
// identity to compare, so the value is unmarked for the time being.
func demoteOthers(list []any, kept map[string]any) {
	kept["primary"] = nil
	for _, v := range list {
		if object, ok := v.(map[string]any); ok && object["primary"] == true {
			object["primary"] = false
		}
	}
	kept["primary"] = true
}

// without returns the values of list that none of the given ones describes. A
// value is described by its value, and by its type if that is given too; one
// that has no value by all it has.
func without(a *schema.Attribute, list, values []any) []any {
	described := make(map[string]bool, len(values))
	for _, v := range values {
		described[description(a, v, true)] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		return described[description(a, v, true)] || described[description(a, v, false)]
	})
}

func description(a *schema.Attribute, v any, withType bool) string {
	object, ok := v.(map[string]any)
	if !ok {
		return schema.Fingerprint(v)
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
		if s, ok := v.(string); ok && !a.Find(name).CaseExact {
			v = fold.String(s)
		}
		about[name] = v
	}
	return schema.Fingerprint(about)
}
