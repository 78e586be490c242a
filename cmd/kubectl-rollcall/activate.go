package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/token"
)

// tenantURLWait is how long the manager may take to show a Tenant URL.
const tenantURLWait = 10 * time.Second

type activation struct {
	*plugin
	provider  string
	kind      string
	namespace string
	expiresIn time.Duration

	client client.Client
}

func newActivateCommand(p *plugin) *cobra.Command {
	a := activation{plugin: p}
	cmd := &cobra.Command{
		Use:   "activate PROVIDER",
		Short: "Make a SCIM token, and print the two values to paste into the identity provider",
		Long: "Make a SCIM token for an identity provider, which is created if need be, and print the Tenant URL and the\n" +
			"Secret Token: the two values that the form of the identity provider asks for. The cluster holds a digest of\n" +
			"the token; this is the only time that it is shown. Tokens made before stay good.",
		Example: "  kubectl rollcall activate entra\n  kubectl rollcall activate okta --type Okta --expires-in 2160h",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.provider = args[0]
			var err error
			if a.client, err = p.client(); err != nil {
				return err
			}
			return a.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&a.kind, "type", string(v1alpha1.ProviderEntra), "Entra, Okta, OneLogin or Generic; for a new identity provider")
	cmd.Flags().StringVar(&a.namespace, "manager-namespace", "rollcall-system", "namespace that the manager runs in")
	cmd.Flags().DurationVar(&a.expiresIn, "expires-in", token.DefaultLifetime, "lifetime of the token")
	return cmd
}

func (a *activation) run(ctx context.Context) error {
	t, err := token.Generate(time.Now(), a.expiresIn)
	if err != nil {
		return err
	}
	p := &v1alpha1.IdentityProvider{
		ObjectMeta: metav1.ObjectMeta{Name: a.provider},
		Spec:       v1alpha1.IdentityProviderSpec{Type: v1alpha1.ProviderType(a.kind)},
	}
	switch err := a.client.Create(ctx, p); {
	case apierrors.IsAlreadyExists(err):
		if err := a.client.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
			return fmt.Errorf("read IdentityProvider %q: %w", a.provider, err)
		}
	case err != nil:
		return fmt.Errorf("create IdentityProvider %q: %w", a.provider, err)
	default:
		_, _ = fmt.Fprintf(a.ErrOut, "identityprovider.identity.rollcall.dev/%s created\n", a.provider)
	}
	if err := a.client.Create(ctx, t.ToSecret(a.namespace, p)); err != nil {
		return fmt.Errorf("store the token's digest: %w", err)
	}
	url, err := a.tenantURL(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "Tenant URL:    %s\nSecret Token:  %s\n", url, t.Secret)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.ErrOut, "The token is good until %s and won't be shown again.\n", t.ExpiresAt.Format(time.DateOnly))
	return nil
}

// tenantURL waits for the manager to show it. Without one, the token is worth
// showing all the same.
func (a *activation) tenantURL(ctx context.Context) (string, error) {
	p := &v1alpha1.IdentityProvider{}
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, tenantURLWait, true, func(ctx context.Context) (bool, error) {
		if err := a.client.Get(ctx, client.ObjectKey{Name: a.provider}, p); err != nil {
			return false, err
		}
		return p.Status.TenantURL != "", nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		_, _ = fmt.Fprintln(a.ErrOut, "The manager shows no Tenant URL: is it running, with --external-url?")
		return fmt.Sprintf("https://HOST/%s/scim/v2", a.provider), nil
	}
	if err != nil {
		return "", fmt.Errorf("read the Tenant URL of %q: %w", a.provider, err)
	}
	return p.Status.TenantURL, nil
}
