package server

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/order"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// list is the search of a GET (RFC 7644 section 3.4.2).
func list(types ...*schema.ResourceType) operation {
	return func(ctx context.Context, h *handler, x *exchange) (response, error) {
		return h.search(ctx, x, types)
	}
}

// postSearch is the search of a POST to /.search, whose parameters are in the
// body (RFC 7644 section 3.4.3, RFC 9865 section 3).
func postSearch(types ...*schema.ResourceType) operation {
	return func(ctx context.Context, h *handler, x *exchange) (response, error) {
		body, err := h.body(x)
		if err != nil {
			return response{}, err
		}
		if err := x.params.addBody(body); err != nil {
			return response{}, err
		}
		return h.search(ctx, x, types)
	}
}

// part is a search as one resource type sees it.
type part struct {
	rt     *schema.ResourceType
	shape  shape
	filter filter.Expr
	// order is that of creation where the resource type hasn't the attribute that
	// the search is sorted by.
	order order.Order
	// none says that no resource of this type can match, so the directory isn't
	// asked.
	none bool
}

func (p part) find(ctx context.Context, d scim.Directory, w order.Window) (scim.Page, error) {
	q := scim.Query{Filter: p.filter, Order: p.order, Window: w}
	switch {
	case p.none:
		return scim.Page{}, nil
	case p.rt == schema.Group:
		return d.Groups(ctx, q)
	default:
		return d.Users(ctx, q)
	}
}

// search finds resources of these types, and answers with a page of them.
func (h *handler) search(ctx context.Context, x *exchange, types []*schema.ResourceType) (response, error) {
	s, err := x.params.search()
	if err != nil {
		return response{}, err
	}
	f, err := x.finder(s, types)
	if err != nil {
		return response{}, err
	}
	query := f.query(x.provider)
	var at *cursor
	if s.cursor != "" {
		c, err := h.cursors.open(s.cursor, query, h.now(), h.limits.CursorTimeout)
		if err != nil {
			return response{}, err
		}
		at = &c
	}
	if slices.ContainsFunc(f.parts, part.showsMembers) {
		if err := h.admitMemberList(ctx, x); err != nil {
			return response{}, err
		}
	}
	page, err := f.find(ctx, at)
	if err != nil {
		return response{}, err
	}
	resources, page, err := h.encodePage(ctx, x, f.parts, page, at != nil && at.before)
	if err != nil {
		return response{}, err
	}
	l := listResponse{TotalResults: page.total}
	if !s.byCursor {
		l.StartIndex = s.startIndex
		return l.answer(resources)
	}
	if s.count == 0 {
		// No page, so there is none before or after it.
		return l.answer(resources)
	}
	previous, next := page.cursors(f, at)
	if l.PreviousCursor, err = h.sealed(previous, query); err != nil {
		return response{}, err
	}
	if l.NextCursor, err = h.sealed(next, query); err != nil {
		return response{}, err
	}
	return l.answer(resources)
}

// sealed writes a cursor, empty for nil.
func (h *handler) sealed(c *cursor, query string) (string, error) {
	if c == nil {
		return "", nil
	}
	c.issued = h.now()
	return h.cursors.seal(*c, query)
}

// finder prepares a search. What some types can't be searched for or sorted by
// is an error only when it is one for all of them.
func (x *exchange) finder(s search, types []*schema.ResourceType) (finder, error) {
	f := finder{directory: x.directory, startIndex: s.startIndex, count: s.count, descending: s.descending}
	var unfiltered, unsorted error
	searchable := false
	for _, rt := range types {
		p := part{rt: rt}
		var err error
		if p.shape, err = x.params.shape(rt); err != nil {
			return f, err
		}
		if s.filter != "" {
			// Checked against the type here, so that no directory has to report it.
			var e filter.Expr
			if e, err = filter.ParseFor(rt, s.filter); err == nil {
				p.filter, f.filteredBy = x.asStored(e, rt), e.String()
			}
			p.none = err != nil || impossible(p.filter, rt)
		}
		if err == nil {
			searchable = true
		} else if unfiltered == nil {
			unfiltered = err
		}
		if s.sorted {
			o, err := order.By(rt, s.sortBy, s.descending)
			if err == nil {
				p.order, f.sortedBy = o, o.String()
			} else if unsorted == nil {
				unsorted = err
			}
		}
		f.parts = append(f.parts, p)
	}
	switch {
	case !searchable:
		return f, unfiltered
	case s.sorted && f.sortedBy == "":
		return f, unsorted
	}
	return f, nil
}

