package cluster

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttributes makes the kernel end the child with this program, which a
// panicking or killed test can't do itself.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitStop returns when a child has been stopped by a signal. It leaves its end to
// whoever waits for that.
func awaitStop(pid int) error {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED, nil); err != unix.EINTR {
			return err
		}
	}
}
