package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// The media type of all bodies, and the schemas of messages (RFC 7644 sections
// 3.1, 3.4.2 and 3.12).
const (
	mediaType       = "application/scim+json"
	errorURN        = "urn:ietf:params:scim:api:messages:2.0:Error"
	listResponseURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
)

// response is an answer that is ready to be sent.
type response struct {
	status int
	// scimType and detail of an error, for metrics and audit.
	scimType scim.Type
	detail   string
	// header is nil when there is nothing special in it.
	header http.Header
	// body is JSON, or nil for none.
	body []byte
}

// answer makes a response with a JSON body.
func answer(status int, v any) (response, error) {
	body, err := encode(v)
	if err != nil {
		return response{}, err
	}
	return response{status: status, body: append(body, '\n')}, nil
}

// encode makes JSON of a value.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func noContent() (response, error) {
	return response{status: http.StatusNoContent}, nil
}

func (r *response) set(name, value string) {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
}

func (r response) write(w http.ResponseWriter, requestID string) {
	header := w.Header()
	for name, values := range r.header {
		header[name] = values
	}
	header.Set(RequestIDHeader, requestID)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.body != nil {
		header.Set("Content-Type", mediaType)
		header.Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	w.WriteHeader(r.status)
	// An error means that the client is gone; nobody is left to be told.
	_, _ = w.Write(r.body)
}

// methodError is a 405.
type methodError struct{ allow string }

func (e *methodError) Error() string { return "method not allowed" }

// failure makes an answer of an error, and logs those that are the server's own
// fault, which pauses and limits are not.
func (h *handler) failure(ctx context.Context, x *exchange, err error) response {
	e := asError(err, x.id)
	allow := ""
	if m, ok := errors.AsType[*methodError](err); ok {
		allow = m.allow
	}
	if e.Status == http.StatusInternalServerError || e.Status > http.StatusInternalServerError && e.Err != nil {
		h.log.ErrorContext(ctx, "a SCIM request failed", "request", x.id, "provider", x.provider,
			"method", methodLabel(x.Method), "resource", x.target.resource(), "status", e.Status, "error", err.Error())
	} else {
		h.logRefusal(ctx, x, e)
	}
	res := refusal(e)
	if allow != "" {
		res.set("Allow", allow)
	}
	return res
}

// logRefusal writes a line for a read that was refused to somebody with a valid token:
// an operator finds by it what the client was told, and which client it is. The path,
// the filter, and the detail, which may quote it, name people and stay out. Of writes
// the Auditor is told, or record tells; strangers could flood the log, and so could a
// client that has run wild.
func (h *handler) logRefusal(ctx context.Context, x *exchange, e *scim.Error) {
	if x.tokenID == "" || x.writes() || h.refusals.take(x.provider, h.now()) > 0 {
		return
	}
	h.log.InfoContext(ctx, "refused a SCIM request", "request", x.id, "provider", x.provider, "token", x.tokenID,
		"address", clientNetwork(x.client), "method", methodLabel(x.Method), "resource", x.target.resource(),
		"status", e.Status, "scimType", string(e.Type))
}

// Refuse answers a request with an error, before it has come to the server that New
// makes.
func Refuse(w http.ResponseWriter, r *http.Request, e *scim.Error) {
	refusal(e).write(w, requestID(r.Context()))
}

// refusal is the SCIM message of an error (RFC 7644 section 3.12).
func refusal(e *scim.Error) response {
	detail := e.Detail
	if detail == "" {
		detail = http.StatusText(e.Status)
	}
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
	}
	body := map[string]any{
		"schemas": []string{errorURN},
		"status":  strconv.Itoa(e.Status),
		"detail":  detail,
	}
	if e.Type != "" {
		body["scimType"] = e.Type
	}
	res, err := answer(e.Status, body)
	if err != nil {
		// Strings always encode.
		panic(err)
	}
	res.scimType, res.detail = e.Type, detail
	if e.RetryAfter > 0 {
		// Whole seconds: Okta ignores a date.
		res.set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if e.Status == http.StatusUnauthorized {
		res.set("WWW-Authenticate", `Bearer realm="rollcall"`)
	}
	return res
}

// asError says what a client is told of an error. This is the one place where
// the errors of other packages become SCIM errors.
func asError(err error, requestID string) *scim.Error {
	if e := scim.AsError(err); e != nil && e.Status >= 400 && e.Status < 600 {
		return e
	}
	if e, ok := errors.AsType[*schema.Error](err); ok {
		return scim.BadRequest(scim.InvalidValue, "%s", e.Error())
	}
	if e, ok := errors.AsType[*filter.Error](err); ok {
		return scim.BadRequest(scim.InvalidFilter, "%s", e.Error())
	}
	if _, ok := errors.AsType[*methodError](err); ok {
		return &scim.Error{Status: http.StatusMethodNotAllowed, Detail: "this method is not supported here: see the Allow header"}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return scim.Unavailable(retryTimeout, err)
	}
	return internalError(requestID)
}

// internalError hides what went wrong: it is in the log, under the request id.
func internalError(requestID string) *scim.Error {
	return &scim.Error{
		Status: http.StatusInternalServerError,
		Detail: "internal error: the server's log says more under request id " + requestID,
	}
}

// record writes metrics and, where nobody audits, a line for each write.
func (h *handler) record(ctx context.Context, x *exchange, res response, took time.Duration) {
	h.metrics.observe(x, res, took)
	if h.options.Auditor != nil || !x.writes() || x.tokenID == "" {
		return
	}
	h.log.InfoContext(ctx, "SCIM write", "request", x.id, "provider", x.provider, "token", x.tokenID,
		"method", methodLabel(x.Method), "resource", x.target.resource(), "id", loggable(x.logID),
		"status", res.status, "scimType", string(res.scimType), "took", took)
}

// loggable makes a value from the request fit for a log line: short, and
// printable whatever the log's format.
func loggable(s string) string {
	if len(s) > maxLogged {
		s = s[:maxLogged] + "…"
	}
	quoted := strconv.QuoteToASCII(s)
	return quoted[1 : len(quoted)-1]
}
