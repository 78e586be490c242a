package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// maxGenerated leaves room in an object name for the five characters that the
// server adds.
const maxGenerated = 248

type attach struct {
	act
	reason   string
	lifetime days
}

func newAttachCommand(p *plugin) *cobra.Command {
	a := attach{act: act{plugin: p}}
	cmd := &cobra.Command{
		Use:   "attach USER ROLE",
		Short: "Give a user a role for good, beside what the identity provider says",
		Long: "Give a user a role by a RoleAttachment. It ends when it is detached, or when the identity provider suspends the\n" +
			"user. It takes the verb attach for the role, as Administrators have it, or to be one of its leaders.",
		Example:           "  kubectl rollcall attach alice@example.com on-call --reason 'joined the rota'",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: p.complete(userNames, roleNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), args[0], args[1]) },
	}
	a.addFlag(cmd)
	cmd.Flags().StringVar(&a.reason, "reason", "", "why, for whoever reads it later")
	return cmd
}

func newGrantCommand(p *plugin) *cobra.Command {
	a := attach{act: act{plugin: p}}
	cmd := &cobra.Command{
		Use:   "grant USER ROLE --for DURATION",
		Short: "Give a user a role for a while",
		Long: "Give a user a role by a RoleAttachment that ends by itself, within the second. Otherwise as attach does. The end\n" +
			"is reckoned by the clock of this machine.",
		Example:           "  kubectl rollcall grant alice@example.com incident-response --for 2h --reason 'incident 4711'",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: p.complete(userNames, roleNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.lifetime <= 0 {
				return fmt.Errorf("--for %s: want more than nothing, such as 2h", &a.lifetime)
			}
			return a.run(cmd.Context(), args[0], args[1])
		},
	}
	a.addFlag(cmd)
	cmd.Flags().Var(&a.lifetime, "for", "how long, such as 45m, 8h or 2d")
	cmd.Flags().StringVar(&a.reason, "reason", "", "why, for whoever reads it later")
	_ = cmd.MarkFlagRequired("for")
	return cmd
}

func (a *attach) run(ctx context.Context, user, role string) error {
	c, u, r, err := a.connectBoth(ctx, user, role)
	if err != nil {
		return err
	}
	attachment := &v1alpha1.RoleAttachment{
		// A name of its own each time: what was granted before and is void stays
		// void, and a new act is needed.
		ObjectMeta: metav1.ObjectMeta{GenerateName: generated(u.Name + "-" + r.Name)},
		Spec:       v1alpha1.RoleAttachmentSpec{User: u.Name, Role: r.Name, Reason: a.reason},
	}
	if a.lifetime > 0 {
		attachment.Spec.ExpiresAt = &metav1.Time{Time: time.Now().Add(time.Duration(a.lifetime)).UTC().Truncate(time.Second)}
	} else {
		before, err := attachments(ctx, c, u, r)
		if err != nil {
			return err
		}
		for _, b := range before {
			if stands(b, u, r) {
				return a.say("RoleAttachment", b.Name, "unchanged: %s has role %s already", u.Name, r.Name)
			}
		}
	}
	if err := c.Create(ctx, attachment); err != nil {
		return err
	}
	end := ""
	if attachment.Spec.ExpiresAt != nil {
		end = " until " + attachment.Spec.ExpiresAt.UTC().Format(time.RFC3339)
	}
	has, refused := "has", u.Status.Reason == v1alpha1.ReasonSubjectRefused
	if refused || access.State(u, nil).Suspended() {
		has = "is to have"
	}
	if err := a.say("RoleAttachment", attachment.Name, "created: %s %s role %s%s", u.Name, has, r.Name, end); err != nil {
		return err
	}
	// A suspension is in the server's warning.
	if refused {
		fmt.Fprintf(a.ErrOut, "Nothing of it is bound, for want of a name towards the API server: kubectl rollcall why %s\n", u.Name)
	}
	return nil
}

// stands says whether an attachment gives the role for good. Its status alone may speak
// of a moment ago: what was suspended and restored since has made it void.
func stands(a *v1alpha1.RoleAttachment, u *v1alpha1.ProvisionedUser, r *v1alpha1.ProvisionedRole) bool {
	return a.Spec.ExpiresAt == nil && a.Spec.StartsAt == nil && a.Status.State == v1alpha1.AttachmentActive &&
		a.DeletionTimestamp == nil && access.Attachment(a, u, nil, r, time.Now()).Active()
}

func generated(name string) string {
	return strings.TrimRight(name[:min(len(name), maxGenerated-1)], "-.") + "-"
}

func newDetachCommand(p *plugin) *cobra.Command {
	a := act{plugin: p}
	cmd := &cobra.Command{
		Use:   "detach USER ROLE",
		Short: "Take a user's attachments to a role away",
		Long: "Delete every RoleAttachment of a user to a role, temporary and void ones too. What the identity provider gives\n" +
			"is taken there.",
		Example:           "  kubectl rollcall detach alice@example.com on-call",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: p.complete(userNames, roleNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.detach(cmd.Context(), args[0], args[1]) },
	}
	a.addFlag(cmd)
	return cmd
}

func (a *act) detach(ctx context.Context, user, role string) error {
	c, u, r, err := a.connectBoth(ctx, user, role)
	if err != nil {
		return err
	}
	there := ""
	if access.Member(u, r) {
		there = fmt.Sprintf("identity provider %q has the user in group %q: take them out there", r.Spec.Provider, r.Spec.DisplayName)
	}
	all, err := attachments(ctx, c, u, r)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		if there != "" {
			return fmt.Errorf("no attachment of %q to role %q: %s", u.Name, r.Name, there)
		}
		return fmt.Errorf("no attachment of %q to role %q", u.Name, r.Name)
	}
	for _, b := range all {
		if err := c.Delete(ctx, b); client.IgnoreNotFound(err) != nil {
			return err
		}
		if err := a.say("RoleAttachment", b.Name, "deleted"); err != nil {
			return err
		}
	}
	if there != "" {
		fmt.Fprintf(a.ErrOut, "The role is still held: %s.\n", there)
	}
	return nil
}

// connectBoth connects, and finds both ends of an edge.
func (a *act) connectBoth(ctx context.Context, user, role string) (client.Client, *v1alpha1.ProvisionedUser, *v1alpha1.ProvisionedRole, error) {
	c, err := a.connect()
	if err != nil {
		return nil, nil, nil, err
	}
	u, err := findUser(ctx, c, user)
	if err != nil {
		return nil, nil, nil, err
	}
	r, err := findRole(ctx, c, role)
	return c, u, r, err
}

// attachments of a user to a role, sorted by name.
func attachments(ctx context.Context, c client.Client, u *v1alpha1.ProvisionedUser, r *v1alpha1.ProvisionedRole) ([]*v1alpha1.RoleAttachment, error) {
	var list v1alpha1.RoleAttachmentList
	var all []*v1alpha1.RoleAttachment
	err := eachPage(ctx, c, &list, func() {
		for i := range list.Items {
			all = append(all, list.Items[i].DeepCopy())
		}
	}, client.MatchingFields{"spec.user": u.Name, "spec.role": r.Name})
	slices.SortFunc(all, func(a, b *v1alpha1.RoleAttachment) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}
