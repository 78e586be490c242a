package manager

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rollcall-dev/rollcall/internal/tracing"
)

// Options of the manager. Addresses are host:port; "0" switches the endpoint
// off where that is said.
type Options struct {
	// Namespace that the manager runs in: its token Secrets and its lease.
	Namespace string
	// ExternalURL is the scheme and host under which identity providers reach
	// the SCIM endpoint.
	ExternalURL string
	// AdvertiseAddress is where other replicas reach this one's SCIM endpoint; empty
	// for SCIMAddress, which has to name a host then.
	AdvertiseAddress string
	// SCIMCertDir has the tls.crt and tls.key that SCIM is served with; empty for
	// plain HTTP.
	SCIMCertDir string
	// TrustForwarded believes the forwarding headers of the proxy in front.
	TrustForwarded bool
	// SCIMAddress serves SCIM.
	SCIMAddress string
	// MetricsAddress serves Prometheus metrics; "0" for none.
	MetricsAddress string
	// HealthAddress serves /healthz and /readyz; "0" for none.
	HealthAddress string
	// PprofAddress serves Go's profiles; "0" for none. They tell secrets.
	PprofAddress string
	// LeaderElection lets several replicas run, of which one is at work.
	LeaderElection bool
	// Webhooks serves admission webhooks.
	Webhooks bool
	// WebhookPort and WebhookCertDir are where, and with which tls.crt and
	// tls.key.
	WebhookPort    int
	WebhookCertDir string
	// SelfSigned makes the manager see to the certificate of its webhooks: it writes
	// the Secret that is mounted at WebhookCertDir, renews it, and tells the API
	// server whom to trust.
	SelfSigned bool
	// ProvisioningLog is the file that gets an event for each SCIM write; "-" for the
	// standard output, empty for none.
	ProvisioningLog string
	// ProvisioningLogValues puts personal data into these events.
	ProvisioningLogValues bool
	// Tracing says which requests are traced, and who is told.
	Tracing tracing.Options
	// AttachmentRetention is how long a RoleAttachment is kept after its end.
	AttachmentRetention time.Duration
	// AuthorRecheck is how often the authors of AccessRules are asked about.
	AuthorRecheck time.Duration
}

