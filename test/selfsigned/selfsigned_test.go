//go:build integration

package selfsigned_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

const (
	host     = "rollcall-webhook." + cluster.Namespace + ".svc"
	patience = 30 * time.Second
	interval = 50 * time.Millisecond
)

func TestSelfSigned(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Self-signed certificates")
}

func secret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: "rollcall-webhook"}}
}

// served is the certificate that the webhooks are served with, which has to be the
// host's in the eyes of an API server that trusts an authority.
func served(g Gomega, port int, authority []byte) *x509.Certificate {
	roots := x509.NewCertPool()
	g.Expect(roots.AppendCertsFromPEM(authority)).To(BeTrue())
	connection, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		&tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12})
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = connection.Close() }()
	return connection.ConnectionState().PeerCertificates[0]
}

var _ = Describe("A manager that makes its own certificate", Ordered, func() {
	var (
		control       *cluster.Cluster
		c             client.Client
		manager       *cluster.Manager
		port          int
		dir, scimCert string
	)

	BeforeAll(func(ctx SpecContext) {
		var err error
		control, err = cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(control.Stop()).To(Succeed()) })
		c = control.Client()
		for _, file := range []string{"secret.yaml", "role.yaml"} {
			text, err := os.ReadFile(filepath.Join("..", "..", "config", "selfsigned", file))
			Expect(err).NotTo(HaveOccurred())
			Expect(control.Apply(ctx, string(text))).To(Succeed())
		}
		port, _, err = control.Webhooks(ctx)
		Expect(err).NotTo(HaveOccurred())
		dir, scimCert = GinkgoT().TempDir(), GinkgoT().TempDir()
		mount(scimCert, issue(newRSA()))
		DeferCleanup(control.MountSecret(ctx, client.ObjectKeyFromObject(secret()), dir))
		manager, err = control.StartManager(ctx, cluster.ManagerOptions{
			Args: []string{"--self-signed-certificates=true", "--webhook-cert-dir=" + dir, "--scim-cert-dir=" + scimCert},
		})
		Expect(err).NotTo(HaveOccurred(), "ready, with webhooks")
	}, NodeTimeout(3*time.Minute))

	It("fills the Secret, tells the API server whom to trust, and renews without a restart", func(ctx SpecContext) {
		made := secret()
		Expect(c.Get(ctx, client.ObjectKeyFromObject(made), made)).To(Succeed())
		authority := made.Data["ca.crt"]
		var mutating admissionregistrationv1.MutatingWebhookConfiguration
		Expect(c.Get(ctx, client.ObjectKey{Name: "rollcall"}, &mutating)).To(Succeed())
		Expect(mutating.Webhooks).NotTo(BeEmpty())
		for _, w := range mutating.Webhooks {
			Expect(w.ClientConfig.CABundle).To(Equal(authority), w.Name)
		}
		var validating admissionregistrationv1.ValidatingWebhookConfiguration
		Expect(c.Get(ctx, client.ObjectKey{Name: "rollcall"}, &validating)).To(Succeed())
		Expect(validating.Webhooks).NotTo(BeEmpty())
		for _, w := range validating.Webhooks {
			Expect(w.ClientConfig.CABundle).To(Equal(authority), w.Name)
		}
		first := served(Default, port, authority)

		By("somebody emptying the Secret, which asks for another certificate")
		made.Data = nil
		Expect(c.Update(ctx, made)).To(Succeed())
		Eventually(func(g Gomega) {
			renewed := secret()
			g.Expect(c.Get(ctx, client.ObjectKeyFromObject(renewed), renewed)).To(Succeed())
			g.Expect(renewed.Data["ca.crt"]).NotTo(Or(BeEmpty(), Equal(authority)))
			g.Expect(served(g, port, renewed.Data["ca.crt"]).Raw).NotTo(Equal(first.Raw))
			g.Expect(c.Get(ctx, client.ObjectKey{Name: "rollcall"}, &mutating)).To(Succeed())
			g.Expect(mutating.Webhooks[0].ClientConfig.CABundle).To(Equal(renewed.Data["ca.crt"]))
		}).WithContext(ctx).WithTimeout(patience).WithPolling(interval).Should(Succeed())
		Expect(manager.Done()).NotTo(BeClosed())
	}, SpecTimeout(3*time.Minute))

	// The suites are those of TLS 1.2 that Microsoft names for SCIM endpoints.
	It("fact 9: serves SCIM with the versions and suites of Entra, and a new certificate without a restart", func(ctx SpecContext) {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(manager.SCIMPort()))
		connect := func(version, suite uint16) (tls.ConnectionState, error) {
			dialer := tls.Dialer{Config: &tls.Config{
				InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version, CipherSuites: []uint16{suite},
			}}
			connection, err := dialer.DialContext(ctx, "tcp", address)
			if err != nil {
				return tls.ConnectionState{}, err
			}
			defer func() { _ = connection.Close() }()
			return connection.(*tls.Conn).ConnectionState(), nil
		}
		accepts := func(suites ...uint16) {
			GinkgoHelper()
			for _, suite := range suites {
				state, err := connect(tls.VersionTLS12, suite)
				Expect(err).NotTo(HaveOccurred(), tls.CipherSuiteName(suite))
				Expect(state.Version).To(Equal(uint16(tls.VersionTLS12)))
				Expect(state.CipherSuite).To(Equal(suite))
			}
		}
		accepts(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)
		_, err := connect(tls.VersionTLS11, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)
		Expect(err).To(MatchError(ContainSubstring("protocol version")))
		for _, weak := range []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA} {
			_, err := connect(tls.VersionTLS12, weak)
			Expect(err).To(MatchError(ContainSubstring("handshake failure")), tls.CipherSuiteName(weak))
		}

		By("the Secret getting another certificate, of another kind")
		renewed := issue(newECDSA())
		mount(scimCert, renewed)
		Eventually(func(g Gomega) {
			state, err := connect(tls.VersionTLS13, 0)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(state.Version).To(Equal(uint16(tls.VersionTLS13)))
			g.Expect(state.PeerCertificates[0].Raw).To(Equal(renewed.certificate))
		}).WithContext(ctx).WithTimeout(patience).WithPolling(interval).Should(Succeed())
		accepts(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)
		Expect(manager.Done()).NotTo(BeClosed())
	}, SpecTimeout(time.Minute))
})
