package cluster

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates. Each cluster has one, for its servers and users; a
// test may want others.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte
}

// NewAuthority makes an authority, which is good for a year.
func NewAuthority(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Authority{cert: cert, key: key, pem: encode("CERTIFICATE", der)}, nil
}

// PEM is the authority's own certificate, for those who shall trust it.
func (a *Authority) PEM() []byte { return a.pem }

// ServerCertificate makes the certificate of a server, which ends at some time, maybe
// a past one.
func (a *Authority) ServerCertificate(end time.Time, hosts ...string) (tls.Certificate, error) {
	cert, key, err := a.sign(pkix.Name{CommonName: hosts[0]}, end, hosts...)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// issue returns a certificate and its key as PEM, which are good for a year.
func (a *Authority) issue(subject pkix.Name, hosts ...string) (cert, key []byte, err error) {
	return a.sign(subject, time.Now().AddDate(1, 0, 0), hosts...)
}

// sign returns a certificate and its key as PEM. One with hosts is a server's, one
// without is a user's: common name and organizations are user and groups.
func (a *Authority) sign(subject pkix.Name, end time.Time, hosts ...string) (cert, key []byte, err error) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	start := time.Now().Add(-time.Hour)
	if end.Before(time.Now()) {
		start = end.Add(-time.Hour)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    start,
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, signer.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return nil, nil, err
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", pkcs8), nil
}

func (a *Authority) tls() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// makeCertificates writes what the processes read from files.
func (c *Cluster) makeCertificates(context.Context) (err error) {
	if err := os.MkdirAll(c.file("pki"), 0o700); err != nil {
		return err
	}
	if c.ca, err = NewAuthority("rollcall test cluster"); err != nil {
		return err
	}
	// Service account tokens are signed with RSA by default everywhere else.
	accounts, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"pki/ca.crt": c.ca.pem,
		"pki/sa.key": encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(accounts)),
	} {
		if err := os.WriteFile(c.file(name), text, 0o600); err != nil {
			return err
		}
	}
	return c.serverCertificate("pki", "apiserver.crt", "apiserver.key")
}

// serverCertificate writes a certificate for the loopback interface.
func (c *Cluster) serverCertificate(dir, certName, keyName string) error {
	cert, key, err := c.ca.issue(pkix.Name{CommonName: certName}, "localhost", "127.0.0.1", "kubernetes.default.svc")
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	if err := os.MkdirAll(c.file(dir), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.file(dir), certName), cert, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.file(dir), keyName), key, 0o600)
}
