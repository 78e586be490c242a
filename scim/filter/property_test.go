package filter

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

var operators = []Op{Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le}

func genName() *rapid.Generator[schema.Name] {
	return rapid.Map(rapid.SampledFrom([]string{
		"userName", "USERNAME", "name.givenName", "emails", "emails.type", "active", "and", "not-a_name", "members.$ref",
		"meta.created", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", "urn:x:1.0:User:a",
	}), attr)
}

func genValue() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any {
			// JSON has no other text than Unicode.
			b, _ := json.Marshal(s)
			var valid string
			_ = json.Unmarshal(b, &valid)
			return valid
		}),
		rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any { return json.Number(strconv.FormatFloat(f, 'f', -1, 64)) }),
		rapid.SampledFrom([]any{true, false, nil, "True", "work", ""}),
	)
}

// genExpr makes trees as Parse makes them: And and Or have two terms or more, and
// value paths have none within.
func genExpr(depth int, brackets bool) *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		kind := 1
		if depth > 0 {
			kind = rapid.IntRange(0, 5).Draw(t, "kind")
		}
		terms := func() []Expr {
			return rapid.SliceOfN(genExpr(depth-1, brackets), 2, 4).Draw(t, "terms")
		}
		switch {
		case kind == 2:
			return And{terms()}
		case kind == 3:
			return Or{terms()}
		case kind == 4:
			return Not{genExpr(depth-1, brackets).Draw(t, "term")}
		case kind == 5 && !brackets:
			n := genName().Draw(t, "name")
			n.Sub = ""
			return ValuePath{n, genExpr(depth-1, true).Draw(t, "filter")}
		case kind == 0:
			return Present{genName().Draw(t, "name")}
		default:
			return Compare{genName().Draw(t, "name"), rapid.SampledFrom(operators).Draw(t, "op"), genValue().Draw(t, "value")}
		}
	})
}

func TestParsingAPrintedFilterGivesTheSameTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genExpr(3, false).Draw(t, "filter")
		s := e.String()
		if len(s) > MaxLength {
			return
		}
		got, err := Parse(s)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("%s\nparses as\n%v, %v", s, got, err)
		}
	})
}

// Whatever Conjuncts names does hold for every match.
func TestConjunctsAreNecessary(t *testing.T) {
	values := []string{"a", "B", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom(values)
		user := map[string]any{
			"userName": value.Draw(t, "userName"),
			"emails": []any{
				map[string]any{"value": value.Draw(t, "email"), "type": "work"},
				map[string]any{"value": value.Draw(t, "email"), "type": "home"},
			},
		}
		leaf := rapid.Custom(func(t *rapid.T) Expr {
			v := value.Draw(t, "value")
			return rapid.SampledFrom([]Expr{
				eq("userName", v), eq("emails", v), Compare{attr("emails.value"), Ne, v},
				ValuePath{attr("emails"), And{[]Expr{eq("type", "work"), eq("value", v)}}},
				ValuePath{attr("emails"), Or{[]Expr{eq("type", "work"), eq("value", v)}}},
			}).Draw(t, "leaf")
		})
		tree := rapid.Custom(func(t *rapid.T) Expr {
			terms := rapid.SliceOfN(leaf, 2, 3).Draw(t, "terms")
			return rapid.SampledFrom([]Expr{And{terms}, Or{terms}, Not{terms[0]}, terms[0]}).Draw(t, "tree")
		})
		e := And{[]Expr{tree.Draw(t, "left"), tree.Draw(t, "right")}}
		matches, err := Bind(e, schema.User)
		if err != nil {
			t.Fatal(err)
		}
		if !matches(user) {
			return
		}
		for _, c := range Conjuncts(e, schema.User) {
			holds, err := Bind(eq(c.Path, c.Value), schema.User)
			if err != nil || !holds(user) {
				t.Fatalf("%s matches %v, but %s does not: %v", e, user, c.Path, err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, tc := range examples {
		f.Add(tc.filter)
	}
	for _, seed := range []string{
		`userName eq "2819c223-7f76-453a-919d-413861904646"`, `externalId eq jyoung`, `userName sw O`,
		`id eq "2819c223" and manager eq "26118915"`, `emails[type eq "work"].value eq "x"`, `roles[primary eq "True"].value eq "y"`,
		`username Eq "x" AND NOT (email Co "y")`, `userName eq "a+b'c\"d\\e #f\u00e9"`, `meta.lastModified ge 2011-05-13T04:42:34Z`,
		`members[value eq "a" or value eq "b"]`, `a eq "\ud800" and b eq -1e5`, `active gt true`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		e, err := Parse(in)
		if err != nil {
			return
		}
		s := e.String()
		if len(s) > MaxLength {
			// Quotes and escapes can make it longer than it came.
			return
		}
		again, err := Parse(s)
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%q prints as %q, which is %v, %v", in, s, again, err)
		}
		for _, rt := range schema.ResourceTypes() {
			Conjuncts(e, rt)
			matches, err := Bind(e, rt)
			checked, bad := ParseFor(rt, in)
			if (err == nil) != (bad == nil) || bad == nil && !reflect.DeepEqual(checked, e) {
				t.Fatalf("%q: Bind says %v, ParseFor %v, %v", in, err, checked, bad)
			}
			if at, ok := errors.AsType[*Error](bad); ok && (at.Offset < 0 || at.Offset >= len(in)) {
				t.Fatalf("%q: %v", in, bad)
			}
			if err == nil {
				matches(map[string]any{"userName": "a", "emails": []any{map[string]any{"value": "b"}}})
			}
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{
		`members`, `name.familyName`, `addresses[type eq "work"]`, `emails[type eq "work" and value ew "example.com"]`, `manager`, `members[value eq "2819c223-7f76-453a-919d-413861904646"]`,
		`members[value eq "2819c223-7f76-453a-919d-413861904646"].displayName`, `roles[primary eq "True"].value`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager[value eq "x"].value`, `urn:a:b.c`, `A[A eq ,00]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, err := ParsePath(in)
		if err != nil {
			return
		}
		s := p.String()
		if len(s) > MaxLength {
			return
		}
		again, err := ParsePath(s)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("%q prints as %q, which is %v, %v", in, s, again, err)
		}
		if _, err := ParseAttributes(in + "," + in); err != nil && len(in) < MaxLength/3 {
			t.Fatalf("%q can't be listed: %v", in, err)
		}
	})
}
