package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/hack/controlplane/assets"
	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
)

const (
	// Namespace is where the manager lives.
	Namespace = "rollcall-system"
	// ServiceAccount is who the manager is.
	ServiceAccount = "rollcall-manager"

	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
)

// Options say what to start. The zero value is right for most tests.
type Options struct {
	// Dir keeps certificates, kubeconfigs, logs and etcd's data. Empty means a
	// temporary folder that Stop removes. State is never taken over from an
	// earlier start.
	Dir string
	// KubeControllerManager fills the aggregated ClusterRoles (view, edit and
	// admin grant nothing without it), finishes namespaces and collects garbage.
	KubeControllerManager bool
	// AuditLog makes the API server write one line for each answered request to
	// AuditLogPath.
	AuditLog bool
	// Bare installs nothing of Rollcall: that is what the test is about.
	Bare bool
	// APIServerPort fixes the port of the API server; 0 takes a free one.
	APIServerPort int
	// APIServerArgs are added to the API server's command line.
	APIServerArgs []string
	// Log receives a line for each step; nil keeps quiet. A build of missing
	// binaries is always announced, on stderr at least.
	Log io.Writer
}

// Cluster is a running control plane.
type Cluster struct {
	options  Options
	root     string // of the source tree
	dir      string
	lock     *os.File // of a dir that outlives the cluster
	binaries assets.Binaries

	ca            *Authority
	etcdPort      int
	apiServerPort int

	etcd              *process
	apiServer         *process
	controllerManager *process

	admin   *rest.Config
	manager *rest.Config
	client  client.Client

	mu       sync.Mutex
	managers []*Manager
	webhooks *webhookServing
}

// Start starts a control plane and installs the CRDs, the namespace, the rights
// of the manager and the admission policies: everything but the webhooks, which
// would refuse every write until something serves them (see Webhooks).
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &Cluster{options: o}
	if c.root, err = checkout.Root(); err != nil {
		return nil, err
	}
	// kubectl too, though most tests never use it: what takes a minute to build
	// has no place in the time of a test or of a demo's stage.
	names := append(slices.Clone(assets.Default), assets.Kubectl)
	if o.KubeControllerManager {
		names = append(names, assets.ControllerManager)
	}
	if c.binaries, err = assets.Provide(ctx, assets.Options{Names: names, Log: c.buildLog()}); err != nil {
		return nil, err
	}
	if err := c.prepareDir(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()

	ctx, cancelTimeout := context.WithTimeout(ctx, startTimeout)
	defer cancelTimeout()
	type step struct {
		name string
		do   func(context.Context) error
	}
	steps := []step{
		{"certificates", c.makeCertificates},
		{"etcd", c.startEtcd},
		{"kube-apiserver", c.StartAPIServer},
		{"clients", c.makeAdmin},
	}
	if !o.Bare {
		steps = append(steps,
			step{"custom resources, rights and policies", c.install},
			step{"the manager's identity", c.makeManager})
	}
	if o.KubeControllerManager {
		steps = append(steps, step{"kube-controller-manager", c.startControllerManager})
	}
	for _, step := range steps {
		begin := time.Now()
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("starting the cluster: %s: %w", step.name, err)
		}
		if o.Log != nil {
			logStep(o.Log, step.name, begin)
		}
	}
	return c, nil
}

// Stop ends everything that was started, and removes the temporary folder.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	managers := c.managers
	c.managers = nil
	c.mu.Unlock()

	var errs []error
	for _, m := range managers {
		errs = append(errs, m.Stop())
	}
	// Clients go before their servers, or their logs fill with complaints.
	for _, p := range []*process{c.controllerManager, c.apiServer, c.etcd} {
		if p != nil {
			errs = append(errs, p.stop(stopTimeout))
		}
	}
	if c.options.Dir == "" && c.dir != "" {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Close())
		c.lock = nil
	}
	return errors.Join(errs...)
}

// Dir returns the folder with certificates, kubeconfigs, logs and data.
func (c *Cluster) Dir() string { return c.dir }

// AuditLogPath returns where the API server writes its audit log (JSON lines) if
// Options.AuditLog asked for it.
func (c *Cluster) AuditLogPath() string { return c.file("audit.log") }

func (c *Cluster) file(name string) string { return filepath.Join(c.dir, name) }

func logStep(log io.Writer, name string, begin time.Time) {
	fmt.Fprintf(log, "%-40s %6s\n", name, time.Since(begin).Round(time.Millisecond))
}

// buildLog is never nil: a test that builds a control plane for ten minutes has
// to say so.
func (c *Cluster) buildLog() io.Writer {
	if c.options.Log != nil {
		return c.options.Log
	}
	return os.Stderr
}

// prepareDir begins with an empty state: an older CRD or a half-written database
// would make a failure that nobody can repeat.
func (c *Cluster) prepareDir() (err error) {
	if c.options.Dir == "" {
		c.dir, err = os.MkdirTemp("", "rollcall-cluster-")
		return err
	}
	if c.dir, err = filepath.Abs(c.options.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	// Two clusters in one folder would take each other's data away. The kernel
	// gives the lock back when the program ends, however it ends.
	if c.lock, err = os.OpenFile(c.file(".lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := syscall.Flock(int(c.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("another cluster runs in %s: %w", c.dir, err), c.lock.Close())
	}
	for _, name := range []string{"etcd", "pki", "audit.log"} {
		if err := os.RemoveAll(c.file(name)); err != nil {
			return err
		}
	}
	return nil
}