// query is what a cursor is good for: the same provider, endpoint, filter and
// order. Clients vary the case of names from one page to the next, as RFC 9865
// does in an example.
func (f finder) query(provider string) string {
	endpoints := make([]string, len(f.parts))
	for i, p := range f.parts {
		endpoints[i] = p.rt.Endpoint
	}
	return fmt.Sprintf("%q %q %q %q", provider, endpoints, f.sortedBy, strings.ToLower(f.filteredBy))
}

// impossible says whether no resource of the type can match because of what its
// type is and which attributes it has. It doesn't find every such filter.
func impossible(e filter.Expr, rt *schema.ResourceType) bool {
	for _, equality := range filter.Conjuncts(e, rt) {
		if equality.Path == "meta.resourceType" && equality.Value != rt.Name {
			return true
		}
	}
	return demandsUnknown(e, rt)
}

// demandsUnknown says whether a match needs a value in an attribute that the type
// doesn't have.
func demandsUnknown(e filter.Expr, rt *schema.ResourceType) bool {
	switch e := e.(type) {
	case filter.And:
		return slices.ContainsFunc(e.Terms, func(t filter.Expr) bool { return demandsUnknown(t, rt) })
	case filter.Present:
		return unknown(e.Attr, rt)
	case filter.ValuePath:
		return unknown(e.Attr, rt)
	case filter.Compare:
		return e.Op == filter.Eq && e.Value != nil && unknown(e.Attr, rt)
	}
	return false
}

func unknown(n schema.Name, rt *schema.ResourceType) bool {
	_, ok := rt.Find(n)
	return !ok
}

// asStored makes of a filter over what clients see one over what directories know:
// the id instead of meta.location, and meta.version as it is without the form of an
// entity tag.
func (x *exchange) asStored(e filter.Expr, rt *schema.ResourceType) filter.Expr {
	all := func(terms []filter.Expr) []filter.Expr {
		out := make([]filter.Expr, len(terms))
		for i, t := range terms {
			out[i] = x.asStored(t, rt)
		}
		return out
	}
	isMeta := func(n schema.Name, sub string) bool {
		ref, ok := rt.Find(n)
		return ok && ref.URN == "" && ref.AttrName == "meta" && ref.SubName == sub
	}
	id := schema.Name{Attr: "id"}
	switch e := e.(type) {
	case filter.And:
		return filter.And{Terms: all(e.Terms)}
	case filter.Or:
		return filter.Or{Terms: all(e.Terms)}
	case filter.Not:
		return filter.Not{Term: x.asStored(e.Term, rt)}
	case filter.Present:
		if isMeta(e.Attr, "location") {
			return filter.Present{Attr: id}
		}
	case filter.Compare:
		text, ok := e.Value.(string)
		if !ok || e.Op != filter.Eq && e.Op != filter.Ne {
			break
		}
		switch {
		case isMeta(e.Attr, "location"):
			// No resource has the empty id.
			value := ""
			if rest, ok := strings.CutPrefix(text, x.location(rt, "")); ok {
				value, _ = url.PathUnescape(rest)
			}
			return filter.Compare{Attr: id, Op: e.Op, Value: value}
		case isMeta(e.Attr, "version"):
			if tag, ok := strings.CutPrefix(text, `W/"`); ok {
				e.Value = strings.TrimSuffix(tag, `"`)
			}
		}
		return e
	}
	return e
}
