// Package filter is the filter and attribute path language of SCIM (RFC 7644
// sections 3.4.2.2 and 3.5.2).
package filter

// Expr is a parsed filter.
type Expr interface{ isExpr() }
