package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

// Parse parses a filter. Operators, keywords and names may be in any case, and
// a value without quotes that is neither keyword nor number is taken for a
// string. The error is an *Error.
func Parse(s string) (Expr, error) {
	_, e, err := parse(s)
	return e, err
}

func parse(s string) (*parser, Expr, error) {
	p, err := newParser(s)
	if err != nil {
		return nil, nil, err
	}
	e, err := p.or()
	if err != nil {
		return nil, nil, err
	}
	if p.tok.kind != tokenEnd {
		return nil, nil, p.unexpected(`"and", "or" or the end`)
	}
	return p, e, nil
}

// ParsePath parses the path of a PATCH operation. The error is an *Error.
func ParsePath(s string) (Path, error) {
	p, err := newParser(s)
	if err != nil {
		return Path{}, err
	}
	path, err := p.path()
	if err != nil {
		return Path{}, err
	}
	if p.tok.kind != tokenEnd {
		return Path{}, p.unexpected("the end of the path")
	}
	return path, nil
}

// ParseAttributes parses a comma-separated list of paths, as in the attributes
// parameter, into their names: attributes=emails[type eq "work"] asks for
// emails. The error is an *Error.
func ParseAttributes(s string) ([]schema.Name, error) {
	if len(s) > MaxLength {
		return nil, &Error{Offset: MaxLength, Msg: fmt.Sprintf("longer than %d bytes", MaxLength)}
	}
	var names []schema.Name
	for offset, part := range splitList(s) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		path, err := ParsePath(part)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); ok && e.Offset >= 0 {
				e.Offset += offset
			}
			return nil, err
		}
		names = append(names, path.Name)
	}
	return names, nil
}

// splitList yields the parts of s between commas outside of quotes and brackets,
// and where they start.
func splitList(s string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		start, depth, inString := 0, 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '"':
				inString = !inString
			case s[i] == '\\' && inString:
				i++
			case inString:
			case s[i] == '[':
				depth++
			case s[i] == ']':
				depth--
			case s[i] == ',' && depth <= 0:
				if !yield(start, s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(start, s[start:])
	}
}

// parser is a recursive descent parser with one token of look-ahead.
type parser struct {
	input string
	pos   int
	tok   token
	depth int
	// inBrackets forbids a value path within another.
	inBrackets bool
	// named is where the last part of the last path stands.
	named int
	// conditions are where the comparisons and pr stand, in the tree's order.
	// Trees have no positions of their own, so that equal filters are equal.
	conditions []int
}

func newParser(s string) (*parser, error) {
	if len(s) > MaxLength {
		return nil, &Error{Offset: MaxLength, Msg: fmt.Sprintf("longer than %d bytes", MaxLength)}
	}
	if !utf8.ValidString(s) {
		return nil, &Error{Offset: 0, Msg: "not UTF-8"}
	}
	p := &parser{input: s}
	return p, p.advance()
}

func (p *parser) advance() (err error) {
	p.tok, p.pos, err = next(p.input, p.pos)
	return err
}

func (p *parser) unexpected(want string) error {
	return &Error{Offset: p.tok.offset, Msg: fmt.Sprintf("expected %s, found %s", want, p.tok)}
}

func (p *parser) expect(punct string) error {
	if !p.tok.is(punct) {
		return p.unexpected(`"` + punct + `"`)
	}
	return p.advance()
}

func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return &Error{Offset: p.tok.offset, Msg: fmt.Sprintf("nested deeper than %d", MaxDepth)}
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// or = and *("or" and)
func (p *parser) or() (Expr, error) {
	terms, err := p.list("or", p.and)
	if err != nil || len(terms) == 1 {
		return first(terms), err
	}
	return Or{Terms: terms}, nil
}

// and = term *("and" term)
func (p *parser) and() (Expr, error) {
	terms, err := p.list("and", p.term)
	if err != nil || len(terms) == 1 {
		return first(terms), err
	}
	return And{Terms: terms}, nil
}

