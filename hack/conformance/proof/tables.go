package proof

import (
	"go/ast"
	"go/token"
)

// row is an element of a table. Its key is nil if the table is no map.
type row struct {
	key, value ast.Expr
	// element is the type that is written at the table, for rows without one.
	element ast.Expr
}

// rows returns the elements of a table: a literal, a variable that was set to
// one, or a call with such arguments.
func (p *pkg) rows(e ast.Expr, stack []ast.Node, depth int) []row {
	if depth > 8 {
		return nil
	}
	var found []row
	switch e := e.(type) {
	case *ast.CompositeLit:
		var element ast.Expr
		switch t := e.Type.(type) {
		case *ast.ArrayType:
			element = t.Elt
		case *ast.MapType:
			element = t.Value
		}
		for _, elt := range e.Elts {
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				found = append(found, row{kv.Key, kv.Value, element})
			} else {
				found = append(found, row{nil, elt, element})
			}
		}
	case *ast.CallExpr:
		for _, arg := range e.Args {
			found = append(found, p.rows(arg, stack, depth+1)...)
		}
	case *ast.Ident:
		for _, value := range p.assigned(e.Name, stack) {
			found = append(found, p.rows(value, stack, depth+1)...)
		}
	}
	return found
}

// assigned returns what a variable is set to: in the declaration around, or else
// in the package.
func (p *pkg) assigned(variable string, stack []ast.Node) []ast.Expr {
	for _, scopes := range [][]ast.Node{p.scopes(stack), p.scopes(nil)} {
		var values []ast.Expr
		for _, scope := range scopes {
			ast.Inspect(scope, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					for i, left := range n.Lhs {
						if isIdent(left, variable) && i < len(n.Rhs) && (n.Tok == token.DEFINE || n.Tok == token.ASSIGN) {
							values = append(values, n.Rhs[i])
						}
					}
				case *ast.ValueSpec:
					for i, left := range n.Names {
						if left.Name == variable && i < len(n.Values) {
							values = append(values, n.Values[i])
						}
					}
				}
				return true
			})
		}
		if len(values) > 0 {
			return values
		}
	}
	return nil
}

func (p *pkg) keys(table ast.Expr, stack []ast.Node, depth int) []string {
	var found []string
	for _, r := range p.rows(table, stack, depth) {
		if r.key != nil {
			found = append(found, p.texts(r.key, stack, depth+1)...)
		}
	}
	return found
}

// values returns the texts of the rows, or of a field in each.
func (p *pkg) values(table ast.Expr, field string, stack []ast.Node, depth int) []string {
	var found []string
	for _, r := range p.rows(table, stack, depth) {
		value := r.value
		if field != "" {
			value = p.field(r, field)
		}
		if value != nil {
			found = append(found, p.texts(value, stack, depth+1)...)
		}
	}
	return found
}

// field returns what a row has in a field.
func (p *pkg) field(r row, field string) ast.Expr {
	value := r.value
	if pointer, ok := value.(*ast.UnaryExpr); ok {
		value = pointer.X
	}
	literal, ok := value.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	kind := literal.Type
	if kind == nil {
		kind = r.element
	}
	at := -1
	if s := p.structOf(kind); s != nil {
		at = parameter(&ast.FuncType{Params: s.Fields}, field)
	}
	for i, elt := range literal.Elts {
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			if isIdent(kv.Key, field) {
				return kv.Value
			}
		} else if i == at {
			return elt
		}
	}
	return nil
}

// structOf returns the struct that a type is, or nil.
func (p *pkg) structOf(kind ast.Expr) *ast.StructType {
	switch kind := kind.(type) {
	case *ast.StructType:
		return kind
	case *ast.StarExpr:
		return p.structOf(kind.X)
	case *ast.Ident:
		var found *ast.StructType
		for _, scope := range p.scopes(nil) {
			ast.Inspect(scope, func(n ast.Node) bool {
				if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == kind.Name {
					if s, ok := spec.Type.(*ast.StructType); ok {
						found = s
					}
				}
				return found == nil
			})
		}
		return found
	}
	return nil
}
