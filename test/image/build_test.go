//go:build integration

package image_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
	"github.com/rollcall-dev/rollcall/test/image"
)

const version = "v1.2.3"

func source(t *testing.T) string {
	t.Helper()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// The machine's Go stands in for the builder's, which has to be as new as go.mod asks.
func TestTheBuildersGo(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(source(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	dockerfile, err := os.ReadFile(filepath.Join(source(t), "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	has := regexp.MustCompile(`(?m)^FROM .*\bgolang:(\d+\.\d+)\b`).FindSubmatch(dockerfile)
	if asked == nil || has == nil || string(asked[1]) != string(has[1]) {
		t.Errorf("go.mod asks for %q, the builder has %q", asked, has)
	}
}

// What isn't understood must not pass for proven.
func TestAnUnknownCommandIsAnError(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"Dockerfile": "FROM scratch\nVOLUME /data\n", ".dockerignore": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := image.Build(t.Context(), dir, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "VOLUME") {
		t.Errorf("a Dockerfile with VOLUME: %v", err)
	}
}
