package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/rollcall-dev/rollcall/test/verdict"
)

// row compares the two sides, round by round.
type row struct {
	name      string
	raw, scim []sample
}

// ratio is the median of the rounds' ratios: the machine's mood of a round is in
// both of its halves.
func (r row) ratio() float64 {
	var all []float64
	for i := range min(len(r.raw), len(r.scim)) {
		all = append(all, r.scim[i].rate/r.raw[i].rate)
	}
	return median(all)
}

type table struct{ rows []row }

func (t *table) print(out io.Writer) {
	fmt.Fprintf(out, "\n%-42s %8s %9s %6s %9s %9s\n", "Requests each second", "raw", "SCIM", "ratio", "p50", "p99")
	for _, r := range t.rows {
		times := pooled(r.scim)
		p50, p99 := "", ""
		if len(times) > 0 {
			p50, p99 = milliseconds(times.Percentile(50)), milliseconds(times.Percentile(99))
		}
		fmt.Fprintf(out, "%-42s %8.0f %9.0f %6.2f %9s %9s\n",
			r.name, median(rates(r.raw)), median(rates(r.scim)), r.ratio(), p50, p99)
	}
	fmt.Fprintln(out, "raw is the API server alone: a create, a GET by name, a merge patch of one membership.")
}

func rates(samples []sample) []float64 {
	var list []float64
	for _, s := range samples {
		list = append(list, s.rate)
	}
	return list
}

func pooled(samples []sample) verdict.Durations {
	var all verdict.Durations
	for _, s := range samples {
		all = append(all, s.times...)
	}
	return all
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
