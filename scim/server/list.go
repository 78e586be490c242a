package server

import (
	"bytes"
	"net/http"
)

// listResponse is the body of a list but for its Resources (RFC 7644 section
// 3.4.2, RFC 9865 section 2). Numbers are numbers: clients insist on that.
type listResponse struct {
	Schemas      []string `json:"schemas"`
	TotalResults int      `json:"totalResults"`
	// StartIndex is 0 in a list that is paged by cursor.
	StartIndex     int    `json:"startIndex,omitempty"`
	ItemsPerPage   int    `json:"itemsPerPage"`
	PreviousCursor string `json:"previousCursor,omitempty"`
	NextCursor     string `json:"nextCursor,omitempty"`
}

// answer adds the resources, each of them JSON already. Resources is there even
// when it is empty: clients insist on that too.
func (l listResponse) answer(resources [][]byte) (response, error) {
	l.Schemas, l.ItemsPerPage = []string{listResponseURN}, len(resources)
	head, err := encode(l)
	if err != nil {
		return response{}, err
	}
	head = bytes.TrimSuffix(head, []byte("}"))
	const opening, closing = `,"Resources":[`, "]}\n"
	size := len(head) + len(opening) + len(closing)
	for _, r := range resources {
		size += len(r) + 1
	}
	body := append(make([]byte, 0, size), head...)
	body = append(body, opening...)
	for i, r := range resources {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, r...)
	}
	return response{status: http.StatusOK, body: append(body, closing...)}, nil
}
