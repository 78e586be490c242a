package patch

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim"
)

// model is a user, and PATCH as one would write it who has all the time in the
// world: RFC 7644 section 3.5.2, with what the facts add to it.
type model struct {
	// simple are values by path: title, name.givenName, URN:department.
	simple map[string]string
	// lists are the multi-valued attributes.
	lists map[string][]map[string]any
}

// change is one operation on one attribute, made up of what a path is made of.
type change struct {
	op     string
	attr   string
	filter *selection
	sub    string
	// value is nil for none.
	value any
}

// selection is a filter: and, or, or not of conditions.
type selection struct {
	kind  string
	terms []condition
}

type condition struct{ sub, op, value string }

func (c condition) String() string {
	switch {
	case c.op == "pr":
		return c.sub + " pr"
	case c.sub == "primary":
		return "primary eq " + c.value
	}
	return fmt.Sprintf("%s %s %q", c.sub, c.op, c.value)
}

func (c condition) holds(v map[string]any) bool {
	if c.sub == "primary" {
		return v["primary"] == (c.value == "true")
	}
	s, _ := v[c.sub].(string)
	switch s, want := strings.ToLower(s), strings.ToLower(c.value); c.op {
	case "eq":
		return s == want
	case "ne":
		return s != want
	case "sw":
		return strings.HasPrefix(s, want)
	default:
		return s != ""
	}
}

func (f selection) String() string {
	terms := make([]string, len(f.terms))
	for i, c := range f.terms {
		terms[i] = c.String()
	}
	if f.kind == "not" {
		return "not (" + terms[0] + ")"
	}
	return strings.Join(terms, " "+f.kind+" ")
}

func (f selection) holds(v map[string]any) bool {
	n := 0
	for _, c := range f.terms {
		if c.holds(v) {
			n++
		}
	}
	switch f.kind {
	case "and":
		return n == len(f.terms)
	case "or":
		return n > 0
	default:
		return n == 0
	}
}

// example is the value that a filter of equalities describes; nil if it isn't
// one, or contradicts itself.
func (f *selection) example() map[string]any {
	v := map[string]any{}
	if f == nil {
		return v
	}
	for _, c := range f.terms {
		if f.kind == "not" || f.kind == "or" && len(f.terms) > 1 || c.op != "eq" {
			return nil
		}
		v[c.sub] = c.value
		if c.sub == "primary" {
			v[c.sub] = c.value == "true"
		}
	}
	if !f.holds(v) {
		return nil
	}
	return v
}

