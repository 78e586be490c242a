package leader

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/rest"
)

// ADR 0016: a machine that was suspended counts that time. Of the clocks of Linux,
// CLOCK_BOOTTIME does.
func TestALeaseCountsTheTimeInWhichTheMachineIsSuspended(t *testing.T) {
	t.Parallel()
	l, err := NewLease(&rest.Config{}, "rollcall-system", "rollcall-manager", "10.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	read := func() time.Time {
		var boot unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
			t.Fatal(err)
		}
		return time.Unix(boot.Unix())
	}
	if before, now, after := read(), l.now(), read(); now.Before(before) || now.After(after) {
		t.Errorf("the lease counts by another clock: %s is not between %s and %s", now, before, after)
	}
}
