package schema

import "strings"

// Type is the data type of an attribute (RFC 7643 section 2.3).
type Type string

// The data types.
const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Decimal   Type = "decimal"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Binary    Type = "binary"
	Reference Type = "reference"
	Complex   Type = "complex"
)

// Mutability says who may write an attribute (RFC 7643 section 7).
type Mutability string

// The mutabilities that are in use. The zero value is ReadWrite.
const (
	ReadWrite Mutability = "readWrite"
	ReadOnly  Mutability = "readOnly"
	Immutable Mutability = "immutable"
)

// Returned says when an attribute is in a response (RFC 7643 section 7).
type Returned string

// The zero value is Default.
const (
	Always  Returned = "always"
	Never   Returned = "never"
	Default Returned = "default"
	Request Returned = "request"
)

// Uniqueness of an attribute's values (RFC 7643 section 7).
type Uniqueness string

// The zero value is None.
const (
	None   Uniqueness = "none"
	Server Uniqueness = "server"
)

// MaxValues is how many values a multi-valued attribute may have, unless its
// definition says Unbounded. It keeps every step of a request linear in the
// request's size.
const MaxValues = 1000

// MaxAttributes is how many members a resource, or an object in an extension
// without a definition, may have. Their names are found without case by looking
// at each.
const MaxAttributes = 256

// MaxIgnored is how many bytes are kept of the value of an attribute that is
// ignored.
const MaxIgnored = 64

// Attribute is the definition of one attribute or sub-attribute.
type Attribute struct {
	Name        string
	Description string
	Type        Type
	MultiValued bool
	Required    bool
	CaseExact   bool
	Mutability  Mutability
	Returned    Returned
	Uniqueness  Uniqueness
	// Canonical are suggested values. They are hints: others are accepted.
	Canonical []string
	// References are the referenceTypes of a Reference.
	References []string
	// Sub are the sub-attributes of a Complex.
	Sub []*Attribute
	// Unbounded lifts MaxValues.
	Unbounded bool
	// Ignored attributes have no effect and look to clients as if they didn't
	// exist: accepted with any value, never advertised, returned, found or sorted
	// by. What was sent is kept as text of up to MaxIgnored bytes, so that an
	// administrator can be told of it.
	Ignored bool

	byName map[string]*Attribute
}

// Find returns the sub-attribute of that name, in any case, or nil.
func (a *Attribute) Find(name string) *Attribute {
	return a.byName[strings.ToLower(name)]
}

// Stringlike says whether the attribute's values are JSON strings.
func (a *Attribute) Stringlike() bool {
	switch a.Type {
	case String, DateTime, Binary, Reference:
		return true
	}
	return false
}

// HasCanonical says whether v is one of the canonical values, in any case.
func (a *Attribute) HasCanonical(v string) bool {
	for _, c := range a.Canonical {
		if strings.EqualFold(c, v) {
			return true
		}
	}
	return false
}

// Schema is a set of attributes with a URN.
type Schema struct {
	// ID is the URN.
	ID          string
	Name        string
	Description string
	Attributes  []*Attribute
	// Aliases are URNs that clients write for this schema by mistake or by
	// habit. They are understood and never sent.
	Aliases []string

	byName map[string]*Attribute
}

// Find returns the attribute of that name, in any case, or nil.
func (s *Schema) Find(name string) *Attribute {
	return s.byName[strings.ToLower(name)]
}

func (s *Schema) is(urn string) bool {
	if strings.EqualFold(urn, s.ID) {
		return true
	}
	for _, a := range s.Aliases {
		if strings.EqualFold(urn, a) {
			return true
		}
	}
	return false
}

// ResourceType is a kind of resource: its endpoint, its core schema and its
// extensions (RFC 7643 section 6).
type ResourceType struct {
	// Name is "User" or "Group".
	Name string
	// Endpoint is the path below the base URL: "/Users".
	Endpoint    string
	Description string
	Core        *Schema
	Extensions  []*Schema

	// common holds the attributes that every resource has (RFC 7643 section
	// 3.1) and that belong to no schema.
	common *Schema
}

// Extension returns the known extension with that URN or alias, in any case, or
// nil.
func (rt *ResourceType) Extension(urn string) *Schema {
	for _, e := range rt.Extensions {
		if e.is(urn) {
			return e
		}
	}
	return nil
}

// index makes the attributes findable by name.
func index(attributes []*Attribute) map[string]*Attribute {
	m := make(map[string]*Attribute, len(attributes))
	for _, a := range attributes {
		m[strings.ToLower(a.Name)] = a
		if len(a.Sub) > 0 {
			a.byName = index(a.Sub)
		}
	}
	return m
}
