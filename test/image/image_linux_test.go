//go:build integration

package image_test

import (
	"crypto/sha256"
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/test/image"
)

const (
	mebi = 1 << 20
	// largest is what the image may grow to before somebody looks why.
	largest = 45 * mebi
)

func build(t *testing.T) *image.Image {
	t.Helper()
	i, err := image.Build(t.Context(), source(t), t.TempDir(), map[string]string{"VERSION": version, "REVISION": "0123abc"})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestTheImage(t *testing.T) {
	i := build(t)
	t.Run("has the binary and the public authorities, and nothing else", func(t *testing.T) {
		var files []string
		var size int64
		err := filepath.WalkDir(i.Root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			size += info.Size()
			files = append(files, strings.TrimPrefix(path, i.Root))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"/etc/ssl/certs/ca-certificates.crt", "/manager"}; !slices.Equal(files, want) {
			t.Errorf("got %v, want %v", files, want)
		}
		t.Logf("%.1f MiB", float64(size)/mebi)
		if size > largest {
			t.Errorf("it has %d bytes, and may have %d", size, largest)
		}
	})
	t.Run("is not root's, and says what it is", func(t *testing.T) {
		if i.User != "65532:65532" {
			t.Errorf("the user is %q; Kubernetes wants a number to know that it isn't root", i.User)
		}
		for label, want := range map[string]string{"title": "Rollcall", "licenses": "Apache-2.0", "version": version, "revision": "0123abc"} {
			if got := i.Labels["org.opencontainers.image."+label]; got != want {
				t.Errorf("%s: got %q, want %q", label, got, want)
			}
		}
	})
	t.Run("has a static binary without traces of where it was built", func(t *testing.T) {
		path := filepath.Join(i.Root, i.Entrypoint[0])
		binary, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = binary.Close() }()
		for _, part := range binary.Progs {
			if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
				t.Errorf("it has a %s: it needs a loader, and libraries", part.Type)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		again, err := os.ReadFile(filepath.Join(build(t).Root, i.Entrypoint[0]))
		if err != nil {
			t.Fatal(err)
		}
		if sha256.Sum256(text) != sha256.Sum256(again) {
			t.Error("built again, in another folder, it is another binary")
		}
	})
	t.Run("runs as a container, and knows its version", func(t *testing.T) {
		if err := image.Unavailable(); err != nil {
			t.Skip("NOT PROVEN on this machine: that the image runs with a read-only root, as its user:", err)
		}
		cmd, err := i.Command(image.Container{Args: []string{"--version"}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "rollcall "+version+" (go") {
			t.Errorf("it printed %q (%v)", out, err)
		}
	})
}
