package image

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Container says how to run an image.
type Container struct {
	Args, Env []string
	// Mounts are folders of the machine by where the container has them. It can't
	// write them.
	Mounts map[string]string
}

// Unavailable says why this machine can't run containers; nil if it can. It takes a
// mount namespace: of root, or of a kernel that lets everybody have user namespaces.
func Unavailable() error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{inside + "={}"}
	cmd.SysProcAttr = namespaces(65532, 65532)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("no mount namespace can be had here, as root or by a user namespace: %w", err)
	}
	return nil
}

// Command runs the image with a network, and nothing else, of this machine. The
// program that calls it becomes the container: it must import this package.
func (i *Image) Command(c Container) (*exec.Cmd, error) {
	user, group, _ := strings.Cut(i.User, ":")
	uid, err := strconv.Atoi(user)
	if err != nil {
		return nil, fmt.Errorf("the image's user %q is no number, and Kubernetes could not tell that it isn't root", i.User)
	}
	gid, err := strconv.Atoi(group)
	if err != nil {
		return nil, fmt.Errorf("the image's group: %w", err)
	}
	for target := range c.Mounts {
		if err := os.MkdirAll(filepath.Join(i.Root, target), 0o755); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(spec{Root: i.Root, Args: append(append([]string{}, i.Entrypoint...), c.Args...), Env: c.Env, Mounts: c.Mounts})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{inside + "=" + string(text)}
	cmd.SysProcAttr = namespaces(uid, gid)
	return cmd, nil
}

// namespaces gives a mount namespace to a process that has the image's user from its
// beginning, and the rights to set up the container until it becomes that.
func namespaces(uid, gid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWNS,
		Credential:  &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
		AmbientCaps: []uintptr{unix.CAP_DAC_READ_SEARCH, unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT},
	}
	if os.Geteuid() != 0 {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: os.Getegid(), Size: 1}}
	}
	return a
}
