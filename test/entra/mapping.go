package entra

import (
	"strings"
)

// Enterprise is the URN of the enterprise user extension.
const Enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// Attribute is one line of the attribute mapping.
type Attribute struct {
	// Target is the SCIM path.
	Target string
	// Source computes the value; "" is a null, which isn't sent (fact 40k). It is
	// nil for active, whose value the service makes itself, out of whether the
	// person is assigned, enabled and outside the recycle bin.
	Source func(Person) string
}

// MinimalMapping is userName, active and the parts of the name, with the external
// id that the service can't do without.
func MinimalMapping() []Attribute {
	return []Attribute{
		{"userName", func(p Person) string { return p.UserPrincipalName }},
		{"active", nil},
		{"name.givenName", func(p Person) string { return p.GivenName }},
		{"name.familyName", func(p Person) string { return p.Surname }},
		{"name.formatted", func(p Person) string { return p.DisplayName }},
		{"externalId", func(p Person) string { return p.MailNickname }},
	}
}

// FullMapping is near to what the form proposes.
func FullMapping() []Attribute {
	return append(MinimalMapping(),
		Attribute{"displayName", func(p Person) string { return p.DisplayName }},
		Attribute{"title", func(p Person) string { return p.JobTitle }},
		Attribute{`emails[type eq "work"].value`, func(p Person) string { return p.Mail }},
		Attribute{Enterprise + ":employeeNumber", func(p Person) string { return p.EmployeeID }},
		Attribute{Enterprise + ":department", func(p Person) string { return p.Department }},
	)
}

// values are the mapped attributes of one resource, by path: strings, and a bool
// for active.
type values map[string]any

func (o *Options) desired(p Person, active bool) values {
	v := values{}
	for _, a := range o.Mapping {
		if a.Source == nil {
			v[a.Target] = active
		} else if s := a.Source(p); s != "" {
			v[a.Target] = s
		}
	}
	return v
}

// mapsActive says whether the mapping can suspend; without, it deletes.
func (o *Options) mapsActive() bool {
	for _, a := range o.Mapping {
		if a.Source == nil {
			return true
		}
	}
	return false
}

// actual reads what the target has at the mapped paths.
func (o *Options) actual(resource map[string]any) values {
	v := values{}
	for _, a := range o.Mapping {
		if value := read(resource, a.Target); value != nil {
			v[a.Target] = value
		}
	}
	return v
}

// change is one attribute to write.
type change struct {
	path  string
	value any
	// add says that the target has none yet.
	add bool
}

// changes are what makes want out of have, in the order of the mapping.
func (o *Options) changes(want, have values) []change {
	var list []change
	for _, a := range o.Mapping {
		w, wanted := want[a.Target]
		h, there := have[a.Target]
		if wanted && (!there || w != h) {
			list = append(list, change{path: a.Target, value: w, add: !there})
		}
	}
	return list
}

// splitPath cuts a mapped path into the steps to its value: an attribute, for a
// value path its type, and the sub-attribute.
func splitPath(path string) (extension, attribute, kind, sub string) {
	// The URN itself has dots and colons: the last colon ends it (fact 40f).
	if i := strings.LastIndex(path, ":"); i >= 0 {
		extension, path = path[:i], path[i+1:]
	}
	if head, rest, ok := strings.Cut(path, `[type eq "`); ok {
		kind, sub, _ = strings.Cut(rest, `"].`)
		return extension, head, kind, sub
	}
	attribute, sub, _ = strings.Cut(path, ".")
	return extension, attribute, "", sub
}

func read(resource map[string]any, path string) any {
	extension, attribute, kind, sub := splitPath(path)
	if extension != "" {
		resource, _ = resource[extension].(map[string]any)
	}
	switch value := resource[attribute].(type) {
	case []any:
		for _, element := range value {
			if e, ok := element.(map[string]any); ok && e["type"] == kind {
				return e[sub]
			}
		}
		return nil
	case map[string]any:
		return value[sub]
	default:
		return value
	}
}

// write is the inverse of read, for the body of a create.
func write(resource map[string]any, path string, value any) {
	extension, attribute, kind, sub := splitPath(path)
	if extension != "" {
		resource = object(resource, extension)
	}
	switch {
	case kind != "":
		list, _ := resource[attribute].([]any)
		resource[attribute] = append(list, map[string]any{"primary": len(list) == 0, "type": kind, sub: value})
	case sub != "":
		object(resource, attribute)[sub] = value
	default:
		resource[attribute] = value
	}
}

func object(parent map[string]any, name string) map[string]any {
	child, ok := parent[name].(map[string]any)
	if !ok {
		child = map[string]any{}
		parent[name] = child
	}
	return child
}
