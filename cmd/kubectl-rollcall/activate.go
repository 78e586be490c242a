package main

import (
	"cmp"
	"fmt"
	"strings"

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
			"  kubectl rollcall activate okta --expires-in 90d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.complete(providerNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.run(cmd, args[0]) },
	}
	cmd.Flags().StringVar(&a.kind, "type", "", "Entra, Okta, OneLogin or Generic; of Entra alone silence is reported; by default the one that PROVIDER begins with; for a new identity provider")
	cmd.Flags().StringVar(&a.subjectFrom, "subject-from", string(v1alpha1.SubjectFromUserName),
		"what its users are called towards the API server: UserName, Email or ExternalID; for a new identity provider")
	cmd.Flags().StringVar(&a.subjectPrefix, "subject-prefix", "", "what the API server puts in front of that, such as oidc: ; for a new identity provider")
	a.addFlags(cmd)
	return cmd
}

// ofNewProviders are the flags that say nothing of a provider that is there.
var ofNewProviders = []string{"type", "subject-from", "subject-prefix"}

func (a *activation) run(cmd *cobra.Command, name string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	p, err := a.provider(cmd, c, name)
	if err != nil {
		return err
	}
	_, err = a.make(cmd.Context(), c, p)
	return err
}

// typeOf is the product that a provider is named after.
func typeOf(name string) v1alpha1.ProviderType {
	for _, known := range []v1alpha1.ProviderType{v1alpha1.ProviderEntra, v1alpha1.ProviderOkta, v1alpha1.ProviderOneLogin} {
		if strings.HasPrefix(name, strings.ToLower(string(known))) {
			return known
		}
	}
	return v1alpha1.ProviderGeneric
}

// provider reads it, or makes it.
func (a *activation) provider(cmd *cobra.Command, c client.Client, name string) (*v1alpha1.IdentityProvider, error) {
	ctx, p := cmd.Context(), &v1alpha1.IdentityProvider{}
	// Read first: whoever may make tokens need not be one who may make providers.
	err := c.Get(ctx, client.ObjectKey{Name: name}, p)
	if apierrors.IsNotFound(err) {
		made := &v1alpha1.IdentityProvider{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.IdentityProviderSpec{
				Type:    cmp.Or(v1alpha1.ProviderType(a.kind), typeOf(name)),
				Subject: v1alpha1.SubjectRule{From: v1alpha1.SubjectSource(a.subjectFrom), Prefix: a.subjectPrefix},
			},
		}
		err = c.Create(ctx, made, client.FieldOwner(fieldManager))
		if err == nil {
			fmt.Fprintf(a.ErrOut, "identityprovider.%s/%s created, of type %s\n", v1alpha1.GroupVersion.Group, name, made.Spec.Type)
			return made, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
		// Somebody else made it in between.
		err = c.Get(ctx, client.ObjectKey{Name: name}, p)
	}
	if err != nil {
		return nil, err
	}
	for _, flag := range ofNewProviders {
		if cmd.Flags().Changed(flag) {
			// What is asked for and not done is no success.
			return nil, fmt.Errorf("identity provider %q is there already, and --%s is for a new one: leave it out, or kubectl edit identityprovider %s", name, flag, name)
		}
	}
	return p, nil
}
