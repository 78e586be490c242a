package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

type activation struct {
	tokenMaker
	kind, subjectFrom, subjectPrefix string
}

func newActivateCommand(p *plugin) *cobra.Command {
	a := activation{tokenMaker: tokenMaker{plugin: p}}
	cmd := &cobra.Command{
		Use:   "activate PROVIDER",
		Short: "Make a SCIM token, and print the two values to paste into the identity provider",
		Long: "Make a SCIM token for an identity provider, which is created if need be, and print the Tenant URL and the\n" +
			"Secret Token: the two values that the form of the identity provider asks for. The cluster holds a digest of\n" +
			"the token; this is the only time that it is shown. Tokens made before stay good.",
		Example: "  kubectl rollcall activate entra --subject-prefix oidc:\n" +
			"  kubectl rollcall activate okta --type Okta --expires-in 2160h",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.complete(providerNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringVar(&a.kind, "type", string(v1alpha1.ProviderEntra), "Entra, Okta, OneLogin or Generic; for a new identity provider")
	cmd.Flags().StringVar(&a.subjectFrom, "subject-from", string(v1alpha1.SubjectFromUserName),
		"what its users are called towards the API server: UserName, Email or ExternalID; for a new identity provider")
	cmd.Flags().StringVar(&a.subjectPrefix, "subject-prefix", "", "what the API server puts in front of that, such as oidc: ; for a new identity provider")
	a.addFlags(cmd)
	return cmd
}

func (a *activation) run(ctx context.Context, name string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	p := &v1alpha1.IdentityProvider{}
	// Read first: whoever may make tokens need not be one who may make providers.
	switch err := c.Get(ctx, client.ObjectKey{Name: name}, p); {
	case apierrors.IsNotFound(err):
		p = &v1alpha1.IdentityProvider{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.IdentityProviderSpec{
				Type:    v1alpha1.ProviderType(a.kind),
				Subject: v1alpha1.SubjectRule{From: v1alpha1.SubjectSource(a.subjectFrom), Prefix: a.subjectPrefix},
			},
		}
		if err := c.Create(ctx, p, client.FieldOwner(fieldManager)); err != nil {
			return err
		}
		fmt.Fprintf(a.ErrOut, "identityprovider.%s/%s created\n", v1alpha1.GroupVersion.Group, name)
	case err != nil:
		return err
	}
	_, err = a.make(ctx, c, p)
	return err
}
