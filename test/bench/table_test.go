package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/test/verdict"
)

func samples(rates ...float64) []sample {
	var list []sample
	for _, r := range rates {
		list = append(list, sample{rate: r, times: verdict.Durations{time.Millisecond}})
	}
	return list
}

func TestRatioIsTheMedianOfTheRounds(t *testing.T) {
	for _, c := range []struct {
		name string
		row  row
		want float64
	}{
		{"nothing measured", row{}, 0},
		{"one round", row{raw: samples(100), scim: samples(50)}, 0.5},
		{"one slow round of both sides", row{raw: samples(100, 10, 100), scim: samples(80, 8, 60)}, 0.8},
		{"two rounds", row{raw: samples(100, 100), scim: samples(60, 80)}, 0.7},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.row.ratio(); math.Abs(got-c.want) > 1e-9 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	(&table{rows: []row{{name: "create", raw: samples(400), scim: samples(200)}}}).print(&out)
	for _, text := range []string{"create", "400", "200", "0.50", "1.0 ms"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q isn't in\n%s", text, out.String())
		}
	}
}
