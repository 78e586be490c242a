package cluster

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/hack/controlplane/assets"
)

func (c *Cluster) startEtcd(ctx context.Context) (err error) {
	if c.etcdPort, err = FreePort(ctx); err != nil {
		return err
	}
	peerPort, err := FreePort(ctx)
	if err != nil {
		return err
	}
	clients, peers := "http://"+address(c.etcdPort), "http://"+address(peerPort)
	c.etcd, err = startProcess("etcd", c.binaries[assets.Etcd], []string{
		"--data-dir=" + c.file("etcd"),
		"--listen-client-urls=" + clients,
		"--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers,
		"--initial-advertise-peer-urls=" + peers,
		"--initial-cluster=default=" + peers,
		// The data die with the cluster; a disk's sync would be what tests wait for.
		"--unsafe-no-fsync=true",
		"--quota-backend-bytes=" + strconv.Itoa(8<<30),
	}, c.file("etcd.log"))
	if err != nil {
		return err
	}
	return c.etcd.ready(ctx, clients+"/health", nil)
}

// auditPolicy logs who did what to what, once, when it was answered.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// StartAPIServer starts the API server again after StopAPIServer, on the same
// port and with the same data, and waits until it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) (err error) {
	if c.apiServerPort == 0 {
		c.apiServerPort = c.options.APIServerPort
	}
	if c.apiServerPort == 0 {
		if c.apiServerPort, err = FreePort(ctx); err != nil {
			return err
		}
	}
	args := []string{
		"--etcd-servers=http://" + address(c.etcdPort),
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.apiServerPort),
		"--tls-cert-file=" + c.file("pki/apiserver.crt"),
		"--tls-private-key-file=" + c.file("pki/apiserver.key"),
		"--client-ca-file=" + c.file("pki/ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.file("pki/sa.key"),
		"--service-account-signing-key-file=" + c.file("pki/sa.key"),
		"--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC",
		// No pods run here, so nothing needs the default ServiceAccounts.
		"--disable-admission-plugins=ServiceAccount",
		// The Endpoints of the kubernetes Service have no reader here.
		"--endpoint-reconciler-type=none",
	}
	if c.options.AuditLog {
		if err := os.WriteFile(c.file("pki/audit-policy.yaml"), []byte(auditPolicy), 0o600); err != nil {
			return err
		}
		args = append(args, "--audit-policy-file="+c.file("pki/audit-policy.yaml"), "--audit-log-path="+c.AuditLogPath())
	}
	args = append(args, c.options.APIServerArgs...)
	c.apiServer, err = startProcess("kube-apiserver", c.binaries[assets.APIServer], args, c.file("kube-apiserver.log"))
	if err != nil {
		return err
	}
	return c.apiServer.ready(ctx, c.url()+"/readyz", c.ca.tls())
}

// StopAPIServer makes an outage: connections are refused until StartAPIServer.
func (c *Cluster) StopAPIServer() error { return c.apiServer.kill() }

// PauseAPIServer freezes the API server: connections hang until ResumeAPIServer.
func (c *Cluster) PauseAPIServer() error { return c.apiServer.pause() }

// ResumeAPIServer ends PauseAPIServer.
func (c *Cluster) ResumeAPIServer() error { return c.apiServer.resume() }

func (c *Cluster) url() string { return "https://" + address(c.apiServerPort) }

// controllers are those that give the API its meaning to an RBAC tool. The others
// look after pods and nodes, and there are none.
var controllers = []string{
	"clusterrole-aggregation-controller",
	"garbage-collector-controller",
	"namespace-controller",
	"serviceaccount-controller",
	"root-ca-certificate-publisher-controller",
	// It checks the types in admission policies.
	"validatingadmissionpolicy-status-controller",
}

func (c *Cluster) startControllerManager(ctx context.Context) error {
	port, err := FreePort(ctx)
	if err != nil {
		return err
	}
	// As system:masters: what it may do is not what is tested here.
	config, err := c.User("system:kube-controller-manager", "system:masters")
	if err != nil {
		return err
	}
	kubeconfig, err := c.Kubeconfig("kube-controller-manager", config)
	if err != nil {
		return err
	}
	c.controllerManager, err = startProcess("kube-controller-manager", c.binaries[assets.ControllerManager], []string{
		"--kubeconfig=" + kubeconfig,
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + c.file("pki/apiserver.crt"),
		"--tls-private-key-file=" + c.file("pki/apiserver.key"),
		"--root-ca-file=" + c.file("pki/ca.crt"),
		"--service-account-private-key-file=" + c.file("pki/sa.key"),
		"--concurrent-gc-syncs=2",
		"--kube-api-qps=200", "--kube-api-burst=400",
	}, c.file("kube-controller-manager.log"))
	if err != nil {
		return err
	}
	if err := c.controllerManager.ready(ctx, "https://"+address(port)+"/healthz", c.ca.tls()); err != nil {
		return err
	}
	return c.waitForAggregation(ctx)
}

// waitForAggregation returns when `view` grants something.
func (c *Cluster) waitForAggregation(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var view rbacv1.ClusterRole
		if err := c.client.Get(ctx, client.ObjectKey{Name: "view"}, &view); err != nil {
			return false, err
		}
		return len(view.Rules) > 0, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the aggregated ClusterRoles: %w", err)
	}
	return nil
}
