package cluster

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/rollcall-dev/rollcall/hack/controlplane/assets"
)

// ManagerOptions say how to run the manager. The zero value is right for most.
type ManagerOptions struct {
	// SCIMPort fixes the port of the SCIM server; 0 takes a free one.
	SCIMPort int
	// LeaderElect makes the manager wait for the lease.
	LeaderElect bool
	// Replica makes the manager one of several that elect a leader, and whose
	// webhooks are reached through a Service. All managers of a cluster have to be.
	Replica bool
	// ExternalURL is the base of Tenant URLs; empty for the manager's own address.
	ExternalURL string
	// CommandLine is what a Deployment says, for a manager that runs like one. Only
	// what is of this machine is added: the kubeconfig, addresses, certificates.
	CommandLine []string
	// As is who the manager is; nil means the ServiceAccount of config/.
	As *rest.Config
	// Args are added to the command line.
	Args []string
	// Env is added to the environment, as NAME=value.
	Env []string
	// Log receives a line for each step; nil keeps quiet.
	Log io.Writer
}

// Manager is Rollcall's manager, running as a process under the rights of its
// ServiceAccount.
type Manager struct {
	// SCIMURL is the base of all Tenant URLs.
	SCIMURL string
	// MetricsURL serves Prometheus metrics.
	MetricsURL string
	// HealthURL serves healthz and readyz below it.
	HealthURL string

	scimPort int
	process  *process
}

// StartManager builds the manager, once in a program, starts it and waits until it
// says that it is ready.
func (c *Cluster) StartManager(ctx context.Context, o ManagerOptions) (*Manager, error) {
	binary, err := buildManager(ctx, c.root)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	webhookPort, certDir, err := c.Webhooks(ctx)
	if err != nil {
		return nil, err
	}
	var webhooks *Service
	if o.Replica {
		o.LeaderElect = true
		if webhooks, err = c.webhookService(ctx); err != nil {
			return nil, err
		}
		if webhookPort, err = FreePort(ctx); err != nil {
			return nil, err
		}
	}
	var ports [3]int
	ports[0] = o.SCIMPort
	for i := range ports {
		if ports[i] == 0 {
			if ports[i], err = FreePort(ctx); err != nil {
				return nil, err
			}
		}
	}
	if o.As == nil {
		o.As = c.manager
	}
	kubeconfig, err := c.Kubeconfig("manager", o.As)
	if err != nil {
		return nil, err
	}
	m := &Manager{
		SCIMURL:    "http://" + address(ports[0]),
		MetricsURL: "http://" + address(ports[1]) + "/metrics",
		HealthURL:  "http://" + address(ports[2]),
		scimPort:   ports[0],
	}
	if o.CommandLine == nil {
		o.CommandLine = []string{
			"--namespace=" + Namespace,
			"--external-url=" + cmp.Or(o.ExternalURL, m.SCIMURL),
			"--leader-elect=" + strconv.FormatBool(o.LeaderElect),
		}
	}
	local := []string{
		"--kubeconfig=" + kubeconfig,
		"--scim-bind-address=" + address(ports[0]),
		"--metrics-bind-address=" + address(ports[1]),
		"--health-probe-bind-address=" + address(ports[2]),
		"--webhook-port=" + strconv.Itoa(webhookPort),
		"--webhook-cert-dir=" + certDir,
		// The webhooks are reached by an address here, for which it makes none.
		"--self-signed-certificates=false",
	}
	m.process, err = startProcess("manager", binary, slices.Concat(o.CommandLine, local, o.Args), c.file("manager.log"), o.Env...)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.managers = append(c.managers, m)
	c.mu.Unlock()

	if webhooks != nil {
		webhooks.add(address(webhookPort), m.HealthURL)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := m.process.ready(ctx, m.HealthURL+"/readyz", nil); err != nil {
		return nil, err
	}
	if o.Log != nil {
		logStep(o.Log, "Rollcall's manager", begin)
	}
	return m, nil
}

// TenantURL returns what to paste into the identity provider's form.
func (m *Manager) TenantURL(provider string) string {
	return m.SCIMURL + "/" + provider + "/scim/v2"
}

// SCIMPort is the port of the SCIM server: the next manager may take it over.
func (m *Manager) SCIMPort() int { return m.scimPort }

// Kill ends the manager as a crash would, and waits for its end.
func (m *Manager) Kill() error { return m.process.kill() }

// Stop asks the manager to stop, as a rollout does, and waits for its end.
func (m *Manager) Stop() error { return m.process.stop(stopTimeout) }

// Pause freezes the manager: it holds its connections and answers nothing.
func (m *Manager) Pause() error { return m.process.pause() }

// Resume ends Pause.
func (m *Manager) Resume() error { return m.process.resume() }

// Done is closed when the process has ended.
func (m *Manager) Done() <-chan struct{} { return m.process.done }

// LogPath is the file with everything it wrote; a second manager of a cluster
// appends to the same.
func (m *Manager) LogPath() string { return m.process.log }

// Pid is the number of the process.
func (m *Manager) Pid() int { return m.process.cmd.Process.Pid }

var managerBuild struct {
	sync.Mutex
	path string
}

// buildManager compiles into the cache, in a folder per checkout, so that the
// programs that need the manager one after the other link it once.
func buildManager(ctx context.Context, root string) (string, error) {
	managerBuild.Lock()
	defer managerBuild.Unlock()
	if managerBuild.path != "" {
		return managerBuild.path, nil
	}
	cache, err := assets.Cache()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(root))
	dir := filepath.Join(cache, "manager", hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "manager")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", path, "./cmd/manager")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &messages, &messages
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building the manager: %w\n%s", err, messages.String())
	}
	managerBuild.path = path
	return path, nil
}

func encodeBase64(text []byte) string { return base64.StdEncoding.EncodeToString(text) }
