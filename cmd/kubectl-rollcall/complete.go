package main

import (
	"context"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// completer completes the argument at its position.
type completer func(ctx context.Context, c client.Client) []cobra.Completion

// complete completes arguments from what is in the cluster, one completer for each
// position. What can't be read completes to nothing.
func (p *plugin) complete(positions ...completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(positions) || positions[len(args)] == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, err := p.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return positions[len(args)](cmd.Context(), c), cobra.ShellCompDirectiveNoFileComp
	}
}

func userNames(ctx context.Context, c client.Client) []cobra.Completion {
	var list v1alpha1.ProvisionedUserList
	var all []cobra.Completion
	// Half a list completes half of the names.
	_ = eachPage(ctx, c, &list, func() {
		for i := range list.Items {
			all = append(all, cobra.CompletionWithDesc(list.Items[i].Name, list.Items[i].Spec.UserName))
		}
	})
	return all
}

func roleNames(ctx context.Context, c client.Client) []cobra.Completion {
	var list v1alpha1.ProvisionedRoleList
	var all []cobra.Completion
	_ = eachPage(ctx, c, &list, func() {
		for i := range list.Items {
			all = append(all, cobra.CompletionWithDesc(list.Items[i].Name, list.Items[i].Spec.DisplayName))
		}
	})
	return all
}

func providerNames(ctx context.Context, c client.Client) []cobra.Completion {
	var list v1alpha1.IdentityProviderList
	var all []cobra.Completion
	_ = eachPage(ctx, c, &list, func() {
		for i := range list.Items {
			all = append(all, cobra.CompletionWithDesc(list.Items[i].Name, string(list.Items[i].Spec.Type)))
		}
	})
	return all
}

func fixed(values ...cobra.Completion) completer {
	return func(context.Context, client.Client) []cobra.Completion { return values }
}

// completeFlag completes the value of a flag.
func (p *plugin) completeFlag(values completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return p.complete(values)(cmd, nil, toComplete)
	}
}
