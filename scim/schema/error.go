package schema

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Error is a value that an attribute can't have, or a required attribute that
// is missing.
type Error struct {
	// Attribute is the canonical path: emails.type.
	Attribute string
	// Msg says what is wrong; it is for the client. It never contains the value.
	Msg string
}

// Error implements error.
func (e *Error) Error() string { return e.Attribute + ": " + e.Msg }

// within puts the attribute's parent in front of its path.
func within(parent, sep string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok && parent != "" {
		return &Error{Attribute: parent + sep + e.Attribute, Msg: e.Msg}
	}
	return err
}

func wrongType(a *Attribute, got any) *Error {
	return &Error{Attribute: a.Name, Msg: fmt.Sprintf("expected %s, got %s", a.expected(), kindOf(got))}
}

// expected says in words what a value of the attribute looks like.
func (a *Attribute) expected() string {
	switch a.Type {
	case Boolean:
		return "a boolean (true or false)"
	case Integer, Decimal:
		return "a number"
	case DateTime:
		return "a date and time as in RFC 3339"
	case Complex:
		return "an object"
	default:
		return "a string"
	}
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case json.Number, float64:
		return "a number"
	case []any:
		return fmt.Sprintf("an array of %d values", len(v))
	case map[string]any:
		return "an object"
	default:
		return fmt.Sprintf("%T", v)
	}
}
