package leader

import (
	"bytes"
	"io"
	"net/http"
)

// maxKept is the size of a body that is kept while its request waits, in bytes: no more
// than a request's headers may take. A stranger has no more room here.
const maxKept = 64 << 10

// waiting is a request as it came, until somebody works on it.
type waiting struct {
	*http.Request
	// whole says that the body is here. Only then does the server notice that the client
	// has gone, and ends the request's context. One whose client has given up, and asked
	// again elsewhere, must not be carried out after that.
	whole bool
}

// receive takes a small body in. Larger ones stay with their clients until the leader
// asks for them.
func receive(r *http.Request) (*waiting, error) {
	switch {
	case r.ContentLength > maxKept:
		return &waiting{r, false}, nil
	case r.ContentLength == 0:
		return &waiting{r, true}, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxKept+1))
	if err != nil {
		return nil, err
	}
	kept := r.WithContext(r.Context())
	if len(body) > maxKept {
		kept.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		return &waiting{kept, false}, nil
	}
	kept.Body, kept.ContentLength, kept.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	return &waiting{kept, true}, nil
}

type waitingKey struct{}

// received is the request as it came, of one that the proxy has made of it: without
// the proxy's own hooks, which would pass on to the client what the leader says
// between replicas.
func received(r *http.Request) *waiting {
	w, _ := r.Context().Value(waitingKey{}).(*waiting)
	return w
}
