package schema

import (
	"maps"
	"slices"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
)

// The URNs of the discovery documents (RFC 7643 sections 5 to 7).
const (
	SchemaURN                = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	ResourceTypeURN          = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	ServiceProviderConfigURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
)

// Schemas returns the URNs of the schemas that a resource has attributes of:
// the core one, and the extensions that are present.
func Schemas(rt *ResourceType, resource map[string]any) []string {
	urns := []string{rt.Core.ID}
	for _, key := range slices.Sorted(maps.Keys(resource)) {
		if hasURN(key) && !tree.Empty(resource[key]) && !rt.ignores(key, resource[key]) {
			urns = append(urns, key)
		}
	}
	return urns
}

// ignores says whether there is nothing under a URN but what is ignored.
func (rt *ResourceType) ignores(urn string, value any) bool {
	ext := rt.Extension(urn)
	object, ok := value.(map[string]any)
	if ext == nil || !ok {
		return false
	}
	for name := range object {
		if a := ext.Find(name); a == nil || !a.Ignored {
			return false
		}
	}
	return true
}

// Document is the schema as /Schemas shows it (RFC 7643 section 7), without
// meta.location, which depends on the URL.
func (s *Schema) Document() map[string]any {
	attributes := s.Attributes
	if s == User.Core || s == Group.Core {
		// Clients derive what they may map from here, so externalId is listed,
		// as RFC 7643 section 3.1 allows.
		attributes = append([]*Attribute{User.common.Find("id"), User.common.Find("externalId")}, attributes...)
	}
	return map[string]any{
		"schemas":     []any{SchemaURN},
		"id":          s.ID,
		"name":        s.Name,
		"description": s.Description,
		"attributes":  documents(attributes),
		"meta":        map[string]any{"resourceType": "Schema"},
	}
}

// Document is the resource type as /ResourceTypes shows it (RFC 7643 section
// 6), without meta.location.
func (rt *ResourceType) Document() map[string]any {
	doc := map[string]any{
		"schemas":     []any{ResourceTypeURN},
		"id":          rt.Name,
		"name":        rt.Name,
		"endpoint":    rt.Endpoint,
		"description": rt.Description,
		"schema":      rt.Core.ID,
		"meta":        map[string]any{"resourceType": "ResourceType"},
	}
	var extensions []any
	for _, e := range rt.Extensions {
		extensions = append(extensions, map[string]any{"schema": e.ID, "required": false})
	}
	if extensions != nil {
		doc["schemaExtensions"] = extensions
	}
	return doc
}

func documents(attributes []*Attribute) []any {
	list := make([]any, 0, len(attributes))
	for _, a := range attributes {
		if !a.Ignored {
			list = append(list, a.document())
		}
	}
	return list
}

func (a *Attribute) document() map[string]any {
	doc := map[string]any{
		"name":        a.Name,
		"type":        string(a.Type),
		"description": a.Description,
		"multiValued": a.MultiValued,
		"required":    a.Required,
		"mutability":  string(orDefault(a.Mutability, ReadWrite)),
		"returned":    string(orDefault(a.Returned, Default)),
	}
	if a.Type == Complex {
		doc["subAttributes"] = documents(a.Sub)
	} else {
		doc["caseExact"] = a.CaseExact
		doc["uniqueness"] = string(orDefault(a.Uniqueness, None))
	}
	if len(a.Canonical) > 0 {
		doc["canonicalValues"] = anys(a.Canonical)
	}
	if a.Type == Reference {
		doc["referenceTypes"] = anys(a.References)
	}
	return doc
}

func orDefault[T ~string](v, otherwise T) T {
	if v == "" {
		return otherwise
	}
	return v
}

func anys(s []string) []any {
	list := make([]any, len(s))
	for i, v := range s {
		list[i] = v
	}
	return list
}
