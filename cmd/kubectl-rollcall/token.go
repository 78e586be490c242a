package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/token"
)

// tenantURLWait is how long the manager may take to show a Tenant URL.
const tenantURLWait = 10 * time.Second

// defaultNamespace is where config/ and the chart put the manager.
const defaultNamespace = "rollcall-system"

// tokenMaker makes SCIM tokens on this machine. The cluster gets a digest.
type tokenMaker struct {
	*plugin
	managerNamespace string
	expiresIn        time.Duration
}

func (m *tokenMaker) addFlags(cmd *cobra.Command) {
	addManagerNamespace(cmd, &m.managerNamespace)
	cmd.Flags().DurationVar(&m.expiresIn, "expires-in", token.DefaultLifetime, "lifetime of the token")
}

func addManagerNamespace(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "manager-namespace", defaultNamespace, "namespace that the manager runs in")
}

// make makes a token for a provider and prints it, once.
func (m *tokenMaker) make(ctx context.Context, c client.Client, p *v1alpha1.IdentityProvider) (token.Token, error) {
	t, err := token.Generate(time.Now(), m.expiresIn)
	if err != nil {
		return t, err
	}
	if err := c.Create(ctx, t.ToSecret(m.managerNamespace, p), client.FieldOwner(fieldManager)); err != nil {
		return t, err
	}
	url, err := m.tenantURL(ctx, c, p.Name)
	if err != nil {
		return t, err
	}
	if _, err := fmt.Fprintf(m.Out, "Tenant URL:    %s\nSecret Token:  %s\n", url, t.Secret); err != nil {
		return t, err
	}
	fmt.Fprintf(m.ErrOut, "The token %s is good until %s and won't be shown again.\n", t.ID, t.ExpiresAt.Format(time.DateOnly))
	return t, nil
}

// tenantURL waits for the manager to show it. Without one, the token is worth
// showing all the same.
func (m *tokenMaker) tenantURL(ctx context.Context, c client.Client, provider string) (string, error) {
	p := &v1alpha1.IdentityProvider{}
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, tenantURLWait, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKey{Name: provider}, p); err != nil {
			return false, err
		}
		return p.Status.TenantURL != "", nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		fmt.Fprintln(m.ErrOut, "The manager shows no Tenant URL: is it running, with --external-url? (kubectl rollcall doctor)")
		return fmt.Sprintf("https://HOST/%s/scim/v2", provider), nil
	}
	if err != nil {
		return "", fmt.Errorf("read the Tenant URL of %q: %w", provider, err)
	}
	return p.Status.TenantURL, nil
}
