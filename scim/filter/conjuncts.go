package filter

import "github.com/rollcall-dev/rollcall/scim/schema"

// Equality is a condition that every match fulfils: some value of the attribute
// equals Value.
type Equality struct {
	// Path is the canonical name of a simple attribute: userName, emails.value,
	// members.value, urn:…:User:employeeNumber.
	Path string
	// Value to compare as the attribute's CaseExact says: not folded yet.
	Value string
}

// Conjuncts returns the equalities on string attributes that must hold for the
// filter to hold, in the filter's order. They are necessary, not sufficient: the
// predicate still has to be asked.
func Conjuncts(e Expr, rt *schema.ResourceType) []Equality {
	return conjuncts(nil, e, rt.Find)
}

func conjuncts(list []Equality, e Expr, find func(schema.Name) (schema.Ref, bool)) []Equality {
	switch e := e.(type) {
	case And:
		for _, t := range e.Terms {
			list = conjuncts(list, t, find)
		}
	case ValuePath:
		attr, ok := find(e.Attr)
		if !ok || attr.Attr == nil || attr.Sub != nil {
			break
		}
		list = conjuncts(list, e.Filter, func(n schema.Name) (schema.Ref, bool) {
			sub := attr.Attr.Find(n.Attr)
			if sub == nil || n.URN != "" || n.Sub != "" {
				return schema.Ref{}, false
			}
			ref := attr
			ref.Sub, ref.SubName = sub, sub.Name
			return ref, true
		})
	case Compare:
		ref, ok := find(e.Attr)
		if !ok || ref.Attr == nil || e.Op != Eq || e.Value == nil {
			break
		}
		if value := ref.Target().Find("value"); ref.Sub == nil && value != nil {
			ref.Sub, ref.SubName = value, value.Name
		}
		if a := ref.Target(); a.Stringlike() && a.Type != schema.DateTime {
			list = append(list, Equality{Path: ref.String(), Value: text(e.Value)})
		}
	}
	return list
}

// Uses says whether the filter's verdict may depend on that attribute of the
// core schema, such as members.
func Uses(e Expr, rt *schema.ResourceType, attribute string) bool {
	switch e := e.(type) {
	case And:
		return anyUses(e.Terms, rt, attribute)
	case Or:
		return anyUses(e.Terms, rt, attribute)
	case Not:
		return Uses(e.Term, rt, attribute)
	case Present:
		return names(rt, e.Attr, attribute)
	case ValuePath:
		return names(rt, e.Attr, attribute)
	case Compare:
		return names(rt, e.Attr, attribute)
	}
	return false
}

func anyUses(terms []Expr, rt *schema.ResourceType, attribute string) bool {
	for _, t := range terms {
		if Uses(t, rt, attribute) {
			return true
		}
	}
	return false
}

func names(rt *schema.ResourceType, n schema.Name, attribute string) bool {
	ref, _ := rt.Find(n)
	return ref.URN == "" && ref.AttrName == attribute
}

// Example returns the smallest value of a multi-valued attribute that fulfils
// the filter, if the filter is an equality or several with and. PATCH makes
// missing values of it: emails[type eq "work"] gives {"type": "work"}.
func Example(e Expr, attr *schema.Attribute) (map[string]any, bool) {
	value := map[string]any{}
	if !fulfil(value, e, attr) {
		return nil, false
	}
	matches, err := BindValue(e, attr)
	return value, err == nil && matches(value)
}

func fulfil(value map[string]any, e Expr, attr *schema.Attribute) bool {
	switch e := e.(type) {
	case And:
		for _, t := range e.Terms {
			if !fulfil(value, t, attr) {
				return false
			}
		}
		return true
	case Compare:
		sub := attr.Find(e.Attr.Attr)
		if sub == nil || e.Op != Eq {
			return false
		}
		v := e.Value
		if sub.Stringlike() {
			v = text(v)
		}
		decoded, err := sub.Decode(v)
		if err != nil || decoded == nil {
			return false
		}
		value[sub.Name] = decoded
		return true
	}
	return false
}
