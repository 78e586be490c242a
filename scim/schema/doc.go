// Package schema says what attributes users and groups have (RFC 7643), and
// does everything that follows from that alone: it makes the canonical form of
// what clients send (Decode), cuts a resource down to what a client asked for
// (Project), finds attributes by the names that paths and filters use
// (ParseName, ResourceType.Find), and writes the /Schemas and /ResourceTypes
// documents.
//
// There is one definition per resource, in definition.go; nothing else in the
// project knows an attribute's type or mutability.
//
// Resources are map[string]any trees as package scim describes them. Decoding
// is generous on purpose: names in any case, nulls, unknown attributes, unknown
// schemas values, string booleans and one-element arrays are what real clients
// send. Values are never changed: a client that reads back something else than
// it wrote sends it again in every cycle.
package schema
