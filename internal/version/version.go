// Package version says which Rollcall this is.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// stamped is given by the linker: see the Dockerfile.
var stamped string

// String is the version, and what it was built by and for: "v0.1.0 (go1.26.8, linux/amd64)".
// What go install builds of a published version knows it from its module; any other
// build without a stamp is "(devel)".
func String() string {
	version := stamped
	if info, ok := debug.ReadBuildInfo(); ok {
		version = cmp.Or(version, info.Main.Version)
	}
	return fmt.Sprintf("%s (%s, %s/%s)", cmp.Or(version, "(devel)"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
