package leader

import "github.com/prometheus/client_golang/prometheus"

// handovers are the requests that came to a replica which doesn't lead.
var handovers = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "rollcall_scim_handovers_total",
	Help: "SCIM requests that came to a replica which does not lead, by what became of them: answered (by the leader), " +
		"kept (it led by then), failed (503: no leader, or none that could be reached) or refused (503: too many waited already).",
}, []string{"result"})

// Values of the label result.
const (
	resultAnswered = "answered"
	resultKept     = "kept"
	resultFailed   = "failed"
	resultRefused  = "refused"
)

func init() {
	for _, result := range []string{resultAnswered, resultKept, resultFailed, resultRefused} {
		handovers.WithLabelValues(result) // a counter that isn't there can't be seen to rise
	}
}

// Collectors are the metrics of the fronts in this process.
func Collectors() []prometheus.Collector { return []prometheus.Collector{handovers} }
