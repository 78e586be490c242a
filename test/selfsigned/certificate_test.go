//go:build integration

package selfsigned_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// pair is a certificate and its key, as DER.
type pair struct{ certificate, key []byte }

func newRSA() crypto.Signer {
	GinkgoHelper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	Expect(err).NotTo(HaveOccurred())
	return key
}

func newECDSA() crypto.Signer {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	return key
}

// issue signs a certificate with its own key.
func issue(key crypto.Signer) pair {
	GinkgoHelper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{"scim.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	private, err := x509.MarshalPKCS8PrivateKey(key)
	Expect(err).NotTo(HaveOccurred())
	return pair{certificate, private}
}

// mount puts a pair into a folder as a kubelet does: all files change at once, because
// they are links by way of one folder that is replaced.
func mount(dir string, p pair) {
	GinkgoHelper()
	data, err := os.MkdirTemp(dir, "..")
	Expect(err).NotTo(HaveOccurred())
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: p.certificate}, "tls.key": {Type: "PRIVATE KEY", Bytes: p.key},
	} {
		Expect(os.WriteFile(filepath.Join(data, name), pem.EncodeToMemory(block), 0o600)).To(Succeed())
		if _, err := os.Lstat(filepath.Join(dir, name)); os.IsNotExist(err) {
			Expect(os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name))).To(Succeed())
		}
	}
	next := filepath.Join(dir, "..next")
	Expect(os.Symlink(filepath.Base(data), next)).To(Succeed())
	Expect(os.Rename(next, filepath.Join(dir, "..data"))).To(Succeed())
}
