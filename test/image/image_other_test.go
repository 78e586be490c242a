//go:build integration && !linux

package image_test

import (
	"runtime"
	"testing"
)

func TestTheImage(t *testing.T) {
	t.Skip("NOT PROVEN on this machine: what is in the image, and that it runs: that takes Linux, and this is", runtime.GOOS)
}
