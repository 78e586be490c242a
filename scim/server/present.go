package server

import (
	"maps"
	"net/http"
	"net/url"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// location is the URL of a resource.
func (x *exchange) location(rt *schema.ResourceType, id string) string {
	return x.base + rt.Endpoint + "/" + url.PathEscape(id)
}

// present adds to a resource from the directory what only the server knows, and
// leaves what the client wants to see. The resource isn't changed.
func (x *exchange) present(s shape, resource scim.Resource) map[string]any {
	out := maps.Clone(map[string]any(resource))
	out["schemas"] = schema.Schemas(s.rt, resource)
	meta := map[string]any{}
	if m, ok := resource["meta"].(map[string]any); ok {
		meta = maps.Clone(m)
	}
	meta["resourceType"] = s.rt.Name
	meta["location"] = x.location(s.rt, resource.ID())
	if tag := entityTag(resource); tag != "" {
		meta["version"] = tag
	}
	out["meta"] = meta
	switch s.rt {
	case schema.User:
		x.addReferences(out, "groups", func(map[string]any) *schema.ResourceType { return schema.Group })
	case schema.Group:
		x.addReferences(out, "members", memberType)
	}
	return s.apply(out)
}

// addReferences gives the elements of an attribute their $ref.
func (x *exchange) addReferences(resource map[string]any, attribute string, typeOf func(map[string]any) *schema.ResourceType) {
	list, ok := resource[attribute].([]any)
	if !ok {
		return
	}
	with := make([]any, len(list))
	for i, e := range list {
		with[i] = e
		object, ok := e.(map[string]any)
		if !ok {
			continue
		}
		id, _ := object["value"].(string)
		if rt := typeOf(object); rt != nil && id != "" {
			object = maps.Clone(object)
			object["$ref"] = x.location(rt, id)
			with[i] = object
		}
	}
	resource[attribute] = with
}

// memberType returns the resource type of a member, or nil for an id that is
// neither a user's nor a group's.
func memberType(member map[string]any) *schema.ResourceType {
	switch member["type"] {
	case schema.User.Name:
		return schema.User
	case schema.Group.Name:
		return schema.Group
	}
	return nil
}

// answerOne is the answer with one resource.
func (x *exchange) answerOne(status int, s shape, resource scim.Resource) (response, error) {
	res, err := answer(status, x.present(s, resource))
	if err != nil {
		return response{}, err
	}
	x.identify(&res, s, resource)
	if status == http.StatusCreated {
		x.logID = resource.ID()
	}
	return res, nil
}

// identify says in the headers which resource the answer is about, and which
// version of it. Content-Location is what meta.location is (RFC 7643 section
// 3.1), and Location is there in every answer with one resource, as in the
// examples of RFC 7644.
func (x *exchange) identify(res *response, s shape, resource scim.Resource) {
	res.tag(resource)
	location := x.location(s.rt, resource.ID())
	res.set("Location", location)
	res.set("Content-Location", location)
}
