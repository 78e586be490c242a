// Package server is the SCIM 2.0 protocol over HTTP (RFC 7644): Users, Groups
// and the discovery documents of any number of identity providers, each below
//
//	/{provider}/scim/v2/
//
// Searches are for users, for groups, or at that URL itself for both, by GET or by
// POST to /.search. They may be sorted, and are paged by index or by cursor (RFC
// 9865). A cursor says itself where to go on, and is signed, so that the server
// remembers nothing.
//
// It speaks to two interfaces: a Backend that knows providers and their tokens,
// and the scim.Directory of one provider. It stores nothing itself. An Auditor, if
// there is one, is told of each write before the client is.
//
// A request passes, in this order: the cap on requests in flight, the look-up
// of the provider (404), authentication (401), pause (503), the provider's rate
// limit (429), the route (404, 405, 501), the body's limits (413, 415, 400), and
// then the operation. Every answer has a request id, and every body is
// application/scim+json, errors and panics included.
//
// The exception is what net/http itself refuses before it calls a handler:
// headers larger than MaxHeader (431) and requests that are no HTTP (400) are
// answered in plain text and without a request id, and the connection is closed.
// Nothing of such a request has been looked at, so it is in no metric or log.
//
// Resources have versions, as weak entity tags: a GET with If-None-Match may be
// answered 304, and a write with If-Match 412. A bulk request is its operations,
// one after the other, each with its share of the rate limit, its metrics and the
// auditor's attention; what they refer to in the same request is created first.
package server
