package assets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Cache returns the folder for what takes long to make, outside the tree.
func Cache() (string, error) {
	if dir := os.Getenv("ROLLCALL_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a cache folder (set ROLLCALL_CACHE): %w", err)
	}
	return filepath.Join(dir, "rollcall"), nil
}

// builder makes binaries from the pinned modules into a folder per version.
type builder struct {
	pins pins
	dir  string
	log  io.Writer
}

func newBuilder(log io.Writer) (*builder, error) {
	p, err := readPins()
	if err != nil {
		return nil, err
	}
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	dir := fmt.Sprintf("kubernetes-%s-etcd-%s-%s-%s", p.kubernetes.version, p.etcd.version, runtime.GOOS, runtime.GOARCH)
	return &builder{pins: p, dir: filepath.Join(cache, "controlplane", dir), log: log}, nil
}

func (b *builder) path(name Name) string { return filepath.Join(b.dir, string(name)) }

// build makes the binaries that are not intact, one at a time: the compiler
// uses all cores by itself.
func (b *builder) build(ctx context.Context, names []Name) error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return fmt.Errorf("making the cache: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(b.dir, ".lock"), b.log)
	if err != nil {
		return err
	}
	defer unlock()
	// Whoever holds the lock is alone: what lies here half-built has no owner.
	leftovers, err := filepath.Glob(filepath.Join(b.dir, ".building-*"))
	if err != nil {
		return fmt.Errorf("looking for half-built binaries: %w", err)
	}
	for _, path := range leftovers {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("removing a half-built binary: %w", err)
		}
	}
	for _, name := range names {
		// Another process may have built it while this one waited.
		if b.intact(name) {
			continue
		}
		if err := b.buildOne(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) buildOne(ctx context.Context, name Name) error {
	s := b.pins.source(name)
	if _, err := os.Stat(b.path(name)); err == nil {
		fmt.Fprintf(b.log, "the cached %s is damaged or outdated\n", name)
	}
	fmt.Fprintf(b.log, "building %s %s from its Go module, once, about %s on two cores ... ", name, s.version, s.duration)
	start := time.Now()
	if err := b.make(ctx, name, s); err != nil {
		fmt.Fprintln(b.log, "failed")
		return fmt.Errorf("building %s %s: %w", name, s.version, err)
	}
	fmt.Fprintf(b.log, "done in %s\n", time.Since(start).Round(time.Second))
	return nil
}

// make compiles to a name that nobody looks for, tries the result and moves it
// into place, so that at no moment half a binary bears the right name.
func (b *builder) make(ctx context.Context, name Name, s source) (err error) {
	temporary := filepath.Join(b.dir, fmt.Sprintf(".building-%s", name))
	defer func() {
		if err != nil {
			err = errors.Join(err, removeIfThere(temporary))
		}
	}()
	if err := goBuild(ctx, s, temporary); err != nil {
		return err
	}
	out, err := versionOf(ctx, name, temporary)
	if err != nil {
		return err
	}
	if !strings.Contains(out, s.expect) {
		return fmt.Errorf("it calls itself %q, not %q", strings.TrimSpace(out), s.expect)
	}
	if err := syncFile(temporary); err != nil {
		return err
	}
	// The record goes first: a binary without a matching one is never used.
	if err := b.record(name, s, temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, b.path(name)); err != nil {
		return err
	}
	return syncFile(b.dir)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// goBuild needs Go and nothing else: no C compiler and no git. The flags of the
// caller's environment stay out, so that the result depends on the pins alone.
func goBuild(ctx context.Context, s source, output string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-mod=readonly",
		"-ldflags", strings.Join(s.ldflags, " "), "-o", output, s.pkg)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
	// A first Ctrl-C lets the compiler clean up its work folder.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &messages, &messages
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", s.pkg, err, tail(messages.String(), 40))
	}
	return nil
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
