package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/cli/health"
	"github.com/rollcall-dev/rollcall/internal/token"
)

// tokenRow is what is known of a token; never the token.
type tokenRow struct {
	Provider string `json:"provider"`
	ID       string `json:"id"`
	// State is Live, Expiring when it ends within 30 days, Expired, or Probe.
	State      string       `json:"state"`
	CreatedAt  *metav1.Time `json:"createdAt,omitempty"`
	ExpiresAt  *metav1.Time `json:"expiresAt,omitempty"`
	LastUsedAt *metav1.Time `json:"lastUsedAt,omitempty"`
}

type tokens struct {
	*plugin
	output
}

func newTokensCommand(p *plugin) *cobra.Command {
	t := tokens{plugin: p}
	cmd := &cobra.Command{
		Use:   "tokens [PROVIDER]",
		Short: "List SCIM tokens, and when each was last used",
		Long: "List the SCIM tokens of one or all identity providers: when each was made, when it ends and when it was last\n" +
			"presented, to the minute. It takes no right to read Secrets.",
		Example:           "  kubectl rollcall tokens entra",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: p.complete(providerNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return t.run(cmd.Context(), args) },
	}
	t.addFlag(cmd)
	return cmd
}

func (t *tokens) run(ctx context.Context, args []string) error {
	if err := t.validate(); err != nil {
		return err
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	now := time.Now()
	rows := []tokenRow{}
	var problems []health.Problem
	add := func(p *v1alpha1.IdentityProvider) {
		for _, token := range p.Status.Tokens {
			rows = append(rows, tokenRow{p.Name, token.ID, health.TokenState(token, now), token.CreatedAt, token.ExpiresAt, token.LastUsedAt})
		}
		problems = append(problems, health.OfTokens(p)...)
	}
	if len(args) == 1 {
		p, err := findProvider(ctx, c, args[0])
		if err != nil {
			return err
		}
		add(p)
	} else {
		var list v1alpha1.IdentityProviderList
		if err := eachPage(ctx, c, &list, func() {
			for i := range list.Items {
				add(&list.Items[i])
			}
		}); err != nil {
			return err
		}
	}
	slices.SortFunc(rows, func(a, b tokenRow) int { return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.ID, b.ID)) })
	return t.print(t.Out, rows, func(out io.Writer) error {
		if len(rows) == 0 {
			_, err := fmt.Fprintln(t.ErrOut, "No tokens found: kubectl rollcall activate PROVIDER makes one.")
			return err
		}
		if err := table(out, tokenRows(rows)); err != nil {
			return err
		}
		for _, p := range problems {
			fmt.Fprintln(t.ErrOut, visible(p.String()))
		}
		return nil
	})
}

func tokenRows(tokens []tokenRow) [][]string {
	rows := [][]string{{"PROVIDER", "ID", "STATE", "CREATED", "EXPIRES", "LAST USED"}}
	for _, t := range tokens {
		rows = append(rows, []string{t.Provider, t.ID, t.State, moment(t.CreatedAt), moment(t.ExpiresAt), moment(t.LastUsedAt)})
	}
	return rows
}

func moment(t *metav1.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func newRotateCommand(p *plugin) *cobra.Command {
	m := tokenMaker{plugin: p}
	cmd := &cobra.Command{
		Use:   "rotate PROVIDER",
		Short: "Make a new SCIM token beside those there are, and say how to end them",
		Long: "Make a new SCIM token and print it. The tokens that there are stay good, so that nothing fails in between: give\n" +
			"the new one to the identity provider, see by tokens that it is used, then revoke the others.",
		Example:           "  kubectl rollcall rotate entra",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.complete(providerNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return m.rotate(cmd.Context(), args[0]) },
	}
	m.addFlags(cmd)
	return cmd
}

func (m *tokenMaker) rotate(ctx context.Context, provider string) error {
	c, err := m.client()
	if err != nil {
		return err
	}
	p, err := findProvider(ctx, c, provider)
	if err != nil {
		return err
	}
	before := health.LiveTokens(p, time.Now())
	made, err := m.make(ctx, c, p)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.ErrOut, "Next, give it to the identity provider (in Entra: Provisioning, Admin Credentials, Secret Token).\n")
	if len(before) == 0 {
		return nil
	}
	fmt.Fprintf(m.ErrOut, "When `kubectl rollcall tokens %s` shows that %s is used, end the others:\n", provider, made.ID)
	for _, t := range before {
		fmt.Fprintf(m.ErrOut, "  kubectl rollcall revoke %s %s\n", provider, t.ID)
	}
	return nil
}

type revocation struct {
	act
	managerNamespace string
}

func newRevokeCommand(p *plugin) *cobra.Command {
	r := revocation{act: act{plugin: p}}
	cmd := &cobra.Command{
		Use:   "revoke PROVIDER ID",
		Short: "End a SCIM token at once",
		Long: "End a SCIM token: its digest is deleted, and the next request that presents the token is refused. ID is what\n" +
			"tokens lists, the part of the token between the two underscores.",
		Example:           "  kubectl rollcall revoke entra 0123456789",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: p.complete(providerNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0], args[1]) },
	}
	r.addFlag(cmd)
	addManagerNamespace(cmd, &r.managerNamespace)
	return cmd
}

func (r *revocation) run(ctx context.Context, provider, id string) error {
	c, err := r.connect()
	if err != nil {
		return err
	}
	none := fmt.Errorf("identity provider %q has no token %q in namespace %q: kubectl rollcall tokens %s lists them", provider, id, r.managerNamespace, provider)
	if !token.ValidID(id) {
		// With a dash it could be the end of another provider's name; and whoever
		// pastes the whole token shall not see it printed.
		if strings.HasPrefix(id, "rollcall_") {
			return errors.New("that is a token: say its ID alone, the part between the two underscores")
		}
		return none
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.managerNamespace, Name: token.SecretName(provider, id)}}
	if err := c.Delete(ctx, secret); apierrors.IsNotFound(err) {
		return none
	} else if err != nil {
		return err
	}
	if err := r.say("IdentityProvider", provider, "token %s revoked", id); err != nil {
		return err
	}
	p := &v1alpha1.IdentityProvider{}
	switch err := c.Get(ctx, client.ObjectKey{Name: provider}, p); {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		return nil // Whoever may end tokens need not see what is left.
	case err != nil:
		return err
	}
	left := slices.DeleteFunc(health.LiveTokens(p, time.Now()), func(t v1alpha1.TokenStatus) bool { return t.ID == id })
	if len(left) == 0 {
		fmt.Fprintf(r.ErrOut, "No live token is left: nothing reaches the cluster from %q until `kubectl rollcall activate %s`. Access stays as it is.\n", provider, provider)
	}
	return nil
}
