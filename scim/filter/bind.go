package filter

import (
	"iter"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// Predicate says whether a resource, or one value of an attribute, matches.
type Predicate func(map[string]any) bool

// Bind checks a filter against a resource type and returns its predicate. An
// attribute that the type doesn't have is no error: it has no value. A
// comparison that can't be made, such as active gt true, is an *Error.
//
// A condition on a multi-valued attribute holds when one of its values fulfils
// it. A complex attribute without sub-attribute is compared by its value. ne
// holds for attributes without a value, as eq null does.
//
// The predicate works on canonical resources, and may be called from several
// goroutines. Filters on members or groups need them in the resource; see Uses.
func Bind(e Expr, rt *schema.ResourceType) (Predicate, error) {
	return new(binder).bind(e, attributesOf(rt))
}

// ParseFor is Parse and Bind in one, for a filter that a client sent: it checks
// the filter against the resource type too, and the *Error says where in the
// text the condition stands that makes no sense.
func ParseFor(rt *schema.ResourceType, text string) (Expr, error) {
	p, e, err := parse(text)
	if err != nil {
		return nil, err
	}
	b := binder{offsets: p.conditions}
	if _, err := b.bind(e, attributesOf(rt)); err != nil {
		return nil, err
	}
	return e, nil
}

// BindValue is Bind for the filter of a value path, whose names are
// sub-attributes of attr.
func BindValue(e Expr, attr *schema.Attribute) (Predicate, error) {
	return new(binder).bind(e, subAttributesOf(attr))
}

// finder looks a name up.
type finder func(schema.Name) (field, bool)

func attributesOf(rt *schema.ResourceType) finder {
	return func(n schema.Name) (field, bool) {
		ref, ok := rt.Find(n)
		if !ok || ref.AttrName == "" || ref.Attr != nil && ref.Attr.Ignored {
			return field{}, false
		}
		return newField(rt, ref), true
	}
}

func subAttributesOf(attr *schema.Attribute) finder {
	return func(n schema.Name) (field, bool) {
		sub := attr.Find(n.Attr)
		if sub == nil || n.URN != "" || n.Sub != "" {
			return field{}, false
		}
		return field{
			name: sub.Name,
			attr: sub,
			get:  func(m map[string]any) any { return m[sub.Name] },
		}, true
	}
}

// anyKeys finds sub-attributes of attributes that have no definition.
func anyKeys(n schema.Name) (field, bool) {
	key := schema.Name{Attr: n.Attr}.String()
	return field{
		name: key,
		get:  func(m map[string]any) any { return m[tree.Key(m, key)] },
		sub:  n.Sub,
	}, n.URN == ""
}

// binder binds the conditions of a filter, in the order in which they were
// parsed.
type binder struct {
	// offsets are where in the text the conditions stand; nil when there is none.
	offsets []int
	// next is the number of the condition that is bound next.
	next int
}

func (b *binder) bind(e Expr, find finder) (Predicate, error) {
	switch e := e.(type) {
	case And:
		terms, err := b.bindAll(e.Terms, find)
		if err != nil {
			return nil, err
		}
		return func(m map[string]any) bool {
			for _, t := range terms {
				if !t(m) {
					return false
				}
			}
			return true
		}, nil
	case Or:
		terms, err := b.bindAll(e.Terms, find)
		if err != nil {
			return nil, err
		}
		return func(m map[string]any) bool {
			for _, t := range terms {
				if t(m) {
					return true
				}
			}
			return false
		}, nil
	case Not:
		term, err := b.bind(e.Term, find)
		if err != nil {
			return nil, err
		}
		return func(m map[string]any) bool { return !term(m) }, nil
	case Present:
		b.next++
		f, ok := find(e.Attr)
		if !ok {
			return never, nil
		}
		return f.present, nil
	case ValuePath:
		f, ok := find(e.Attr)
		if !ok || f.attr != nil && f.attr.Type != schema.Complex {
			b.next += conditions(e.Filter)
			return never, nil
		}
		return b.bindValuePath(f, e.Filter)
	case Compare:
		at := b.next
		b.next++
		f, ok := find(e.Attr)
		if !ok {
			absent := e.Op == Ne && e.Value != nil || e.Op == Eq && e.Value == nil
			return func(map[string]any) bool { return absent }, nil
		}
		compare, err := bindCompare(f, e)
		if err != nil && b.offsets != nil {
			err.Offset = b.offsets[at]
		}
		if err != nil {
			return nil, err
		}
		return compare, nil
	default:
		return nil, typeError("%T is no filter", e)
	}
}

func never(map[string]any) bool { return false }

func (b *binder) bindAll(terms []Expr, find finder) ([]Predicate, error) {
	bound := make([]Predicate, len(terms))
	for i, t := range terms {
		var err error
		if bound[i], err = b.bind(t, find); err != nil {
			return nil, err
		}
	}
	return bound, nil
}

// conditions counts the comparisons and pr of a filter.
func conditions(e Expr) int {
	n := 0
	switch e := e.(type) {
	case And:
		for _, t := range e.Terms {
			n += conditions(t)
		}
	case Or:
		for _, t := range e.Terms {
			n += conditions(t)
		}
	case Not:
		n = conditions(e.Term)
	case ValuePath:
		n = conditions(e.Filter)
	default:
		n = 1
	}
	return n
}

func (b *binder) bindValuePath(f field, filter Expr) (Predicate, error) {
	find := finder(anyKeys)
	if f.attr != nil {
		find = subAttributesOf(f.attr)
	}
	inner, err := b.bind(filter, find)
	if err != nil {
		return nil, err
	}
	return func(m map[string]any) bool {
		for v := range values(f.get(m)) {
			if object, ok := v.(map[string]any); ok && inner(object) {
				return true
			}
		}
		return false
	}, nil
}

func bindCompare(f field, e Compare) (Predicate, *Error) {
	if e.Value == nil {
		switch e.Op {
		case Eq:
			return func(m map[string]any) bool { return !f.present(m) }, nil
		case Ne:
			return f.present, nil
		}
		return nil, typeError("%s %s null: null can be compared with eq and ne only", f.name, e.Op)
	}
	leaf, err := f.leaf()
	if err != nil {
		return nil, err
	}
	test, err := newTest(f.name, leaf, e.Op, e.Value)
	if err != nil {
		return nil, err
	}
	return func(m map[string]any) bool {
		found := false
		for v := range values(f.get(m)) {
			if v = f.value(v); v == nil {
				continue
			}
			found = true
			if test(v) {
				return true
			}
		}
		return !found && e.Op == Ne
	}, nil
}

// field is an attribute that a condition speaks of.
type field struct {
	// name is for messages.
	name string
	// attr is nil for attributes without a definition.
	attr *schema.Attribute
	// get returns the attribute's value or values.
	get func(map[string]any) any
	// sub is the sub-attribute, if the condition names one, and subAttr its
	// definition.
	sub     string
	subAttr *schema.Attribute
}

func newField(rt *schema.ResourceType, ref schema.Ref) field {
	f := field{name: ref.String(), attr: ref.Attr, get: ref.Get, sub: ref.SubName, subAttr: ref.Sub}
	if ref.URN != "" {
		return f
	}
	// The server puts these in on the way out, so they are not in the resource.
	switch {
	case ref.AttrName == "schemas":
		f.get = func(m map[string]any) any {
			var urns []any
			for _, urn := range schema.Schemas(rt, m) {
				urns = append(urns, urn)
			}
			return urns
		}
	case ref.AttrName == "meta" && ref.SubName == "resourceType":
		f.get = func(map[string]any) any { return map[string]any{"resourceType": rt.Name} }
	}
	return f
}

// leaf returns the definition of what is compared: nil where there is none.
func (f field) leaf() (*schema.Attribute, *Error) {
	switch {
	case f.attr == nil:
		return nil, nil
	case f.subAttr != nil:
		return f.subAttr, nil
	case f.attr.Type != schema.Complex:
		return f.attr, nil
	}
	if value := f.attr.Find("value"); value != nil {
		return value, nil
	}
	return nil, typeError("%s is complex: compare one of its sub-attributes, such as %s.%s", f.name, f.name, f.attr.Sub[0].Name)
}

// value returns what is compared of one value of the attribute.
func (f field) value(v any) any {
	object, ok := v.(map[string]any)
	switch {
	case !ok && f.sub == "":
		return v
	case !ok:
		return nil
	case f.subAttr != nil:
		return object[f.subAttr.Name]
	case f.sub != "":
		return object[tree.Key(object, f.sub)]
	default:
		return object["value"]
	}
}

func (f field) present(m map[string]any) bool {
	for v := range values(f.get(m)) {
		if f.sub != "" {
			v = f.value(v)
		}
		if v != nil {
			return true
		}
	}
	return false
}

// values yields the values of an attribute, be it multi-valued or not. It is
// small enough for the compiler to need no memory for it.
func values(v any) iter.Seq[any] {
	return func(yield func(any) bool) {
		list, ok := v.([]any)
		if !ok {
			if v != nil {
				yield(v)
			}
			return
		}
		for _, e := range list {
			if !yield(e) {
				return
			}
		}
	}
}
