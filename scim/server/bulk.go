package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/rollcall-dev/rollcall/scim"
)

const bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

// bulk is a bulk request (RFC 7644 section 3.7). Its operations are what they
// would be as requests of their own, one after the other: they take the same way
// through the server, count for the provider's rate, and are in metrics and log.
type bulk struct {
	h *handler
	// request is the one that they came in.
	request *exchange
	// operations as in the request, by which all indexes go.
	operations []*bulkOperation
	// posts are the operations that create what a bulkId stands for.
	posts map[string]int
	// failOnErrors is after how many errors to stop; 0 for never.
	failOnErrors, errors int
}

// bulkOperation is one operation on its way.
type bulkOperation struct {
	// x is what the operation would be as a request.
	x      *exchange
	bulkID string
	// data is the body as it was sent, with its references.
	data map[string]any
	// do is what to do, or err what is wrong with the operation as such.
	do  operation
	err error
	// needs are the operations that create what this one refers to.
	needs []int
	// group is what the operations have in common that need each other.
	group int
	// created is the id of the resource that the operation has created.
	created string
	// failed is the status of an error, or 0.
	failed int
	// result is nil until the operation has been attempted.
	result *bulkResult
}

// bulkResult is an operation in the answer (RFC 7644 section 3.7.3).
type bulkResult struct {
	Method   string          `json:"method"`
	BulkID   string          `json:"bulkId,omitempty"`
	Version  string          `json:"version,omitempty"`
	Location string          `json:"location,omitempty"`
	Status   string          `json:"status"`
	Response json.RawMessage `json:"response,omitempty"`
}

func doBulk(ctx context.Context, h *handler, x *exchange) (response, error) {
	select {
	case h.bulks <- struct{}{}:
		defer func() { <-h.bulks }()
	default:
		// Not to wait keeps room for other requests.
		h.metrics.throttled.WithLabelValues(limitBulks).Inc()
		return response{}, &scim.Error{
			Status: http.StatusServiceUnavailable, RetryAfter: retryBusy,
			Detail: "too many bulk requests at once: try again later",
		}
	}
	body, err := h.body(x)
	if err != nil {
		return response{}, err
	}
	b, err := h.parseBulk(x, body)
	if err != nil {
		return response{}, err
	}
	for _, group := range b.order() {
		if b.enough() {
			break
		}
		b.run(ctx, group)
	}
	results := []*bulkResult{}
	for _, op := range b.operations {
		if op.result != nil {
			results = append(results, op.result)
		}
	}
	return answer(http.StatusOK, map[string]any{"schemas": []string{bulkResponseURN}, "Operations": results})
}

func (b *bulk) enough() bool { return b.failOnErrors > 0 && b.errors >= b.failOnErrors }

// run does an operation, or those that need each other: they first create their
// resources without the references among them, and then replace these by what was
// asked for, when every id is known (RFC 7644 section 3.7.1).
func (b *bulk) run(ctx context.Context, group []int) {
	first := b.operations[group[0]]
	if len(group) == 1 && !slices.Contains(first.needs, group[0]) {
		b.attempt(ctx, first, false)
		return
	}
	for _, i := range group {
		if b.enough() {
			break
		}
		b.attempt(ctx, b.operations[i], true)
	}
	// Whatever has been created is completed: half a resource isn't what anybody
	// asked for.
	for _, i := range group {
		if op := b.operations[i]; op.created != "" {
			b.complete(ctx, op)
		}
	}
}

// attempt does an operation; circular says that it needs some that need it.
func (b *bulk) attempt(ctx context.Context, op *bulkOperation, circular bool) {
	res := b.perform(ctx, op.x, func(ctx context.Context) (response, error) {
		if ctx.Err() != nil {
			return response{}, &scim.Error{
				Status: http.StatusServiceUnavailable,
				Detail: "there was no time left for this operation: send it again, with fewer at once",
			}
		}
		if err := b.h.throttle(op.x.provider); err != nil {
			return response{}, err
		}
		if op.err != nil {
			return response{}, op.err
		}
		if err := b.resolve(op, circular); err != nil {
			return response{}, err
		}
		return op.do(ctx, b.h, op.x)
	})
	op.result = &bulkResult{Method: op.x.Method, BulkID: op.bulkID, Location: res.header.Get("Location")}
	if op.x.Method != http.MethodPost && op.x.target.endpoint != nil && op.err == nil {
		op.result.Location = op.x.base + "/" + op.x.target.endpoint.name + "/" + url.PathEscape(op.x.target.id)
	}
	if res.status == http.StatusCreated {
		op.created = op.x.logID
	}
	b.report(op, res)
}

// complete gives a resource that was created the references that were left out.
func (b *bulk) complete(ctx context.Context, op *bulkOperation) {
	x := *op.x
	x.Request = requestOf(op.x.Request, http.MethodPut)
	x.target.id, x.logID = op.created, op.created
	put, err := x.target.operation(http.MethodPut)
	res := b.perform(ctx, &x, func(ctx context.Context) (response, error) {
		if err != nil {
			return response{}, err
		}
		if err := b.resolve(op, false); err != nil {
			return response{}, err
		}
		x.decoded = op.x.decoded
		return put(ctx, b.h, &x)
	})
	if res.status == http.StatusOK {
		res.status = http.StatusCreated
	}
	b.report(op, res)
}

// perform does what ServeHTTP does with a request that has been admitted.
func (b *bulk) perform(ctx context.Context, x *exchange, do func(context.Context) (response, error)) response {
	start := b.h.now()
	held := b.request.memory
	defer func() {
		// Of what the operation has read nothing is in the answer.
		b.h.memory.give(b.request.provider, b.request.memory-held)
		b.request.memory = held
	}()
	ctx, audited := b.h.audited(ctx, x, start)
	res, err := b.h.protect(x, func() (response, error) { return do(ctx) })
	if err != nil {
		res = b.h.failure(ctx, x, err)
	}
	audited(res)
	b.h.record(ctx, x, res, b.h.now().Sub(start))
	return res
}

// report notes how an operation went.
func (b *bulk) report(op *bulkOperation, res response) {
	op.result.Status = strconv.Itoa(res.status)
	op.result.Version = res.header.Get("ETag")
	if res.status >= http.StatusBadRequest {
		op.failed, op.result.Response = res.status, res.body
		b.errors++
	}
}

// resolve puts ids where the operation refers to others. Those that aren't there
// yet because of a circle are left out.
func (b *bulk) resolve(op *bulkOperation, circular bool) error {
	op.x.decoded = op.data
	if len(op.needs) == 0 {
		return nil
	}
	var failed error
	id := func(bulkID string) string {
		other := b.operations[b.posts[bulkID]]
		if other.created == "" && !(circular && other.group == op.group) {
			failed = failedReference(bulkID, other.failed)
		}
		return other.created
	}
	op.x.target.id = substituteID(op.x.target.id, id)
	op.x.logID = op.x.target.id
	op.x.decoded = substitution{rt: op.x.target.endpoint.rt, id: id}.body(op.x.Method, op.data)
	return failed
}

// failedReference is the error of an operation that refers to one that has
// failed: to be tried again when that is, and else a conflict.
func failedReference(bulkID string, status int) error {
	if status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
		status = http.StatusConflict
	}
	return &scim.Error{
		Status: status,
		Detail: fmt.Sprintf("the operation with bulkId %q, which this one refers to, has not been done: put that right, and send this again", bulkID),
	}
}
