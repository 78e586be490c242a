//go:build integration

package image_test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The bill names whatever the binary itself says it is made of.
func TestBillOfMaterials(t *testing.T) {
	root, bin, dist := source(t), t.TempDir(), t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "sbom", "BIN="+bin, "DIST="+dist, "VERSION="+version)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dist, "manager.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	type component struct{ Name, Version string }
	var bill struct {
		BOMFormat  string
		Metadata   struct{ Component component }
		Components []component
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	if bill.BOMFormat != "CycloneDX" {
		t.Errorf("the format is %q", bill.BOMFormat)
	}
	named := map[component]bool{bill.Metadata.Component: true}
	for _, c := range bill.Components {
		named[c] = true
	}

	info, err := buildinfo.ReadFile(filepath.Join(bin, "manager"))
	if err != nil {
		t.Fatal(err)
	}
	want := []component{{info.Main.Path, version}, {"std", info.GoVersion}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		want = append(want, component{m.Path, m.Version})
	}
	if len(want) < 30 {
		t.Fatalf("the binary tells of %d modules", len(want))
	}
	for _, c := range want {
		if !named[c] {
			t.Errorf("the bill lacks %s %s", c.Name, c.Version)
		}
	}
	t.Logf("%d modules", len(want))
}
