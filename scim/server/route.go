package server

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// target is what a request's path names. http.ServeMux isn't used, because it
// answers doubled slashes and wrong methods itself, in HTML and plain text, and
// before anybody has authenticated.
type target struct {
	// provider is empty when the path is none of a SCIM endpoint.
	provider string
	// endpoint is nil when there is no such endpoint.
	endpoint *endpoint
	// id of a resource; empty for the endpoint itself.
	id string
	// search says that the path ends in /.search.
	search bool
	// known is false when the path goes on behind the id.
	known bool
}

// parseTarget reads /{provider}/scim/v2/{endpoint}/{id}, where the id, or both,
// may be missing or be .search. Slashes at the end and doubled ones count for
// nothing: they come from Tenant URLs that end in one.
func parseTarget(u *url.URL) target {
	segments, ok := splitPath(u.EscapedPath())
	if !ok || len(segments) < 3 || segments[1] != "scim" || segments[2] != "v2" {
		return target{}
	}
	t := target{provider: segments[0], endpoint: root}
	rest := segments[3:]
	if n := len(rest); n > 0 && strings.EqualFold(rest[n-1], ".search") {
		t.search, rest = true, rest[:n-1]
	}
	if len(rest) > 0 {
		t.endpoint = endpoints[strings.ToLower(rest[0])]
	}
	if len(rest) > 1 {
		t.id = rest[1]
	}
	t.known = t.endpoint != nil && len(rest) <= 2 && (t.id == "" || !t.search)
	return t
}

// splitPath decodes the segments of a path, as long as they may mean something.
func splitPath(path string) (segments []string, ok bool) {
	for s := range strings.SplitSeq(path, "/") {
		if s == "" {
			continue
		}
		decoded, err := url.PathUnescape(s)
		if err != nil || len(segments) == 6 {
			return nil, false
		}
		segments = append(segments, decoded)
	}
	return segments, true
}

// operation is what is done for one method of a path.
type operation func(ctx context.Context, h *handler, x *exchange) (response, error)

type method struct {
	name string
	op   operation
}

// endpoint is a path below the base URL.
type endpoint struct {
	// name is the path as it is written, without the slash; also for metrics.
	name string
	// collection and item are the methods without and with an id, and search those
	// of /.search.
	collection, item, search []method
	// any is for all methods and paths.
	any operation
	// rt is the type of the resources, if it is one of this directory.
	rt *schema.ResourceType
}

var usersEndpoint = &endpoint{
	name: "Users",
	rt:   schema.User,
	collection: []method{
		{http.MethodGet, list(schema.User)},
		{http.MethodPost, createUser},
	},
	item: []method{
		{http.MethodGet, getUser},
		{http.MethodPut, replaceUser},
		{http.MethodPatch, modifyUser},
		{http.MethodDelete, deleteUser},
	},
	search: []method{{http.MethodPost, postSearch(schema.User)}},
}

var groupsEndpoint = &endpoint{
	name: "Groups",
	rt:   schema.Group,
	collection: []method{
		{http.MethodGet, list(schema.Group)},
		{http.MethodPost, createGroup},
	},
	item: []method{
		{http.MethodGet, getGroup},
		{http.MethodPut, replaceGroup},
		{http.MethodPatch, modifyGroup},
		{http.MethodDelete, deleteGroup},
	},
	search: []method{{http.MethodPost, postSearch(schema.Group)}},
}

// root is the base URL itself.
var root = &endpoint{
	name:       "/",
	collection: []method{{http.MethodGet, list(schema.User, schema.Group)}},
	search:     []method{{http.MethodPost, postSearch(schema.User, schema.Group)}},
}

const bulkName = "Bulk"

// endpoints by lower-case name.
var endpoints = map[string]*endpoint{
	"users":  usersEndpoint,
	"groups": groupsEndpoint,
	"serviceproviderconfig": {
		name:       "ServiceProviderConfig",
		collection: []method{{http.MethodGet, getServiceProviderConfig}},
	},
	"resourcetypes": {
		name:       "ResourceTypes",
		collection: []method{{http.MethodGet, listResourceTypes}},
		item:       []method{{http.MethodGet, getResourceType}},
	},
	"schemas": {
		name:       "Schemas",
		collection: []method{{http.MethodGet, listSchemas}},
		item:       []method{{http.MethodGet, getSchema}},
	},
	"me": {name: "Me", any: notImplemented},
	"bulk": {
		name:       bulkName,
		collection: []method{{http.MethodPost, doBulk}},
	},
}

// operation finds what to do, or the 404, 405 or 501.
func (t target) operation(verb string) (operation, error) {
	if t.endpoint != nil && t.endpoint.any != nil {
		return t.endpoint.any, nil
	}
	var methods []method
	switch {
	case !t.known:
	case t.search:
		methods = t.endpoint.search
	case t.id != "":
		methods = t.endpoint.item
	default:
		methods = t.endpoint.collection
	}
	if methods == nil {
		return nil, &scim.Error{
			Status: http.StatusNotFound,
			Detail: "there is no such endpoint: Users, Groups, Bulk, ServiceProviderConfig, ResourceTypes and Schemas are",
		}
	}
	allowed := make([]string, len(methods))
	for i, m := range methods {
		if m.name == verb {
			return m.op, nil
		}
		allowed[i] = m.name
	}
	return nil, &methodError{allow: strings.Join(allowed, ", ")}
}

// Resource is the endpoint that a URL is for, as metrics and logs have it: Users,
// Users/.search, Bulk and so on; empty for what is none. It holds nothing that a client
// has made up.
func Resource(u *url.URL) string { return parseTarget(u).resource() }

// resource is the endpoint's name for metrics and logs.
func (t target) resource() string {
	switch {
	case t.endpoint == nil:
		return ""
	case t.search && t.endpoint.search != nil:
		return path.Join(t.endpoint.name, ".search")
	}
	return t.endpoint.name
}

func notImplemented(_ context.Context, _ *handler, x *exchange) (response, error) {
	return response{}, &scim.Error{
		Status: http.StatusNotImplemented,
		Detail: x.target.endpoint.name + " is not supported: see ServiceProviderConfig",
	}
}
