package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
)

// Name is an attribute as a client names it: URN:attr.sub, where all but attr
// may be missing. It is split, not looked up; the parts are as the client wrote
// them.
type Name struct {
	// URN of the schema, or empty.
	URN string
	// Attr is empty when the name is that of a schema as a whole.
	Attr string
	// Sub is the sub-attribute, or empty.
	Sub string
}

// String returns the name as it is written in paths.
func (n Name) String() string {
	s := n.URN
	if n.Attr != "" {
		if s != "" {
			s += ":"
		}
		s += n.Attr
	}
	if n.Sub != "" {
		s += "." + n.Sub
	}
	return s
}

// ParseName splits a name. The URN of a schema has dots and colons of its own:
// known ones are recognised in any case; in others, the part behind the version
// is taken for the resource's name and ends the URN, as in
// urn:ietf:params:scim:schemas:extension:Custom:2.0:User:attr.
func ParseName(s string) (Name, error) {
	urn, rest := splitURN(s)
	if urn != "" && !isURN(urn) {
		return Name{}, fmt.Errorf("%q is no URN", s)
	}
	n := Name{URN: urn}
	if urn == s && urn != "" {
		return n, nil
	}
	var dotted bool
	n.Attr, n.Sub, dotted = strings.Cut(rest, ".")
	if !validName(n.Attr) || dotted && !validName(n.Sub) {
		if strings.Count(rest, ".") > 1 {
			return Name{}, fmt.Errorf("%q has more than two levels", s)
		}
		return Name{}, fmt.Errorf("%q is no attribute name", s)
	}
	return n, nil
}

// Ref is a Name found in a resource type: where the attribute stands in a
// resource, and its definition.
//
//   - Attr != nil: a known attribute, and a known sub-attribute if Sub != nil.
//   - Attr == nil, AttrName != "": an attribute of an extension that has no
//     definition; anything may be there.
//   - AttrName == "": a whole schema. URN is empty for the core schema, i.e. the
//     resource itself.
type Ref struct {
	// URN is the key of the extension object that holds the attribute; empty
	// for attributes at the top level.
	URN string
	// Attr and Sub are the definitions.
	Attr, Sub *Attribute
	// AttrName and SubName are spelled as in the schema, or as sent where there
	// is none.
	AttrName, SubName string
}

// String returns the canonical path.
func (r Ref) String() string {
	return Name{URN: r.URN, Attr: r.AttrName, Sub: r.SubName}.String()
}

// Target is the definition of what the reference points at: the sub-attribute
// if there is one, else the attribute.
func (r Ref) Target() *Attribute {
	if r.Sub != nil {
		return r.Sub
	}
	return r.Attr
}

// ReadOnly says whether a client may not write there.
func (r Ref) ReadOnly() bool {
	return r.Attr != nil && r.Attr.Mutability == ReadOnly || r.Sub != nil && r.Sub.Mutability == ReadOnly
}

// Get returns the attribute's value in a resource, ignoring the sub-attribute;
// nil when there is none.
func (r Ref) Get(resource map[string]any) any {
	if r.URN != "" {
		resource, _ = tree.Get(resource, r.URN).(map[string]any)
	}
	switch {
	case r.AttrName == "":
		return resource
	case r.Attr != nil:
		return resource[r.AttrName]
	default:
		return tree.Get(resource, r.AttrName)
	}
}