// cleaned is a sent element as it is stored; nil for nothing.
func cleaned(v map[string]any) map[string]any {
	out := map[string]any{}
	for key, e := range v {
		if key == "primary" {
			e = e == true || e == "True"
		}
		if e != "" {
			out[key] = e
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// same says whether two values can't be there both.
func same(a, b map[string]any) bool {
	if a["value"] == nil || b["value"] == nil {
		return reflect.DeepEqual(a, b)
	}
	ta, _ := a["type"].(string)
	tb, _ := b["type"].(string)
	return a["value"] == b["value"] && strings.EqualFold(ta, tb)
}

// tidy leaves one primary value, the last, and one of those that are the same.
func tidy(list []map[string]any) []map[string]any {
	for i, v := range list {
		for _, later := range list[i+1:] {
			if v["primary"] == true && later["primary"] == true {
				v["primary"] = false
			}
		}
	}
	var out []map[string]any
next:
	for _, v := range list {
		for _, earlier := range out {
			if same(earlier, v) {
				primary := earlier["primary"] == true
				maps.Copy(earlier, v)
				if primary {
					earlier["primary"] = true
				}
				continue next
			}
		}
		out = append(out, maps.Clone(v))
	}
	return out
}

// described says whether a remove that lists sent means v.
func described(v, sent map[string]any) bool {
	fold := func(v map[string]any) map[string]string {
		out := map[string]string{}
		for key, e := range v {
			if s, ok := e.(string); ok && key != "display" {
				out[key] = strings.ToLower(s)
			}
		}
		if v["value"] != nil {
			out = map[string]string{"value": out["value"], "type": out["type"]}
			if sent["type"] == nil {
				delete(out, "type")
			}
		}
		return out
	}
	return (v["value"] == nil) == (sent["value"] == nil) && maps.Equal(fold(v), fold(sent))
}

// apply changes the model, or says that there is no target.
func (m model) apply(c change) bool {
	list, isList := m.lists[c.attr]
	if !isList {
		m.applySimple(c)
		return true
	}
	if c.filter == nil && c.sub == "" {
		sent := []map[string]any{}
		for _, v := range c.value.([]any) {
			if v := cleaned(v.(map[string]any)); v != nil {
				sent = append(sent, v)
			}
		}
		switch {
		case c.op == "add":
			list = append(list, tidy(sent)...)
		case c.op == "replace":
			list = sent
		default:
			list = slices.DeleteFunc(list, func(v map[string]any) bool {
				return slices.ContainsFunc(sent, func(s map[string]any) bool { return described(v, s) })
			})
		}
		m.lists[c.attr] = tidy(list)
		return true
	}
	var out, touched []map[string]any
	found := false
	for _, v := range list {
		if c.filter != nil && !c.filter.holds(v) {
			out = append(out, v)
			continue
		}
		found = true
		if v = c.element(v); v != nil {
			out, touched = append(out, v), append(touched, v)
		}
	}
	if object, ok := c.value.(map[string]any); !found && c.op != "remove" && c.value != "" && (!ok || cleaned(object) != nil) {
		example := c.filter.example()
		kind, _ := example["type"].(string)
		if example == nil || c.op == "replace" && kind == "private" && c.attr != "roles" {
			return false
		}
		if v := c.element(example); v != nil {
			out, touched = append(out, v), append(touched, v)
		}
	}
	// The last touched one that is primary is the only one.
	for _, chosen := range slices.Backward(touched) {
		if chosen["primary"] == true {
			for _, v := range out {
				if v["primary"] == true {
					v["primary"] = false
				}
			}
			chosen["primary"] = true
			break
		}
	}
	m.lists[c.attr] = tidy(out)
	return true
}

// element is what becomes of one value.
func (c change) element(v map[string]any) map[string]any {
	sent, _ := c.value.(map[string]any)
	sent = cleaned(sent)
	switch {
	case c.sub != "" && c.op != "remove" && c.value != "":
		v[c.sub] = c.value
	case c.sub != "":
		delete(v, c.sub)
		left := maps.Clone(v)
		delete(left, "type")
		delete(left, "primary")
		if len(left) == 0 {
			return nil
		}
	case c.op == "remove":
		return nil
	case c.op == "add":
		maps.Copy(v, sent)
	case sent == nil:
		return nil
	default:
		v = map[string]any{}
		maps.Copy(v, c.filter.example())
		maps.Copy(v, sent)
	}
	return v
}

func (m model) applySimple(c change) {
	if object, ok := c.value.(map[string]any); ok {
		for key, v := range object {
			m.applySimple(change{op: c.op, attr: c.attr + separator(c.attr) + key, value: v})
		}
		return
	}
	if c.op == "remove" || c.value == "" {
		maps.DeleteFunc(m.simple, func(path, _ string) bool {
			return path == c.attr || strings.HasPrefix(path, c.attr+separator(c.attr))
		})
		return
	}
	m.simple[c.attr] = c.value.(string)
}

// separator stands behind an attribute, or behind a URN.
func separator(attr string) string {
	if attr == e || attr == custom {
		return ":"
	}
	return "."
}

const custom = "urn:ietf:params:scim:schemas:extension:Custom:2.0:User"

func (m model) resource() scim.Resource {
	out := map[string]any{}
	under := func(m map[string]any, key string) map[string]any {
		if m[key] == nil {
			m[key] = map[string]any{}
		}
		return m[key].(map[string]any)
	}
	for path, v := range m.simple {
		object := out
		for _, urn := range []string{e, r, custom} {
			if rest, ok := strings.CutPrefix(path, urn+":"); ok {
				object, path = under(out, urn), rest
			}
		}
		if attr, sub, ok := strings.Cut(path, "."); ok {
			object, path = under(object, attr), sub
		}
		object[path] = v
	}
	for attr, list := range m.lists {
		values := make([]any, len(list))
		for i, v := range list {
			values[i] = v
		}
		if len(values) > 0 {
			out[attr] = values
		}
	}
	return scim.Resource(out).Clone()
}

func (c change) path() string {
	path := c.attr
	if c.filter != nil {
		path += "[" + c.filter.String() + "]"
	}
	if c.sub != "" {
		path += "." + c.sub
	}
	return path
}

var (
	someText   = rapid.SampledFrom([]string{"a", "A", "b", "c", "ab", "d", "e", ""})
	someType   = rapid.SampledFrom([]string{"work", "WORK", "home", "other", "private"})
	simplePath = rapid.SampledFrom([]string{"title", "displayName", "name.givenName", "name.familyName", e + ":department", e + ":manager.value", r + ":defaultRemoteIdentity", r + ":permissionLevel", custom + ":tag", custom + ":o.x"})
)

// keyOf is the sub-attribute that has a list's text.
func keyOf(attr string) string {
	if attr == "addresses" {
		return "locality"
	}
	return "value"
}

func drawElement(t *rapid.T, attr string) map[string]any {
	v := map[string]any{}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"text", "type", "primary", "display"}), 0, 4, rapid.ID[string]).Draw(t, "keys") {
		switch key {
		case "type":
			v["type"] = someType.Draw(t, "type")
		case "primary":
			v["primary"] = rapid.SampledFrom([]any{true, false, "True"}).Draw(t, "primary")
		case "display":
			if attr != "addresses" {
				v["display"] = someText.Draw(t, "display")
			}
		default:
			v[keyOf(attr)] = someText.Draw(t, "text")
		}
	}
	return v
}

