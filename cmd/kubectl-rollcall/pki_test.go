//go:build integration

package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

// pki is a certificate authority, whose certificate is in a file.
type pki struct {
	path      string
	authority *cluster.Authority
}

func newPKI(dir string) *pki {
	GinkgoHelper()
	authority, err := cluster.NewAuthority("Contoso Root")
	Expect(err).NotTo(HaveOccurred())
	p := &pki{filepath.Join(dir, "ca.crt"), authority}
	Expect(os.WriteFile(p.path, authority.PEM(), 0o600)).To(Succeed())
	return p
}

// issue makes a certificate for a host that ends at some time.
func (p *pki) issue(host string, end time.Time) tls.Certificate {
	GinkgoHelper()
	certificate, err := p.authority.ServerCertificate(end, host)
	Expect(err).NotTo(HaveOccurred())
	return certificate
}
