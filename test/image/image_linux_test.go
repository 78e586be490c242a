package image_test

import (
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
	"github.com/rollcall-dev/rollcall/test/image"
)

func TestImage(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	i, err := image.Build(t.Context(), root, t.TempDir(), map[string]string{"VERSION": "v1.2.3", "REVISION": "abc"})
	if err != nil {
		t.Fatal(err)
	}
	_ = context.Background
	_ = filepath.Join
	f, err := elf.Open(filepath.Join(i.Root, "manager"))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(i, f.Type)
	cmd, err := i.Command(image.Container{Args: []string{"--version"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	t.Log(string(out), err)
	_, _, _ = os.Open, exec.Command, strings.Cut
}
