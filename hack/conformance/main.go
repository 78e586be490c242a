// Command conformance writes docs/reference/conformance.md: the sections of the
// SCIM RFCs and the client facts, with the tests whose names say that they prove
// them. With --check it writes nothing and fails if the page is outdated. Either
// way it fails if a section or a fact has no test.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rollcall-dev/rollcall/hack/conformance/proof"
)

const (
	factsPage       = "docs/reference/client-facts.md"
	conformancePage = "docs/reference/conformance.md"
)

func main() {
	check := flag.Bool("check", false, "write nothing, and fail if the page is outdated")
	flag.Parse()
	if err := run(".", *check, sections()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run makes the page of the source tree at root.
func run(root string, check bool, requirements []requirement) error {
	page, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(factsPage)))
	if err != nil {
		return fmt.Errorf("read the facts: %w", err)
	}
	facts, err := readFacts(string(page))
	if err != nil {
		return fmt.Errorf("%s: %w", factsPage, err)
	}
	tests, err := proof.Find(root)
	if err != nil {
		return fmt.Errorf("read the tests: %w", err)
	}
	requirements = append(requirements, facts...)
	if problems := assign(requirements, tests); len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n"))
	}
	file, fresh := filepath.Join(root, filepath.FromSlash(conformancePage)), render(requirements)
	if !check {
		if err := os.WriteFile(file, []byte(fresh), 0o644); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
		return nil
	}
	current, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	if string(current) != fresh {
		return fmt.Errorf("%s is outdated: make conformance", conformancePage)
	}
	return nil
}
