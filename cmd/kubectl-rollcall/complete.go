package main

import (
	"context"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
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

// named completes the names of objects, each with a word about it.
func named[T client.Object](list client.ObjectList, word func(T) string) completer {
	return func(ctx context.Context, c client.Client) []cobra.Completion {
		var all []cobra.Completion
		list := list.DeepCopyObject().(client.ObjectList)
		// Half a list completes half of the names.
		_ = eachPage(ctx, c, list, func() {
			_ = meta.EachListItem(list, func(o runtime.Object) error {
				if o, ok := o.(T); ok {
					all = append(all, cobra.CompletionWithDesc(o.GetName(), visible(word(o))))
				}
				return nil
			})
		})
		return all
	}
}

var (
	userNames     = named(&v1alpha1.ProvisionedUserList{}, func(u *v1alpha1.ProvisionedUser) string { return u.Spec.UserName })
	roleNames     = named(&v1alpha1.ProvisionedRoleList{}, func(r *v1alpha1.ProvisionedRole) string { return r.Spec.DisplayName })
	providerNames = named(&v1alpha1.IdentityProviderList{}, func(p *v1alpha1.IdentityProvider) string { return string(p.Spec.Type) })
)

func fixed(values ...cobra.Completion) completer {
	return func(context.Context, client.Client) []cobra.Completion { return values }
}

// completeFlag completes the value of a flag, with what each completer knows.
func (p *plugin) completeFlag(values ...completer) cobra.CompletionFunc {
	all := func(ctx context.Context, c client.Client) (all []cobra.Completion) {
		for _, v := range values {
			all = append(all, v(ctx, c)...)
		}
		return all
	}
	return func(cmd *cobra.Command, _ []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return p.complete(all)(cmd, nil, toComplete)
	}
}
