package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// write stands in for the compiler.
func write(_ context.Context, p platform, version, dir string) (string, error) {
	file := filepath.Join(dir, p.Bin)
	return file, os.WriteFile(file, []byte(version+" for "+p.Selector.MatchLabels.OS+"/"+p.Selector.MatchLabels.Arch), 0o755)
}

func TestARelease(t *testing.T) {
	dist := t.TempDir()
	if err := release(t.Context(), "v1.2.3", dist, write); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dist, "rollcall.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var p plugin
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		t.Fatal(err)
	}
	if p.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || p.Kind != "Plugin" || p.Metadata.Name != "rollcall" {
		t.Errorf("it is a %s %s named %s", p.APIVersion, p.Kind, p.Metadata.Name)
	}
	if p.Spec.Version != "v1.2.3" || p.Spec.Homepage == "" || p.Spec.Description == "" || len(p.Spec.ShortDescription) > 50 {
		t.Errorf("it says of itself %+v", p.Spec)
	}
	var platforms []string
	for _, platform := range p.Spec.Platforms {
		labels := platform.Selector.MatchLabels
		platforms = append(platforms, labels.OS+"/"+labels.Arch)
		archive, err := os.ReadFile(filepath.Join(dist, path.Base(platform.URI)))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(archive); platform.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s has another sum than the manifest says, %s", platform.URI, platform.SHA256)
		}
		if !strings.HasPrefix(platform.URI, "https://github.com/rollcall-dev/rollcall/releases/download/v1.2.3/") {
			t.Errorf("where is %s?", platform.URI)
		}
		files := unpack(t, platform.URI, archive)
		if got, want := files[platform.Bin], "v1.2.3 for "+labels.OS+"/"+labels.Arch; got != want {
			t.Errorf("%s has %q, want %q", platform.URI, got, want)
		}
		if !strings.Contains(files["LICENSE"], "Apache License") || len(files) != 2 {
			t.Errorf("%s has no license, or more than it", platform.URI)
		}
	}
	slices.Sort(platforms)
	if want := []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64"}; !slices.Equal(platforms, want) {
		t.Errorf("got %v, want %v", platforms, want)
	}
}

func TestAVersionThatIsNone(t *testing.T) {
	for _, version := range []string{"", "0.1.0", "v1", "v1.2.3+dirty", "v01.2.3"} {
		if err := release(t.Context(), version, t.TempDir(), write); err == nil || !strings.Contains(err.Error(), "v0.1.0") {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// unpack returns the files of an archive.
func unpack(t *testing.T, name string, archive []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	if strings.HasSuffix(name, ".zip") {
		r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.File {
			file, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			files[f.Name] = read(t, file)
		}
		return files
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Name == "kubectl-rollcall" && header.Mode != 0o755 {
			t.Errorf("%s can't be run: %o", header.Name, header.Mode)
		}
		files[header.Name] = read(t, r)
	}
}

func read(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
