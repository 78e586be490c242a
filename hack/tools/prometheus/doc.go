// Package prometheus holds the alerts and the dashboard against Prometheus' own
// parser and engine: whether they are PromQL, whether the metrics and labels exist that
// they ask for, and whether each alert fires when it should and at no other time. It is
// a module of its own, so that the operator does not depend on Prometheus.
package prometheus
