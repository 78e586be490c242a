package leader

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// issued is a certificate with the chain that comes with it.
type issued struct {
	tls.Certificate
	x509 *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate; without an issuer it signs itself.
func issue(t *testing.T, host string, issuer *issued) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host + " " + rand.Text()}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: issuer == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	parent, signer, chain := template, key, [][]byte(nil)
	if issuer != nil {
		parent, signer, chain = issuer.x509, issuer.key, issuer.Certificate.Certificate
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{tls.Certificate{Certificate: append([][]byte{raw}, chain...), PrivateKey: key}, parsed, key}
}

// A request that is handed over carries a token: it goes to nobody but a replica.
func TestPeersWithTLS(t *testing.T) {
	t.Parallel()
	authority := issue(t, "authority", nil)
	own := issue(t, "scim.example.com", authority)
	for name, tc := range map[string]struct {
		other   *issued
		trusted bool
	}{
		"the same certificate":                        {own, true},
		"renewed by the same issuer":                  {issue(t, "scim.example.com", authority), true},
		"another host's, of the same issuer":          {issue(t, "evil.example.com", authority), false},
		"the same host's, of somebody else":           {issue(t, "scim.example.com", issue(t, "another", nil)), false},
		"the same host's, which its owner has signed": {issue(t, "scim.example.com", nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.TLS = &tls.Config{Certificates: []tls.Certificate{tc.other.Certificate}, MinVersion: tls.VersionTLS12}
			server.StartTLS()
			t.Cleanup(server.Close)
			peers := NewPeers(func() (*tls.Certificate, error) { return &own.Certificate, nil })
			if err := peers.Reach(t.Context(), server.Listener.Addr().String()); (err == nil) != tc.trusted {
				t.Errorf("Reach: %v, want trusted = %v", err, tc.trusted)
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, peers.scheme()+"://"+server.Listener.Addr().String(), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := peers.transport.RoundTrip(request)
			if err == nil {
				_ = response.Body.Close()
			}
			if (err == nil) != tc.trusted {
				t.Errorf("error %v, want trusted = %v", err, tc.trusted)
			}
		})
	}
}
