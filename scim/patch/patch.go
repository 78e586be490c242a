package patch

import (
	"net/http"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/internal/tree"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// The limits of one request; more is 413.
const (
	MaxOperations = 1000
	// MaxValues is the longest array in one operation.
	MaxValues = 10000
)

// Request is a parsed PATCH request. It is never changed, and may be applied any
// number of times, also at once.
type Request struct{ operations []operation }

// opName is what an operation does.
type opName string

const (
	opAdd     opName = "add"
	opReplace opName = "replace"
	opRemove  opName = "remove"
)

type operation struct {
	op opName
	// path is nil when the operation has none.
	path *filter.Path
	// value as sent; nil when it is null or missing.
	value any
	// absent says that there is no value, not even null.
	absent bool
}

// Parse parses the body of a PATCH request, decoded from JSON (numbers as
// json.Number or float64). Its schemas may be missing, and names and op are
// understood in any case. No operations are a request that does nothing.
func Parse(body map[string]any) (*Request, error) {
	raw, ok := body[tree.Key(body, "Operations")]
	if !ok {
		return nil, scim.BadRequest(scim.InvalidSyntax, "the body has no Operations: send {\"schemas\": [...], \"Operations\": [...]}")
	}
	list, ok := raw.([]any)
	if !ok {
		if raw != nil {
			return nil, scim.BadRequest(scim.InvalidSyntax, "Operations must be an array")
		}
	}
	if len(list) > MaxOperations {
		return nil, tooLarge("%d operations, the most is %d: send several requests", len(list), MaxOperations)
	}
	req := &Request{operations: make([]operation, 0, len(list))}
	for i, e := range list {
		op, err := parseOperation(e)
		if err != nil {
			return nil, locate(i, op, err)
		}
		req.operations = append(req.operations, op)
	}
	return req, nil
}

func parseOperation(v any) (op operation, err error) {
	object, ok := v.(map[string]any)
	if !ok {
		return op, scim.BadRequest(scim.InvalidSyntax, "must be an object with op, path and value")
	}
	name, _ := object[tree.Key(object, "op")].(string)
	switch op.op = opName(strings.ToLower(name)); op.op {
	case opAdd, opReplace, opRemove:
	default:
		op.op = ""
		return op, scim.BadRequest(scim.InvalidSyntax, "op must be add, replace or remove")
	}
	switch path := object[tree.Key(object, "path")].(type) {
	case nil:
	case string:
		if strings.TrimSpace(path) == "" {
			break
		}
		parsed, err := filter.ParsePath(path)
		if err != nil {
			return op, invalidPath(err)
		}
		op.path = &parsed
	default:
		return op, scim.BadRequest(scim.InvalidSyntax, "path must be a string")
	}
	value, ok := object[tree.Key(object, "value")]
	if !ok && op.op != opRemove {
		return op, scim.BadRequest(scim.InvalidValue, "%s needs a value; to unassign, send null or use remove", op.op)
	}
	if n := longest(value); n > MaxValues {
		return op, tooLarge("%d values, the most in one operation is %d: send several requests", n, MaxValues)
	}
	if n := tree.Widest(value); n > schema.MaxAttributes {
		return op, tooLarge("an object with %d members, the most is %d", n, schema.MaxAttributes)
	}
	op.value, op.absent = value, !ok
	return op, nil
}

// longest returns the length of the longest array in a value.
func longest(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		n = len(v)
		for _, e := range v {
			n = max(n, longest(e))
		}
	case map[string]any:
		for _, e := range v {
			n = max(n, longest(e))
		}
	}
	return n
}

func tooLarge(format string, args ...any) *scim.Error {
	err := scim.BadRequest("", format, args...)
	err.Status = http.StatusRequestEntityTooLarge
	return err
}