// BindFlags adds a flag for each option.
func (o *Options) BindFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.Namespace, "namespace", envOr("POD_NAMESPACE", "rollcall-system"),
		"namespace of the manager, its lease and its token Secrets")
	fs.StringVar(&o.ExternalURL, "external-url", "",
		"scheme and host of Tenant URLs, such as https://scim.example.com")
	fs.BoolVar(&o.TrustForwarded, "trust-forwarded", false,
		"believe X-Forwarded-Proto and X-Forwarded-For; only behind a proxy that sets both")
	fs.StringVar(&o.SCIMAddress, "scim-bind-address", ":8080", "address of the SCIM endpoint")
	fs.StringVar(&o.AdvertiseAddress, "advertise-address", "",
		"host:port under which other replicas reach the SCIM endpoint; by default $POD_IP with the port of --scim-bind-address")
	fs.StringVar(&o.SCIMCertDir, "scim-cert-dir", "",
		"folder with tls.crt and tls.key for the SCIM endpoint, read again when they change; without it, plain HTTP for a proxy in front")
	fs.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8081", `address of the metrics endpoint, "0" for none`)
	fs.StringVar(&o.HealthAddress, "health-probe-bind-address", ":8082", `address of the probes, "0" for none`)
	fs.StringVar(&o.PprofAddress, "pprof-bind-address", "0", `loopback address of Go's profiles, "0" for none`)
	fs.BoolVar(&o.LeaderElection, "leader-elect", false, "elect a leader among several replicas")
	fs.BoolVar(&o.Webhooks, "webhooks", true, "serve admission webhooks")
	fs.IntVar(&o.WebhookPort, "webhook-port", 9443, "port of the admission webhooks")
	fs.StringVar(&o.WebhookCertDir, "webhook-cert-dir", "/tmp/k8s-webhook-server/serving-certs",
		"folder with tls.crt and tls.key for the admission webhooks")
	fs.BoolVar(&o.SelfSigned, "self-signed-certificates", false,
		"make and renew the certificate of the admission webhooks, in the Secret rollcall-webhook; otherwise somebody else has to, such as cert-manager")
	fs.StringVar(&o.ProvisioningLog, "provisioning-log", "-",
		`file that gets an event for each SCIM write, as a line of JSON; "-" for the standard output, empty for none`)
	fs.BoolVar(&o.ProvisioningLogValues, "provisioning-log-values", false,
		"put values into the provisioning log: names, e-mail addresses and other personal data")
	fs.StringVar(&o.Tracing.Endpoint, "otlp-endpoint", "",
		"base URL of an OpenTelemetry collector that gets traces of SCIM requests, such as http://collector:4318; by default $OTEL_EXPORTER_OTLP_ENDPOINT, or nothing is traced")
	fs.Float64Var(&o.Tracing.Ratio, "trace-sampling-ratio", 1, "part of the SCIM requests that is traced, from 0 to 1")
	fs.BoolVar(&o.Tracing.TrustClients, "trust-traceparent", false,
		"believe the traceparent header of SCIM clients, and trace what they do; only behind a proxy that sets it")
	fs.DurationVar(&o.AttachmentRetention, "expired-attachment-retention", 720*time.Hour,
		"how long a RoleAttachment is kept after its expiresAt")
	fs.DurationVar(&o.AuthorRecheck, "author-recheck-interval", time.Minute,
		"how often to ask the API server whether the author of each AccessRule may still bind what it gives")
}

func (o *Options) validate() error {
	if o.Namespace == "" {
		return errors.New("--namespace must not be empty")
	}
	if o.AttachmentRetention <= 0 {
		return fmt.Errorf("--expired-attachment-retention %s: want more than nothing, such as 720h", o.AttachmentRetention)
	}
	if err := o.Tracing.Validate(); err != nil {
		return err
	}
	if o.AuthorRecheck < time.Second {
		return fmt.Errorf("--author-recheck-interval %s: want a second or more, such as 1m", o.AuthorRecheck)
	}
	if o.LeaderElection {
		address, err := o.advertised()
		if err != nil {
			return err
		}
		o.AdvertiseAddress = address
	}
	if o.ExternalURL == "" {
		return nil
	}
	u, err := url.Parse(o.ExternalURL)
	if err != nil {
		return fmt.Errorf("--external-url: %w", err)
	}
	if u.User != nil {
		return errors.New("--external-url: want a scheme and a host alone: everybody is shown it, with the name and password in it")
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--external-url %q: want a scheme and a host, such as https://scim.example.com", o.ExternalURL)
	}
	o.ExternalURL = strings.TrimSuffix(o.ExternalURL, "/")
	return nil
}

// advertised is where other replicas reach this one.
func (o *Options) advertised() (string, error) {
	if o.AdvertiseAddress != "" {
		if host, port, err := net.SplitHostPort(o.AdvertiseAddress); err != nil || host == "" || port == "" {
			return "", fmt.Errorf("--advertise-address %q: want a host and a port, such as 10.0.0.7:8080", o.AdvertiseAddress)
		}
		return o.AdvertiseAddress, nil
	}
	host, port, err := net.SplitHostPort(o.SCIMAddress)
	if err != nil {
		return "", fmt.Errorf("--scim-bind-address %q: want a host and a port, such as :8080", o.SCIMAddress)
	}
	if host = envOr("POD_IP", host); host == "" {
		return "", errors.New("--leader-elect: other replicas must know where this one is: set --advertise-address, or POD_IP in the environment")
	}
	return net.JoinHostPort(host, port), nil
}

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}
