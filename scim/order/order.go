// Package order puts the resources of a search in order (RFC 7644 section
// 3.4.2.3), and cuts pages out of them: by index, or from the place of a
// resource that a cursor stands for (RFC 9865).
//
// Whatever a search sorts by, what decides last is when a resource was created,
// and then its id. So the order is total, it stays the same from page to page,
// and what is created between two pages moves nothing from one to the other
// where the client doesn't ask for an order of its own.
package order

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// MaxValue is how many bytes of a value count: those behind sort as if they were
// equal. Keys travel in cursors, which are part of URLs.
const MaxValue = 256

// Order is how a search sorts its resources. The zero value is the order in
// which they were created.
type Order struct {
	// ref is nil for the order of creation.
	ref        *schema.Ref
	descending bool
}

// By returns the order by an attribute (sortBy and sortOrder): that of its values
// without case if it isn't caseExact, by time or number where it is one.
// Resources without a value come last, or first in descending order. Of several
// values the primary one counts, or else the first; of complex ones their value.
// The error is a *schema.Error.
func By(rt *schema.ResourceType, name schema.Name, descending bool) (Order, error) {
	refuse := func(format string, args ...any) (Order, error) {
		return Order{}, &schema.Error{Attribute: name.String(), Msg: fmt.Sprintf(format, args...)}
	}
	ref, ok := rt.Find(name)
	switch {
	case !ok || ref.AttrName == "", ref.Attr != nil && ref.Attr.Ignored:
		return refuse("%s has no such attribute to sort by: see /Schemas", rt.Name)
	case ref.Attr == nil:
		return refuse("an attribute without a definition can't be sorted by, for its values may be of any type")
	case ref.URN == "" && ref.AttrName == "meta" && ref.SubName != "created" && ref.SubName != "lastModified":
		return refuse("can't be sorted by: sort by meta.created or meta.lastModified")
	case ref.Attr.Unbounded, ref.Attr.Returned == schema.Never, ref.URN == "" && ref.AttrName == "schemas":
		return refuse("can't be sorted by: sort by another attribute, such as %s", rt.Core.Attributes[0].Name)
	}
	if ref.Sub == nil && ref.Attr.Type == schema.Complex {
		value := ref.Attr.Find("value")
		if value == nil {
			return refuse("complex: sort by one of its sub-attributes, such as %s.%s", ref.AttrName, ref.Attr.Sub[0].Name)
		}
		ref.Sub, ref.SubName = value, value.Name
	}
	return Order{ref: &ref, descending: descending}, nil
}

// ByCreation says whether this is the order of creation, for which id and
// meta.created are all that Key looks at.
func (o Order) ByCreation() bool { return o.ref == nil }

// String names the order; it is equal for equal orders and no others.
func (o Order) String() string {
	switch {
	case o.ref == nil:
		return ""
	case o.descending:
		return o.ref.String() + " descending"
	default:
		return o.ref.String() + " ascending"
	}
}

// Key is the place of a resource in an order.
type Key struct {
	// Missing says that there is no value.
	Missing bool
	// Value is such that comparing bytes compares values.
	Value string
	// Created is when, in nanoseconds of Unix time.
	Created int64
	ID      string
}

// Created is the key of the order of creation.
func Created(at time.Time, id string) Key {
	return Key{Missing: true, Created: at.UnixNano(), ID: id}
}

// Key returns the place of a canonical resource that has an id and
// meta.created.
func (o Order) Key(resource map[string]any) Key {
	k := Key{Missing: true}
	k.ID, _ = resource["id"].(string)
	if meta, ok := resource["meta"].(map[string]any); ok {
		s, _ := meta["created"].(string)
		if t, ok := schema.ParseTime(s); ok {
			k.Created = t.UnixNano()
		}
	}
	if o.ref == nil {
		return k
	}
	if v := preferred(o.ref.Get(resource)); v != nil {
		if object, ok := v.(map[string]any); ok {
			v = nil
			if o.ref.Sub != nil {
				v = object[o.ref.Sub.Name]
			}
		}
		k.Value, k.Missing = sortable(o.ref.Target(), v)
	}
	return k
}

// preferred returns the value that stands for all.
func preferred(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	for _, e := range list {
		if object, ok := e.(map[string]any); ok && object["primary"] == true {
			return e
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// sortable writes a value so that the order of the bytes is that of the values.
func sortable(a *schema.Attribute, v any) (value string, missing bool) {
	switch v := v.(type) {
	case string:
		if a.Type == schema.DateTime {
			t, ok := schema.ParseTime(v)
			if !ok {
				return "", true
			}
			return t.UTC().Format("2006-01-02T15:04:05.000000000"), false
		}
		if !a.CaseExact {
			v = fold.String(v)
		}
		if len(v) > MaxValue {
			v = v[:MaxValue]
		}
		return v, false
	case bool:
		return strconv.FormatBool(v), false
	case float64:
		return number(v), false
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return "", true
		}
		return number(f), false
	default:
		return "", true
	}
}

// number writes a number so that negative ones come first, and larger ones of
// these later.
func number(f float64) string {
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return fmt.Sprintf("%016x", bits)
}

// Compare is negative when a comes before b.
func (o Order) Compare(a, b Key) int {
	sign := strings.Compare(a.Value, b.Value)
	if a.Missing != b.Missing {
		if sign = 1; b.Missing {
			sign = -1
		}
	}
	if o.descending {
		sign = -sign
	}
	return cmp.Or(sign, cmp.Compare(a.Created, b.Created), strings.Compare(a.ID, b.ID))
}

// Window says which part of the ordered resources a page is.
type Window struct {
	// StartIndex is 1-based; it counts when After and Before are nil.
	StartIndex int
	// Count is the most resources to return; 0 for none.
	Count int
	// After and Before are keys that the page begins behind, or ends in front of.
	// They need not be those of resources that still exist.
	After, Before *Key
}

// Cut sorts the items, which it takes over, and returns those in the window, and
// whether there are others in front of and behind them.
func Cut[T any](o Order, items []T, key func(T) Key, w Window) (page []T, earlier, later bool) {
	type keyed struct {
		key  Key
		item T
	}
	all := make([]keyed, len(items))
	for i, item := range items {
		all[i] = keyed{key(item), item}
	}
	slices.SortFunc(all, func(a, b keyed) int { return o.Compare(a.key, b.key) })
	count := max(w.Count, 0)
	var start int
	end := len(all)
	switch {
	case w.After != nil:
		start, _ = slices.BinarySearchFunc(all, *w.After, func(k keyed, after Key) int {
			if o.Compare(k.key, after) <= 0 {
				return -1
			}
			return 1
		})
	case w.Before != nil:
		end, _ = slices.BinarySearchFunc(all, *w.Before, func(k keyed, before Key) int { return o.Compare(k.key, before) })
		start = max(end-count, 0)
	default:
		start = min(max(w.StartIndex, 1)-1, len(all))
	}
	end = min(end, start+min(count, len(all)-start))
	page = items[:0]
	for _, k := range all[start:end] {
		page = append(page, k.item)
	}
	return page, start > 0, end < len(all)
}

// AppendBinary writes a key for a cursor.
func (k Key) AppendBinary(b []byte) ([]byte, error) {
	missing := byte(0)
	if k.Missing {
		missing = 1
	}
	b = append(b, missing)
	b = binary.AppendUvarint(b, uint64(len(k.Value)))
	b = append(b, k.Value...)
	b = binary.AppendVarint(b, k.Created)
	return append(b, k.ID...), nil
}

// UnmarshalBinary reads what AppendBinary has written, and refuses what it can't
// have written.
func (k *Key) UnmarshalBinary(b []byte) error {
	invalid := fmt.Errorf("no key of an order: %d bytes", len(b))
	if len(b) == 0 || b[0] > 1 {
		return invalid
	}
	missing, b := b[0] == 1, b[1:]
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(min(len(b)-n, MaxValue)) || missing && length > 0 { //nolint:gosec // n is not larger than len(b)
		return invalid
	}
	value, b := string(b[n:n+int(length)]), b[n+int(length):] //nolint:gosec // bounded by len(b)
	created, n := binary.Varint(b)
	if n <= 0 {
		return invalid
	}
	*k = Key{Missing: missing, Value: value, Created: created, ID: string(b[n:])}
	return nil
}
