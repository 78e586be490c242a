package assets

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	// askTimeout bounds the question whether there is anything to download: where
	// the internet is closed, packets often vanish instead of being refused.
	askTimeout = 20 * time.Second
	// downloadTimeout bounds the download; after it, a build is faster.
	downloadTimeout = 4 * time.Minute
)

// envtestDir returns the folder in which setup-envtest keeps the newest patch of
// the pinned minor release, downloading it where that is possible, or "".
func envtestDir(ctx context.Context, p pins, missing []Name, log io.Writer) string {
	minor := strings.TrimPrefix(semver.MajorMinor(p.kubernetes.version), "v")
	if dir := installedEnvtest(minor); dir != "" {
		return dir
	}
	// It has no kube-controller-manager; and where it was asked for the others a
	// moment ago and had none, it has none now.
	if os.Getenv("ROLLCALL_DOWNLOAD") == "off" || !slices.Contains(missing, APIServer) {
		return ""
	}
	fmt.Fprintf(log, "looking for a download of the control plane %s ... ", minor)
	tool, err := setupEnvtest(ctx, p)
	if err != nil {
		fmt.Fprintln(log, "no setup-envtest")
		return ""
	}
	if list, err := output(ctx, askTimeout, tool, "list", minor+".x"); err != nil || list == "" {
		fmt.Fprintln(log, "none")
		return ""
	}
	start := time.Now()
	dir, err := output(ctx, downloadTimeout, tool, "use", "--print", "path", minor+".x")
	if err != nil {
		fmt.Fprintln(log, "it failed")
		return ""
	}
	fmt.Fprintf(log, "done in %s\n", time.Since(start).Round(time.Second))
	return dir
}

func installedEnvtest(minor string) string {
	base, err := envtest.SetupEnvtestDefaultBinaryAssetsDirectory()
	if err != nil {
		return ""
	}
	suffix := "-" + runtime.GOOS + "-" + runtime.GOARCH
	dirs, err := filepath.Glob(filepath.Join(base, minor+".*"+suffix))
	if err != nil || len(dirs) == 0 {
		return ""
	}
	version := func(dir string) string { return "v" + strings.TrimSuffix(filepath.Base(dir), suffix) }
	return slices.MaxFunc(dirs, func(a, b string) int { return semver.Compare(version(a), version(b)) })
}

// setupEnvtest builds the tool from its own pinned module, or finds it built, and
// returns its path.
func setupEnvtest(ctx context.Context, p pins) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "tool", "-n", "setup-envtest")
	cmd.Dir = p.envtest
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func output(ctx context.Context, timeout time.Duration, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).Output()
	return strings.TrimSpace(string(out)), err
}
