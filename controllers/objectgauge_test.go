package controllers

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestObjectGauge(t *testing.T) {
	t.Parallel()
	c := newObjectGauge("things", "Things by place.", "place")
	expect := func(what string, series int, want map[string]float64) {
		t.Helper()
		if n := testutil.CollectAndCount(c); n != series {
			t.Errorf("%s: %d series, want %d", what, n, series)
		}
		for place, n := range want {
			if got := testutil.ToFloat64(c.WithLabelValues(place)); got != n {
				t.Errorf("%s: %s has %v, want %v", what, place, got, n)
			}
		}
	}
	c.put("a", 1, "here")
	c.put("b", 2, "here")
	c.put("a", 1, "here")
	expect("two of them, one seen twice", 1, map[string]float64{"here": 3})
	c.put("a", 1, "there")
	expect("one has moved", 2, map[string]float64{"here": 2, "there": 1})
	c.put("b", 5, "here")
	expect("one has grown", 2, map[string]float64{"here": 5, "there": 1})
	c.drop("a")
	c.drop("a")
	expect("one is gone, twice", 1, map[string]float64{"here": 5})
	c.put("b", 0, "here")
	c.drop("nobody")
	expect("nothing is left", 0, nil)
	c.knowing("here", "there")
	expect("known places", 2, map[string]float64{"here": 0, "there": 0})
	c.put("a", 1, "here")
	c.put("b", 1, "elsewhere")
	c.drop("a")
	c.drop("b")
	expect("nothing is left there", 2, map[string]float64{"here": 0, "there": 0})
}
