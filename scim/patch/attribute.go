package patch

import (
	"maps"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/internal/tree"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// activeName is the attribute that a suspended user can't be rid of: unassigned
// means active, and nobody is to get access because of a null.
const activeName = "active"

// applySingle applies an operation on a single-valued attribute. add and replace
// are the same there (RFC 7644 section 3.5.2.1).
func (e *engine) applySingle(op opName, ref schema.Ref, f filter.Expr, value any) error {
	a := ref.Attr
	current, _ := ref.Get(e.resource).(map[string]any)
	if f != nil {
		matches, err := filter.BindValue(f, a)
		if err != nil {
			return err
		}
		if err := e.reading.add(size(current), f); err != nil {
			return err
		}
		if current == nil && op != opRemove {
			if current, err = missing(op, a, f); err != nil {
				return err
			}
		} else if current == nil || !matches(current) {
			if op == opRemove || tree.Clean(value) == nil {
				return nil
			}
			return noTarget(a)
		}
	}
	switch {
	case op == opRemove && ref.Sub == nil:
		value = nil
	case op == opRemove:
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
	if value == nil && ref.URN == "" && ref.AttrName == activeName && (e.suspended || e.resource[activeName] == false) {
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
func (e *engine) applyMulti(op opName, ref schema.Ref, f filter.Expr, value any) error {
	if f != nil || ref.Sub != nil {
		return e.changeSelected(op, ref, f, value)
	}
	if op == opRemove && value == nil {
		return e.assign(ref, nil)
	}
	decoded, err := ref.Attr.Decode(value)
	if err != nil {
		return err
	}
	list, _ := decoded.([]any)
	values := e.open(ref, ref.Attr)
	switch op {
	case opAdd:
		values.add(list)
	case opReplace:
		values = newValues(e.rt, ref, ref.Attr, list, &e.reading)
	case opRemove:
		values.removeLike(list)
	}
	return e.keep(ref, values)
}

// changeSelected applies an operation to the values that the filter selects, or
// to all without one.
func (e *engine) changeSelected(op opName, ref schema.Ref, f filter.Expr, value any) error {
	values := e.open(ref, ref.Attr)
	selected, err := values.selected(f)
	if err != nil {
		return err
	}
	change, err := elementChange(op, ref, f, value)
	if err != nil {
		return err
	}
	changed := values.change(selected, change)
	if len(selected) == 0 && op != opRemove && tree.Clean(value) != nil {
		object, err := missing(op, ref.Attr, f)
		if err != nil {
			return err
		}
		if object = change(object); object != nil {
			changed = append(changed, values.push(object))
		}
	}
	values.settle(changed)
	return e.keep(ref, values)
}

// open returns the working form of a multi-valued attribute, whose definition
// may be missing in ref.
func (e *engine) open(ref schema.Ref, a *schema.Attribute) *values {
	switch current := ref.Get(e.resource).(type) {
	case *values:
		return current
	case []any:
		return newValues(e.rt, ref, a, current, &e.reading)
	default:
		return newValues(e.rt, ref, a, nil, &e.reading)
	}
}

// keep puts the working form back, for the next operation.
func (e *engine) keep(ref schema.Ref, v *values) error {
	switch n := v.len(); {
	case n > schema.MaxValues:
		return v.attr.TooMany()
	case n == 0:
		return e.assign(ref, nil)
	}
	return e.assign(ref, v)
}

// elementChange returns what the operation makes of one value; nil for nothing.
// It may change its argument, which is a copy already.
func elementChange(op opName, ref schema.Ref, f filter.Expr, value any) (func(map[string]any) map[string]any, error) {
	if op == opRemove && ref.Sub == nil {
		return func(map[string]any) map[string]any { return nil }, nil
	}
	if ref.Sub != nil {
		var decoded any
		if op != opRemove {
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
	if op == opAdd {
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
func missing(op opName, a *schema.Attribute, f filter.Expr) (map[string]any, error) {
	if f == nil {
		return map[string]any{}, nil
	}
	object, ok := filter.Example(f, a)
	if !ok {
		return nil, noTarget(a)
	}
	for name, v := range object {
		s, isString := v.(string)
		if sub := a.Find(name); op == opReplace && isString && len(sub.Canonical) > 0 && !sub.HasCanonical(s) {
			return nil, noTarget(a)
		}
	}
	return object, nil
}

func noTarget(a *schema.Attribute) error {
	return scim.BadRequest(scim.NoTarget, "no value of %s matches the filter: add one first", a.Name)
}
