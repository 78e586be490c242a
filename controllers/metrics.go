package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	projectionLag = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "rollcall_projection_lag_seconds",
		Help: "Time from the first change that concerns an AccessRule or a permission level until its bindings were in step, by reconcile.",
		// From a write on an idle cluster to a full sync on a busy one.
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	})
	usersByState = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "rollcall_users",
		Help: "ProvisionedUsers by identity provider (local for none) and effective state.",
	}, []string{"provider", "state"})
	tokenExpiry = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "rollcall_token_expiry_timestamp_seconds",
		Help: "When the token ends that the identity provider uses, as Unix time: of those in use the one that ends first or, as long as none was presented, the one that lives longest.",
	}, []string{"provider", "token"})
	eventsDropped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_events_dropped_total",
		Help: "Kubernetes Events that were not recorded because there were too many at once, by type: Normal or Warning.",
	}, []string{"type"})
)

func init() {
	metrics.Registry.MustRegister(projectionLag, usersByState, tokenExpiry, eventsDropped)
}
