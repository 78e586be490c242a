package leader

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/rollcall-dev/rollcall/scim/server"
)

const (
	// dialTimeout is for a replica whose node is gone.
	dialTimeout = time.Second
	// idlePeers is how many connections to the leader are kept.
	idlePeers = 64
)

// Peers reaches other replicas.
type Peers struct {
	transport *http.Transport
	// through takes the requests; the transport, or what sends by it.
	through http.RoundTripper
	dialer  *net.Dialer
}

// NewPeers reaches replicas that serve as this one does. certificate returns what this
// one serves with; nil where SCIM is served without TLS.
func NewPeers(certificate func() (*tls.Certificate, error)) Peers {
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		DialContext:         dialer.DialContext,
		MaxIdleConnsPerHost: idlePeers,
		IdleConnTimeout:     server.IdleTimeout / 2,
		TLSHandshakeTimeout: dialTimeout,
		DisableCompression:  true,
		// The leader asks for a body when it has let the request in.
		ExpectContinueTimeout: server.RequestTimeout,
		// A request takes no longer, and whoever sent it waits for us.
		ResponseHeaderTimeout: server.RequestTimeout + dialTimeout,
	}
	if certificate != nil {
		transport.TLSClientConfig = &tls.Config{
			MinVersion: tls.VersionTLS12,
			// Replicas are reached by address, for which no certificate is made. What is
			// asked instead is in verify.
			InsecureSkipVerify: true, //nolint:gosec // VerifyConnection verifies
			VerifyConnection:   func(s tls.ConnectionState) error { return verify(s, certificate) },
		}
	}
	return Peers{transport: transport, through: transport, dialer: dialer}
}

// Wrap returns the same peers, with all requests to them going through something.
func (p Peers) Wrap(through func(http.RoundTripper) http.RoundTripper) Peers {
	p.through = through(p.through)
	return p
}

func (p Peers) scheme() string {
	if p.transport.TLSClientConfig == nil {
		return "http"
	}
	return "https"
}

// Reach says why a replica can't be reached at an address, or is not known for one.
func (p Peers) Reach(ctx context.Context, address string) error {
	connection, err := p.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if p.transport.TLSClientConfig == nil {
		return nil
	}
	return tls.Client(connection, p.transport.TLSClientConfig).HandshakeContext(ctx)
}

// verify lets a replica pass that serves the name that this one serves: by the same
// certificate, or by another one that the system or the issuer of ours trusts, as
// while certificates are being renewed.
func verify(s tls.ConnectionState, certificate func() (*tls.Certificate, error)) error {
	own, err := certificate()
	if err != nil {
		return fmt.Errorf("read our own certificate: %w", err)
	}
	leaf, roots, err := trust(own)
	if err != nil {
		return err
	}
	if len(s.PeerCertificates) == 0 {
		return errors.New("the other replica has no certificate")
	}
	peer := s.PeerCertificates[0]
	if peer.Equal(leaf) {
		return nil
	}
	if len(leaf.DNSNames) == 0 {
		return errors.New("the other replica has another certificate, and ours names no host")
	}
	intermediates := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err = peer.Verify(x509.VerifyOptions{DNSName: leaf.DNSNames[0], Roots: roots, Intermediates: intermediates})
	return err
}

// trust are our own leaf, and the system's roots with the issuers that our chain
// has.
func trust(own *tls.Certificate) (leaf *x509.Certificate, roots *x509.CertPool, err error) {
	if roots, err = x509.SystemCertPool(); err != nil {
		roots = x509.NewCertPool()
	}
	for i, raw := range own.Certificate {
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, nil, fmt.Errorf("read our own certificate: %w", err)
		}
		if i == 0 {
			leaf = c
		} else {
			roots.AddCert(c)
		}
	}
	if leaf == nil {
		return nil, nil, errors.New("we have no certificate")
	}
	return leaf, roots, nil
}
