package server

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// getServiceProviderConfig says what is supported (RFC 7643 section 5, RFC 9865
// section 4), and nothing that isn't.
func getServiceProviderConfig(_ context.Context, h *handler, x *exchange) (response, error) {
	if err := x.refuseFilter(); err != nil {
		return response{}, err
	}
	supported := func(yes bool) map[string]any { return map[string]any{"supported": yes} }
	return answer(http.StatusOK, map[string]any{
		"schemas":        []string{schema.ServiceProviderConfigURN},
		"patch":          supported(true),
		"bulk":           map[string]any{"supported": true, "maxOperations": MaxBulkOperations, "maxPayloadSize": h.limits.MaxBody},
		"filter":         map[string]any{"supported": true, "maxResults": MaxPage},
		"changePassword": supported(false),
		"sort":           supported(true),
		"etag":           supported(true),
		"pagination": map[string]any{
			"cursor":                  true,
			"index":                   true,
			"defaultPaginationMethod": "index",
			"defaultPageSize":         DefaultPage,
			"maxPageSize":             MaxPage,
			"cursorTimeout":           int(h.limits.CursorTimeout.Seconds()),
		},
		"authenticationSchemes": []any{map[string]any{
			"type":        "oauthbearertoken",
			"name":        "OAuth Bearer Token",
			"description": "A secret token, made for this identity provider and sent as a bearer token",
			"specUri":     "https://www.rfc-editor.org/info/rfc6750",
			"primary":     true,
		}},
		"meta": map[string]any{
			"resourceType": "ServiceProviderConfig",
			"location":     x.base + "/ServiceProviderConfig",
		},
	})
}

// refuseFilter is RFC 7644 section 4: discovery can't be filtered.
func (x *exchange) refuseFilter() error {
	if !x.params.has(filterParam) {
		return nil
	}
	return &scim.Error{Status: http.StatusForbidden, Detail: "the discovery endpoints take no filter"}
}

func listResourceTypes(_ context.Context, _ *handler, x *exchange) (response, error) {
	var documents []map[string]any
	for _, rt := range schema.ResourceTypes() {
		documents = append(documents, rt.Document())
	}
	return x.answerDocuments(documents)
}

func getResourceType(_ context.Context, _ *handler, x *exchange) (response, error) {
	for _, rt := range schema.ResourceTypes() {
		if strings.EqualFold(rt.Name, x.target.id) {
			return x.answerDocument(rt.Document())
		}
	}
	return response{}, scim.NotFound("ResourceType", x.target.id)
}

// discoverable are the schemas of the resources and of the discovery documents.
func discoverable() []*schema.Schema {
	return slices.Concat(schema.All(), schema.Discovery())
}

func listSchemas(_ context.Context, _ *handler, x *exchange) (response, error) {
	var documents []map[string]any
	for _, s := range discoverable() {
		documents = append(documents, s.Document())
	}
	return x.answerDocuments(documents)
}

func getSchema(_ context.Context, _ *handler, x *exchange) (response, error) {
	for _, s := range discoverable() {
		if strings.EqualFold(s.ID, x.target.id) {
			return x.answerDocument(s.Document())
		}
	}
	return response{}, scim.NotFound("Schema", x.target.id)
}

// locate adds meta.location to a discovery document. Documents are made anew on
// every call, so this one is ours.
func (x *exchange) locate(document map[string]any) map[string]any {
	id, _ := document["id"].(string)
	meta, _ := document["meta"].(map[string]any)
	meta["location"] = x.base + "/" + x.target.endpoint.name + "/" + id
	return document
}

func (x *exchange) answerDocument(document map[string]any) (response, error) {
	if err := x.refuseFilter(); err != nil {
		return response{}, err
	}
	return answer(http.StatusOK, x.locate(document))
}

// answerDocuments answers with all of them: there are so few that paging is
// ignored.
func (x *exchange) answerDocuments(documents []map[string]any) (response, error) {
	if err := x.refuseFilter(); err != nil {
		return response{}, err
	}
	resources := make([][]byte, len(documents))
	for i, d := range documents {
		var err error
		if resources[i], err = encode(x.locate(d)); err != nil {
			return response{}, err
		}
	}
	return listResponse{TotalResults: len(resources), StartIndex: 1}.answer(resources)
}
