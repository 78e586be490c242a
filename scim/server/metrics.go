package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics has labels whose values are few and known: a provider only when it
// exists, never anything else from a request.
type metrics struct {
	requests      *prometheus.CounterVec
	errors        *prometheus.CounterVec
	duration      *prometheus.HistogramVec
	inFlight      prometheus.Gauge
	authFailures  *prometheus.CounterVec
	throttled     *prometheus.CounterVec
	panics        prometheus.Counter
	replacedToOne *prometheus.CounterVec
}

// newMetrics makes the metrics; without a registerer nobody reads them.
func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	m := &metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_scim_requests_total",
			Help: "SCIM requests by identity provider, method, resource and status code.",
		}, []string{"provider", "method", "resource", "code"}),
		errors: f.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_scim_errors_total",
			Help: "SCIM error answers by identity provider, status code and scimType.",
		}, []string{"provider", "code", "scim_type"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "rollcall_scim_request_duration_seconds",
			Help:    "Time from a SCIM request's headers to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"method", "resource"}),
		inFlight: f.NewGauge(prometheus.GaugeOpts{
			Name: "rollcall_scim_requests_in_flight",
			Help: "SCIM requests being worked on.",
		}),
		authFailures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_scim_authentication_failures_total",
			Help: "SCIM requests without a valid token, by the identity provider they were for and reason: missing, expired, or unknown, " +
				"which a revoked one and another provider's are too.",
		}, []string{"provider", "reason"}),
		throttled: f.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_scim_throttled_total",
			Help: "SCIM requests refused because of a limit: in_flight, provider, memory, bulks, member_lists, rate or authentication.",
		}, []string{"reason"}),
		panics: f.NewCounter(prometheus.CounterOpts{
			Name: "rollcall_scim_panics_total",
			Help: "Panics in SCIM requests. Each is a bug.",
		}),
		replacedToOne: f.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_scim_group_replaced_to_one_member_total",
			Help: "Groups of several members that a request replaced by a single one. Some clients send this when they mean to add a member.",
		}, []string{"provider"}),
	}
	for _, reason := range []string{limitInFlight, limitProvider, limitMemory, limitBulks, limitMemberLists, limitRate, limitAuthentication} {
		m.throttled.WithLabelValues(reason) // a counter that isn't there can't be seen to rise
	}
	return m
}

// Limits, as values of a label.
const (
	limitInFlight       = "in_flight"
	limitProvider       = "provider"
	limitMemory         = "memory"
	limitBulks          = "bulks"
	limitMemberLists    = "member_lists"
	limitRate           = "rate"
	limitAuthentication = "authentication"
)

func (m *metrics) observe(x *exchange, res response, took time.Duration) {
	verb, resource, code := methodLabel(x.Method), x.target.resource(), strconv.Itoa(res.status)
	m.requests.WithLabelValues(x.provider, verb, resource, code).Inc()
	m.duration.WithLabelValues(verb, resource).Observe(took.Seconds())
	if res.status >= http.StatusBadRequest {
		m.errors.WithLabelValues(x.provider, code, string(res.scimType)).Inc()
	}
}

// methodLabel keeps methods that somebody made up out of the labels.
func methodLabel(verb string) string {
	switch verb {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodHead, http.MethodOptions:
		return verb
	}
	return "other"
}
