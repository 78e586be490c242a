package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// encodePage makes JSON of the resources of a page. Groups that are shown with
// their members are read one by one, because those of a whole page may be
// millions, and the page ends early when it has many members: RFC 7644 section
// 3.4.2.4 allows fewer resources than count, and itemsPerPage says how many. Then
// what is left of the page is in results; a page in front of a cursor loses its
// beginning.
func (h *handler) encodePage(ctx context.Context, x *exchange, parts []part, page results, backwards bool) ([][]byte, results, error) {
	items := page.items
	if backwards {
		items = slices.Clone(items)
		slices.Reverse(items)
	}
	var encoded [][]byte
	listed := 0
	for i, found := range items {
		p, resource := parts[found.part], found.resource
		if p.showsMembers() {
			if err := ctx.Err(); err != nil {
				return nil, page, fmt.Errorf("list groups: %w", err)
			}
			group, err := x.directory.Group(ctx, resource.ID(), true)
			if notFound := scim.AsError(err); notFound != nil && notFound.Status == http.StatusNotFound {
				// Deleted since the search.
				continue
			}
			if err != nil {
				return nil, page, err
			}
			resource = group
			list, _ := group[members].([]any)
			if listed += len(list); len(encoded) > 0 && listed > h.limits.MaxListedMembers {
				items = items[:i]
				page.earlier, page.later = page.earlier || backwards, page.later || !backwards
				break
			}
		}
		b, err := encode(x.present(p.shape, resource))
		if err != nil {
			return nil, page, err
		}
		encoded = append(encoded, b)
	}
	if backwards {
		slices.Reverse(items)
		slices.Reverse(encoded)
	}
	page.items = items
	return encoded, page, nil
}

// showsMembers says whether resources of this part are shown with members.
func (p part) showsMembers() bool {
	return p.rt == schema.Group && !p.none && p.shape.shows(members)
}

// admitMemberList waits until there is room for one more list with members. The
// room is given back when the answer has been sent, because until then it takes
// memory.
func (h *handler) admitMemberList(ctx context.Context, x *exchange) error {
	select {
	case h.memberLists <- struct{}{}:
		x.sent = func() { <-h.memberLists }
		return nil
	case <-ctx.Done():
		h.metrics.throttled.WithLabelValues(limitMemberLists).Inc()
		return &scim.Error{
			Status: http.StatusServiceUnavailable, RetryAfter: retryBusy,
			Detail: "too many lists of groups with members at once: try again later, or with excludedAttributes=members",
		}
	}
}
