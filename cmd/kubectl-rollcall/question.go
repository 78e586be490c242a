package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rollcall-dev/rollcall/internal/cli/explain"
)

// question understands a resource as kubectl does: deploy, deployments.apps,
// pods/log; a resource that the server doesn't know is asked about as it is typed,
// as virtual ones are.
func (w *why) question(verb, resource string) (q explain.Question, notes []string, err error) {
	q = explain.Question{Verb: strings.ToLower(verb), Name: w.resourceName}
	if strings.HasPrefix(resource, "/") {
		if w.resourceName != "" {
			return q, nil, fmt.Errorf("--resource-name does not go with the path %q", resource)
		}
		q.Path = resource
		return q, nil, nil
	}
	typed, subresource, _ := strings.Cut(resource, "/")
	q.Subresource = subresource
	namespaced := true
	if typed == "*" {
		q.Group, q.Resource = "*", "*"
	} else {
		mapper, err := w.config.ToRESTMapper()
		if err != nil {
			return q, nil, fmt.Errorf("ask the server for its resources: %w", err)
		}
		var known bool
		if q.Group, q.Resource, namespaced, known, err = lookUp(mapper, strings.ToLower(typed)); err != nil {
			return q, nil, err
		}
		if !known {
			notes = append(notes, fmt.Sprintf("The server has no resource %q; it is asked about as it is typed.", typed))
		}
	}
	switch {
	case q.Group == "" && q.Resource == "namespaces" && w.resourceName != "":
		// The API server takes a request about one namespace for one in it.
		q.Namespace = w.resourceName
	case !namespaced || w.allNamespaces:
	default:
		if q.Namespace, err = w.namespace(); err != nil {
			return q, nil, err
		}
	}
	return q, notes, nil
}

func lookUp(mapper meta.RESTMapper, typed string) (group, resource string, namespaced, known bool, err error) {
	full, gr := schema.ParseResourceArg(typed)
	var gvr schema.GroupVersionResource
	err = &meta.NoResourceMatchError{}
	if full != nil {
		gvr, err = mapper.ResourceFor(*full)
	}
	if meta.IsNoMatchError(err) {
		gvr, err = mapper.ResourceFor(gr.WithVersion(""))
	}
	if meta.IsNoMatchError(err) {
		return gr.Group, gr.Resource, true, false, nil
	}
	if err != nil {
		return "", "", false, false, fmt.Errorf("ask the server for resource %q: %w", typed, err)
	}
	kind, err := mapper.KindFor(gvr)
	if err != nil {
		return "", "", false, false, fmt.Errorf("ask the server for resource %q: %w", typed, err)
	}
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return "", "", false, false, fmt.Errorf("ask the server for resource %q: %w", typed, err)
	}
	return gvr.Group, gvr.Resource, mapping.Scope.Name() == meta.RESTScopeNameNamespace, true, nil
}
