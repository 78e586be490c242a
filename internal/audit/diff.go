package audit

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
)

// ours are the attributes that no client sets.
var ours = map[string]bool{"id": true, "meta": true, "schemas": true}

var (
	// attributeName is RFC 7643 section 2.1, and extensionName a URN (RFC 8141) without
	// the characters that addresses and sentences are made of.
	attributeName = regexp.MustCompile(`^[A-Za-z$][A-Za-z0-9_$-]{0,63}$`)
	extensionName = regexp.MustCompile(`^(?i:urn):[A-Za-z0-9:._-]{1,200}$`)
)

// noName stands for a name that is none: whoever made it up may have written anything.
const noName = "?"

// difference is how one resource differs from another, in the order of the paths.
type difference struct {
	attributes []Attribute
	more       int
	values     bool
}

// diff compares two resources, of which one may be nil.
func diff(before, after scim.Resource, values bool) difference {
	d := difference{attributes: []Attribute{}, values: values}
	for _, name := range keys(before, after) {
		switch {
		case ours[name]:
		case strings.Contains(name, ":"):
			d.compare(nameOf(extensionName, name), ":", 1, before[name], after[name])
		default:
			d.compare(nameOf(attributeName, name), ".", 1, before[name], after[name])
		}
	}
	return d
}

// compare notes what differs at a path, whose last name is so deep; objects below it
// are looked into.
func (d *difference) compare(path, separator string, depth int, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	was, wasObject := before.(map[string]any)
	is, isObject := after.(map[string]any)
	if (wasObject || before == nil) && (isObject || after == nil) && depth < maxDepth {
		for _, name := range keys(was, is) {
			d.compare(path+separator+nameOf(attributeName, name), ".", depth+1, was[name], is[name])
		}
		return
	}
	if len(d.attributes) == maxAttributes {
		d.more++
		return
	}
	a := Attribute{Path: path}
	if d.values || path == "active" && isFlag(before) && isFlag(after) {
		a.Before, a.After = before, after
		if size(before)+size(after) > maxValue {
			a.Before, a.After, a.Omitted = nil, nil, true
		}
	}
	d.attributes = append(d.attributes, a)
}

// isFlag says whether a value is yes, no or nothing.
func isFlag(v any) bool {
	_, ok := v.(bool)
	return ok || v == nil
}

func nameOf(pattern *regexp.Regexp, name string) string {
	if pattern.MatchString(name) {
		return name
	}
	return noName
}

// keys are the names in either object, sorted.
func keys(a, b map[string]any) []string {
	all := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, twice := a[name]; !twice {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// size of a value in JSON, in bytes.
func size(v any) int {
	switch v := v.(type) {
	case nil, bool:
		return 0
	case string:
		return len(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return maxValue + 1
	}
	return len(text)
}
