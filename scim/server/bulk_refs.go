package server

import (
	"maps"
	"net/http"
	"strings"

	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/internal/tree"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// referencePrefix is in front of a bulkId that stands for an id (RFC 7644 section
// 3.7.2).
const referencePrefix = "bulkId:"

// substitution puts ids where the data of an operation refers to others: where
// attributes such as members and manager name a resource. Anywhere else the same
// text is a value like others. What it is given isn't changed.
type substitution struct {
	rt *schema.ResourceType
	// id returns the id that a bulkId stands for.
	id func(bulkID string) string
}

// substituteID returns the id that a reference stands for, or what it was given.
func substituteID(s string, id func(bulkID string) string) string {
	if bulkID, ok := strings.CutPrefix(s, referencePrefix); ok {
		return id(bulkID)
	}
	return s
}

// body is the body of a POST, PUT or PATCH.
func (s substitution) body(method string, body map[string]any) map[string]any {
	if method != http.MethodPatch {
		return s.attributes("", body)
	}
	key := tree.Key(body, "Operations")
	list, ok := body[key].([]any)
	if !ok {
		return body
	}
	body = maps.Clone(body)
	body[key] = each(list, func(e any) any {
		if op, ok := e.(map[string]any); ok {
			return s.operation(op)
		}
		return e
	})
	return body
}

// operation is one operation of a PATCH.
func (s substitution) operation(op map[string]any) map[string]any {
	pathKey, valueKey := tree.Key(op, "path"), tree.Key(op, "value")
	value, hasValue := op[valueKey]
	text, _ := op[pathKey].(string)
	op = maps.Clone(op)
	if strings.TrimSpace(text) == "" {
		if hasValue {
			op[valueKey] = s.object("", value)
		}
		return op
	}
	path, err := filter.ParsePath(text)
	if err != nil {
		// Whoever reads the operation says so.
		return op
	}
	if path.Filter != nil && s.refers(path.Name) {
		op[pathKey] = filter.Path{Name: path.Name, Filter: s.filter(path.Filter)}.String()
	}
	if !hasValue {
		return op
	}
	if name, err := schema.ParseKey(path.Name.String(), value); err == nil && path.Filter == nil {
		path.Name = name
	}
	op[valueKey] = s.attribute(path.Name, value)
	return op
}

// attributes are the members of an object, whose keys are names below a URN.
func (s substitution) attributes(urn string, object map[string]any) map[string]any {
	object = maps.Clone(object)
	for key, value := range object {
		name, err := schema.ParseKey(key, value)
		if err != nil {
			continue
		}
		if name.URN == "" {
			name.URN = urn
		}
		object[key] = s.attribute(name, value)
	}
	return object
}

// object is an object of attributes, or an array of such.
func (s substitution) object(urn string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		return s.attributes(urn, v)
	case []any:
		return each(v, func(e any) any { return s.object(urn, e) })
	}
	return value
}

func (s substitution) attribute(name schema.Name, value any) any {
	if ref, ok := s.rt.Find(name); ok && ref.AttrName == "" {
		return s.object(ref.URN, value)
	}
	if s.refers(name) {
		return s.value(value)
	}
	return value
}

// refers says whether an attribute's values, or those of its sub-attribute, name
// resources.
func (s substitution) refers(name schema.Name) bool {
	ref, ok := s.rt.Find(name)
	return ok && !ref.ReadOnly() && ref.Attr != nil && ref.Attr.Find("$ref") != nil && (ref.Sub == nil || ref.SubName == "value")
}

// value is the value of an attribute that names resources, in any of the shapes
// that clients give it.
func (s substitution) value(value any) any {
	switch v := value.(type) {
	case string:
		return substituteID(v, s.id)
	case []any:
		return each(v, s.value)
	case map[string]any:
		v = maps.Clone(v)
		for key, e := range v {
			text, ok := e.(string)
			switch {
			case !ok:
			case strings.EqualFold(key, "value"):
				v[key] = substituteID(text, s.id)
			case strings.EqualFold(key, "$ref"):
				// An address may be all that there is of a reference.
				v[key] = substituteID(text[strings.LastIndexByte(text, '/')+1:], s.id)
			}
		}
		return v
	}
	return value
}

// filter is what stands in brackets behind such an attribute.
func (s substitution) filter(e filter.Expr) filter.Expr {
	switch e := e.(type) {
	case filter.Compare:
		if text, ok := e.Value.(string); ok && strings.EqualFold(e.Attr.String(), "value") {
			e.Value = substituteID(text, s.id)
		}
		return e
	case filter.And:
		return filter.And{Terms: each(e.Terms, s.filter)}
	case filter.Or:
		return filter.Or{Terms: each(e.Terms, s.filter)}
	case filter.Not:
		return filter.Not{Term: s.filter(e.Term)}
	}
	return e
}

func each[T any](list []T, f func(T) T) []T {
	out := make([]T, len(list))
	for i, e := range list {
		out[i] = f(e)
	}
	return out
}