func drawList(t *rapid.T, attr string, most int) []any {
	list := make([]any, rapid.IntRange(0, most).Draw(t, "length"))
	for i := range list {
		list[i] = drawElement(t, attr)
	}
	return list
}

func drawFilter(t *rapid.T, attr string) *selection {
	f := &selection{kind: rapid.SampledFrom([]string{"and", "or", "not"}).Draw(t, "kind")}
	most := 2
	if f.kind == "not" {
		most = 1
	}
	for range rapid.IntRange(1, most).Draw(t, "terms") {
		c := condition{op: rapid.SampledFrom([]string{"eq", "eq", "eq", "ne", "sw", "pr"}).Draw(t, "operator")}
		switch c.sub = rapid.SampledFrom([]string{"type", keyOf(attr), "primary"}).Draw(t, "sub"); c.sub {
		case "type":
			c.value = someType.Draw(t, "literal")
		case "primary":
			c.op, c.value = "eq", rapid.SampledFrom([]string{"true", "false"}).Draw(t, "literal")
		default:
			c.value = someText.Filter(func(s string) bool { return s != "" }).Draw(t, "literal")
		}
		f.terms = append(f.terms, c)
	}
	return f
}

func drawChange(t *rapid.T, lists []string) change {
	c := change{op: rapid.SampledFrom([]string{"add", "replace", "remove"}).Draw(t, "op")}
	switch rapid.IntRange(0, 5).Draw(t, "target") {
	case 0:
		c.attr, c.value = simplePath.Draw(t, "path"), someText.Draw(t, "value")
	case 1:
		c.attr = rapid.SampledFrom([]string{"name", e}).Draw(t, "complex")
		keys := map[string][]string{"name": {"givenName", "familyName"}, e: {"department", "division"}}[c.attr]
		object := map[string]any{}
		for _, key := range keys[:rapid.IntRange(1, 2).Draw(t, "keys")] {
			object[key] = someText.Draw(t, "value")
		}
		if c.value = object; c.op == "remove" {
			c.value = ""
		}
	case 2:
		c.attr = rapid.SampledFrom(lists).Draw(t, "list")
		c.value = drawList(t, c.attr, 3)
	default:
		c.attr = rapid.SampledFrom(lists).Draw(t, "list")
		if rapid.IntRange(0, 4).Draw(t, "filter") > 0 {
			c.filter = drawFilter(t, c.attr)
		}
		switch rapid.IntRange(0, 4).Draw(t, "sub") {
		case 0:
			c.sub, c.value = "type", someType.Draw(t, "value")
		case 1:
			c.sub, c.value = "primary", rapid.Bool().Draw(t, "value")
		case 2:
			if c.filter != nil {
				c.value = drawElement(t, c.attr)
				break
			}
			fallthrough
		default:
			c.sub, c.value = keyOf(c.attr), someText.Draw(t, "value")
		}
	}
	return c
}

func TestApplyUserEqualsANaiveModel(t *testing.T) {
	lists := []string{"emails", "roles", "addresses"}
	t.Run("RFC 7644 3.5.2.1, RFC 7644 3.5.2.2, RFC 7644 3.5.2.3, facts 37, 39, 40, 41", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			m := model{simple: map[string]string{"userName": "a"}, lists: map[string][]map[string]any{}}
			for _, attr := range lists {
				m.lists[attr] = nil
				m.apply(change{op: "add", attr: attr, value: drawList(t, attr, 40)})
			}
			user := m.resource()
			found := true
			var ops []any
			for range rapid.IntRange(1, 10).Draw(t, "operations") {
				c := drawChange(t, lists)
				op := map[string]any{"op": c.op, "path": c.path(), "value": c.value}
				if c.op != "remove" && rapid.IntRange(0, 3).Draw(t, "form") == 0 {
					delete(op, "path")
					op["value"] = map[string]any{c.path(): c.value}
				}
				ops = append(ops, op)
				if found = m.apply(c); !found {
					break
				}
			}
			req, err := Parse(map[string]any{"Operations": ops})
			if err != nil {
				t.Fatal(err)
			}
			before := user.Clone()
			got, err := ApplyUser(user, req)
			requireUnchanged(t, user, before)
			if found != (err == nil) {
				t.Fatalf("%s\non %s\ngot %v, want a target: %v", show(ops), show(user), err, found)
			}
			if want := m.resource(); found && !reflect.DeepEqual(got, want) {
				t.Fatalf("%s\non %s\ngot %s\nwant %s", show(ops), show(user), show(got), show(want))
			}
		})
	})
}
