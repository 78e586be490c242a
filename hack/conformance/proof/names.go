package proof

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// ginkgo are the functions whose first argument is the text of a container, a
// spec or a row. The value says whether it holds others.
var ginkgo = map[string]bool{
	"Describe": true, "Context": true, "When": true, "DescribeTable": true, "DescribeTableSubtree": true,
	"It": true, "Specify": true, "Entry": true,
}

type pkg struct{ files []source }

type source struct {
	path  string
	built bool
	*ast.File
}

func (f source) imports(path string) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(path) })
}

type name struct{ group, text string }

// names returns the names of the tests in a declaration. What isn't written in
// the source is an ellipsis.
func (p *pkg) names(decl ast.Decl) []name {
	group := ""
	if f, ok := decl.(*ast.FuncDecl); ok {
		group = f.Name.Name
	}
	var found []name
	var stack []ast.Node
	ast.Inspect(decl, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if arg := nameOf(n); arg != nil {
			in := strings.Join(append([]string{group}, p.containers(stack)...), " ")
			for _, text := range p.texts(arg, stack, 0) {
				found = append(found, name{strings.TrimSpace(in), text})
			}
		}
		stack = append(stack, n)
		return true
	})
	return found
}

// nameOf returns the expression that names a test if n starts one.
func nameOf(n ast.Node) ast.Expr {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return nil
	}
	switch fun := call.Fun.(type) {
	case *ast.SelectorExpr:
		if t, ok := fun.X.(*ast.Ident); ok && t.Name == "t" && fun.Sel.Name == "Run" {
			return call.Args[0]
		}
	case *ast.Ident:
		if ginkgo[fun.Name] {
			return call.Args[0]
		}
	}
	return nil
}

// containers are the texts of Ginkgo's containers around a node.
func (p *pkg) containers(stack []ast.Node) []string {
	var texts []string
	for i, n := range stack {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			continue
		}
		if fun, ok := call.Fun.(*ast.Ident); ok && ginkgo[fun.Name] {
			if t := p.texts(nameOf(n), stack[:i], 0); len(t) == 1 {
				texts = append(texts, plain(t[0]))
			}
		}
	}
	return texts
}

const ellipsis = "…"

// texts returns what an expression for a name can be. The stack leads to it.
func (p *pkg) texts(e ast.Expr, stack []ast.Node, depth int) []string {
	if depth > 8 {
		return nil
	}
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []string{s}
		}
	case *ast.ParenExpr:
		return p.texts(e.X, stack, depth+1)
	case *ast.BinaryExpr:
		var joined []string
		left, right := p.texts(e.X, stack, depth+1), p.texts(e.Y, stack, depth+1)
		for _, l := range orEllipsis(left) {
			for _, r := range orEllipsis(right) {
				joined = append(joined, l+r)
			}
		}
		return joined
	case *ast.CallExpr:
		if fun, ok := e.Fun.(*ast.SelectorExpr); ok && fun.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			return p.texts(e.Args[0], stack, depth+1)
		}
	case *ast.Ident:
		return p.variable(e.Name, "", stack, depth)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return p.variable(x.Name, e.Sel.Name, stack, depth)
		}
	}
	return nil
}

func orEllipsis(texts []string) []string {
	if len(texts) == 0 {
		return []string{ellipsis}
	}
	return texts
}

// variable returns the texts of a variable that a table is ranged over with, of
// a field of it, or of a parameter.
func (p *pkg) variable(variable, field string, stack []ast.Node, depth int) []string {
	for i := len(stack) - 1; i >= 0; i-- {
		switch n := stack[i].(type) {
		case *ast.RangeStmt:
			switch {
			case isIdent(n.Key, variable) && field == "":
				return p.keys(n.X, stack[:i], depth)
			case isIdent(n.Value, variable):
				return p.values(n.X, field, stack[:i], depth)
			}
		case *ast.FuncLit:
			if at := parameter(n.Type, variable); at >= 0 && i > 0 && field == "" {
				if assign, ok := stack[i-1].(*ast.AssignStmt); ok && len(assign.Lhs) == 1 {
					if fun, ok := assign.Lhs[0].(*ast.Ident); ok {
						return p.arguments(fun.Name, at, stack[:i], depth)
					}
				}
				return nil
			}
		case *ast.FuncDecl:
			if at := parameter(n.Type, variable); at >= 0 && field == "" {
				return p.arguments(n.Name.Name, at, nil, depth)
			}
		}
	}
	return nil
}

func isIdent(e ast.Expr, name string) bool {
	i, ok := e.(*ast.Ident)
	return ok && i.Name == name
}

// parameter returns the index of a parameter, or -1.
func parameter(f *ast.FuncType, name string) int {
	at := 0
	for _, field := range f.Params.List {
		for _, n := range field.Names {
			if n.Name == name {
				return at
			}
			at++
		}
	}
	return -1
}

// arguments returns the texts that a function is called with: in what encloses
// its definition, or else in the package.
func (p *pkg) arguments(function string, at int, around []ast.Node, depth int) []string {
	var found []string
	for _, scope := range p.scopes(around) {
		ast.Inspect(scope, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isIdent(call.Fun, function) && len(call.Args) > at {
				found = append(found, p.texts(call.Args[at], nil, depth+1)...)
			}
			return true
		})
	}
	return found
}

// scopes is the outermost of the enclosing nodes, or else all files.
func (p *pkg) scopes(around []ast.Node) []ast.Node {
	if len(around) > 0 {
		return around[:1]
	}
	var all []ast.Node
	for _, f := range p.files {
		all = append(all, f.File)
	}
	return all
}
