package tracing

import (
	"fmt"
	"net/url"
	"os"
	"strings"
)

// Options of Start.
type Options struct {
	// Endpoint is the collector's base URL, such as http://collector:4318, which gets
	// traces as OTLP over HTTP at /v1/traces. Empty leaves it to the environment
	// (OTEL_EXPORTER_OTLP_ENDPOINT and its kin); if that says nothing either, nothing is
	// traced.
	Endpoint string
	// Ratio of requests that are traced, from 0 to 1. OTEL_TRACES_SAMPLER comes first.
	Ratio float64
	// TrustClients puts a request into the trace that its client says (traceparent), and
	// traces it if the client does.
	TrustClients bool
}

// Enabled says whether anything is traced.
func (o Options) Enabled() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return o.Endpoint != "" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Validate says what is wrong with the options.
func (o Options) Validate() error {
	if !(o.Ratio >= 0 && o.Ratio <= 1) {
		return fmt.Errorf("--trace-sampling-ratio %v: want a number from 0 to 1", o.Ratio)
	}
	if o.Endpoint == "" {
		return nil
	}
	_, err := o.url()
	return err
}

// url is where the exporter sends to.
func (o Options) url() (string, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("--otlp-endpoint %q: want a scheme and a host, such as http://collector:4318", o.Endpoint)
	}
	return u.JoinPath("v1", "traces").String(), nil
}
