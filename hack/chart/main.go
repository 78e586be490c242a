// Command chart writes those templates of the Helm chart that have their source in
// config/: the kinds, the manager's rights, the webhooks, the admission policies, the
// alerts and the dashboard. What differs between installations is put in as template actions; the
// rest is copied, so that the chart and kustomize can't drift apart.
//
// With --check it writes nothing and fails if a template is not what it would write.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
)

func main() {
	check := flag.Bool("check", false, "fail if a template is outdated, and write nothing")
	flag.Parse()
	root, err := checkout.Root()
	if err == nil {
		err = run(root, *check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	config := os.DirFS(filepath.Join(root, "config"))
	templates, err := generate(config)
	if err != nil {
		return err
	}
	chart := filepath.Join(root, "charts", "rollcall")
	dir := filepath.Join(chart, "templates")
	write := write
	if check {
		write = compare
	}
	var errs []error
	for path, text := range templates {
		errs = append(errs, write(filepath.Join(dir, filepath.FromSlash(path)), text))
	}
	for from, to := range copies {
		text, err := fs.ReadFile(config, from)
		if err != nil {
			return err
		}
		errs = append(errs, write(filepath.Join(chart, filepath.FromSlash(to)), text))
	}
	return errors.Join(append(errs, leftovers(dir, templates))...)
}

func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func compare(path string, want []byte) error {
	have, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return fmt.Errorf("%s is outdated: make manifests", path)
	}
	return nil
}

// leftovers are templates whose source is gone: nobody else would take them away.
func leftovers(dir string, templates map[string][]byte) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if _, ok := templates[filepath.ToSlash(relative)]; !ok && bytes.HasPrefix(text, []byte(banner)) {
			return fmt.Errorf("%s has no source in config/ any more: delete it", path)
		}
		return nil
	})
}
