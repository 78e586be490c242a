package leader

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// boottime is the time of the clock that goes on while the machine is suspended. Go's own
// stands still then, while others wait for the lease and take it. Its times have nothing
// to do with those of other clocks.
func boottime() time.Time {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(fmt.Sprintf("read the clock of the machine: %v", err)) // Linux has had it since 2011
	}
	return time.Unix(t.Unix())
}
