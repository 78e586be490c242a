package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
)

// Decode makes the canonical form of a value of the attribute: a []any for a
// multi-valued one, without duplicates and with at most one primary value. nil
// means unassigned. The error is an *Error.
func (a *Attribute) Decode(v any) (any, error) {
	if a.Ignored {
		return remembered(v), nil
	}
	if !a.MultiValued {
		return a.DecodeOne(v)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) > MaxValues && !a.Unbounded {
		return nil, a.TooMany()
	}
	out := make([]any, 0, len(list))
	for _, e := range list {
		decoded, err := a.DecodeOne(e)
		if err != nil {
			return nil, err
		}
		if decoded != nil {
			out = append(out, decoded)
		}
	}
	if out = a.Normalize(out); len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// remembered is what is kept of a value that is ignored: a string as it is, any
// other as JSON, cut to MaxIgnored bytes; nil for nothing.
func remembered(v any) any {
	v = tree.Clean(v)
	if v == nil {
		return nil
	}
	text, ok := v.(string)
	if !ok {
		encoded, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprintf("%T", v)
		}
		text = string(encoded)
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > MaxIgnored {
		end := MaxIgnored
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return text
}

// TooMany is the error for more than MaxValues values.
func (a *Attribute) TooMany() error {
	return &Error{Attribute: a.Name, Msg: fmt.Sprintf("more than %d values", MaxValues)}
}

// DecodeOne is Decode for one value of a multi-valued attribute. A one-element
// array stands for its element.
func (a *Attribute) DecodeOne(v any) (any, error) {
	for {
		list, ok := v.([]any)
		if !ok || len(list) > 1 {
			break
		}
		if len(list) == 0 {
			return nil, nil
		}
		v = list[0]
	}
	if tree.Empty(v) {
		return nil, nil
	}
	if a.Type == Complex {
		return a.decodeComplex(v)
	}
	// Some clients wrap simple values as if they were complex.
	if object, ok := v.(map[string]any); ok {
		value := tree.Get(object, "value")
		if value == nil {
			return nil, wrongType(a, v)
		}
		return a.DecodeOne(value)
	}
	return a.decodeSimple(v)
}

func (a *Attribute) decodeComplex(v any) (any, error) {
	value := a.Find("value")
	object, ok := v.(map[string]any)
	if !ok {
		if _, isList := v.([]any); isList || value == nil {
			return nil, wrongType(a, v)
		}
		object = map[string]any{value.Name: v}
	}
	out, err := decodeObject(a.Find, object)
	if err != nil {
		return nil, within(a.Name, ".", err)
	}
	// manager and members may come with nothing but the address of the resource.
	if ref := a.Find("$ref"); ref != nil && value != nil && out[value.Name] == nil {
		if s, ok := tree.Get(object, ref.Name).(string); ok {
			if id := s[strings.LastIndexByte(s, '/')+1:]; id != "" {
				out[value.Name] = id
			}
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

func (a *Attribute) decodeSimple(v any) (any, error) {
	switch a.Type {
	case Boolean:
		if b, ok := ParseBool(v); ok {
			return b, nil
		}
	case Integer, Decimal:
		switch v := v.(type) {
		case json.Number, float64:
			return v, nil
		case string:
			var n json.Number
			if json.Unmarshal([]byte(v), &n) == nil && n != "" {
				return n, nil
			}
		}
	case DateTime:
		if s, ok := v.(string); ok {
			if _, ok := ParseTime(s); ok {
				return s, nil
			}
		}
	default:
		if s, ok := v.(string); ok {
			return s, nil
		}
	}
	return nil, wrongType(a, v)
}

// ParseBool reads a boolean, or a string that says true or false in any case,
// as Entra ID sends them.
func ParseBool(v any) (b, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		if strings.EqualFold(v, "true") {
			return true, true
		}
		return false, strings.EqualFold(v, "false")
	}
	return false, false
}

// ParseTime reads a dateTime (RFC 7643 section 2.3.5). Without a zone it is UTC.
func ParseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
