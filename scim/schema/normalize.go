package schema

import (
	"maps"
	"strings"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
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
		key := a.Identity(e)
		i, dup := seen[key]
		if !dup {
			seen[key] = len(out)
			out = append(out, e)
			continue
		}
		out[i] = Unite(out[i], e)
	}
	return out
}

// Unite makes one of two decoded values with the same Identity. The later one's
// sub-attributes win, except that what was primary stays so. Neither is changed.
func Unite(earlier, later any) any {
	object, ok := later.(map[string]any)
	if !ok {
		return earlier
	}
	before, _ := earlier.(map[string]any)
	united := maps.Clone(before)
	maps.Copy(united, object)
	if before["primary"] == true {
		united["primary"] = true
	}
	return united
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

// Identity is equal for decoded values of which a resource has one only: those
// with the same value and type.
func (a *Attribute) Identity(v any) string {
	object, ok := v.(map[string]any)
	if !ok {
		return tree.Fingerprint(v)
	}
	value, ok := object["value"].(string)
	if !ok {
		return tree.Fingerprint(v)
	}
	if a.Unbounded {
		// A member is its id.
		return value
	}
	kind, _ := object["type"].(string)
	return strings.ToLower(kind) + "\x00" + value
}
