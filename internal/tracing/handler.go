package tracing

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// The attributes of spans. Those of HTTP are OpenTelemetry's own.
const (
	methodKey    = attribute.Key("http.request.method")
	statusKey    = attribute.Key("http.response.status_code")
	requestIDKey = attribute.Key("rollcall.request_id")
	providerKey  = attribute.Key("rollcall.provider")
	resourceKey  = attribute.Key("rollcall.resource")
	totalKey     = attribute.Key("rollcall.total_results")
	groupKey     = attribute.Key("rollcall.kubernetes.group")
)

// wire is how a trace goes from one process to another. Baggage isn't taken over: it
// could be anything.
var wire = propagation.TraceContext{}

// Handler traces requests. vouched says whether a request comes from another replica,
// which has begun its trace.
func (t *Tracer) Handler(next http.Handler, vouched func(*http.Request) bool) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if t.trustClients || vouched(r) {
			ctx = wire.Extract(ctx, propagation.HeaderCarrier(r.Header))
		}
		method, resource := methodName(r.Method), server.Resource(r.URL)
		ctx, span := t.Start(ctx, "SCIM "+method+" "+resource, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(methodKey.String(method), resourceKey.String(resource)))
		defer span.End()
		answer := &observed{ResponseWriter: w}
		next.ServeHTTP(answer, r.WithContext(ctx))
		span.SetAttributes(statusKey.Int(answer.status), requestIDKey.String(w.Header().Get(server.RequestIDHeader)))
		setStatus(span, answer.status)
	})
}

// setStatus marks a span as failed. Why is in no trace: that may be about a person.
func setStatus(span trace.Span, status int) {
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}

// methodName keeps methods that somebody made up out of names.
func methodName(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

// observed remembers the status of an answer.
type observed struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (o *observed) WriteHeader(status int) {
	o.status = status
	o.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }
