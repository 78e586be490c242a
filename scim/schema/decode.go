package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
)

// Decode makes the canonical form of a resource that a client sent in POST or
// PUT: attributes under the names of their schema, whatever the case and whether
// nested, dotted or qualified; without nulls, empty values, unknown attributes
// and those that only the server writes. Objects under the URN of an extension
// that has no definition are kept as they are. Required attributes must be
// there. The input isn't changed, but the result may share values with it. The
// error is an *Error.
//
// Decoding what was decoded changes nothing.
func Decode(rt *ResourceType, in map[string]any) (map[string]any, error) {
	if len(in) > MaxAttributes {
		return nil, tooWide(rt.Name)
	}
	out := map[string]any{}
	members := entries(rt, in)
	if len(members) > MaxAttributes {
		return nil, tooWide(rt.Name)
	}
	for _, e := range members {
		if err := decodeEntry(rt, out, e); err != nil {
			return nil, err
		}
	}
	for key, v := range out {
		// Attributes named by a path may have come on top of an extension's.
		if object, ok := v.(map[string]any); ok && len(object) > MaxAttributes {
			return nil, tooWide(key)
		}
	}
	for _, a := range rt.Core.Attributes {
		if a.Required && out[a.Name] == nil {
			return nil, &Error{Attribute: a.Name, Msg: "required, and missing or empty"}
		}
	}
	return out, nil
}

// entry is a member of a JSON object that names an attribute.
type entry struct {
	ref   Ref
	value any
	rank  int
	key   string
}

// entries looks the keys of a resource up and puts them in the order in which
// later ones win: attributes of an extension that stand at the top level, then
// plain ones, then those named by a path. JSON objects have no order of their
// own. An object under the core schema's URN stands for its members, which give
// way to the same ones next to it.
func entries(rt *ResourceType, in map[string]any) []entry {
	list := appendEntries(make([]entry, 0, len(in)), rt, "", in)
	slices.SortFunc(list, func(a, b entry) int {
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return strings.Compare(a.key, b.key)
	})
	return list
}

// appendEntries appends what entries returns, in no order. Keys start with under.
func appendEntries(list []entry, rt *ResourceType, under string, in map[string]any) []entry {
	for key, value := range in {
		name, err := ParseKey(key, value)
		if err != nil {
			continue
		}
		ref, ok := rt.Find(name)
		if !ok || ref.ReadOnly() {
			continue
		}
		if object, ok := value.(map[string]any); ok && under == "" && ref.AttrName == "" && ref.URN == "" {
			list = appendEntries(list, rt, key+":", object)
			continue
		}
		e := entry{ref: ref, value: value, key: under + key, rank: 1}
		switch {
		case ref.Attr != nil && ref.URN != "" && name.URN == "":
			e.rank = 0
		case name.Sub != "" || name.URN != "" && name.Attr != "":
			e.rank = 2
		case under != "":
			e.rank = 0
		}
		list = append(list, e)
	}
	return list
}

// ParseKey is ParseName for the key of a resource's JSON object. An object under
// an unknown URN without a version is the extension itself, not an attribute.
func ParseKey(key string, value any) (Name, error) {
	if _, isObject := value.(map[string]any); isObject && isURN(key) {
		if urn, _ := splitURN(key); !isKnownURN(urn) && versionedEnd(key) == 0 {
			return Name{URN: key}, nil
		}
	}
	return ParseName(key)
}

func decodeEntry(rt *ResourceType, out map[string]any, e entry) error {
	ref := e.ref
	switch {
	case ref.AttrName == "" && ref.URN == "":
		return nil
	case ref.AttrName == "":
		return decodeExtension(rt, out, ref.URN, e.value)
	}
	var value any
	if ref.Attr == nil {
		if tree.Widest(e.value) > MaxAttributes {
			return tooWide(ref.String())
		}
		value = tree.Clean(e.value)
	} else {
		if ref.Sub != nil && ref.Attr.MultiValued {
			// emails.value says not which of the e-mail addresses.
			return nil
		}
		var err error
		if value, err = ref.Target().Decode(e.value); err != nil {
			if ref.Sub != nil {
				err = within(ref.AttrName, ".", err)
			}
			return within(ref.URN, ":", err)
		}
		if value == nil && e.value != nil && ref.Sub == nil && ref.Attr.Type == Boolean {
			// Nothing where yes or no belongs is neither. Taken for unassigned it
			// would be the default: access for a user that may be a leaver.
			return within(ref.URN, ":", wrongType(ref.Attr, e.value))
		}
	}
	if value == nil {
		return nil
	}
	object := out
	if ref.URN != "" {
		object = child(object, tree.Key(object, ref.URN))
	}
	key := ref.AttrName
	if ref.Attr == nil {
		key = tree.Key(object, key)
	}
	if ref.SubName == "" {
		object[key] = value
		return nil
	}
	object = child(object, key)
	object[tree.Key(object, ref.SubName)] = value
	return nil
}

func tooWide(name string) error {
	return &Error{Attribute: name, Msg: fmt.Sprintf("an object with more than %d members", MaxAttributes)}
}

// child returns the object at key, made if need be.
func child(m map[string]any, key string) map[string]any {
	if c, ok := m[key].(map[string]any); ok {
		return c
	}
	c := map[string]any{}
	m[key] = c
	return c
}

func decodeExtension(rt *ResourceType, out map[string]any, urn string, value any) error {
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	ext := rt.Extension(urn)
	if ext == nil {
		if tree.Widest(value) > MaxAttributes {
			return tooWide(urn)
		}
		// The copy is deep, because attributes named by a path may come on top.
		if object, ok := tree.Clean(value).(map[string]any); ok {
			into := child(out, tree.Key(out, urn))
			for key, v := range object {
				into[tree.Key(into, key)] = v
			}
		}
		return nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		if tree.Empty(value) {
			return nil
		}
		return &Error{Attribute: ext.ID, Msg: "expected an object, got " + kindOf(value)}
	}
	decoded, err := decodeObject(ext.Find, object)
	if err != nil {
		return within(ext.ID, ":", err)
	}
	if len(decoded) > 0 {
		into := child(out, ext.ID)
		for key, v := range decoded {
			into[key] = v
		}
	}
	return nil
}

// decodeObject decodes the members of a JSON object that name attributes,
// leaving out the rest. Of two spellings of one name the schema's own wins, then
// the one that sorts last: a JSON object has no order.
func decodeObject(find func(string) *Attribute, in map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(in))
	var misspelt map[*Attribute]string
	for key, v := range in {
		a := find(key)
		switch {
		case a == nil || a.Mutability == ReadOnly:
		case key != a.Name:
			if misspelt == nil {
				misspelt = map[*Attribute]string{}
			}
			misspelt[a] = max(key, misspelt[a])
		default:
			if err := decodeInto(out, a, v); err != nil {
				return nil, err
			}
		}
	}
	for a, key := range misspelt {
		if _, ok := in[a.Name]; ok {
			continue
		}
		if err := decodeInto(out, a, in[key]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func decodeInto(out map[string]any, a *Attribute, v any) error {
	decoded, err := a.Decode(v)
	if err == nil && decoded != nil {
		out[a.Name] = decoded
	}
	return err
}
