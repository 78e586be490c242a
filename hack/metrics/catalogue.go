package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	_ "sigs.k8s.io/controller-runtime/pkg/manager" // registers the metrics of controllers and webhooks
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-dev/rollcall/controllers"
	"github.com/rollcall-dev/rollcall/internal/audit"
	"github.com/rollcall-dev/rollcall/internal/leader"
	"github.com/rollcall-dev/rollcall/internal/manager"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// metric is one line of the page.
type metric struct {
	name, help string
	// kind is counter, gauge or histogram; empty where nobody says.
	kind   string
	labels []string
}

// ours are the metrics of this repository, by name.
func ours() ([]metric, error) {
	scim := &captured{}
	server.New(nil, server.Options{Registerer: scim})
	audit.New(io.Discard, audit.Options{Registerer: scim})
	var all []metric
	for _, c := range slices.Concat(scim.collectors, controllers.Collectors(), leader.Collectors(), manager.Collectors(manager.Options{})) {
		metrics, err := describe(c)
		if err != nil {
			return nil, err
		}
		for _, m := range metrics {
			if m.kind = kindOf(c); m.kind == "" {
				return nil, fmt.Errorf("%s is a %T: of what kind is that?", m.name, c)
			}
			all = append(all, m)
		}
	}
	return sorted(all), nil
}

// libraries are the prefixes of the metrics, of those that come with the libraries,
// that say something of the operator; others are Go's own.
var libraries = []string{"controller_runtime_", "workqueue_", "leader_election_", "certwatcher_", "rest_client_"}

// fromLibraries are the metrics that controller-runtime serves beside own.
func fromLibraries(own []metric) ([]metric, error) {
	registry, ok := ctrlmetrics.Registry.(prometheus.Collector)
	if !ok {
		return nil, errors.New("the registry of controller-runtime can't be described")
	}
	all, err := describe(registry)
	if err != nil {
		return nil, err
	}
	registered := map[string]bool{}
	all = slices.DeleteFunc(all, func(m metric) bool {
		registered[m.name] = true
		return !slices.ContainsFunc(libraries, func(prefix string) bool { return strings.HasPrefix(m.name, prefix) })
	})
	for _, c := range slices.Concat(controllers.Collectors(), leader.Collectors()) {
		metrics, err := describe(c)
		if err != nil {
			return nil, err
		}
		for _, m := range metrics {
			if !registered[m.name] {
				return nil, fmt.Errorf("%s is not in the registry that is served", m.name)
			}
		}
	}
	for _, m := range own {
		delete(registered, m.name)
	}
	for name := range registered {
		if strings.HasPrefix(name, "rollcall_") {
			return nil, fmt.Errorf("%s is served, and in no package's Collectors", name)
		}
	}
	return sorted(all), nil
}

func sorted(all []metric) []metric {
	slices.SortFunc(all, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	return all
}

// kindOf knows collectors by what can be done with them.
func kindOf(c prometheus.Collector) string {
	switch c.(type) {
	case interface {
		WithLabelValues(...string) prometheus.Counter
	}:
		return "counter"
	case interface {
		WithLabelValues(...string) prometheus.Gauge
	}, prometheus.Gauge:
		return "gauge"
	case interface {
		WithLabelValues(...string) prometheus.Observer
	}, prometheus.Histogram:
		return "histogram"
	case prometheus.Counter:
		return "counter"
	}
	return ""
}

// A prometheus.Desc keeps what it says to itself but for its text.
var description = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), unit: "[^"]*", constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

func describe(c prometheus.Collector) ([]metric, error) {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		c.Describe(descs)
	}()
	var all []metric
	var errs []error
	for d := range descs {
		m, err := parse(d.String())
		all, errs = append(all, m), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func parse(text string) (metric, error) {
	parts := description.FindStringSubmatch(text)
	if parts == nil {
		return metric{}, fmt.Errorf("can't read %s", text)
	}
	name, err := strconv.Unquote(parts[1])
	if err != nil {
		return metric{}, err
	}
	help, err := strconv.Unquote(parts[2])
	if err != nil {
		return metric{}, err
	}
	m := metric{name: name, help: help}
	if parts[3] != "" {
		m.labels = strings.Split(parts[3], ",")
	}
	return m, nil
}

// captured keeps what is registered.
type captured struct{ collectors []prometheus.Collector }

// Register implements prometheus.Registerer.
func (r *captured) Register(c prometheus.Collector) error {
	r.collectors = append(r.collectors, c)
	return nil
}

// MustRegister implements prometheus.Registerer.
func (r *captured) MustRegister(c ...prometheus.Collector) { r.collectors = append(r.collectors, c...) }

// Unregister implements prometheus.Registerer.
func (*captured) Unregister(prometheus.Collector) bool { return false }
