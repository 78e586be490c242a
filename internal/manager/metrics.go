package manager

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-dev/rollcall/internal/leader"
)

func init() { metrics.Registry.MustRegister(leader.Collectors()...) }

// Collectors are the metrics of a replica as a process.
func Collectors(o Options) []prometheus.Collector {
	folders := map[string]string{}
	if o.Webhooks {
		folders["webhook"] = o.WebhookCertDir
	}
	if o.SCIMCertDir != "" {
		folders["scim"] = o.SCIMCertDir
	}
	return []prometheus.Collector{newCertificateExpiry(folders)}
}

// certificateExpiry reads the certificates that a replica serves with, whoever renews
// them. One that can't be read has no series.
type certificateExpiry struct {
	*prometheus.GaugeVec
	mu sync.Mutex
	// folders with a tls.crt, by what it is for.
	folders map[string]string
}

func newCertificateExpiry(folders map[string]string) *certificateExpiry {
	return &certificateExpiry{folders: folders, GaugeVec: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "rollcall_certificate_expiry_timestamp_seconds",
		Help: "Unix time at which a certificate ends that this replica serves with: webhook or scim.",
	}, []string{"certificate"})}
}

// Collect implements prometheus.Collector.
func (c *certificateExpiry) Collect(series chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Reset()
	for name, folder := range c.folders {
		if leaf, err := readLeaf(filepath.Join(folder, "tls.crt")); err == nil {
			c.WithLabelValues(name).Set(float64(leaf.NotAfter.Unix()))
		}
	}
	c.GaugeVec.Collect(series)
}

// readLeaf reads the first certificate of a PEM file, which is the server's own.
func readLeaf(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}
