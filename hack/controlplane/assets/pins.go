package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
)

// pin is one module of hack/controlplane/pins: the source of some binaries.
type pin struct {
	dir     string // where go.mod lies
	version string // v1.37.2
	digest  string // of go.mod: another dependency makes another binary
}

type pins struct {
	kubernetes, etcd pin
	envtest          string // the module of setup-envtest
}

func readPins() (pins, error) {
	root, err := checkout.Root()
	if err != nil {
		return pins{}, err
	}
	dir := filepath.Join(root, "hack", "controlplane", "pins")
	kubernetes, err := readPin(filepath.Join(dir, "kubernetes"), "k8s.io/kubernetes")
	if err != nil {
		return pins{}, err
	}
	etcd, err := readPin(filepath.Join(dir, "etcd"), "go.etcd.io/etcd/server/v3")
	if err != nil {
		return pins{}, err
	}
	return pins{
		kubernetes: kubernetes,
		etcd:       etcd,
		envtest:    filepath.Join(root, "hack", "tools", "setup-envtest"),
	}, nil
}

func readPin(dir, module string) (pin, error) {
	path := filepath.Join(dir, "go.mod")
	text, err := os.ReadFile(path)
	if err != nil {
		return pin{}, fmt.Errorf("reading the pinned version of %s: %w", module, err)
	}
	file, err := modfile.ParseLax(path, text, nil)
	if err != nil {
		return pin{}, fmt.Errorf("reading the pinned version of %s: %w", module, err)
	}
	for _, require := range file.Require {
		if require.Mod.Path == module {
			sum := sha256.Sum256(text)
			return pin{dir: dir, version: require.Mod.Version, digest: hex.EncodeToString(sum[:])}, nil
		}
	}
	return pin{}, fmt.Errorf("%s does not require %s", path, module)
}

// source says how a binary is built.
type source struct {
	pin
	pkg      string
	ldflags  []string
	expect   string // what its version output must contain
	duration string // on two cores, for the reader who waits
}

func (p pins) source(name Name) source {
	s := source{pin: p.kubernetes, pkg: "k8s.io/kubernetes/cmd/" + string(name), expect: p.kubernetes.version}
	switch name {
	case Etcd:
		s.pin, s.pkg, s.duration = p.etcd, "go.etcd.io/etcd/server/v3", "15 seconds"
		s.expect = "etcd Version: " + strings.TrimPrefix(p.etcd.version, "v")
	case APIServer:
		s.duration = "8 minutes"
	case ControllerManager:
		s.duration = "3 minutes"
	case Kubectl:
		s.duration = "1 minute"
	}
	s.ldflags = []string{"-s", "-w"}
	if name != Etcd {
		s.ldflags = append(s.ldflags, versionFlags(p.kubernetes.version)...)
	}
	return s
}

// versionFlags stamp what Kubernetes' own build stamps. Without them the server
// says v0.0.0-master and clients that parse the version refuse to work with it.
func versionFlags(version string) []string {
	canonical := strings.TrimPrefix(semver.MajorMinor(version), "v")
	major, minor, _ := strings.Cut(canonical, ".")
	var flags []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, kv := range [][2]string{
			{"gitVersion", version},
			{"gitMajor", major},
			{"gitMinor", minor},
			// A module carries neither its commit nor a clock: say so, and
			// the same source makes the same binary.
			{"gitCommit", "go-module"},
			{"gitTreeState", "archive"},
			{"buildDate", "1970-01-01T00:00:00Z"},
		} {
			flags = append(flags, fmt.Sprintf("-X %s.%s=%s", pkg, kv[0], kv[1]))
		}
	}
	return flags
}

// recipe changes with everything that makes a different binary.
func (s source) recipe() string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{s.digest, s.pkg}, s.ldflags...), "\n")))
	return hex.EncodeToString(sum[:])
}
