package leader

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestHandoversAreCounted(t *testing.T) {
	counted := func() map[string]float64 {
		all := map[string]float64{}
		for _, result := range []string{resultAnswered, resultKept, resultFailed, resultRefused} {
			all[result] = testutil.ToFloat64(handovers.WithLabelValues(result))
		}
		return all
	}
	h := newHouse(t, 2)
	h.lead(t, 0)
	before := counted()
	expect := func(what string, result string, want float64) {
		t.Helper()
		for r, n := range counted() {
			if grown := n - before[r]; (r == result && grown != want) || (r != result && grown != 0) {
				t.Errorf("%s: %s grew by %v", what, r, grown)
			}
		}
		before = counted()
	}
	h.send(t, 0, "to the leader")
	expect("the leader's own", resultAnswered, 0)
	h.send(t, 1, "to the other")
	h.send(t, 1, "to the other")
	expect("handed over", resultAnswered, 2)
	h.fronts[0].SetReady(false)
	h.fronts[1].patience = 50 * time.Millisecond
	h.send(t, 1, "to nobody")
	expect("nobody answers", resultFailed, 1)
	for range maxForwarded {
		h.fronts[1].held <- struct{}{}
	}
	h.send(t, 1, "one too many")
	expect("too many wait", resultRefused, 1)
}
