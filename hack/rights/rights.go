package rights

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// Right is one verb on one resource.
type Right struct {
	Verb string
	// Group is the API group; empty for the core.
	Group string
	// Resource is RESOURCE or RESOURCE/SUBRESOURCE.
	Resource string
	// Namespace the right is limited to, if it is.
	Namespace string
	// Name of the only object, if there is one.
	Name string
}

// String is "VERB RESOURCE.GROUP", with "NAME" and "in NAMESPACE" where the right
// is limited to them.
func (r Right) String() string {
	resource, sub, _ := strings.Cut(r.Resource, "/")
	if r.Group != "" {
		resource += "." + r.Group
	}
	if sub != "" {
		resource += "/" + sub
	}
	text := r.Verb + " " + resource
	if r.Name != "" {
		text += " " + r.Name
	}
	if r.Namespace != "" {
		text += " in " + r.Namespace
	}
	return text
}

// Allows says whether the right is one for this request.
func (r Right) Allows(e *Event) bool {
	return r.Verb == e.Verb && r.Group == e.ObjectRef.APIGroup && r.Resource == e.resource() &&
		(r.Namespace == "" || r.Namespace == e.ObjectRef.Namespace) && (r.Name == "" || r.Name == e.ObjectRef.Name)
}

// Unused returns the rights that allow none of the requests.
func Unused(granted []Right, events []Event) []Right {
	return slices.DeleteFunc(slices.Clone(granted), func(r Right) bool {
		return slices.ContainsFunc(events, func(e Event) bool { return r.Allows(&e) })
	})
}

// Granted returns the rights that the manifests in a folder give a ServiceAccount,
// sorted. A rule with a wildcard is an error: nothing could be said of its use.
func Granted(dir, namespace, account string) ([]Right, error) {
	m, err := read(dir)
	if err != nil {
		return nil, err
	}
	var granted []Right
	bind := func(in, by string, subjects []rbacv1.Subject, ref rbacv1.RoleRef) error {
		if !slices.Contains(subjects, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}) {
			return nil
		}
		from := ""
		if ref.Kind == "Role" {
			from = in
		}
		rules, ok := m.rules[key{ref.Kind, from, ref.Name}]
		if !ok {
			return fmt.Errorf("the binding %s refers to the %s %s, which is not in %s", by, ref.Kind, ref.Name, dir)
		}
		for _, rule := range rules {
			rights, err := expand(rule, in)
			if err != nil {
				return fmt.Errorf("the %s %s: %w", ref.Kind, ref.Name, err)
			}
			granted = append(granted, rights...)
		}
		return nil
	}
	for _, b := range m.cluster {
		if err := bind("", b.Name, b.Subjects, b.RoleRef); err != nil {
			return nil, err
		}
	}
	for _, b := range m.namespaced {
		if err := bind(b.Namespace, b.Name, b.Subjects, b.RoleRef); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(granted, func(a, b Right) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(granted), nil
}

func expand(rule rbacv1.PolicyRule, namespace string) ([]Right, error) {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	var rights []Right
	for _, verb := range rule.Verbs {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				if verb == "*" || group == "*" || strings.Contains(resource, "*") {
					return nil, fmt.Errorf("a wildcard grants what nobody has named: %s", rule)
				}
				for _, name := range names {
					rights = append(rights, Right{Verb: verb, Group: group, Resource: resource, Namespace: namespace, Name: name})
				}
			}
		}
	}
	return rights, nil
}

type key struct{ kind, namespace, name string }

// manifests is the RBAC of a folder.
type manifests struct {
	rules      map[key][]rbacv1.PolicyRule
	cluster    []rbacv1.ClusterRoleBinding
	namespaced []rbacv1.RoleBinding
}

func read(dir string) (*manifests, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	m := &manifests{rules: map[key][]rbacv1.PolicyRule{}}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := m.add(text); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	return m, nil
}

func (m *manifests) add(text []byte) error {
	reader := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	defer reader.Close()
	buffer := make([]byte, len(text)+1)
	for {
		n, err := reader.Read(buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.addDocument(buffer[:n]); err != nil {
			return err
		}
	}
}

func (m *manifests) addDocument(document []byte) error {
	var kind metav1.TypeMeta
	if err := utilyaml.Unmarshal(document, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "ClusterRole", "Role":
		var role rbacv1.Role // a ClusterRole's fields that matter here are the same
		if err := utilyaml.Unmarshal(document, &role); err != nil {
			return err
		}
		m.rules[key{kind.Kind, role.Namespace, role.Name}] = role.Rules
	case "ClusterRoleBinding":
		var b rbacv1.ClusterRoleBinding
		if err := utilyaml.Unmarshal(document, &b); err != nil {
			return err
		}
		m.cluster = append(m.cluster, b)
	case "RoleBinding":
		var b rbacv1.RoleBinding
		if err := utilyaml.Unmarshal(document, &b); err != nil {
			return err
		}
		m.namespaced = append(m.namespaced, b)
	}
	return nil
}
