package patch

import (
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
)

// maxReading is how much the conditions of one request may read, in bytes: each
// condition of a filter reads every value that it is asked of. It is what keeps
// many operations on many values from costing their product.
const maxReading = 16 << 20

// visit is what looking at a value costs beside its text, in bytes.
const visit = 32

// reading counts what the filters of one request have read.
type reading int

// add counts one filter, or nil, asked of values that have n bytes.
func (r *reading) add(n int, f filter.Expr) error {
	if *r += reading(n * conditions(f)); *r > maxReading {
		return scim.BadRequest(scim.InvalidValue,
			`the filters of this request look at too many values: name each value, as in [value eq "x"], or send several requests`)
	}
	return nil
}

// conditions returns how many conditions a filter has. Without one there is
// still the value to change.
func conditions(f filter.Expr) int {
	switch f := f.(type) {
	case filter.And:
		return sum(f.Terms)
	case filter.Or:
		return sum(f.Terms)
	case filter.Not:
		return conditions(f.Term)
	case filter.ValuePath:
		return conditions(f.Filter)
	}
	return 1
}

func sum(terms []filter.Expr) int {
	n := 0
	for _, t := range terms {
		n += conditions(t)
	}
	return n
}

// size is what looking at a value costs, in bytes.
func size(v any) int {
	n := visit
	switch v := v.(type) {
	case string:
		n += len(v)
	case []any:
		for _, e := range v {
			n += size(e)
		}
	case map[string]any:
		for _, e := range v {
			n += size(e)
		}
	}
	return n
}
