package patch

import (
	"strings"
	"unicode"

	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/internal/tree"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// applyCustom applies an operation on an attribute that has no definition.
// Filters on it can't be given a meaning and are dropped with what they select.
func (e *engine) applyCustom(op opName, ref schema.Ref, f filter.Expr, value any) error {
	if f != nil {
		return nil
	}
	current := ref.Get(e.resource)
	sentObject := isObject(value)
	value = tree.Clean(value)
	if ref.SubName != "" {
		object, _ := current.(map[string]any)
		if object == nil {
			object = map[string]any{}
		}
		if op == opRemove {
			value = nil
		}
		if err := put(object, tree.Key(object, ref.SubName), value); err != nil {
			return err
		}
		if len(object) == 0 {
			return e.assign(ref, nil)
		}
		return e.assign(ref, object)
	}
	if op == opRemove {
		value = nil
	}
	if op == opAdd {
		switch current := current.(type) {
		case []any, *values:
			if value == nil {
				return nil
			}
			return e.addCustom(ref, value)
		case map[string]any:
			if sentObject {
				// Nil when there was nothing in it but what is dropped.
				object, _ := value.(map[string]any)
				return putAll(current, object)
			}
		}
	}
	return e.assign(ref, value)
}

// addCustom adds to what turned out to be a multi-valued attribute.
func (e *engine) addCustom(ref schema.Ref, value any) error {
	added, ok := value.([]any)
	if !ok {
		added = []any{value}
	}
	list := e.open(ref, &schema.Attribute{Name: ref.AttrName, MultiValued: true, Type: schema.Complex})
	list.add(added)
	return e.keep(ref, list)
}

// putAll is put for all members of an object that has no definition, under the
// keys of the other that equal theirs in any case. Asking tree.Key for each
// would cost the product of the two.
func putAll(object, sent map[string]any) error {
	keys := make(map[string]string, len(object))
	for key := range object {
		folded := foldKey(key)
		if known, ok := keys[folded]; !ok || key < known {
			keys[folded] = key
		}
	}
	for _, m := range members(sent) {
		if tree.IsPassword(m.key) {
			continue
		}
		key, folded := m.key, foldKey(m.key)
		if _, ok := object[key]; !ok {
			if known, ok := keys[folded]; ok {
				key = known
			}
		}
		keys[folded] = key
		if err := put(object, key, tree.Clean(m.value)); err != nil {
			return err
		}
	}
	return nil
}

// foldKey is equal for keys that strings.EqualFold takes for equal.
func foldKey(key string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, key)
}
