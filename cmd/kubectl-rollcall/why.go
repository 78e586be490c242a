package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/cli/explain"
)

type why struct {
	*plugin
	output
	allNamespaces bool
	resourceName  string
}

func newWhyCommand(p *plugin) *cobra.Command {
	w := why{plugin: p}
	cmd := &cobra.Command{
		Use:   "why USER [VERB RESOURCE[/SUBRESOURCE]]",
		Short: "Say why a user has what they have, or why they may do something or not",
		Long: "Say why a user has what they have: the state, the level, each role with the edges that give it, and each edge\n" +
			"that does not count. With a verb and a resource, follow each way that gives it: edge, role, AccessRule,\n" +
			"ClusterRole, binding; or say where such a way ends. The API server has the last word, by a\n" +
			"SubjectAccessReview. USER is an object name or a userName. Instead of a resource, a path such as /metrics.",
		Example: "  kubectl rollcall why alice@example.com\n" +
			"  kubectl rollcall why alice@example.com create deployments.apps -n payments\n" +
			"  kubectl rollcall why alice--example.com get pods/log -A",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 3 {
				return fmt.Errorf("want USER, or USER VERB RESOURCE: got %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: p.complete(userNames, fixed("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")),
		RunE:              func(cmd *cobra.Command, args []string) error { return w.run(cmd.Context(), args) },
	}
	w.addFlag(cmd)
	cmd.Flags().BoolVarP(&w.allNamespaces, "all-namespaces", "A", false, "ask about the whole cluster")
	cmd.Flags().StringVar(&w.resourceName, "resource-name", "", "ask about one object")
	return cmd
}

func (w *why) run(ctx context.Context, args []string) error {
	if err := w.validate(); err != nil {
		return err
	}
	c, err := w.client()
	if err != nil {
		return err
	}
	u, err := findUser(ctx, c, args[0])
	if err != nil {
		return err
	}
	if len(args) == 1 {
		account := explain.AccountOf(u, time.Now())
		if note := providerNote(ctx, c, u); note != "" {
			account.Notes = append(account.Notes, note)
		}
		return w.print(w.Out, account, func(out io.Writer) error { return printAccount(out, account) })
	}
	q, notes, err := w.question(args[1], args[2])
	if err != nil {
		return err
	}
	answer, err := investigate(ctx, c, u, q)
	if err != nil {
		return err
	}
	answer.Notes = append(notes, answer.Notes...)
	return w.print(w.Out, answer, func(out io.Writer) error { return printAnswer(out, answer) })
}

// providerNote is empty too for whoever may not read identity providers.
func providerNote(ctx context.Context, c client.Client, u *v1alpha1.ProvisionedUser) string {
	if u.Spec.Provider == "" {
		return ""
	}
	p := &v1alpha1.IdentityProvider{}
	switch err := c.Get(ctx, client.ObjectKey{Name: u.Spec.Provider}, p); {
	case apierrors.IsNotFound(err):
		return explain.ProviderNote(u, nil)
	case err != nil:
		return ""
	default:
		return explain.ProviderNote(u, p)
	}
}
