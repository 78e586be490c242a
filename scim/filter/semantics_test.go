package filter

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

// kind is what the comparisons of RFC 7644 table 3 depend on.
type kind int

const (
	folded kind = iota + 1 // a string, reference or the like without case
	exact                  // one with case
	binary                 // exact, and without order
	boolean
	instant   // a dateTime
	valued    // a complex attribute with a value
	valueless // a complex attribute without
	free      // anything: the schema isn't known
)

const custom = "urn:example:2.0:Thing"

// kinds are the attributes that the property speaks of, written down a second
// time: nothing here asks package schema.
var kinds = map[string]map[string]kind{
	"User": {
		"schemas": exact, "id": exact, "externalid": exact, "username": folded, "title": folded, "profileurl": exact, "active": boolean,
		"name": valueless, "name.givenname": folded,
		"emails": valued, "emails.value": folded, "emails.type": folded, "emails.primary": boolean,
		"addresses": valueless, "addresses.locality": folded, "addresses.type": folded, "addresses.primary": boolean,
		"x509certificates": valued, "x509certificates.value": binary, "x509certificates.type": folded, "x509certificates.primary": boolean,
		"meta": valueless, "meta.created": instant, "meta.resourcetype": exact,
		"employeenumber": folded, "manager": valued, "manager.value": exact,
	},
	"Group": {
		"schemas": exact, "id": exact, "externalid": exact, "displayname": folded,
		"members": valued, "members.value": exact, "members.type": folded,
		"meta": valueless, "meta.created": instant, "meta.resourcetype": exact,
	},
}

// naive says whether a filter holds of a resource as a client sees it, straight
// from RFC 7644 section 3.4.2.2.
type naive struct {
	rt string
	// within is the attribute whose filter this is, lower-case: "emails", or "".
	within string
	// free says that the attribute has no definition.
	free bool
}

// find returns the values that a name has in an object, and their kind; 0 for a
// name that is unknown.
func (n naive) find(object map[string]any, name schema.Name) ([]any, kind) {
	path := strings.ToLower(schema.Name{Attr: name.Attr, Sub: name.Sub}.String())
	k := kinds[n.rt][path]
	extension := strings.HasPrefix(path, "employeenumber") || strings.HasPrefix(path, "manager")
	switch urn := strings.ToLower(name.URN); {
	case n.free && urn == "":
		k = free
	case n.within != "":
		if k = kinds[n.rt][n.within+"."+path]; urn != "" || name.Sub != "" {
			k = 0
		}
	case urn == strings.ToLower(custom):
		object, _ = object[custom].(map[string]any)
		k = free
	case urn == strings.ToLower(schema.EnterpriseUserURN) || urn == "" && extension:
		object, _ = object[schema.EnterpriseUserURN].(map[string]any)
		if !extension {
			k = 0
		}
	case urn == "urn:ietf:params:scim:schemas:core:2.0:"+strings.ToLower(n.rt) && extension:
		k = 0
	case urn != "" && urn != "urn:ietf:params:scim:schemas:core:2.0:"+strings.ToLower(n.rt):
		k = 0
	}
	if k == 0 {
		return nil, 0
	}
	found := list(get(object, name.Attr))
	if name.Sub == "" {
		return found, k
	}
	var subs []any
	for _, v := range found {
		if o, ok := v.(map[string]any); ok && get(o, name.Sub) != nil {
			subs = append(subs, get(o, name.Sub))
		}
	}
	return subs, k
}

