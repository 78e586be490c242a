package assets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The compiler takes minutes for the real thing, so the module that is built here
// bears etcd's name and is one line: everything around it is as ever.
func etcdModule(t *testing.T, program string) pin {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module go.etcd.io/etcd/server/v3\n\ngo 1.26.0\n", 0o644)
	write(t, filepath.Join(dir, "main.go"), "package main\n\n"+program, 0o644)
	return pin{dir: dir, version: "v3.7.3", digest: "digest of go.mod"}
}

const prints373 = `import "fmt"

func main() { fmt.Println("etcd Version: 3.7.3") }
`

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func newTestBuilder(t *testing.T, program string) (*builder, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	return &builder{pins: pins{etcd: etcdModule(t, program)}, dir: t.TempDir(), log: log}, log
}

func mustBuild(t *testing.T, b *builder) {
	t.Helper()
	if err := b.build(t.Context(), []Name{Etcd}); err != nil {
		t.Fatal(err)
	}
	if !b.intact(Etcd) {
		t.Fatal("the binary is not intact right after its build")
	}
}

func TestBuildHappensOnce(t *testing.T) {
	b, log := newTestBuilder(t, prints373)
	if b.intact(Etcd) {
		t.Fatal("intact before the first build")
	}
	mustBuild(t, b)
	if got := log.String(); !strings.Contains(got, "building etcd v3.7.3 from its Go module, once, about 15 seconds") || !strings.Contains(got, "done in") {
		t.Errorf("the log does not say what takes long: %q", got)
	}
	log.Reset()
	mustBuild(t, b)
	if log.Len() > 0 {
		t.Errorf("the second time it says %q", log)
	}
}

func TestBrokenCacheHealsItself(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, b *builder){
		"truncated": func(t *testing.T, b *builder) {
			if err := os.Truncate(b.path(Etcd), 1000); err != nil {
				t.Fatal(err)
			}
		},
		"empty":   func(t *testing.T, b *builder) { write(t, b.path(Etcd), "", 0o755) },
		"garbage": func(t *testing.T, b *builder) { write(t, b.path(Etcd), strings.Repeat("garbage", 1000), 0o755) },
		"one bit flipped": func(t *testing.T, b *builder) {
			text, err := os.ReadFile(b.path(Etcd))
			if err != nil {
				t.Fatal(err)
			}
			text[len(text)/2] ^= 1
			write(t, b.path(Etcd), string(text), 0o755)
		},
		"deleted": func(t *testing.T, b *builder) {
			if err := os.Remove(b.path(Etcd)); err != nil {
				t.Fatal(err)
			}
		},
		"not executable": func(t *testing.T, b *builder) {
			if err := os.Chmod(b.path(Etcd), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"record deleted": func(t *testing.T, b *builder) {
			if err := os.Remove(b.recordPath(Etcd)); err != nil {
				t.Fatal(err)
			}
		},
		"record garbage":         func(t *testing.T, b *builder) { write(t, b.recordPath(Etcd), "{", 0o644) },
		"another dependency":     func(_ *testing.T, b *builder) { b.pins.etcd.digest = "another" },
		"leftovers of a kill -9": func(t *testing.T, b *builder) { write(t, b.path(Etcd), "half", 0o755); leaveHalf(t, b) },
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := newTestBuilder(t, prints373)
			mustBuild(t, b)
			damage(t, b)
			if b.intact(Etcd) {
				t.Fatal("the damage is not noticed")
			}
			mustBuild(t, b)
			if half, err := filepath.Glob(filepath.Join(b.dir, ".building-*")); err != nil || len(half) > 0 {
				t.Errorf("left over: %v, %v", half, err)
			}
		})
	}
}

func leaveHalf(t *testing.T, b *builder) {
	t.Helper()
	write(t, filepath.Join(b.dir, ".building-etcd"), "half", 0o755)
	write(t, filepath.Join(b.dir, ".building-etcd.json"), "{", 0o644)
}