func (p *parser) list(keyword string, parse func() (Expr, error)) ([]Expr, error) {
	var terms []Expr
	for {
		t, err := parse()
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
		if !p.tok.keyword(keyword) {
			return terms, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

func first(terms []Expr) Expr {
	if len(terms) == 0 {
		return nil
	}
	return terms[0]
}

// term = "(" or ")" / "not" term / attribute expression
func (p *parser) term() (Expr, error) {
	switch {
	case p.tok.is("("):
		return p.group("(", ")")
	case p.tok.keyword("not"):
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		if err := p.advance(); err != nil {
			return nil, err
		}
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		return Not{Term: t}, nil
	default:
		return p.attribute()
	}
}

func (p *parser) group(open, end string) (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.expect(open); err != nil {
		return nil, err
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	return e, p.expect(end)
}

// attribute = path "pr" / path op value / attr "[" or "]"
func (p *parser) attribute() (Expr, error) {
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if path.Filter != nil && path.Name.Sub == "" {
		return ValuePath{Attr: path.Name, Filter: path.Filter}, nil
	}
	p.conditions = append(p.conditions, p.named)
	if p.tok.kind != tokenWord {
		return nil, p.unexpected("an operator behind the attribute " + path.Name.String())
	}
	op := Op(strings.ToLower(p.tok.text))
	switch op {
	case "pr":
		if err := p.advance(); err != nil {
			return nil, err
		}
		return within(path, func(n schema.Name) Expr { return Present{Attr: n} }), nil
	case Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le:
	default:
		return nil, p.unexpected("one of the operators eq, ne, co, sw, ew, pr, gt, ge, lt, le")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	return within(path, func(n schema.Name) Expr { return Compare{Attr: n, Op: op, Value: value} }), nil
}

// within makes emails[type eq "work"].value eq "x" what it means: one value of
// emails fulfils both conditions.
func within(path Path, condition func(schema.Name) Expr) Expr {
	if path.Filter == nil {
		return condition(path.Name)
	}
	terms := []Expr{path.Filter}
	if and, ok := path.Filter.(And); ok {
		terms = append([]Expr(nil), and.Terms...)
	}
	return ValuePath{
		Attr:   schema.Name{URN: path.Name.URN, Attr: path.Name.Attr},
		Filter: And{Terms: append(terms, condition(schema.Name{Attr: path.Name.Sub}))},
	}
}

// path = name ["[" or "]" ["." sub]]
func (p *parser) path() (Path, error) {
	if p.tok.kind != tokenWord {
		return Path{}, p.unexpected("an attribute")
	}
	name, err := schema.ParseName(p.tok.text)
	if err != nil {
		return Path{}, &Error{Offset: p.tok.offset, Msg: err.Error()}
	}
	path := Path{Name: name}
	p.named = p.tok.offset
	if err := p.advance(); err != nil || !p.tok.is("[") {
		return path, err
	}
	if name.Attr == "" || name.Sub != "" || p.inBrackets {
		return Path{}, p.unexpected("no filter on " + name.String())
	}
	p.inBrackets = true
	path.Filter, err = p.group("[", "]")
	p.inBrackets = false
	if err != nil {
		return Path{}, err
	}
	if sub, ok := strings.CutPrefix(p.tok.text, "."); ok && p.tok.kind == tokenWord && p.tok.glued {
		n, err := schema.ParseName(sub)
		if err != nil || n.URN != "" || n.Sub != "" {
			return Path{}, p.unexpected("one sub-attribute")
		}
		path.Name.Sub = n.Attr
		p.named = p.tok.offset
		return path, p.advance()
	}
	return path, nil
}

// value = JSON string, number, true, false or null, or a bare string
func (p *parser) value() (any, error) {
	t := p.tok
	switch t.kind {
	case tokenString:
		return t.text, p.advance()
	case tokenWord:
		return bare(t.text), p.advance()
	default:
		return nil, p.unexpected("a value")
	}
}

func bare(s string) any {
	switch {
	case strings.EqualFold(s, "true"):
		return true
	case strings.EqualFold(s, "false"):
		return false
	case strings.EqualFold(s, "null"):
		return nil
	}
	var n json.Number
	if c := s[0]; (c == '-' || '0' <= c && c <= '9') && json.Unmarshal([]byte(s), &n) == nil {
		return n
	}
	return s
}
