// Command krew builds the kubectl plugin for every platform that its manifest for
// Krew names, https://krew.sigs.k8s.io, and writes the archives and the manifest with
// their sums: what a release publishes.
package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
)

// template is the manifest, with VERSION and a SHA256_… for each archive to be filled in.
//
//go:embed rollcall.yaml
var template string

// released is what Krew takes for a version.
var released = regexp.MustCompile(`^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$`)

// plugin is what of Krew's manifest matters here.
type plugin struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string     `json:"version"`
		Homepage         string     `json:"homepage"`
		ShortDescription string     `json:"shortDescription"`
		Description      string     `json:"description"`
		Caveats          string     `json:"caveats"`
		Platforms        []platform `json:"platforms"`
	} `json:"spec"`
}

type platform struct {
	Selector struct {
		MatchLabels struct {
			OS   string `json:"os"`
			Arch string `json:"arch"`
		} `json:"matchLabels"`
	} `json:"selector"`
	URI    string `json:"uri"`
	SHA256 string `json:"sha256"`
	Bin    string `json:"bin"`
}

func main() {
	version := flag.String("version", "", "version of the release, such as v0.1.0")
	dist := flag.String("dist", "dist", "folder to write to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := release(ctx, *version, *dist, build)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "krew:", err)
		os.Exit(1)
	}
}

// builder builds the plugin for a platform and returns the binary's path in a folder.
type builder func(ctx context.Context, p platform, version, dir string) (string, error)

// release writes an archive for each platform, and then the manifest.
func release(ctx context.Context, version, dist string, build builder) error {
	if !released.MatchString(version) {
		return fmt.Errorf("--version %q: Krew wants one such as v0.1.0", version)
	}
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	manifest := strings.ReplaceAll(template, "VERSION", version)
	var p plugin
	if err := yaml.UnmarshalStrict([]byte(manifest), &p); err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return err
	}
	for _, platform := range p.Spec.Platforms {
		sum, err := publish(ctx, platform, version, dist, filepath.Join(root, "LICENSE"), build)
		if err != nil {
			return fmt.Errorf("%s: %w", platform.URI, err)
		}
		if strings.Count(manifest, platform.SHA256) != 1 {
			return fmt.Errorf("the manifest has %s more than once", platform.SHA256)
		}
		manifest = strings.Replace(manifest, platform.SHA256, sum, 1)
	}
	return os.WriteFile(filepath.Join(dist, "rollcall.yaml"), []byte(manifest), 0o644)
}

// publish writes the archive of a platform, and returns its sum.
func publish(ctx context.Context, p platform, version, dist, license string, build builder) (string, error) {
	dir, err := os.MkdirTemp("", "krew")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary, err := build(ctx, p, version, dir)
	if err != nil {
		return "", err
	}
	archive, err := pack(path.Base(p.URI), binary, license)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(archive)
	return hex.EncodeToString(sum[:]), os.WriteFile(filepath.Join(dist, path.Base(p.URI)), archive, 0o644)
}

func build(ctx context.Context, p platform, version, dir string) (string, error) {
	binary := filepath.Join(dir, p.Bin)
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath",
		"-ldflags", "-s -w -X "+checkout.Module+"/internal/version.stamped="+version,
		"-o", binary, checkout.Module+"/cmd/kubectl-rollcall")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.Selector.MatchLabels.OS, "GOARCH="+p.Selector.MatchLabels.Arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
}
