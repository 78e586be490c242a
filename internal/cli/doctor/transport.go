package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// dialTimeout bounds a connection, patience one answer.
	dialTimeout = 10 * time.Second
	patience    = 15 * time.Second
	// renewal is how long before its end a certificate should have been renewed.
	renewal = 14 * 24 * time.Hour
)

// resolves looks the host up, as this machine sees it.
func (d *Doctor) resolves(ctx context.Context, base *url.URL) bool {
	const check = "dns"
	host := base.Hostname()
	if ip := net.ParseIP(host); ip != nil {
		if ip.IsLoopback() || ip.IsPrivate() {
			d.warn(check, "have a public name for the endpoint, and say it in --external-url", "%s is an address that no identity provider outside reaches", host)
		}
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		d.fail(check, "make a DNS record for the host, or mend the manager's --external-url", "the host %q is not found: %s", host, err)
		return false
	}
	d.ok(check, "%s is %s", host, strings.Join(addresses, ", "))
	return true
}

// encrypted shakes hands, and looks at the certificate as a stranger does. Only to
// who is trusted may something secret be sent.
func (d *Doctor) encrypted(ctx context.Context, base *url.URL) (reached, trusted bool) {
	const check = "tls"
	if base.Scheme != "https" {
		d.fail(check, "put an Ingress or Gateway with a certificate in front of the Service rollcall-scim, and https:// into --external-url",
			"%s is not encrypted: Entra ID and others refuse it, and the token could be read on the way", base)
		return true, false
	}
	address := base.Host
	if base.Port() == "" {
		address = net.JoinHostPort(base.Hostname(), "443")
	}
	dialer := &tls.Dialer{
		NetDialer: &net.Dialer{Timeout: dialTimeout},
		// Old versions and bad certificates are what is looked for; nothing is sent.
		Config: &tls.Config{ServerName: base.Hostname(), InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}, //nolint:gosec // verified below
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		d.fail(check, "see whether the Ingress or load balancer is there, and lets this machine and the identity provider in", "no TLS connection to %s: %s", address, err)
		return false, false
	}
	state := conn.(*tls.Conn).ConnectionState()
	// Nothing was said, so that nothing is lost.
	_ = conn.Close()
	mark := len(d.findings)
	if state.Version < tls.VersionTLS12 {
		d.fail(check, "allow TLS 1.2 and 1.3 alone", "the endpoint speaks %s; Entra ID wants TLS 1.2 or newer", tls.VersionName(state.Version))
	}
	d.certificate(check, base.Hostname(), state.PeerCertificates)
	if !d.failedSince(mark) {
		d.ok(check, "%s, certificate of %s until %s", tls.VersionName(state.Version),
			state.PeerCertificates[0].Issuer.CommonName, state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly))
	}
	return true, !slices.ContainsFunc(d.findings[mark:], func(f Finding) bool { return f.Result == Failed })
}

func (d *Doctor) certificate(check, host string, chain []*x509.Certificate) {
	leaf := chain[0]
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: d.Roots, Intermediates: intermediates})
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		d.fail(check, "renew the certificate", "the certificate is good from %s to %s alone",
			leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, new(x509.HostnameError)):
		d.fail(check, "have a certificate for the host, or mend --external-url", "the certificate is not for %s: %s", host, err)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		cure := "use a certificate of a public authority: an identity provider trusts no other"
		if len(chain) == 1 {
			cure += "; if it is one, serve the intermediate certificates too"
		}
		d.fail(check, cure, "the certificate's authority is not trusted: %s", err)
	case err != nil:
		d.fail(check, "replace the certificate", "%s", err)
	case time.Until(leaf.NotAfter) < renewal:
		d.warn(check, "renew the certificate", "the certificate ends in %s", time.Until(leaf.NotAfter).Round(time.Hour))
	}
}

// visitor sends requests as an identity provider does: it follows no redirect. A
// certificate that is not trusted has been reported already, and must not hide
// what else is wrong; testConnection sends no token then.
func (d *Doctor) visitor(trusted bool) *http.Client {
	config := &tls.Config{RootCAs: d.Roots, MinVersion: tls.VersionTLS12}
	if !trusted {
		config = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10} //nolint:gosec // nothing secret is sent
	}
	return &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config},
	}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

func unreachable(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Sprintf("no answer: %s", err)
}
