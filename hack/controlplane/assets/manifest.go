package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// record is what the cache knows of a binary: the file beside it, <name>.json.
type record struct {
	Version string `json:"version"`
	Recipe  string `json:"recipe"`
	SHA256  string `json:"sha256"`
}

func (b *builder) recordPath(name Name) string { return b.path(name) + ".json" }

// intact reports whether the cached binary is there, whole, and what the pins
// would make now. It reads the file: a size or a date proves nothing about the
// bytes, and 200 MB take a fraction of a second.
func (b *builder) intact(name Name) bool {
	text, err := os.ReadFile(b.recordPath(name))
	if err != nil {
		return false
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return false
	}
	if r.Recipe != b.pins.source(name).recipe() {
		return false
	}
	info, err := os.Stat(b.path(name))
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return false
	}
	sum, err := sha256Of(b.path(name))
	return err == nil && sum == r.SHA256
}

func (b *builder) record(name Name, s source, path string) error {
	sum, err := sha256Of(path)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(record{Version: s.version, Recipe: s.recipe(), SHA256: sum}, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(b.recordPath(name), append(text, '\n'))
}

func sha256Of(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// replaceFile writes beside the file and renames, for the reader that looks at
// the same time and the power that fails.
func replaceFile(path string, text []byte) error {
	temporary := filepath.Join(filepath.Dir(path), ".building-"+filepath.Base(path))
	if err := os.WriteFile(temporary, text, 0o644); err != nil {
		return err
	}
	if err := syncFile(temporary); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// linkAll gathers binaries from several folders into one of links. The folder is
// named after what it links to, so that it never changes under a reader.
func linkAll(b Binaries) (string, error) {
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	var lines []string
	for name, path := range b {
		lines = append(lines, string(name)+" "+path)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	dir := filepath.Join(cache, "controlplane", "links-"+hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("gathering the binaries: %w", err)
	}
	for name, path := range b {
		link := filepath.Join(dir, string(name))
		if target, err := os.Readlink(link); err == nil && target == path {
			continue
		}
		if err := removeIfThere(link); err != nil {
			return "", fmt.Errorf("gathering the binaries: %w", err)
		}
		if err := os.Symlink(path, link); err != nil {
			return "", fmt.Errorf("gathering the binaries: %w", err)
		}
	}
	return dir, nil
}