// Find looks a name up. An unqualified name is looked for in the core schema
// and then in the extensions: clients write "manager" for the enterprise
// extension's. ok is false when there is no such attribute, and for passwords
// anywhere; if Ref.Attr is set nevertheless, then only the sub-attribute is
// unknown. An attribute that is ignored has any sub-attribute, for it is ignored as
// a whole.
func (rt *ResourceType) Find(n Name) (ref Ref, ok bool) {
	switch ext := rt.Extension(n.URN); {
	case n.URN == "" || rt.Core.is(n.URN):
		if n.Attr == "" {
			return Ref{}, n.URN != ""
		}
		if ref.Attr = rt.common.Find(n.Attr); ref.Attr == nil {
			ref.Attr = rt.Core.Find(n.Attr)
		}
		if ref.Attr == nil && n.URN == "" {
			for _, e := range rt.Extensions {
				if ref.Attr = e.Find(n.Attr); ref.Attr != nil {
					ref.URN = e.ID
					break
				}
			}
		}
	case ext != nil:
		ref.URN = ext.ID
		if n.Attr == "" {
			return ref, true
		}
		ref.Attr = ext.Find(n.Attr)
	case isKnownURN(n.URN):
		// Another resource type's schema.
		return Ref{}, false
	case tree.IsPassword(n.URN) || tree.IsPassword(n.Attr) || tree.IsPassword(n.Sub):
		return Ref{}, false
	default:
		return Ref{URN: n.URN, AttrName: n.Attr, SubName: n.Sub}, true
	}
	if ref.Attr == nil {
		return Ref{}, false
	}
	ref.AttrName = ref.Attr.Name
	if n.Sub == "" || ref.Attr.Ignored {
		return ref, true
	}
	if ref.Sub = ref.Attr.Find(n.Sub); ref.Sub == nil {
		return ref, false
	}
	ref.SubName = ref.Sub.Name
	return ref, true
}

// knownURNs are the URNs and aliases of all schemas, the longest first: one may
// be the beginning of another.
var knownURNs = func() []string {
	var urns []string
	for _, s := range All() {
		urns = append(urns, s.ID)
		urns = append(urns, s.Aliases...)
	}
	slices.SortFunc(urns, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(urns)
}()

func isKnownURN(urn string) bool {
	return slices.ContainsFunc(knownURNs, func(u string) bool { return strings.EqualFold(u, urn) })
}

// hasURN says whether s starts like a URN.
func hasURN(s string) bool {
	return len(s) > 4 && strings.EqualFold(s[:4], "urn:")
}

// isURN says whether s has what every URN has: urn, a namespace, and a name
// (RFC 8141 section 2), and nothing that would end it in a filter.
func isURN(s string) bool {
	if !hasURN(s) {
		return false
	}
	for i := range len(s) {
		// Lists are split at commas, and filters at the others.
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`"()[],`, c) >= 0 {
			return false
		}
	}
	namespace, name, ok := strings.Cut(s[4:], ":")
	return ok && namespace != "" && name != ""
}

func splitURN(s string) (urn, rest string) {
	if !hasURN(s) {
		return "", s
	}
	for _, u := range knownURNs {
		if len(s) < len(u) || !strings.EqualFold(s[:len(u)], u) {
			continue
		}
		if len(s) == len(u) {
			return s, ""
		}
		// Some clients join with a dot.
		if c := s[len(u)]; c == ':' || c == '.' {
			return s[:len(u)], s[len(u)+1:]
		}
	}
	if end := versionedEnd(s); end == len(s) {
		return s, ""
	} else if end > 0 {
		return s[:end], s[end+1:]
	}
	if i := strings.LastIndexByte(s, ':'); isURN(s[:i]) {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// versionedEnd returns where the URN in s ends, if one of its parts is a
// version: behind the part that follows the last version. 0 if none is.
func versionedEnd(s string) int {
	end := 0
	for start := 0; start < len(s); {
		stop := len(s)
		if i := strings.IndexByte(s[start:], ':'); i >= 0 {
			stop = start + i
		}
		if isVersion(s[start:stop]) && stop < len(s) {
			end = len(s)
			if i := strings.IndexByte(s[stop+1:], ':'); i >= 0 {
				end = stop + 1 + i
			}
		}
		start = stop + 1
	}
	return end
}

func isVersion(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.") == ""
}

// validName checks ATTRNAME of RFC 7643 section 2.1, and $ref.
func validName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '$' && i == 0:
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '_'):
		default:
			return false
		}
	}
	return s != "" && s != "$"
}
