package image

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// inside is the variable that tells a program to become a container.
const inside = "ROLLCALL_CONTAINER"

// spec is what the container is made of.
type spec struct {
	Root      string
	Args, Env []string
	Mounts    map[string]string
}

func init() {
	text, ok := os.LookupEnv(inside)
	if !ok {
		return
	}
	if err := become(text); err != nil {
		fmt.Fprintln(os.Stderr, "container:", err)
		os.Exit(125) // what container engines answer when it is their fault
	}
	os.Exit(0)
}

// become turns this process into the container's. An empty spec is a question
// whether it could.
func become(text string) error {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to itself: %w", err)
	}
	if s.Root == "" {
		return nil
	}
	if err := bind(s.Root, s.Root); err != nil {
		return err
	}
	for target, source := range s.Mounts {
		if err := bind(source, filepath.Join(s.Root, target)); err != nil {
			return err
		}
	}
	if err := unix.Chroot(s.Root); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	// allowPrivilegeEscalation: false
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("refuse new privileges: %w", err)
	}
	if err := unix.Exec(s.Args[0], s.Args, s.Env); err != nil {
		return fmt.Errorf("run %s: %w", s.Args[0], err)
	}
	return nil
}

// bind mounts a folder so that nothing is written through it.
func bind(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(target, &fs); err != nil {
		return err
	}
	// What the machine forbids there, a user namespace may not allow.
	kept := uintptr(fs.Flags) & (unix.ST_NOSUID | unix.ST_NODEV | unix.ST_NOEXEC | unix.ST_NOATIME | unix.ST_NODIRATIME)
	if fs.Flags&unix.ST_RELATIME != 0 {
		kept |= unix.MS_RELATIME
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|kept, ""); err != nil {
		return fmt.Errorf("mount %s read-only: %w", target, err)
	}
	return nil
}
