package filter

import (
	"encoding/json"
	"strings"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

// Expr is a parsed filter: Compare, Present, ValuePath, And, Or or Not. Trees
// are immutable, and may be compared with reflect.DeepEqual.
type Expr interface {
	// String prints the filter; parsing that gives the same tree.
	String() string
	isExpr()
	print(*strings.Builder)
}

// Op is a comparison operator (RFC 7644 table 3).
type Op string

// The operators that compare with a value.
const (
	Eq Op = "eq"
	Ne Op = "ne"
	Co Op = "co"
	Sw Op = "sw"
	Ew Op = "ew"
	Gt Op = "gt"
	Ge Op = "ge"
	Lt Op = "lt"
	Le Op = "le"
)

type (
	// Compare is attr op value. Value is a string, bool, json.Number or nil.
	Compare struct {
		Attr  schema.Name
		Op    Op
		Value any
	}
	// Present is attr pr.
	Present struct{ Attr schema.Name }
	// ValuePath is attr[filter]: one value of attr fulfils the filter, whose
	// names are those of sub-attributes.
	ValuePath struct {
		Attr   schema.Name
		Filter Expr
	}
	// And holds when all its two or more terms do.
	And struct{ Terms []Expr }
	// Or holds when one of its two or more terms does.
	Or struct{ Terms []Expr }
	// Not holds when its term doesn't.
	Not struct{ Term Expr }
)

func (Compare) isExpr()   {}
func (Present) isExpr()   {}
func (ValuePath) isExpr() {}
func (And) isExpr()       {}
func (Or) isExpr()        {}
func (Not) isExpr()       {}

func (e Compare) String() string   { return format(e) }
func (e Present) String() string   { return format(e) }
func (e ValuePath) String() string { return format(e) }
func (e And) String() string       { return format(e) }
func (e Or) String() string        { return format(e) }
func (e Not) String() string       { return format(e) }

// Path is a parsed attribute path: attr, attr.sub, attr[filter] or
// attr[filter].sub, where attr may be qualified by a URN.
type Path struct {
	// Name has the attribute, and the sub-attribute in front of or behind the
	// filter.
	Name schema.Name
	// Filter selects values of a multi-valued attribute; nil for all.
	Filter Expr
}

// String prints the path; parsing that gives the same path.
func (p Path) String() string {
	if p.Filter == nil {
		return p.Name.String()
	}
	s := schema.Name{URN: p.Name.URN, Attr: p.Name.Attr}.String() + "[" + p.Filter.String() + "]"
	if p.Name.Sub != "" {
		s += "." + p.Name.Sub
	}
	return s
}

func format(e Expr) string {
	var b strings.Builder
	e.print(&b)
	return b.String()
}

func (e Compare) print(b *strings.Builder) {
	b.WriteString(e.Attr.String())
	b.WriteByte(' ')
	b.WriteString(string(e.Op))
	b.WriteByte(' ')
	b.WriteString(literal(e.Value))
}

func (e Present) print(b *strings.Builder) {
	b.WriteString(e.Attr.String())
	b.WriteString(" pr")
}

func (e ValuePath) print(b *strings.Builder) {
	b.WriteString(e.Attr.String())
	b.WriteByte('[')
	e.Filter.print(b)
	b.WriteByte(']')
}

func (e And) print(b *strings.Builder) {
	for i, t := range e.Terms {
		if i > 0 {
			b.WriteString(" and ")
		}
		switch t.(type) {
		case And, Or:
			parenthesize(b, t)
		default:
			t.print(b)
		}
	}
}

func (e Or) print(b *strings.Builder) {
	for i, t := range e.Terms {
		if i > 0 {
			b.WriteString(" or ")
		}
		if _, ok := t.(Or); ok {
			parenthesize(b, t)
		} else {
			t.print(b)
		}
	}
}

func (e Not) print(b *strings.Builder) {
	b.WriteString("not ")
	parenthesize(b, e.Term)
}

func parenthesize(b *strings.Builder, e Expr) {
	b.WriteByte('(')
	e.print(b)
	b.WriteByte(')')
}

// literal prints a value as JSON.
func literal(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// A json.Number that is none; Parse makes no such tree.
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}
