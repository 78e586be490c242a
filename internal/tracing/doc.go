// Package tracing sends traces of SCIM requests to an OpenTelemetry collector: a span
// for the request, one for each call of a directory, and one for each request to the API
// server that it takes. Where a replica hands a request to the leader, both are in one
// trace.
//
// Names and attributes of spans hold no personal data: no paths, queries, names of
// objects, or texts of errors. That is why the ready-made instrumentation of net/http
// isn't used here, which records URLs.
//
// A nil *Tracer traces nothing and costs nothing: what it wraps is returned as it is.
package tracing
