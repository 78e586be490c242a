// Package checkout finds the root of the source tree, so that programs and tests
// can read config/ and build commands from whatever folder they are started in.
package checkout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// Module is the path of the main module.
const Module = "github.com/rollcall-dev/rollcall"

// Root returns the absolute path of the nearest folder, from the working
// directory upwards, that holds the go.mod of the main module. The modules of
// the build tools lie inside the tree and are passed over.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the source tree: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		switch {
		case err == nil && modfile.ModulePath(text) == Module:
			return dir, nil
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return "", fmt.Errorf("finding the source tree: %w", err)
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a checkout of %s", start, Module)
		}
	}
}