func get(object map[string]any, name string) any {
	for k, v := range object {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// holds returns false, false for what can't be asked.
func (n naive) holds(e Expr, object map[string]any) (holds, legal bool) {
	switch e := e.(type) {
	case And:
		holds, legal = true, true
		for _, t := range e.Terms {
			h, l := n.holds(t, object)
			holds, legal = holds && h, legal && l
		}
		return holds && legal, legal
	case Or:
		legal = true
		for _, t := range e.Terms {
			h, l := n.holds(t, object)
			holds, legal = holds || h, legal && l
		}
		return holds && legal, legal
	case Not:
		h, l := n.holds(e.Term, object)
		return !h && l, l
	case Present:
		found, _ := n.find(object, e.Attr)
		return len(found) > 0, true
	case ValuePath:
		found, k := n.find(object, e.Attr)
		if k != valued && k != valueless && k != free {
			return false, true
		}
		inner := naive{rt: n.rt, within: strings.ToLower(e.Attr.Attr), free: k == free}
		if _, legal = inner.holds(e.Filter, map[string]any{}); !legal {
			return false, false
		}
		for _, v := range found {
			if o, ok := v.(map[string]any); ok {
				h, _ := inner.holds(e.Filter, o)
				holds = holds || h
			}
		}
		return holds, true
	case Compare:
		return n.compares(e, object)
	}
	return false, false
}

func (n naive) compares(e Compare, object map[string]any) (holds, legal bool) {
	found, k := n.find(object, e.Attr)
	if e.Value == nil {
		switch e.Op {
		case Eq:
			return len(found) == 0, true
		case Ne:
			return len(found) > 0, true
		}
		return false, k == 0
	}
	if k == 0 {
		return e.Op == Ne, true
	}
	if k == valued || k == free {
		var values []any
		for _, v := range found {
			if o, ok := v.(map[string]any); ok {
				v = get(o, "value")
			}
			if v != nil {
				values = append(values, v)
			}
		}
		found = values
	}
	if k == valued {
		k = kinds[n.rt][strings.ToLower(schema.Name{Attr: e.Attr.Attr, Sub: "value"}.String())]
	}
	ordering := slices.Contains([]Op{Gt, Ge, Lt, Le}, e.Op)
	literal := asText(e.Value)
	switch k {
	case valueless:
		return false, false
	case binary:
		if ordering {
			return false, false
		}
	case boolean:
		b := strings.ToLower(literal)
		if _, isNumber := e.Value.(json.Number); isNumber || b != "true" && b != "false" || e.Op != Eq && e.Op != Ne {
			return false, false
		}
	case instant:
		if _, ok := when(literal); !ok && e.Op != Co && e.Op != Sw && e.Op != Ew {
			return false, false
		}
	}
	for _, v := range found {
		if one(k, e.Op, v, e.Value) {
			return true, true
		}
	}
	return len(found) == 0 && e.Op == Ne, true
}

// one compares one value.
func one(k kind, op Op, v, literal any) bool {
	s, want := asText(v), asText(literal)
	switch v := v.(type) {
	case bool:
		if !strings.EqualFold(want, "true") && !strings.EqualFold(want, "false") {
			return false
		}
		return op == Eq && strings.EqualFold(s, want) || op == Ne && !strings.EqualFold(s, want)
	case json.Number:
		_, isBool := literal.(bool)
		x, err := strconv.Atoi(v.String())
		y, err2 := strconv.Atoi(want)
		return err == nil && err2 == nil && !isBool && sign(op, x-y)
	}
	substring := op == Co || op == Sw || op == Ew
	if k == instant && !substring {
		t, ok := when(s)
		u, ok2 := when(want)
		return ok && ok2 && sign(op, t.Compare(u))
	}
	if k == folded || k == free {
		s, want = strings.ToLower(s), strings.ToLower(want)
	}
	switch op {
	case Co:
		return strings.Contains(s, want)
	case Sw:
		return strings.HasPrefix(s, want)
	case Ew:
		return strings.HasSuffix(s, want)
	}
	return sign(op, strings.Compare(s, want))
}

func sign(op Op, n int) bool {
	return map[Op]bool{Eq: n == 0, Ne: n != 0, Gt: n > 0, Ge: n >= 0, Lt: n < 0, Le: n <= 0}[op]
}

func asText(v any) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case string:
		return v
	}
	return ""
}

