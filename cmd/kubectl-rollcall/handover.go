package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// handover is what can pass between an identity provider and local management.
type handover struct {
	kind     string
	object   client.Object
	provider string
}

// findHandover reads KIND as kubectl does: user, puser, provisionedusers…
func findHandover(ctx context.Context, c client.Client, kind, name string) (handover, error) {
	switch strings.TrimSuffix(strings.ToLower(strings.TrimSuffix(kind, "."+v1alpha1.GroupVersion.Group)), "s") {
	case "user", "puser", "provisioneduser":
		u, err := findUser(ctx, c, name)
		if err != nil {
			return handover{}, err
		}
		return handover{"ProvisionedUser", u, u.Spec.Provider}, nil
	case "role", "prole", "provisionedrole":
		r, err := findRole(ctx, c, name)
		if err != nil {
			return handover{}, err
		}
		return handover{"ProvisionedRole", r, r.Spec.Provider}, nil
	default:
		return handover{}, fmt.Errorf("unknown kind %q: want user or role", kind)
	}
}

// completeHandover completes a NAME of the KIND before it.
func (p *plugin) completeHandover(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names := userNames
	if len(args) > 0 && strings.Contains(args[0], "role") {
		names = roleNames
	}
	return p.complete(fixed("user", "role"), names)(cmd, args, toComplete)
}

type adoption struct {
	act
	provider string
	keep     bool
	cancel   bool
}

func newAdoptCommand(p *plugin) *cobra.Command {
	a := adoption{act: act{plugin: p}}
	cmd := &cobra.Command{
		Use:   "adopt (user|role) NAME --provider PROVIDER",
		Short: "Let an identity provider take a local user or role over",
		Long: "Mark a local user or role, so that the identity provider's next matching POST takes it over: same object, same\n" +
			"id. What was granted locally ends there, unless it is kept; keeping it takes the verb attach on all roles, and\n" +
			"assign for all levels.",
		Example:           "  kubectl rollcall adopt user dana@example.com --provider entra",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: p.completeHandover,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), args[0], args[1]) },
	}
	a.addFlag(cmd)
	cmd.Flags().StringVar(&a.provider, "provider", "", "the identity provider")
	cmd.Flags().BoolVar(&a.keep, "keep-local-grants", false, "keep attachments and level")
	cmd.Flags().BoolVar(&a.cancel, "cancel", false, "take the mark off again")
	_ = cmd.RegisterFlagCompletionFunc("provider", p.completeFlag(providerNames))
	cmd.MarkFlagsOneRequired("provider", "cancel")
	cmd.MarkFlagsMutuallyExclusive("provider", "cancel")
	return cmd
}

func (a *adoption) run(ctx context.Context, kind, name string) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	h, err := findHandover(ctx, c, kind, name)
	if err != nil {
		return err
	}
	if h.provider != "" {
		return fmt.Errorf("%s %q is managed by identity provider %q already", h.kind, h.object.GetName(), h.provider)
	}
	if a.cancel {
		marks := map[string]any{v1alpha1.AdoptableByAnnotation: nil, v1alpha1.AdoptionKeepsAnnotation: nil}
		if err := annotate(ctx, c, h.object, marks); err != nil {
			return err
		}
		return a.say(h.kind, h.object.GetName(), "stays local")
	}
	// A mistyped name would wait for ever.
	if _, err := findProvider(ctx, c, a.provider); err != nil {
		return err
	}
	marks := map[string]any{v1alpha1.AdoptableByAnnotation: a.provider, v1alpha1.AdoptionKeepsAnnotation: nil}
	then := "; local grants end then"
	if a.keep {
		marks[v1alpha1.AdoptionKeepsAnnotation] = v1alpha1.AdoptionKeepsValue
		then = " with its local grants"
	}
	if err := annotate(ctx, c, h.object, marks); err != nil {
		return err
	}
	return a.say(h.kind, h.object.GetName(), "may be taken over by identity provider %q%s", a.provider, then)
}

type release struct {
	act
	cancel bool
}

func newReleaseCommand(p *plugin) *cobra.Command {
	r := release{act: act{plugin: p}}
	cmd := &cobra.Command{
		Use:   "release (user|role) NAME",
		Short: "Make a user or role of an identity provider a local one",
		Long: "Make a user or role of an identity provider a local one. Access stays, by attachments. It takes the verbs that\n" +
			"giving that access would, and nobody releases themselves. Take the user or group out of the identity provider's\n" +
			"scope first, or its next cycle meets a local one.",
		Example:           "  kubectl rollcall release role on-call",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: p.completeHandover,
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0], args[1]) },
	}
	r.addFlag(cmd)
	cmd.Flags().BoolVar(&r.cancel, "cancel", false, "call a release off that is still under way")
	return cmd
}

func (r *release) run(ctx context.Context, kind, name string) error {
	c, err := r.connect()
	if err != nil {
		return err
	}
	h, err := findHandover(ctx, c, kind, name)
	if err != nil {
		return err
	}
	if h.provider == "" {
		return fmt.Errorf("%s %q is local already", h.kind, h.object.GetName())
	}
	if u, ok := h.object.(*v1alpha1.ProvisionedUser); ok && !r.cancel && !access.Releasable(u) {
		return fmt.Errorf("%s %q can't be released: %s", h.kind, u.Name, access.State(u, nil).Message)
	}
	if r.cancel {
		if err := annotate(ctx, c, h.object, map[string]any{v1alpha1.ReleaseAnnotation: nil}); err != nil {
			return err
		}
		return r.say(h.kind, h.object.GetName(), "stays with identity provider %q", h.provider)
	}
	if err := annotate(ctx, c, h.object, map[string]any{v1alpha1.ReleaseAnnotation: v1alpha1.ReleaseValue}); err != nil {
		return err
	}
	return r.say(h.kind, h.object.GetName(), "is being released from identity provider %q", h.provider)
}
