package guides_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	inline  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// anchors are the fragments that GitHub gives to the headings of a page: lower case,
// spaces as dashes, punctuation left out, and a number behind what comes again.
func (p page) anchors() map[string]bool {
	all := map[string]bool{}
	seen := map[string]int{}
	for _, h := range heading.FindAllStringSubmatch(p.prose(), -1) {
		text := strings.ToLower(inline.ReplaceAllString(h[1], "$1"))
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return r
			}
			return -1
		}, text)
		n := seen[anchor]
		seen[anchor]++
		if n > 0 {
			anchor = fmt.Sprintf("%s-%d", anchor, n)
		}
		all[anchor] = true
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	root := projectRoot(t)
	known := map[string]page{}
	for _, p := range pages(t) {
		known[p.path] = p
	}
	count := 0
	for _, p := range known {
		for _, found := range link.FindAllStringSubmatch(span.ReplaceAllString(p.prose(), ""), -1) {
			target, fragment, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			count++
			there := p.path
			if target != "" {
				there = path.Join(path.Dir(p.path), target)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(there))); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", p.path, found[1])
				continue
			}
			if fragment != "" && !known[there].anchors()[fragment] {
				t.Errorf("%s: %s has no heading for #%s", p.path, there, fragment)
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d links were found", count)
	}
}

func TestEachGuideIsFound(t *testing.T) {
	var readme page
	for _, p := range pages(t) {
		if p.path == "README.md" {
			readme = p
		}
	}
	for _, p := range pages(t) {
		if strings.HasPrefix(p.path, "docs/guides/") && !strings.Contains(readme.text, "("+p.path+")") {
			t.Errorf("README.md does not lead to %s", p.path)
		}
	}
}

// screen is how many lines a terminal shows without scrolling.
const screen = 45

func TestFirstUserIsLessThanAScreenAway(t *testing.T) {
	for _, p := range pages(t) {
		if p.path != "README.md" {
			continue
		}
		_, install, found := strings.Cut(p.text, "\n## Install it\n")
		before, _, shown := strings.Cut(install, "$ kubectl get provisionedusers\n")
		if lines := strings.Count(before, "\n"); !found || !shown || lines > screen {
			t.Errorf("README.md: from installing to the first user it takes %d lines, or it is not shown", lines)
		}
		for _, step := range []string{"helm install ", "kubectl rollcall activate ", "docs/guides/entra.md"} {
			if !strings.Contains(before, step) {
				t.Errorf("README.md: %q is not on the way to the first user", step)
			}
		}
	}
}
