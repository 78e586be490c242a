package assets

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/mod/semver"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// envtestDir returns the newest folder of setup-envtest for the pinned minor
// release, or "".
func envtestDir(_ context.Context, p pins, _ []Name, _ io.Writer) string {
	base, err := envtest.SetupEnvtestDefaultBinaryAssetsDirectory()
	if err != nil {
		return ""
	}
	minor := semver.MajorMinor(p.kubernetes.version)[1:]
	suffix := "-" + runtime.GOOS + "-" + runtime.GOARCH
	dirs, err := filepath.Glob(filepath.Join(base, minor+".*"+suffix))
	if err != nil || len(dirs) == 0 {
		return ""
	}
	version := func(dir string) string {
		name := filepath.Base(dir)
		return "v" + name[:len(name)-len(suffix)]
	}
	newest := slices.MaxFunc(dirs, func(a, b string) int { return semver.Compare(version(a), version(b)) })
	if _, err := os.Stat(newest); err != nil {
		return ""
	}
	return newest
}
