package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/token"
)

// tenantURLWait is how long the manager may take to show a Tenant URL.
const tenantURLWait = 10 * time.Second

// takeBackWait is how long it may take to delete a token that nobody has seen.
const takeBackWait = 10 * time.Second

// defaultNamespace is where config/ and the chart put the manager.
const defaultNamespace = "rollcall-system"

// tokenMaker makes SCIM tokens on this machine. The cluster gets a digest.
type tokenMaker struct {
	*plugin
	managerNamespace string
	expiresIn        days
}

func (m *tokenMaker) addFlags(cmd *cobra.Command) {
	addManagerNamespace(cmd, &m.managerNamespace)
	m.expiresIn = days(token.DefaultLifetime)
	cmd.Flags().Var(&m.expiresIn, "expires-in", "lifetime of the token, such as 12h or 90d")
}

func addManagerNamespace(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "manager-namespace", defaultNamespace, "namespace that the manager runs in")
}

// make makes a token for a provider and prints it, once. Everything that may fail
// comes before the token is good, and what can't be shown is taken back: a token
// that nobody has seen is one that nobody would ever end.
func (m *tokenMaker) make(ctx context.Context, c client.Client, p *v1alpha1.IdentityProvider) (token.Token, error) {
	if p.DeletionTimestamp != nil {
		return token.Token{}, fmt.Errorf("identity provider %q is being deleted: its SCIM requests are answered with 404, whatever the token", p.Name)
	}
	t, err := token.Generate(time.Now(), time.Duration(m.expiresIn))
	if err != nil {
		return t, err
	}
	url, err := m.tenantURL(ctx, c, p.Name)
	if err != nil {
		return t, err
	}
	secret := t.ToSecret(m.managerNamespace, p)
	if err := m.store(ctx, c, secret); err != nil {
		return t, err
	}
	if _, err := fmt.Fprintf(m.Out, "Tenant URL:    %s\nSecret Token:  %s\n", url, t.Secret); err != nil {
		err = fmt.Errorf("show the token: %w", err)
		return t, errors.Join(err, takeBack(ctx, c, secret))
	}
	fmt.Fprintf(m.ErrOut, "The token %s is good until %s and won't be shown again.\n", t.ID, end(t.ExpiresAt, time.Now()))
	if p.Spec.Paused {
		fmt.Fprintf(m.ErrOut, "Identity provider %q is paused: its SCIM requests are answered with 503 until spec.paused is false.\n", p.Name)
	}
	return t, nil
}

// end is the day on which a token ends, and the second where the day says too little.
func end(at, now time.Time) string {
	if at.Sub(now) < 7*24*time.Hour {
		return at.UTC().Format(time.RFC3339)
	}
	return at.UTC().Format(time.DateOnly)
}

// store stores a token's digest, or nothing.
func (m *tokenMaker) store(ctx context.Context, c client.Client, secret *corev1.Secret) error {
	err := c.Create(ctx, secret, client.FieldOwner(fieldManager))
	if err == nil || refused(err) {
		return m.explained(err)
	}
	if left := takeBack(ctx, c, secret); left != nil {
		return errors.New(plain(err) + "; " + left.Error())
	}
	return err
}

// refused says that the API server has answered, and stored nothing. It may have stored
// what it gave no answer to, or a proxy one of its own.
func refused(err error) bool {
	s := apierrors.APIStatus(nil)
	return errors.As(err, &s) && s.Status().Code >= http.StatusBadRequest && s.Status().Code < http.StatusInternalServerError
}

// takeBack deletes what may be stored, also when somebody has lost patience.
func takeBack(ctx context.Context, c client.Client, secret *corev1.Secret) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackWait)
	defer cancel()
	if err := client.IgnoreNotFound(c.Delete(ctx, secret)); err != nil {
		return fmt.Errorf("the Secret %s may be there, of a token that nobody has seen: delete it: %w", client.ObjectKeyFromObject(secret), err)
	}
	return nil
}

// explained adds to the API server's refusal of a Secret what its words leave to be
// guessed: where the manager is.
func (m *tokenMaker) explained(err error) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no namespace %q: say where the manager runs by --manager-namespace", m.managerNamespace)
	}
	return err
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
