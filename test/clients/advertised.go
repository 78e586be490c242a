package clients

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// attribute is the definition of one, as /Schemas shows it (RFC 7643 section 7).
type attribute struct {
	Name        string      `json:"name"`
	Type        string      `json:"type"`
	MultiValued bool        `json:"multiValued"`
	Required    bool        `json:"required"`
	Mutability  string      `json:"mutability"`
	Canonical   []string    `json:"canonicalValues"`
	Sub         []attribute `json:"subAttributes"`

	// urn is that of the extension; empty for the core schema.
	urn string
}

// writable says whether a client may send it when a resource is made.
func (a attribute) writable() bool { return a.Mutability != "readOnly" }

// path is what a client calls it in a PATCH and in a filter.
func (a attribute) path() string {
	if a.urn == "" {
		return a.Name
	}
	return a.urn + ":" + a.Name
}

func (a attribute) sub(name string) (attribute, bool) {
	for _, s := range a.Sub {
		if s.Name == name {
			return s, true
		}
	}
	return attribute{}, false
}

// in returns the attribute's value in a resource, or nil.
func (a attribute) in(resource object) any {
	if a.urn != "" {
		resource, _ = resource[a.urn].(object)
	}
	return resource[a.Name]
}

// put writes the attribute's value into a resource.
func (a attribute) put(resource object, value any) {
	if a.urn != "" {
		extension, _ := resource[a.urn].(object)
		if extension == nil {
			extension = object{}
			resource[a.urn] = extension
		}
		resource = extension
	}
	resource[a.Name] = value
}

// advertised returns the attributes that a client may write of the resources at an
// endpoint, from the discovery documents.
func (p *probe) advertised(endpoint string) []attribute {
	var types struct {
		Resources []struct {
			Endpoint, Schema string
			SchemaExtensions []struct{ Schema string }
		}
	}
	var schemas struct {
		Resources []struct {
			ID         string
			Attributes []attribute
		}
	}
	p.read("/ResourceTypes", &types)
	p.read("/Schemas", &schemas)
	// URNs of the resource's schemas, and what each puts in front of its attributes.
	prefix := map[string]string{}
	for _, t := range types.Resources {
		if t.Endpoint == endpoint {
			prefix[t.Schema] = ""
			for _, e := range t.SchemaExtensions {
				prefix[e.Schema] = e.Schema
			}
		}
	}
	var list []attribute
	for _, s := range schemas.Resources {
		urn, ok := prefix[s.ID]
		if !ok {
			continue
		}
		for _, a := range s.Attributes {
			a.urn = urn
			if a.writable() {
				list = append(list, a)
			}
		}
	}
	if len(list) == 0 {
		p.fail("the discovery documents advertise no attributes at %s", endpoint)
	}
	return list
}

func (p *probe) read(target string, into any) {
	answer := p.get(target)
	text, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		p.fail("%s: %w", target, err)
	}
}

// random makes a value of an attribute, as validators do: of the right type, and
// otherwise nothing that means anything. With two values of a multi-valued one the
// first is primary.
func (p *probe) random(a attribute) any {
	if !a.MultiValued {
		return p.randomOne(a, 0)
	}
	return []any{p.randomOne(a, 0), p.randomOne(a, 1)}
}

func (p *probe) randomOne(a attribute, index int) any {
	switch {
	case a.Name == "userName":
		return p.upn(strings.ToLower(rand.Text()[:12]))
	case a.Name == "members":
		return object{"value": p.createUser(strings.ToLower(rand.Text()[:12]))}
	case a.Name == "active":
		return true
	case a.Name == "primary":
		return index == 0
	case len(a.Canonical) > index:
		return a.Canonical[index]
	}
	switch a.Type {
	case "complex":
		value := object{}
		for _, s := range a.Sub {
			if s.writable() {
				value[s.Name] = p.randomOne(s, index)
			}
		}
		return value
	case "boolean":
		return true
	case "binary":
		return base64.StdEncoding.EncodeToString([]byte(rand.Text()))
	case "integer":
		return index + 1
	case "decimal":
		return 1.5
	case "dateTime":
		return "2026-01-02T03:04:05Z"
	default:
		return rand.Text()[:12]
	}
}

// randomResource makes a resource that has all of the attributes.
func (p *probe) randomResource(core string, list []attribute) object {
	resource, schemas := object{}, []any{core}
	for _, a := range list {
		if _, there := resource[a.urn]; a.urn != "" && !there {
			schemas = append(schemas, a.urn)
		}
		a.put(resource, p.random(a))
	}
	resource["schemas"] = schemas
	return resource
}
