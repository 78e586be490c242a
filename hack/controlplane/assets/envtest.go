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
	ask, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if list, err := setupEnvtest(ask, p, "list", minor+".x"); err != nil || list == "" {
		return ""
	}
	fmt.Fprintf(log, "downloading the control plane %s with setup-envtest ... ", minor)
	start := time.Now()
	download, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	dir, err := setupEnvtest(download, p, "use", "--print", "path", minor+".x")
	if err != nil {
		fmt.Fprintln(log, "failed")
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

// setupEnvtest runs the tool from its own pinned module and returns its answer.
func setupEnvtest(ctx context.Context, p pins, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"tool", "setup-envtest"}, args...)...)
	cmd.Dir = p.envtest
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	// `go tool` passes an interrupt on to the tool, but not a kill.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Second
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
