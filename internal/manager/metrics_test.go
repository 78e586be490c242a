package manager

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCertificateExpiry(t *testing.T) {
	folder, end := t.TempDir(), time.Now().Add(24*time.Hour).Truncate(time.Second)
	registry := prometheus.NewRegistry()
	registry.MustRegister(Collectors(Options{Webhooks: true, WebhookCertDir: folder, SCIMCertDir: t.TempDir()})...)
	if n, err := testutil.GatherAndCount(registry); n != 0 || err != nil {
		t.Errorf("%d series without a certificate, %v", n, err)
	}
	for _, left := range []time.Duration{0, 24 * time.Hour} { // renewed in between
		writeCertificate(t, filepath.Join(folder, "tls.crt"), end.Add(left))
		want := fmt.Sprintf(`# HELP rollcall_certificate_expiry_timestamp_seconds Unix time at which a certificate ends that this replica serves with: webhook or scim.
# TYPE rollcall_certificate_expiry_timestamp_seconds gauge
rollcall_certificate_expiry_timestamp_seconds{certificate="webhook"} %v
`, float64(end.Add(left).Unix()))
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	}
}

func writeCertificate(t *testing.T, path string, end time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
