package tracing

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Cluster traces requests to the API server that are part of a trace. Watches, leases and
// reconcilers are part of none. The trace ends there: the API server isn't told of it.
func (t *Tracer) Cluster(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if !trace.SpanFromContext(r.Context()).IsRecording() {
			return next.RoundTrip(r)
		}
		group, resource := kubernetesResource(r.URL.Path)
		method := methodName(r.Method)
		ctx, span := t.Start(r.Context(), "Kubernetes "+method+" "+resource, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(methodKey.String(method), resourceKey.String(resource), groupKey.String(group)))
		return sent(span, next, r.WithContext(ctx))
	})
}

// Peers traces requests to the leader, and tells it of their trace.
func (t *Tracer) Peers(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		ctx, span := t.Start(r.Context(), "hand over to the leader", trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(methodKey.String(methodName(r.Method))))
		out := r.Clone(ctx)
		wire.Inject(ctx, propagation.HeaderCarrier(out.Header))
		return sent(span, next, out)
	})
}

// sent ends the span when the answer begins.
func sent(span trace.Span, next http.RoundTripper, r *http.Request) (*http.Response, error) {
	defer span.End()
	response, err := next.RoundTrip(r)
	if err != nil {
		span.SetStatus(codes.Error, "")
		return response, err
	}
	span.SetAttributes(statusKey.Int(response.StatusCode))
	setStatus(span, response.StatusCode)
	return response, nil
}

// kubernetesResource reads a path of the API server, without the names in it:
// /api/v1/namespaces/NAMESPACE/secrets/NAME is secrets, and /apis/GROUP/VERSION/users/NAME
// users of the group.
func kubernetesResource(path string) (group, resource string) {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(segments) > 2 && segments[0] == "api":
		segments = segments[2:]
	case len(segments) > 3 && segments[0] == "apis":
		group, segments = segments[1], segments[3:]
	default:
		return "", "other"
	}
	if segments[0] == "namespaces" && len(segments) > 2 {
		segments = segments[2:]
	}
	resource = segments[0]
	if len(segments) > 2 {
		resource += "/" + segments[2]
	}
	return group, resource
}
