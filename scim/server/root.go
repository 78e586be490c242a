package server

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/order"
)

// finder finds the page of a search over one or several resource types (RFC 7644
// section 3.4.2.1).
type finder struct {
	directory         scim.Directory
	parts             []part
	startIndex, count int
	// filteredBy and sortedBy are the filter and the order that the client asks for,
	// in one spelling; empty if it doesn't.
	filteredBy, sortedBy string
	descending           bool
}

// item is a resource that was found.
type item struct {
	// part is the index of its resource type in the search.
	part     int
	resource scim.Resource
}

// results is a page of a search.
type results struct {
	total int
	items []item
	// earlier and later say whether there are others in front of and behind these.
	earlier, later bool
}

// cursors returns the cursors of the previous and the next page, nil where there
// is none. at is that of this page.
func (r results) cursors(f finder, at *cursor) (previous, next *cursor) {
	edge := func(i item) *cursor {
		return &cursor{part: i.part, key: f.parts[i.part].order.Key(i.resource)}
	}
	switch {
	case len(r.items) > 0:
		previous, next = edge(r.items[0]), edge(r.items[len(r.items)-1])
	case at != nil:
		// All that was on this page is gone. The previous one ends with what the key
		// is of, if that is still there, and the next one begins with it.
		previous, next = &cursor{part: at.part, key: at.key}, &cursor{part: at.part, key: at.key}
		previous.key.ID += "\x00"
		next.key.Created--
		next.key.ID = lastID
	}
	if !r.later {
		next = nil
	}
	if !r.earlier {
		return nil, next
	}
	previous.before = true
	return previous, next
}

// find finds the page at a cursor, or by index when that is nil.
func (f finder) find(ctx context.Context, at *cursor) (results, error) {
	switch {
	case f.sortedBy != "" && len(f.parts) > 1:
		return f.merged(ctx, at)
	case at != nil && at.before:
		return f.backwards(ctx, *at)
	default:
		return f.forwards(ctx, at)
	}
}

func (r *results) add(part int, page scim.Page) {
	r.total += page.Total
	r.earlier, r.later = r.earlier || page.Earlier, r.later || page.Later
	for _, resource := range page.Resources {
		r.items = append(r.items, item{part, resource})
	}
}

// forwards finds resources of one type after the other.
func (f finder) forwards(ctx context.Context, at *cursor) (results, error) {
	var r results
	for i, p := range f.parts {
		w := order.Window{StartIndex: 1, Count: f.count - len(r.items)}
		switch {
		case at == nil:
			w.StartIndex = max(f.startIndex-r.total, 1)
		case i < at.part:
			w.Count = 0
		case i == at.part:
			w.After = &at.key
		}
		page, err := p.find(ctx, f.directory, w)
		if err != nil {
			return r, err
		}
		if at != nil && i < at.part {
			page.Earlier, page.Later = page.Total > 0, false
		}
		r.add(i, page)
	}
	return r, nil
}

// backwards finds the resources in front of a cursor, the last type first.
func (f finder) backwards(ctx context.Context, at cursor) (results, error) {
	var r results
	for i, p := range slices.Backward(f.parts) {
		w := order.Window{StartIndex: 1, Count: f.count - len(r.items)}
		switch {
		case i > at.part:
			w.Count = 0
		case i == at.part:
			w.Before = &at.key
		default:
			w.Before = lastKey()
		}
		page, err := p.find(ctx, f.directory, w)
		if err != nil {
			return r, err
		}
		found := r.items
		r.items = nil
		r.add(i, page)
		r.items = append(r.items, found...)
	}
	return r, nil
}

// merged finds resources of all types in one order. Each type is asked for as
// much as the page may need of it.
func (f finder) merged(ctx context.Context, at *cursor) (results, error) {
	w := order.Window{StartIndex: 1, Count: f.count}
	skip := 0
	if at == nil && f.count > 0 {
		if f.startIndex-1 > MaxMerged-f.count {
			return f.beyond(ctx)
		}
		skip = f.startIndex - 1
		w.Count += skip
	}
	var r results
	keys := map[string]order.Key{}
	for i, p := range f.parts {
		w.After, w.Before = nil, nil
		if at != nil {
			key := p.place(at.key, f.descending)
			if at.before {
				w.Before = key
			} else {
				w.After = key
			}
		}
		page, err := p.find(ctx, f.directory, w)
		if err != nil {
			return r, err
		}
		r.add(i, page)
		for _, resource := range page.Resources {
			keys[resource.ID()] = p.order.Key(resource)
		}
	}
	o := f.mergeOrder()
	slices.SortStableFunc(r.items, func(a, b item) int {
		return o.Compare(keys[a.resource.ID()], keys[b.resource.ID()])
	})
	r.items = r.items[min(skip, len(r.items)):]
	if surplus := len(r.items) - f.count; surplus > 0 {
		if at != nil && at.before {
			r.items, r.earlier = r.items[surplus:], true
		} else {
			r.items, r.later = r.items[:f.count], true
		}
	}
	return r, nil
}

// beyond is the answer to a sorted page whose index is too large: an empty one if
// there isn't as much, or an error.
func (f finder) beyond(ctx context.Context) (results, error) {
	f.count = 0
	r, err := f.merged(ctx, nil)
	if err == nil && f.startIndex <= r.total {
		err = &scim.Error{
			Status: http.StatusBadRequest, Type: scim.TooMany,
			Detail: fmt.Sprintf("a sorted search of all resources ends at index %d: page it with cursor, or search Users and Groups each", MaxMerged),
		}
	}
	return r, err
}

// mergeOrder is the order of a type that has what the search is sorted by: it
// knows what comes of those without.
func (f finder) mergeOrder() order.Order {
	for _, p := range f.parts {
		if !p.order.ByCreation() {
			return p.order
		}
	}
	return order.Order{}
}

// place is where a key of a merged search stands among the resources of one type.
// Those of a type that hasn't the attribute all come behind those with a value, or
// all in front of them in descending order.
func (p part) place(k order.Key, descending bool) *order.Key {
	switch {
	case !p.order.ByCreation() || k.Missing:
		return &k
	case descending:
		return lastKey()
	default:
		return &order.Key{Missing: true, Created: math.MinInt64}
	}
}

// lastID is behind every id.
const lastID = "\U0010ffff"

// lastKey is behind all others in the order of creation.
func lastKey() *order.Key {
	return &order.Key{Missing: true, Created: math.MaxInt64}
}
