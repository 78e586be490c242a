package assets

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Name is the file name of a binary.
type Name string

// The binaries of a control plane.
const (
	APIServer         Name = "kube-apiserver"
	Etcd              Name = "etcd"
	ControllerManager Name = "kube-controller-manager"
	Kubectl           Name = "kubectl"
)

// Default is what every integration test needs.
var Default = []Name{Etcd, APIServer}

// All is everything that Provide can make.
var All = []Name{Etcd, APIServer, ControllerManager, Kubectl}

// Options say what is wanted. The zero value asks for Default, in silence.
type Options struct {
	// Names of the binaries; none means Default.
	Names []Name
	// Log receives a line for each thing that takes time; nil keeps quiet.
	Log io.Writer
}

// Binaries maps the name of a binary to its absolute path.
type Binaries map[Name]string

// Provide returns the paths of the binaries asked for, and builds what is
// missing. Two processes that ask at once build once: the second waits.
func Provide(ctx context.Context, o Options) (Binaries, error) {
	if len(o.Names) == 0 {
		o.Names = Default
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	for _, name := range o.Names {
		if !slices.Contains(All, name) {
			return nil, fmt.Errorf("no such binary: %q; there are %v", name, All)
		}
	}

	found := Binaries{}
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		found.addFrom(ctx, dir, o.Names)
	}
	missing := found.missing(o.Names)
	if len(missing) == 0 {
		return found, nil
	}

	b, err := newBuilder(o.Log)
	if err != nil {
		return nil, err
	}
	for _, name := range missing {
		if b.intact(name) {
			found[name] = b.path(name)
		}
	}
	if missing = found.missing(missing); len(missing) == 0 {
		return found, nil
	}

	if dir := envtestDir(ctx, b.pins, missing, o.Log); dir != "" {
		found.addFrom(ctx, dir, missing)
	}
	if missing = found.missing(missing); len(missing) == 0 {
		return found, nil
	}

	if err := b.build(ctx, missing); err != nil {
		return nil, err
	}
	for _, name := range missing {
		found[name] = b.path(name)
	}
	return found, nil
}

// Dir returns one folder that holds all of them, as KUBEBUILDER_ASSETS wants it.
// Binaries from several places are gathered as symbolic links.
func (b Binaries) Dir() (string, error) {
	dirs := map[string]bool{}
	for _, path := range b {
		dirs[filepath.Dir(path)] = true
	}
	if len(dirs) == 1 {
		for dir := range dirs {
			return dir, nil
		}
	}
	return linkAll(b)
}

func (b Binaries) missing(names []Name) []Name {
	var missing []Name
	for _, name := range names {
		if b[name] == "" {
			missing = append(missing, name)
		}
	}
	return missing
}

// addFrom takes what runs and leaves the rest to the next place.
func (b Binaries) addFrom(ctx context.Context, dir string, names []Name) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return
	}
	for _, name := range names {
		path := filepath.Join(dir, string(name))
		if _, err := versionOf(ctx, name, path); err == nil {
			b[name] = path
		}
	}
}

// versionOf runs the binary: the one proof that it is complete and made for this
// machine.
func versionOf(ctx context.Context, name Name, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	args := []string{"--version"}
	if name == Kubectl {
		args = []string{"version", "--client"}
	}
	out, err := exec.CommandContext(ctx, path, args...).Output()
	if err != nil {
		return "", fmt.Errorf("running %s %s: %w", path, strings.Join(args, " "), err)
	}
	return string(out), nil
}
