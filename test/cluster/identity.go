package cluster

import (
	"bytes"
	"context"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"os/exec"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/hack/controlplane/assets"
)

// Scheme knows Kubernetes' own kinds and ours.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// Admin returns the configuration of a member of system:masters, who is asked
// nothing. Rights are proven as Manager or User.
func (c *Cluster) Admin() *rest.Config { return rest.CopyConfig(c.admin) }

// Manager returns the configuration of the manager's ServiceAccount with a token
// of its own, so that a right that is missing in config/rbac shows.
func (c *Cluster) Manager() *rest.Config { return rest.CopyConfig(c.manager) }

// Client returns a client of Admin without a cache.
func (c *Cluster) Client() client.Client { return c.client }

// User returns the configuration of a person who authenticates with a certificate.
func (c *Cluster) User(name string, groups ...string) (*rest.Config, error) {
	cert, key, err := c.ca.issue(pkix.Name{CommonName: name, Organization: groups})
	if err != nil {
		return nil, fmt.Errorf("making a certificate for %q: %w", name, err)
	}
	config := c.config()
	config.CertData, config.KeyData = cert, key
	return config, nil
}

func (c *Cluster) config() *rest.Config {
	return &rest.Config{
		Host:            c.url(),
		TLSClientConfig: rest.TLSClientConfig{CAData: c.ca.pem},
		// The API server limits; a limit here would be measured as its latency.
		QPS: -1,
	}
}

func (c *Cluster) makeAdmin(context.Context) (err error) {
	if c.admin, err = c.User("admin", "system:masters"); err != nil {
		return err
	}
	if _, err := c.Kubeconfig("admin", c.admin); err != nil {
		return err
	}
	c.client, err = client.New(c.admin, client.Options{Scheme: Scheme()})
	return err
}

func (c *Cluster) makeManager(ctx context.Context) (err error) {
	c.manager, err = c.Account(ctx, Namespace, ServiceAccount)
	return err
}

// Account returns the configuration of a ServiceAccount with a token of its own.
func (c *Cluster) Account(ctx context.Context, namespace, name string) (*rest.Config, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{}
	if err := c.client.SubResource("token").Create(ctx, account, request); err != nil {
		return nil, fmt.Errorf("requesting a token: %w", err)
	}
	config := c.config()
	config.BearerToken = request.Status.Token
	return config, nil
}

// Kubeconfig writes <name>.kubeconfig into the cluster's folder.
func (c *Cluster) Kubeconfig(name string, config *rest.Config) (string, error) {
	path := c.file(name + ".kubeconfig")
	return path, WriteKubeconfig(path, name, config)
}

// WriteKubeconfig writes a kubeconfig that only its owner may read.
func WriteKubeconfig(path, name string, config *rest.Config) error {
	text, err := clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"rollcall": {
			Server:                   config.Host,
			CertificateAuthorityData: config.CAData,
		}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{name: {
			ClientCertificateData: config.CertData,
			ClientKeyData:         config.KeyData,
			Token:                 config.BearerToken,
		}},
		Contexts:       map[string]*clientcmdapi.Context{"rollcall": {Cluster: "rollcall", AuthInfo: name}},
		CurrentContext: "rollcall",
	})
	if err != nil {
		return fmt.Errorf("writing the kubeconfig of %s: %w", name, err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("writing the kubeconfig of %s: %w", name, err)
	}
	return nil
}

// Kubectl runs kubectl as Admin and returns what it printed. Its error output is
// part of the error.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.binaries[assets.Kubectl], append([]string{"--kubeconfig", c.file("admin.kubeconfig")}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A cache of its own: what another cluster on this port knew is wrong here.
	cmd.Env = append(os.Environ(), "KUBECACHEDIR="+c.file("kubectl-cache"))
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %q: %w: %s", args, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}