func when(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

var (
	texts = rapid.SampledFrom([]string{"a", "A", "ab", "B", "É", "é", "1", "7", "True", "x@y.org", schema.UserURN, "User"})
	times = rapid.SampledFrom([]string{"2011-05-13T04:42:34Z", "2011-05-13T06:42:34+02:00", "2011-05-13T04:42:34.5Z", "2011-05-14"})
)

// genResource makes resources as clients see them.
func genResource(rt string) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		// object takes some of the members.
		object := func(name string, members map[string]func() any) map[string]any {
			o := map[string]any{}
			for _, key := range slices.Sorted(maps.Keys(members)) {
				if rapid.Bool().Draw(t, name+" has "+key) {
					o[key] = members[key]()
				}
			}
			return o
		}
		text := func() any { return texts.Draw(t, "text") }
		truth := func() any { return rapid.Bool().Draw(t, "truth") }
		many := func(name string, members map[string]func() any) func() any {
			return func() any {
				var l []any
				for range rapid.IntRange(1, 3).Draw(t, name) {
					if o := object(name, members); len(o) > 0 {
						l = append(l, o)
					}
				}
				return l
			}
		}
		single := func(name string, members map[string]func() any) func() any {
			return func() any { return object(name, members) }
		}
		members := map[string]func() any{
			"externalId": text, "displayName": text,
			"members": many("members", map[string]func() any{"value": text, "type": text}),
		}
		if rt == "User" {
			members = map[string]func() any{
				"externalId": text, "userName": text, "title": text, "profileUrl": text, "active": truth,
				"name":             single("name", map[string]func() any{"givenName": text}),
				"emails":           many("emails", map[string]func() any{"value": text, "type": text, "primary": truth}),
				"addresses":        many("addresses", map[string]func() any{"locality": text, "type": text}),
				"x509Certificates": many("x509Certificates", map[string]func() any{"value": text}),
				schema.EnterpriseUserURN: single("enterprise", map[string]func() any{
					"employeeNumber": text, "manager": single("manager", map[string]func() any{"value": text}),
				}),
				custom: single("custom", map[string]func() any{
					"tag": text, "on": truth, "level": func() any { return json.Number("7") },
					"list": many("list", map[string]func() any{"value": text, "n": func() any { return json.Number("1") }}),
				}),
			}
		}
		r := object("resource", members)
		for key, v := range r {
			if o, ok := v.(map[string]any); ok {
				if m, ok := o["manager"].(map[string]any); ok && len(m) == 0 {
					delete(o, "manager")
				}
				if l, ok := o["list"].([]any); ok && len(l) == 0 {
					delete(o, "list")
				}
				if len(o) == 0 {
					delete(r, key)
				}
			}
			if l, ok := v.([]any); ok && len(l) == 0 {
				delete(r, key)
			}
		}
		r["id"] = text()
		r["meta"] = map[string]any{"created": times.Draw(t, "created"), "resourceType": rt}
		urns := []any{"urn:ietf:params:scim:schemas:core:2.0:" + rt}
		for _, urn := range []string{schema.EnterpriseUserURN, custom} {
			if r[urn] != nil {
				urns = append(urns, urn)
			}
		}
		r["schemas"] = urns
		return r
	})
}

// genQuestion makes filters on what genResource makes.
func genQuestion(names []string, depth int) *rapid.Generator[Expr] {
	subs := []string{"value", "VALUE", "type", "primary", "locality", "givenName", "n", "nothing"}
	return rapid.Custom(func(t *rapid.T) Expr {
		choice := rapid.IntRange(0, 9).Draw(t, "choice")
		if depth == 0 {
			choice = min(choice, 6)
		}
		name := attr(rapid.SampledFrom(names).Draw(t, "name"))
		deeper := func() []Expr { return rapid.SliceOfN(genQuestion(names, depth-1), 2, 3).Draw(t, "terms") }
		switch {
		case choice == 0:
			return Present{name}
		case choice == 7:
			return And{deeper()}
		case choice == 8:
			return Or{deeper()}
		case choice == 9:
			if rapid.Bool().Draw(t, "not") {
				return Not{genQuestion(names, depth-1).Draw(t, "term")}
			}
			name.Sub = ""
			return ValuePath{name, genQuestion(subs, depth-1).Draw(t, "filter")}
		}
		literal := rapid.OneOf(
			rapid.Map(texts, func(s string) any { return s }), rapid.Map(times, func(s string) any { return s }),
			rapid.SampledFrom([]any{true, false, nil, json.Number("1"), json.Number("7"), "fAlse", ""}),
		).Draw(t, "literal")
		return Compare{name, rapid.SampledFrom(operators).Draw(t, "op"), literal}
	})
}

func TestPredicateIsWhatTheRFCSays(tb *testing.T) {
	for _, rt := range schema.ResourceTypes() {
		names := []string{"nickNam", "userName.nothing", "emails.nothing", schema.EnterpriseUserURN + ":employeeNumber", schema.EnterpriseUserURN + ":title"}
		for _, path := range slices.Sorted(maps.Keys(kinds[rt.Name])) {
			names = append(names, path, rt.Core.ID+":"+path)
		}
		for _, path := range []string{"tag", "on", "LEVEL", "list", "list.n", "none"} {
			names = append(names, strings.ToUpper(custom)+":"+path)
		}
		tb.Run("RFC 7644 3.4.2.2: "+rt.Name, func(tb *testing.T) {
			rapid.Check(tb, func(t *rapid.T) {
				shown := genResource(rt.Name).Draw(t, "resource")
				e := genQuestion(names, 2).Draw(t, "filter")
				want, legal := naive{rt: rt.Name}.holds(e, shown)
				stored := maps.Clone(shown)
				delete(stored, "schemas")
				stored["meta"] = map[string]any{"created": shown["meta"].(map[string]any)["created"]}
				matches, err := Bind(e, rt)
				if (err == nil) != legal {
					t.Fatalf("%s: got %v, legal is %v", e, err, legal)
				}
				if err == nil && matches(stored) != want {
					t.Fatalf("%s: want %v of %v", e, want, shown)
				}
			})
		})
	}
}
