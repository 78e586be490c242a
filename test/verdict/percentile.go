package verdict

import (
	"fmt"
	"slices"
	"time"
)

// Durations are measured times.
type Durations []time.Duration

// Percentile returns the smallest time that p percent of all times don't exceed;
// 0 without any.
func (d Durations) Percentile(p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Clone(d)
	slices.Sort(sorted)
	// The nearest rank: the 99th of 200 times is the 198th, not beyond the last.
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank-1, 0)]
}

// String gives the middle and the worst of them.
func (d Durations) String() string {
	return fmt.Sprintf("p50 %s, p99 %s, n %d", round(d.Percentile(50)), round(d.Percentile(99)), len(d))
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
