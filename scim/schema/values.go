package schema

import (
	"encoding/json"
	"maps"
	"strings"
)

// Normalize applies to decoded values of a multi-valued attribute what must hold
// between them (RFC 7643 section 2.4): of several primary values the last stays
// so, and values that are equal in value and type become one, with the
// sub-attributes of both. It takes the list over, but never changes its
// elements. Linear.
func (a *Attribute) Normalize(list []any) []any {
	if a.Type == Complex && a.Find("primary") != nil {
		demote(list)
	}
	if len(list) < 2 {
		return list
	}
	seen := make(map[string]int, len(list))
	out := list[:0]
	for _, e := range list {
		key := a.identity(e)
		i, dup := seen[key]
		if !dup {
			seen[key] = len(out)
			out = append(out, e)
			continue
		}
		if later, ok := e.(map[string]any); ok {
			earlier, _ := out[i].(map[string]any)
			merged := maps.Clone(earlier)
			maps.Copy(merged, later)
			if earlier["primary"] == true {
				merged["primary"] = true
			}
			out[i] = merged
		}
	}
	return out
}

// demote makes all primary values but the last no longer so.
func demote(list []any) {
	found := false
	for i := len(list) - 1; i >= 0; i-- {
		object, _ := list[i].(map[string]any)
		if object["primary"] != true {
			continue
		}
		if found {
			object = maps.Clone(object)
			object["primary"] = false
			list[i] = object
		}
		found = true
	}
}

// identity is equal for values that must not both be there.
func (a *Attribute) identity(v any) string {
	object, ok := v.(map[string]any)
	if !ok {
		return Encode(v)
	}
	value, ok := object["value"].(string)
	if !ok {
		return Encode(v)
	}
	if a.Unbounded {
		// A member is its id.
		return value
	}
	kind, _ := object["type"].(string)
	return strings.ToLower(kind) + "\x00" + value
}

// Encode prints a decoded value as JSON, whose keys are sorted: values are equal
// when that is.
func Encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		// Only a json.Number that is none; nothing decoded has one.
		return ""
	}
	return string(b)
}
