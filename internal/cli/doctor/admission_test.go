package doctor

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Each lock that is installed is looked at, and no other is asked for.
func TestPoliciesAreThoseThatAreInstalled(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "config", "policy", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(policies))
	for _, kind := range []string{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"} {
		var installed []string
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
				var object metav1.PartialObjectMetadata
				if err := yaml.Unmarshal(document, &object); err != nil {
					t.Fatalf("%s: %s", file, err)
				}
				if object.Kind == kind {
					installed = append(installed, object.Name)
				}
			}
		}
		if slices.Sort(installed); !slices.Equal(installed, want) {
			t.Errorf("of kind %s, doctor looks for %v, and config/policy has %v", kind, want, installed)
		}
	}
}
