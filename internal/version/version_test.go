package version

import (
	"runtime"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	defer func(before string) { stamped = before }(stamped)
	stamped = ""
	if got := String(); !strings.HasPrefix(got, "(devel) (go") {
		t.Errorf("without a stamp: %q", got)
	}
	stamped = "v0.1.0"
	want := "v0.1.0 (" + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	if got := String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
