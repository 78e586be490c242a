package main

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rollcall-dev/rollcall/internal/cli/explain"
)

// question understands a resource as kubectl does, deploy and deployments.apps; and
// after a slash a subresource, as RBAC does. What the server doesn't know is asked
// about as it is typed, as virtual ones are.
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
		var gvr schema.GroupVersionResource
		var known bool
		if gvr, namespaced, known, err = lookUp(mapper, strings.ToLower(typed)); err != nil {
			return q, nil, err
		}
		q.Group, q.Resource = gvr.Group, gvr.Resource
		switch {
		case !known:
			notes = append(notes, fmt.Sprintf("The server has no resource %q; it is asked about as it is typed.", typed))
		case subresource != "" && subresource != "*" && !w.hasSubresource(gvr, subresource):
			notes = append(notes, fmt.Sprintf("The server has no subresource %q of %s; it is asked about as it is typed. One object of that name: %s --resource-name %s",
				subresource, q.Resource, typed, subresource))
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

// hasSubresource keeps pods/web-0, which other commands take for a pod, from being
// answered without a word. A server that can't be asked is believed to have it.
func (w *why) hasSubresource(gvr schema.GroupVersionResource, subresource string) bool {
	c, err := w.config.ToDiscoveryClient()
	if err != nil {
		return true
	}
	list, err := c.ServerResourcesForGroupVersion(gvr.GroupVersion().String())
	if err != nil {
		return true
	}
	return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == gvr.Resource+"/"+subresource })
}

func lookUp(mapper meta.RESTMapper, typed string) (gvr schema.GroupVersionResource, namespaced, known bool, err error) {
	full, gr := schema.ParseResourceArg(typed)
	err = &meta.NoResourceMatchError{}
	if full != nil {
		gvr, err = mapper.ResourceFor(*full)
	}
	if meta.IsNoMatchError(err) {
		gvr, err = mapper.ResourceFor(gr.WithVersion(""))
	}
	if meta.IsNoMatchError(err) {
		return gr.WithVersion(""), true, false, nil
	}
	if err != nil {
		return gvr, false, false, fmt.Errorf("ask the server for resource %q: %w", typed, err)
	}
	kind, err := mapper.KindFor(gvr)
	if err != nil {
		return gvr, false, false, fmt.Errorf("ask the server for resource %q: %w", typed, err)
	}
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return gvr, false, false, fmt.Errorf("ask the server for resource %q: %w", typed, err)
	}
	return gvr, mapping.Scope.Name() == meta.RESTScopeNameNamespace, true, nil
}
