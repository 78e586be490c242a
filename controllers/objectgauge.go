package controllers

import (
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// objectGauge keeps a gauge in step with what the reconcilers last saw of each object: how
// many there are of each kind, by labels that an object can change.
type objectGauge struct {
	*prometheus.GaugeVec
	mu     sync.Mutex
	byName map[string]share
	// count is how much there is by the joined labels.
	count map[string]float64
	// known are the joined labels whose series are there when they say zero.
	known map[string]bool
}

// share is what one object adds to a gauge.
type share struct {
	amount float64
	labels []string
}

func newObjectGauge(name, help string, labels ...string) *objectGauge {
	return &objectGauge{
		GaugeVec: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels),
		byName:   map[string]share{}, count: map[string]float64{}, known: map[string]bool{},
	}
}

// knowing shows zero for these values of the label: what is not there can't be seen to
// rise.
func (t *objectGauge) knowing(values ...string) *objectGauge {
	for _, v := range values {
		t.known[join(v)] = true
		t.WithLabelValues(v).Set(0)
	}
	return t
}

func join(labels ...string) string { return strings.Join(labels, "\x00") }

// put says what an object adds from now on; nothing takes it out.
func (t *objectGauge) put(name string, amount float64, labels ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, known := t.byName[name]
	if known && slices.Equal(old.labels, labels) {
		if old.amount != amount {
			t.add(share{amount - old.amount, labels})
		}
	} else {
		// The new place first: nothing is to look gone that has moved.
		if amount != 0 {
			t.add(share{amount, labels})
		}
		if known {
			t.add(share{-old.amount, old.labels})
		}
	}
	delete(t.byName, name)
	if amount != 0 {
		t.byName[name] = share{amount, labels}
	}
}

// one is the amount of an object that counts if it is something.
func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// drop takes an object out.
func (t *objectGauge) drop(name string) { t.put(name, 0) }

// add leaves no series behind that says zero, but of known labels: providers go.
func (t *objectGauge) add(s share) {
	key := join(s.labels...)
	t.count[key] += s.amount
	if t.count[key] == 0 && !t.known[key] {
		delete(t.count, key)
		t.DeleteLabelValues(s.labels...)
		return
	}
	t.WithLabelValues(s.labels...).Set(t.count[key])
}
