// Package filter is the filter and attribute path language of SCIM (RFC 7644
// sections 3.4.2.2 and 3.5.2).
//
// Parse makes a syntax tree of a filter, ParsePath of the path of a PATCH
// operation, ParseAttributes of the attributes and excludedAttributes
// parameters. None of them looks a name up. Bind checks a filter against a
// resource type and makes a function of it that says whether a resource
// matches, in time linear in the resource's size. Conjuncts tells a store which
// equalities must hold for any match, so that it can start from an index.
//
// Printing a tree with String and parsing that gives the same tree.
package filter
