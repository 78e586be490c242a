package schema

import "strings"

// Project returns what a response shows of a canonical resource (RFC 7644
// section 3.9). attributes and excluded are the query parameters, empty when
// they weren't given; unknown names in them are ignored. The result is a new
// map that shares its values with the resource.
func Project(rt *ResourceType, resource map[string]any, attributes, excluded []Name) map[string]any {
	p := projection{included: selectNames(rt, attributes), excluded: selectNames(rt, excluded), all: len(attributes) == 0}
	out := make(map[string]any, len(resource))
	for key, value := range resource {
		if a := rt.attribute(key); a != nil {
			if v := p.show("", key, a, value); v != nil {
				out[key] = v
			}
			continue
		}
		object, ok := value.(map[string]any)
		if !ok {
			continue
		}
		find := func(string) *Attribute { return nil }
		if ext := rt.Extension(key); ext != nil {
			find = ext.Find
		}
		shown := make(map[string]any, len(object))
		for name, value := range object {
			if v := p.show(key, name, find(name), value); v != nil {
				shown[name] = v
			}
		}
		if len(shown) > 0 {
			out[key] = shown
		}
	}
	return out
}

// attribute returns the definition of an attribute at the top level, or nil.
func (rt *ResourceType) attribute(name string) *Attribute {
	if a := rt.common.Find(name); a != nil {
		return a
	}
	return rt.Core.Find(name)
}

// selection is what a query parameter says of one attribute.
type selection struct {
	whole bool
	// subs are lower-case.
	subs map[string]bool
}

type projection struct {
	// all says that there is no attributes parameter.
	all                bool
	included, excluded map[string]*selection
}

// selectNames groups names by attribute. The keys are lower-case; the key of a
// whole schema has no attribute.
func selectNames(rt *ResourceType, names []Name) map[string]*selection {
	selected := make(map[string]*selection, len(names))
	for _, n := range names {
		ref, ok := rt.Find(n)
		if !ok {
			continue
		}
		key := selectionKey(ref.URN, ref.AttrName)
		s := selected[key]
		if s == nil {
			s = &selection{subs: map[string]bool{}}
			selected[key] = s
		}
		if ref.SubName == "" {
			s.whole = true
		} else {
			s.subs[strings.ToLower(ref.SubName)] = true
		}
	}
	return selected
}

func selectionKey(urn, attr string) string { return strings.ToLower(urn + " " + attr) }

// show returns what is left of an attribute's value, nil for nothing. a is nil
// for attributes without a definition.
func (p projection) show(urn, name string, a *Attribute, value any) any {
	returned := Default
	if a != nil && a.Returned != "" {
		returned = a.Returned
	}
	if returned == Always {
		return value
	}
	key := selectionKey(urn, name)
	in, out := p.included[key], p.excluded[key]
	wholeSchema := p.included[selectionKey(urn, "")] != nil
	switch {
	case returned == Never,
		in == nil && returned == Request,
		in == nil && !p.all && !wholeSchema,
		out != nil && out.whole,
		urn != "" && p.excluded[selectionKey(urn, "")] != nil:
		return nil
	}
	whole := in == nil || in.whole
	if whole && out == nil && (a == nil || !a.hidesSubs()) {
		return value
	}
	return pick(value, func(sub string) bool {
		sub = strings.ToLower(sub)
		if out != nil && out.subs[sub] {
			return false
		}
		named := in != nil && in.subs[sub]
		if a != nil {
			if s := a.Find(sub); s != nil && (s.Returned == Never || s.Returned == Request && !named) {
				return false
			}
		}
		return named || whole
	})
}

// hidesSubs says whether some sub-attribute is not returned by default.
func (a *Attribute) hidesSubs() bool {
	for _, s := range a.Sub {
		if s.Returned == Never || s.Returned == Request {
			return true
		}
	}
	return false
}

// pick leaves the wanted sub-attributes of an object, or of each in a list; nil
// when that is nothing.
func pick(value any, want func(string) bool) any {
	switch v := value.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			if want(k) {
				m[k] = e
			}
		}
		if len(m) > 0 {
			return m
		}
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			if e = pick(e, want); e != nil {
				list = append(list, e)
			}
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}
