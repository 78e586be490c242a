package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/rollcall-dev/rollcall/hack/conformance/proof"
)

const introduction = `<!-- Written by make conformance. -->

# Conformance

What Rollcall does about each section of the SCIM 2.0 RFCs that asks something of a server, and about each of the
[client facts](client-facts.md), and the tests that prove it. The page is made from the names of the tests; %smake verify%s
fails if a section or a fact has no test, if a test that is listed may be skipped, or if the page is outdated. %smake test%s
runs every one of them, so what is listed here passes.
`

// mostNames is how many tests of one function are named; the rest is counted.
const mostNames = 6

// render writes the page.
func render(requirements []requirement) string {
	var b strings.Builder
	fmt.Fprintf(&b, introduction, "`", "`", "`", "`")
	for _, chapter := range []struct{ prefix, title, columns string }{
		{"RFC 7643 ", "RFC 7643: core schema", "| section | what Rollcall does | tests |"},
		{"RFC 7644 ", "RFC 7644: protocol", "| section | what Rollcall does | tests |"},
		{"RFC 9865 ", "RFC 9865: cursor-based pagination", "| section | what Rollcall does | tests |"},
		{"fact ", "Client facts", "| fact | what clients do and need | tests |"},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n|---|---|---|\n", chapter.title, chapter.columns)
		for _, r := range requirements {
			id, ok := strings.CutPrefix(r.id, chapter.prefix)
			if !ok {
				continue
			}
			what := r.text
			if r.title != "" {
				id = id + " " + r.title
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(id), cell(what), evidence(r.tests))
		}
	}
	return b.String()
}

// evidence lists tests, those of one function together.
func evidence(tests []proof.Test) string {
	var groups []string
	for i := 0; i < len(tests); {
		t := tests[i]
		var names []string
		for ; i < len(tests) && tests[i].File == t.File && tests[i].Group == t.Group; i++ {
			if tests[i].Name != "" {
				names = append(names, cell(tests[i].Name))
			}
		}
		label := strings.TrimSpace(strings.TrimPrefix(path.Dir(t.File), "./") + " " + t.Group)
		if t.Group == "" {
			label = path.Base(t.File)
		}
		line := fmt.Sprintf("[%s](../../%s)", cell(label), t.File)
		more := ""
		if left := len(names) - mostNames; left > 1 {
			names, more = names[:mostNames], fmt.Sprintf("; and %d more", left)
		}
		if len(names) > 0 {
			line += ": " + strings.Join(names, "; ") + more
		}
		groups = append(groups, line)
	}
	return strings.Join(groups, "<br>")
}

// cell makes a text one that a table can hold.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}
