package filter

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// test says whether one value of an attribute compares as asked. It gets no nil.
type test func(any) bool

// newTest checks an operator and a literal against the attribute's type (RFC
// 7644 table 3). a is nil for attributes without a definition: those are
// compared as what they happen to be.
func newTest(name string, a *schema.Attribute, op Op, value any) (test, *Error) {
	if a == nil {
		return anyTest(op, value), nil
	}
	switch a.Type {
	case schema.Boolean:
		b, ok := schema.ParseBool(value)
		if !ok {
			return nil, typeError("%s is a boolean: compare it with true or false", name)
		}
		if op != Eq && op != Ne {
			return nil, typeError("%s is a boolean: it can be compared with eq and ne only, not with %s", name, op)
		}
		return func(v any) bool { return (v == b) == (op == Eq) }, nil
	case schema.Integer, schema.Decimal:
		n, ok := number(value)
		if !ok {
			return nil, typeError("%s is a number: compare it with one, such as 7", name)
		}
		switch op {
		case Co, Sw, Ew:
			return nil, typeError("%s is a number: it can be compared with eq, ne, gt, ge, lt and le only, not with %s", name, op)
		}
		return numberTest(op, n), nil
	case schema.DateTime:
		return timeTest(name, op, text(value))
	case schema.Binary:
		switch op {
		case Gt, Ge, Lt, Le:
			return nil, typeError("%s is binary and has no order: it can be compared with eq, ne, co, sw and ew only, not with %s", name, op)
		}
	case schema.Complex:
		return nil, typeError("%s is complex: compare one of its sub-attributes", name)
	}
	return textTest(op, text(value), a.CaseExact), nil
}

// text is a literal as a string: numbers and booleans may have been strings
// whose quotes a client forgot.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		return ""
	}
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case string:
		// Not ParseFloat, which knows numbers that JSON doesn't.
		var f float64
		err := json.Unmarshal([]byte(v), &f)
		return f, err == nil
	default:
		return 0, false
	}
}

func textTest(op Op, want string, exact bool) test {
	norm := fold.String
	if exact {
		norm = func(s string) string { return s }
	}
	want = norm(want)
	return func(v any) bool {
		s, ok := v.(string)
		return ok && compareText(op, norm(s), want)
	}
}

func compareText(op Op, s, want string) bool {
	switch op {
	case Co:
		return strings.Contains(s, want)
	case Sw:
		return strings.HasPrefix(s, want)
	case Ew:
		return strings.HasSuffix(s, want)
	default:
		return ordered(op, strings.Compare(s, want))
	}
}

func timeTest(name string, op Op, want string) (test, *Error) {
	switch op {
	case Co, Sw, Ew:
		return textTest(op, want, true), nil
	}
	t, ok := schema.ParseTime(want)
	if !ok {
		return nil, typeError(`%s is a dateTime: compare it with one, such as "2011-05-13T04:42:34Z"`, name)
	}
	return func(v any) bool {
		s, _ := v.(string)
		u, ok := schema.ParseTime(s)
		return ok && ordered(op, u.Compare(t))
	}, nil
}

func numberTest(op Op, want float64) test {
	return func(v any) bool {
		n, ok := number(v)
		if !ok {
			return false
		}
		switch {
		case n < want:
			return ordered(op, -1)
		case n > want:
			return ordered(op, 1)
		default:
			return ordered(op, 0)
		}
	}
}

// anyTest compares booleans and numbers with their like, and the rest as
// strings without case, which is SCIM's default.
func anyTest(op Op, value any) test {
	asText := textTest(op, text(value), false)
	b, isBool := schema.ParseBool(value)
	n, isNumber := number(value)
	return func(v any) bool {
		switch v := v.(type) {
		case bool:
			return isBool && (op == Eq && v == b || op == Ne && v != b)
		case json.Number, float64:
			return isNumber && numberTest(op, n)(v)
		default:
			return asText(v)
		}
	}
}

// ordered says what an operator makes of a comparison's sign.
func ordered(op Op, sign int) bool {
	switch op {
	case Eq:
		return sign == 0
	case Ne:
		return sign != 0
	case Gt:
		return sign > 0
	case Ge:
		return sign >= 0
	case Lt:
		return sign < 0
	case Le:
		return sign <= 0
	default:
		return false
	}
}
