// Command metrics writes docs/reference/metrics.md: every metric that the manager
// serves, with its type, its labels and what it says, as the code registers it. With
// --check it writes nothing and fails if the page is outdated.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

const page = "docs/reference/metrics.md"

func main() {
	check := flag.Bool("check", false, "write nothing, and fail if the page is outdated")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "metrics:", err)
		os.Exit(1)
	}
}

// run makes the page of the source tree at root.
func run(root string, check bool) error {
	own, err := ours()
	if err != nil {
		return err
	}
	others, err := fromLibraries(own)
	if err != nil {
		return err
	}
	file, fresh := filepath.Join(root, filepath.FromSlash(page)), render(own, others)
	if !check {
		return os.WriteFile(file, []byte(fresh), 0o644)
	}
	current, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if string(current) != fresh {
		return fmt.Errorf("%s is outdated: make metrics", page)
	}
	return nil
}