func TestFailedBuildLeavesNothingBehind(t *testing.T) {
	for name, tt := range map[string]struct{ program, want string }{
		"it does not compile": {"func main() { undefined() }\n", "undefined: undefined"},
		"it does not run":     {"import \"os\"\n\nfunc main() { os.Exit(3) }\n", "exit status 3"},
		"it is another version": {
			"import \"fmt\"\n\nfunc main() { fmt.Println(\"etcd Version: 3.6.0\") }\n",
			`calls itself "etcd Version: 3.6.0", not "etcd Version: 3.7.3"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := newTestBuilder(t, tt.program)
			err := b.build(t.Context(), []Name{Etcd})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error that contains %q", err, tt.want)
			}
			entries, err := os.ReadDir(b.dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != 1 || entries[0].Name() != ".lock" {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func TestTwoBuildsAtOnceAreOne(t *testing.T) {
	first, log := newTestBuilder(t, prints373)
	var logs [4]bytes.Buffer
	var wg sync.WaitGroup
	for i := range logs {
		b := &builder{pins: first.pins, dir: first.dir, log: &logs[i]}
		wg.Go(func() {
			if err := b.build(t.Context(), []Name{Etcd}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range logs {
		log.Write(logs[i].Bytes())
	}
	if n := strings.Count(log.String(), "building etcd"); n != 1 {
		t.Errorf("built %d times: %s", n, log)
	}
}

func TestWaitingForAnotherBuildCanBeCancelled(t *testing.T) {
	b, log := newTestBuilder(t, prints373)
	unlock, err := lock(t.Context(), filepath.Join(b.dir, ".lock"), log)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.build(ctx, []Name{Etcd}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if !strings.Contains(log.String(), "another process is building") {
		t.Errorf("the log does not say what it waits for: %q", log)
	}
}

func TestAssetsOfTheEnvironmentComeFirst(t *testing.T) {
	dir := t.TempDir()
	for _, name := range All {
		write(t, filepath.Join(dir, string(name)), "#!/bin/sh\necho "+string(name)+"\n", 0o755)
	}
	t.Setenv("KUBEBUILDER_ASSETS", dir)
	t.Setenv("ROLLCALL_CACHE", t.TempDir())

	got, err := Provide(t.Context(), Options{Names: All})
	if err != nil {
		t.Fatal(err)
	}
	if one, err := got.Dir(); err != nil || one != dir {
		t.Errorf("got %q, %v, want %q", one, err, dir)
	}
}

func TestAssetsThatDoNotRunAreNotTaken(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "etcd"), "#!/bin/sh\nexit 1\n", 0o755)
	write(t, filepath.Join(dir, "kube-apiserver"), "#!/bin/sh\necho fine\n", 0o644)
	write(t, filepath.Join(dir, "kubectl"), "#!/bin/sh\n[ \"$*\" = 'version --client' ]\n", 0o755)
	found := Binaries{}
	found.addFrom(t.Context(), dir, All)
	if len(found) != 1 || found[Kubectl] != filepath.Join(dir, "kubectl") {
		t.Errorf("got %v, want kubectl alone", found)
	}
}

func TestBinariesFromSeveralPlacesAreGathered(t *testing.T) {
	t.Setenv("ROLLCALL_CACHE", t.TempDir())
	here, there := t.TempDir(), t.TempDir()
	b := Binaries{Etcd: filepath.Join(here, "etcd"), Kubectl: filepath.Join(there, "kubectl")}
	for _, path := range b {
		write(t, path, "binary", 0o755)
	}
	// The second time finds the first one's links.
	for range 2 {
		dir, err := b.Dir()
		if err != nil {
			t.Fatal(err)
		}
		for name := range b {
			if text, err := os.ReadFile(filepath.Join(dir, string(name))); err != nil || string(text) != "binary" {
				t.Errorf("%s: %q, %v", name, text, err)
			}
		}
	}
}

func TestPins(t *testing.T) {
	p, err := readPins()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range All {
		s := p.source(name)
		if _, err := os.Stat(filepath.Join(s.dir, "go.sum")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.pkg == "" || s.duration == "" || s.version == "" {
			t.Errorf("%s: incomplete: %+v", name, s)
		}
	}
	if _, err := Provide(t.Context(), Options{Names: []Name{"kubelet"}}); err == nil {
		t.Error("kubelet: no error")
	}
}

func TestVersionFlags(t *testing.T) {
	flags := strings.Join(versionFlags("v1.37.2"), " ")
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, want := range []string{"gitVersion=v1.37.2", "gitMajor=1", "gitMinor=37", "gitCommit=", "gitTreeState=archive", "buildDate="} {
			if want := fmt.Sprintf("-X %s.%s", pkg, want); !strings.Contains(flags, want) {
				t.Errorf("no %q in %s", want, flags)
			}
		}
	}
}
