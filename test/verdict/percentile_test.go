package verdict

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	var hundred Durations
	for i := 100; i > 0; i-- {
		hundred = append(hundred, time.Duration(i))
	}
	for _, c := range []struct {
		name string
		d    Durations
		p    int
		want time.Duration
	}{
		{"none", nil, 50, 0},
		{"one", Durations{7}, 99, 7},
		{"the middle of two is the lower", Durations{2, 1}, 50, 1},
		{"a hundred, p50", hundred, 50, 50},
		{"a hundred, p99", hundred, 99, 99},
		{"a hundred, p100", hundred, 100, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.d.Percentile(c.p); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
