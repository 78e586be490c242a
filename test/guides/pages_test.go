package guides_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
)

// page is a Markdown file of the project.
type page struct {
	// path is relative to the root, with slashes.
	path string
	text string
}

func projectRoot(t *testing.T) string {
	t.Helper()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// pages are README.md, CONTRIBUTING.md and everything in docs.
func pages(t *testing.T) []page {
	t.Helper()
	root := projectRoot(t)
	paths := []string{"README.md", "CONTRIBUTING.md"}
	err := fs.WalkDir(os.DirFS(root), "docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []page
	for _, path := range paths {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page{path, string(text)})
	}
	if len(all) < 20 {
		t.Fatalf("only %d pages", len(all))
	}
	return all
}

var fence = regexp.MustCompile("(?ms)^ *```.*?^ *```")

// prose is a page without its blocks of code.
func (p page) prose() string { return fence.ReplaceAllString(p.text, "") }

var (
	span       = regexp.MustCompile("`[^`\n]+`")
	indented   = regexp.MustCompile(`(?m)^ +`)
	comment    = regexp.MustCompile(`(?m)(^|\s+)#.*$`)
	wrapped    = regexp.MustCompile(`\\\n\s*`)
	afterFence = regexp.MustCompile("(?s)^ *```\\w*\n(.*)```$")
)

// code is what a page has as code: each span, and each line of its blocks, without
// comments and with continued lines joined.
func (p page) code() []string {
	var all []string
	for _, block := range fence.FindAllString(p.text, -1) {
		if inner := afterFence.FindStringSubmatch(strings.TrimSpace(block)); inner != nil {
			text := wrapped.ReplaceAllString(inner[1], " ")
			text = indented.ReplaceAllString(comment.ReplaceAllString(text, ""), "")
			all = append(all, strings.Split(text, "\n")...)
		}
	}
	for _, s := range span.FindAllString(p.prose(), -1) {
		all = append(all, strings.Trim(s, "`"))
	}
	return all
}
