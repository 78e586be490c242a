package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

var levels = []string{
	string(v1alpha1.LevelUser), string(v1alpha1.LevelTeamLeader), string(v1alpha1.LevelAuditor), string(v1alpha1.LevelAdministrator),
}

func newLevelCommand(p *plugin) *cobra.Command {
	a := act{plugin: p}
	cmd := &cobra.Command{
		Use:   "level USER LEVEL",
		Short: "Set what a user may do with Rollcall's own objects",
		Long: "Set a user's permission level: " + strings.Join(levels, ", ") + ". It takes the verb assign on\n" +
			"permissionlevels. A level that a suspension or a rename has made void is given again.",
		Example:           "  kubectl rollcall level alice@example.com Administrator",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: p.complete(userNames, fixed(levels...)),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.level(cmd.Context(), args[0], args[1]) },
	}
	a.addFlag(cmd)
	return cmd
}

func (a *act) level(ctx context.Context, user, level string) error {
	i := slices.IndexFunc(levels, func(l string) bool { return strings.EqualFold(l, level) })
	if i < 0 {
		return fmt.Errorf("unknown level %q: want %s", level, strings.Join(levels, ", "))
	}
	want := v1alpha1.PermissionLevel(levels[i])
	c, err := a.connect()
	if err != nil {
		return err
	}
	u, err := findUser(ctx, c, user)
	if err != nil {
		return err
	}
	if access.Given(u) == want {
		if !voidLevel(u) {
			return a.say("ProvisionedUser", u.Name, "unchanged: level %s was given already", want)
		}
		// Admission stamps a level when it changes; a void one has to go first.
		if err := mergeSpec(ctx, c, u, "permissionLevel", v1alpha1.LevelUser); err != nil {
			return err
		}
	}
	if err := mergeSpec(ctx, c, u, "permissionLevel", want); err != nil {
		return err
	}
	if err := a.say("ProvisionedUser", u.Name, "has level %s", want); err != nil {
		return err
	}
	if standing := access.State(u, nil); want != v1alpha1.LevelUser && standing.Suspended() {
		fmt.Fprintf(a.ErrOut, "It does not count while the user is %s: %s.\n", standing.State, standing.Message)
	}
	return nil
}

// voidLevel says whether the level stays without effect until it is given again.
func voidLevel(u *v1alpha1.ProvisionedUser) bool {
	if access.Given(u) != v1alpha1.LevelUser && u.Spec.PermissionLevelEpoch != u.Spec.Suspensions {
		return true
	}
	c := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionPermissionLevelInForce)
	return c != nil && c.Reason == access.ReasonSubjectChanged
}

func newSuspendCommand(p *plugin) *cobra.Command {
	a := act{plugin: p}
	cmd := &cobra.Command{
		Use:   "suspend USER",
		Short: "Suspend a user here; no identity provider can lift it",
		Long: "Suspend a user: all roles and the level are withdrawn at once, and come back when it is lifted. It takes no more\n" +
			"than the verb patch on users.",
		Example:           "  kubectl rollcall suspend alice@example.com",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.complete(userNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.suspend(cmd.Context(), args[0], true) },
	}
	a.addFlag(cmd)
	return cmd
}

func newResumeCommand(p *plugin) *cobra.Command {
	a := act{plugin: p}
	cmd := &cobra.Command{
		Use:   "resume USER",
		Short: "Lift a suspension that was made here",
		Long: "Lift a suspension that was made here. One by the identity provider is lifted there. For a user with a level it\n" +
			"takes the verb assign.",
		Example:           "  kubectl rollcall resume alice@example.com",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.complete(userNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.suspend(cmd.Context(), args[0], false) },
	}
	a.addFlag(cmd)
	return cmd
}

func (a *act) suspend(ctx context.Context, user string, suspend bool) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	u, err := findUser(ctx, c, user)
	if err != nil {
		return err
	}
	done := "resumed"
	if suspend {
		done = "suspended"
	}
	if u.Spec.Suspend == suspend {
		done = "unchanged: was not suspended here"
		if suspend {
			done = "unchanged: was suspended already"
		}
	} else if err := mergeSpec(ctx, c, u, "suspend", suspend); err != nil {
		return err
	}
	if err := a.say("ProvisionedUser", u.Name, "%s", done); err != nil {
		return err
	}
	if !suspend {
		return a.remains(ctx, c, u)
	}
	return nil
}

// remains says what else keeps a user suspended: lifting one suspension is seldom
// all that somebody wants.
func (a *act) remains(ctx context.Context, c client.Client, u *v1alpha1.ProvisionedUser) error {
	var p *v1alpha1.IdentityProvider
	if u.Spec.Provider != "" {
		p = &v1alpha1.IdentityProvider{}
		// Whoever may not read providers is told what the user alone says.
		if c.Get(ctx, client.ObjectKey{Name: u.Spec.Provider}, p) != nil {
			p = nil
		}
	}
	if standing := access.State(u, p); standing.Suspended() {
		fmt.Fprintf(a.ErrOut, "The user is still %s: %s.\n", standing.State, standing.Message)
	}
	return nil
}
