package main

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // kubeconfigs whose users sign in by auth-provider: oidc
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// pageSize bounds each answer to a list, as kubectl does. Tests have it small, so
// that there is more than one page.
var pageSize int64 = 500

// plugin is what every verb has: the flags that choose a cluster, and a terminal.
type plugin struct {
	genericiooptions.IOStreams
	config *genericclioptions.ConfigFlags
}

// client connects to the cluster of the kubeconfig, as the flags have it.
func (p *plugin) client() (client.Client, error) {
	config, err := p.config.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	if err := p.namesACluster(config); err != nil {
		return nil, err
	}
	// The API server limits; a limit here would only make people wait.
	config.QPS = -1
	config.WarningHandler = rest.NewWarningWriter(p.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// nowhere is where kubectl looks for a cluster that nobody has named.
const nowhere = "http://localhost:8080"

var errNoCluster = errors.New("no kubeconfig names a cluster: say which by --kubeconfig or the variable KUBECONFIG")

// namesACluster says that somebody chose the server. Where nobody did, whatever
// listens at nowhere would be asked, as the SCIM endpoint of make run.
func (p *plugin) namesACluster(config *rest.Config) error {
	if config.Host != nowhere || *p.config.APIServer != "" {
		return nil
	}
	raw, err := p.config.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	if len(raw.Clusters) == 0 {
		return errNoCluster
	}
	return nil
}

// namespace is that of the flag -n, or of the kubeconfig's context.
func (p *plugin) namespace() (string, error) {
	namespace, _, err := p.config.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return namespace, nil
}

// eachPage lists page by page; list holds one page whenever visit is called.
func eachPage(ctx context.Context, c client.Client, list client.ObjectList, visit func(), options ...client.ListOption) error {
	for {
		page := append([]client.ListOption{client.Limit(pageSize), client.Continue(list.GetContinue())}, options...)
		if err := c.List(ctx, list, page...); err != nil {
			return err
		}
		visit()
		if list.GetContinue() == "" {
			return nil
		}
	}
}
