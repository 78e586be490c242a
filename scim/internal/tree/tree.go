// Package tree has what the protocol packages ask of JSON values whose schema
// isn't known, or doesn't matter.
package tree

import "strings"

// Key returns the key of m that equals key in any case, or key when there is
// none. Attributes without a definition are found this way.
func Key(m map[string]any, key string) string {
	if _, ok := m[key]; ok {
		return key
	}
	found := ""
	for k := range m {
		// The smallest wins, so that the answer doesn't depend on map order.
		if strings.EqualFold(k, key) && (found == "" || k < found) {
			found = k
		}
	}
	if found == "" {
		return key
	}
	return found
}

// Get finds a key in any case, the exact one first.
func Get(m map[string]any, key string) any {
	if v, ok := m[key]; ok {
		return v
	}
	return m[Key(m, key)]
}

// Empty says whether a value means unassigned (RFC 7643 section 2.5; clients
// write "" too).
func Empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// Clean returns a deep copy of a value without whatever means unassigned; nil
// if nothing is left, and without passwords. It is the canonical form of values
// without a definition.
func Clean(v any) any {
	switch t := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(t))
		for k, e := range t {
			if e = Clean(e); e != nil && !IsPassword(k) {
				m[k] = e
			}
		}
		v = m
	case []any:
		s := make([]any, 0, len(t))
		for _, e := range t {
			if e = Clean(e); e != nil {
				s = append(s, e)
			}
		}
		v = s
	}
	if Empty(v) {
		return nil
	}
	return v
}

// IsPassword says whether a key or path ends in password, in any case. Passwords
// are nowhere stored: in schemas they don't exist, and elsewhere they are dropped.
func IsPassword(name string) bool {
	return strings.EqualFold(name[strings.LastIndexAny(name, ".:")+1:], "password")
}

// Widest returns how many members the widest JSON object within a value has.
func Widest(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n = max(n, Widest(e))
		}
	case map[string]any:
		n = len(v)
		for _, e := range v {
			n = max(n, Widest(e))
		}
	}
	return n
}
