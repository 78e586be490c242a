// Command run is behind `make run`: a control plane and Rollcall's manager in the
// foreground, with one identity provider, ready for a SCIM client. Ctrl-C stops
// everything; every start begins with an empty cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/template"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

type options struct {
	dir      string
	provider string
	scimPort int
	apiPort  int
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", ".run", "folder for kubeconfig, token, logs and data, relative to the source tree")
	flag.StringVar(&o.provider, "provider", "entra", "name of the identity provider")
	flag.IntVar(&o.scimPort, "scim-port", 8080, "port of the SCIM endpoint")
	flag.IntVar(&o.apiPort, "api-port", 0, "port of the API server; 0 takes a free one")
	flag.Parse()
	// Client libraries have much to say about a server that comes and goes.
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	ctrllog.SetLogger(logr.Discard())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// After the first signal the next one ends the program at once.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	if !filepath.IsAbs(o.dir) {
		o.dir = filepath.Join(root, o.dir)
	}
	if err := free(ctx, o.scimPort); err != nil {
		return err
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Dir:                   o.dir,
		KubeControllerManager: true,
		APIServerPort:         o.apiPort,
		Log:                   out,
	})
	if err != nil {
		return unlessInterrupted(ctx, err)
	}
	defer func() {
		fmt.Fprintln(out, "\nstopping")
		err = errors.Join(err, c.Stop())
	}()

	m, err := c.StartManager(ctx, cluster.ManagerOptions{SCIMPort: o.scimPort, Log: out})
	if err != nil {
		return unlessInterrupted(ctx, err)
	}
	secret, err := c.NewToken(ctx, o.provider)
	if err != nil {
		return unlessInterrupted(ctx, err)
	}
	w := welcome{
		Kubeconfig: short(filepath.Join(o.dir, "kubeconfig")),
		Token:      short(filepath.Join(o.dir, "token")),
		TenantURL:  m.TenantURL(o.provider),
		Metrics:    m.MetricsURL,
		Log:        short(m.LogPath()),
	}
	if err := cluster.WriteKubeconfig(w.Kubeconfig, "admin", c.Admin()); err != nil {
		return err
	}
	if err := os.WriteFile(w.Token, []byte(secret), 0o600); err != nil {
		return fmt.Errorf("writing the token: %w", err)
	}
	if err := w.print(out); err != nil {
		return err
	}

	select {
	case <-ctx.Done():
		return nil
	case <-m.Done():
		return fmt.Errorf("the manager ended by itself; see %s", m.LogPath())
	}
}

// free says before anything is started what the end of a log would tell later.
func free(ctx context.Context, port int) error {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("the SCIM endpoint can't have %s: %w: stop what has it, or choose another port: go run ./hack/run --scim-port 18080", address, err)
	}
	return l.Close()
}

// unlessInterrupted: who presses Ctrl-C during the start knows why it failed.
func unlessInterrupted(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// short is the path as somebody in this folder types it.
func short(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(here, path)
	if err != nil || !filepath.IsLocal(relative) {
		return path
	}
	return relative
}

type welcome struct{ Kubeconfig, Token, TenantURL, Metrics, Log string }

var text = template.Must(template.New("welcome").Parse(`
Rollcall is running. Ctrl-C stops everything.

  Tenant URL    {{.TenantURL}}
  Secret Token  in {{.Token}}
  kubeconfig    {{.Kubeconfig}}
  metrics       {{.Metrics}}
  log           {{.Log}}

Provision a user and look at it:

  curl -sS -H "Authorization: Bearer $(cat {{.Token}})" -H 'Content-Type: application/scim+json' \
    -d '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice@example.com","active":true}' \
    {{.TenantURL}}/Users

  kubectl --kubeconfig {{.Kubeconfig}} get provisionedusers
  go run ./cmd/kubectl-rollcall --kubeconfig {{.Kubeconfig}} why alice@example.com

Without kubectl of your own: $(go run ./hack/controlplane --with kubectl --print-path)/kubectl
`))

func (w welcome) print(out io.Writer) error {
	if err := text.Execute(out, w); err != nil {
		return fmt.Errorf("printing the welcome: %w", err)
	}
	return nil
}
