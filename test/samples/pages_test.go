package samples_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
)

// page reads a file of the checkout.
func page(t *testing.T, parts ...string) string {
	t.Helper()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(append([]string{root}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// kinds are the CRDs by the name of their page.
func kinds(t *testing.T) map[string]*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(root, "config", "crd", "bases", "*.yaml"))
	if err != nil || len(paths) != 5 {
		t.Fatalf("%d CRDs: %v", len(paths), err)
	}
	all := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, crd); err != nil {
			t.Fatal(err)
		}
		all[strings.ToLower(crd.Spec.Names.Kind)+".md"] = crd
	}
	return all
}

// fields are the paths of all properties below a schema, such as
// spec.emails[].value. Conditions are Kubernetes' own, and label selectors too.
func fields(schema apiextensionsv1.JSONSchemaProps, path string) []string {
	if strings.HasSuffix(path, "conditions") || strings.HasSuffix(path, "namespaceSelector") {
		return []string{path}
	}
	var all []string
	if path != "spec" && path != "status" {
		all = append(all, path)
	}
	for name, child := range schema.Properties {
		all = append(all, fields(child, path+"."+name)...)
	}
	if schema.Items != nil && schema.Items.Schema != nil && len(schema.Items.Schema.Properties) > 0 {
		for name, child := range schema.Items.Schema.Properties {
			all = append(all, fields(child, path+"[]."+name)...)
		}
	}
	return all
}

func TestPagesNameEveryFieldAndColumn(t *testing.T) {
	for name, crd := range kinds(t) {
		text := page(t, "docs", "kinds", name)
		version := crd.Spec.Versions[0]
		var known []string
		for _, part := range []string{"spec", "status"} {
			known = append(known, fields(version.Schema.OpenAPIV3Schema.Properties[part], part)...)
		}
		for _, field := range known {
			if !strings.Contains(text, "`"+field+"`") {
				t.Errorf("docs/kinds/%s does not name %s", name, field)
			}
		}
		for _, column := range version.AdditionalPrinterColumns {
			if !strings.Contains(text, strings.ToUpper(column.Name)) {
				t.Errorf("docs/kinds/%s does not name the column %s", name, strings.ToUpper(column.Name))
			}
		}
		for line := range strings.Lines(text) {
			field, ok := strings.CutPrefix(line, "| `")
			if !ok || !(strings.HasPrefix(field, "spec.") || strings.HasPrefix(field, "status.")) {
				continue
			}
			if field, _, _ = strings.Cut(field, "`"); !slices.Contains(known, field) {
				t.Errorf("docs/kinds/%s names %s, which the kind does not have", name, field)
			}
		}
	}
}

// reasons are the values of all constants named Reason… or Condition… of a file.
func reasons(t *testing.T, parts ...string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), parts[len(parts)-1], page(t, parts...), 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !(strings.HasPrefix(spec.Names[0].Name, "Reason") || strings.HasPrefix(spec.Names[0].Name, "Condition")) {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			if value, err := strconv.Unquote(literal.Value); err == nil {
				values = append(values, value)
			}
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("no reasons in %s", filepath.Join(parts...))
	}
	return values
}

func TestPagesExplainEveryReasonAndCondition(t *testing.T) {
	var text strings.Builder
	for name := range kinds(t) {
		text.WriteString(page(t, "docs", "kinds", name))
	}
	for _, file := range [][]string{
		{"internal", "access", "reasons.go"}, {"internal", "access", "bind.go"}, {"api", "v1alpha1", "conditions.go"},
	} {
		for _, reason := range reasons(t, file...) {
			if !strings.Contains(text.String(), "`"+reason+"`") {
				t.Errorf("no page of docs/kinds explains %s", reason)
			}
		}
	}
}
