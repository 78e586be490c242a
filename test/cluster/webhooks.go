package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// webhookServing is where admission webhooks are expected.
type webhookServing struct {
	port    int
	certDir string
	// service is set when replicas serve them together.
	service *Service
}

// webhookService returns the Service on the port of the webhooks.
func (c *Cluster) webhookService(ctx context.Context) (*Service, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.webhooks.service == nil {
		s, err := c.Service(ctx, c.webhooks.port)
		if err != nil {
			return nil, err
		}
		c.webhooks.service = s
	}
	return c.webhooks.service, nil
}

// Webhooks installs the webhook configurations of config/webhook, aimed at this
// machine, and returns where to serve them and the folder with the certificate
// (tls.crt, tls.key). From then on, writes to the kinds they watch fail until
// something serves them. StartManager calls it; a test that runs a manager in its
// own process calls it itself.
func (c *Cluster) Webhooks(ctx context.Context) (port int, certDir string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.webhooks != nil {
		return c.webhooks.port, c.webhooks.certDir, nil
	}
	defer func() {
		if err != nil {
			c.webhooks = nil
		}
	}()
	objects, err := c.manifests("webhook/*.yaml")
	if err != nil {
		return 0, "", err
	}
	configurations, err := c.aimAll(ctx, objects)
	if err != nil {
		return 0, "", err
	}
	for _, object := range configurations {
		if err := c.apply(ctx, object); err != nil {
			return 0, "", err
		}
	}
	for _, object := range configurations {
		if err := c.waitForWebhook(ctx, probes[object.GetKind()]); err != nil {
			return 0, "", fmt.Errorf("waiting for the %s to be in force: %w", object.GetKind(), err)
		}
	}
	return c.webhooks.port, c.webhooks.certDir, nil
}

// AimWebhooks makes the webhook configurations among the objects lead to the
// manager that StartManager starts, in place of those that Webhooks installs.
func (c *Cluster) AimWebhooks(ctx context.Context, objects []*unstructured.Unstructured) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.aimAll(ctx, objects)
	return err
}

// aimAll aims the webhook configurations among the objects, and returns them.
func (c *Cluster) aimAll(ctx context.Context, objects []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	if c.webhooks == nil {
		port, err := FreePort(ctx)
		if err != nil {
			return nil, err
		}
		if err := c.serverCertificate("webhook", "tls.crt", "tls.key"); err != nil {
			return nil, err
		}
		c.webhooks = &webhookServing{port: port, certDir: c.file("webhook")}
	}
	var configurations []*unstructured.Unstructured
	for _, object := range objects {
		if _, ok := probes[object.GetKind()]; !ok {
			continue
		}
		if err := c.aim(object, c.webhooks.port); err != nil {
			return nil, err
		}
		configurations = append(configurations, object)
	}
	return configurations, nil
}

// aim replaces the reference to a Service, which needs a pod network, by a URL.
func (c *Cluster) aim(configuration *unstructured.Unstructured, port int) error {
	webhooks, _, err := unstructured.NestedSlice(configuration.Object, "webhooks")
	if err != nil {
		return fmt.Errorf("reading %s %s: %w", configuration.GetKind(), configuration.GetName(), err)
	}
	for _, webhook := range webhooks {
		fields, ok := webhook.(map[string]any)
		if !ok {
			return fmt.Errorf("reading %s %s: a webhook is no object", configuration.GetKind(), configuration.GetName())
		}
		path, _, err := unstructured.NestedString(fields, "clientConfig", "service", "path")
		if err != nil {
			return fmt.Errorf("reading %s %s: %w", configuration.GetKind(), configuration.GetName(), err)
		}
		fields["clientConfig"] = map[string]any{
			"url":      "https://" + address(port) + path,
			"caBundle": encodeBase64(c.ca.pem),
		}
	}
	return unstructured.SetNestedSlice(configuration.Object, webhooks, "webhooks")
}

// probe is a write that the webhooks of a kind have a say in, and how the paths of
// these webhooks begin: those that change an object are asked before the others.
type probe struct{ path, manifest string }

var probes = map[string]probe{
	"MutatingWebhookConfiguration": {"/mutate-", `
apiVersion: identity.rollcall.dev/v1alpha1
kind: RoleAttachment
metadata: {name: probe}
spec: {user: probe, role: probe}
`},
	"ValidatingWebhookConfiguration": {"/validate-", `
apiVersion: identity.rollcall.dev/v1alpha1
kind: IdentityProvider
metadata: {name: probe}
`},
}

// waitForWebhook returns when the API server, which learns of a configuration a
// moment after it was written, tries to call the webhook. Nothing serves it yet.
func (c *Cluster) waitForWebhook(ctx context.Context, p probe) error {
	objects, err := decode([]byte(p.manifest))
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
		last = c.client.Create(ctx, objects[0].DeepCopy(), client.DryRunAll)
		return last != nil && strings.Contains(last.Error(), "failed calling webhook") && strings.Contains(last.Error(), p.path), nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}
