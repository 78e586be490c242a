package cluster

import "syscall"

// childAttributes makes the kernel end the child with this program, which a
// panicking or killed test can't do itself.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
