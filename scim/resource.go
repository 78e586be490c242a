package scim

// Resource is a SCIM resource as the JSON object it is, in canonical form:
// attribute names spelled as their schema spells them, extension attributes
// under their URN, no null, no empty object or array, numbers as json.Number or
// float64, booleans as bool. Package schema makes the canonical form.
//
// A Resource is a tree of map[string]any, []any, string, bool, json.Number,
// float64 and nothing else.
type Resource map[string]any

// ID returns the resource's id, or "".
func (r Resource) ID() string { return r.String("id") }

// String returns the top-level string attribute of that name, or "".
func (r Resource) String(name string) string {
	s, _ := r[name].(string)
	return s
}

// Clone returns a deep copy.
func (r Resource) Clone() Resource {
	if r == nil {
		return nil
	}
	return cloneValue(map[string]any(r)).(map[string]any)
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = cloneValue(e)
		}
		return m
	case []any:
		s := make([]any, len(v))
		for i, e := range v {
			s[i] = cloneValue(e)
		}
		return s
	default:
		return v
	}
}
