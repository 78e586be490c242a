package patch

import (
	"errors"
	"fmt"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// maxShownPath is how much of a path an error repeats.
const maxShownPath = 120

// locate says in the error which operation it comes from, and makes a
// *scim.Error of those of schema and filter.
func locate(i int, op operation, err error) error {
	where := fmt.Sprintf("Operations[%d]", i)
	if op.op != "" {
		where += " " + string(op.op)
	}
	if op.path != nil {
		path := op.path.String()
		if len(path) > maxShownPath {
			path = path[:maxShownPath] + "..."
		}
		where += fmt.Sprintf(" %q", path)
	}
	if e, ok := errors.AsType[*scim.Error](err); ok {
		located := *e
		located.Detail = where + ": " + e.Detail
		return &located
	}
	if e, ok := errors.AsType[*filter.Error](err); ok {
		return scim.BadRequest(scim.InvalidFilter, "%s: %s", where, e.Msg)
	}
	if e, ok := errors.AsType[*schema.Error](err); ok {
		return scim.BadRequest(scim.InvalidValue, "%s: %s", where, e.Error())
	}
	return err
}

// invalidPath is the error for a path that doesn't parse. The offset helps
// whoever typed the path into an attribute mapping.
func invalidPath(err error) error {
	e, ok := errors.AsType[*filter.Error](err)
	if !ok {
		return err
	}
	return scim.BadRequest(scim.InvalidPath, "path, character %d: %s", e.Offset+1, e.Msg)
}
