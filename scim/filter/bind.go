package filter

import "github.com/rollcall-dev/rollcall/scim/schema"

// Predicate says whether a resource, or one value of an attribute, matches.
type Predicate func(map[string]any) bool

// Bind checks a filter against a resource type and returns its predicate. An
// attribute that the type doesn't have is no error: it matches nothing. A
// comparison that can't be made, such as active gt true, is an *Error.
//
// The predicate works on canonical resources. Filters on members or groups need
// them in the resource; see Uses.
func Bind(e Expr, rt *schema.ResourceType) (Predicate, error) { return nil, typeError("") }

// BindValue is Bind for the filter of a value path, whose names are
// sub-attributes of attr.
func BindValue(e Expr, attr *schema.Attribute) (Predicate, error) { return nil, typeError("") }

// Equality is a condition that every match fulfils: some value of the attribute
// equals Value.
type Equality struct {
	// Path is the canonical name of a simple attribute: userName, emails.value,
	// members.value, urn:…:User:employeeNumber.
	Path string
	// Value to compare as the attribute's CaseExact says: not folded yet.
	Value string
}

// Conjuncts returns the equalities on string attributes that must hold for the
// filter to hold. They are necessary, not sufficient: the predicate still has
// to be asked.
func Conjuncts(e Expr, rt *schema.ResourceType) []Equality { return nil }

// Uses says whether the filter's verdict may depend on that top-level
// attribute, such as members.
func Uses(e Expr, rt *schema.ResourceType, attribute string) bool { return false }
