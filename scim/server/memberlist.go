package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/rollcall-dev/rollcall/scim"
)

// listWithMembers is the answer to a search for groups that shows their members.
// Those of a whole page may be millions, so each group is read and encoded by
// itself, and the page ends early when it has many members: RFC 7644 section
// 3.4.2.4 allows fewer resources than count, and itemsPerPage says how many.
func (h *handler) listWithMembers(ctx context.Context, x *exchange, s shape, q scim.Query) (response, error) {
	if err := h.admitMemberList(ctx, x); err != nil {
		return response{}, err
	}
	q.WithMembers = false
	page, err := x.directory.Groups(ctx, q)
	if err != nil {
		return response{}, err
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, `{"schemas":[%q],"totalResults":%d,"startIndex":%d,"Resources":[`, listResponseURN, page.Total, q.StartIndex)
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	items, listed := 0, 0
	for _, found := range page.Resources {
		if err := ctx.Err(); err != nil {
			return response{}, fmt.Errorf("list groups: %w", err)
		}
		group, err := x.directory.Group(ctx, found.ID(), true)
		if notFound := scim.AsError(err); notFound != nil && notFound.Status == http.StatusNotFound {
			// Deleted since the search.
			continue
		}
		if err != nil {
			return response{}, err
		}
		list, _ := group[members].([]any)
		if listed += len(list); items > 0 && listed > h.limits.MaxListedMembers {
			break
		}
		if items > 0 {
			body.WriteByte(',')
		}
		if err := e.Encode(x.present(s, group)); err != nil {
			return response{}, fmt.Errorf("encode the answer: %w", err)
		}
		items++
	}
	fmt.Fprintf(&body, "],\"itemsPerPage\":%d}\n", items)
	return response{status: http.StatusOK, body: body.Bytes()}, nil
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
		h.metrics.throttled.WithLabelValues("member_lists").Inc()
		return &scim.Error{
			Status: http.StatusServiceUnavailable, RetryAfter: retryBusy,
			Detail: "too many lists of groups with members at once: try again later, or with excludedAttributes=members",
		}
	}
}
