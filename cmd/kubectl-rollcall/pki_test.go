//go:build integration

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// pki is a certificate authority, whose certificate is in a file.
type pki struct {
	path string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newPKI(dir string) *pki {
	GinkgoHelper()
	p := &pki{path: filepath.Join(dir, "ca.crt")}
	p.cert = &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "Contoso Root"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := p.sign(p.cert)
	Expect(os.WriteFile(p.path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)).To(Succeed())
	return p
}

// issue makes a certificate for a host that ends at some time.
func (p *pki) issue(host string, end time.Time) tls.Certificate {
	GinkgoHelper()
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: end.Add(-100 * 24 * time.Hour), NotAfter: end,
	}
	return tls.Certificate{Certificate: [][]byte{p.sign(leaf)}, PrivateKey: p.key}
}

// sign signs with the authority's key, which the first call makes; leaves share it.
func (p *pki) sign(c *x509.Certificate) []byte {
	GinkgoHelper()
	var err error
	if p.key == nil {
		p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		Expect(err).NotTo(HaveOccurred())
	}
	der, err := x509.CreateCertificate(rand.Reader, c, p.cert, p.key.Public(), p.key)
	Expect(err).NotTo(HaveOccurred())
	return der
}
