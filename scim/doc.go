// Package scim is SCIM 2.0 (RFC 7643, RFC 7644) for Go: resources, errors and
// the storage interface that the HTTP server in scim/server speaks to.
//
// The packages below it are
//
//   - fold: the comparison that ignores case and width,
//   - schema: what attributes a resource has, and how input becomes canonical,
//   - filter: the filter and path language, parsed, checked and evaluated,
//   - patch: PATCH requests, parsed and applied,
//   - server: the protocol over HTTP.
//
// Nothing here knows Kubernetes.
package scim
