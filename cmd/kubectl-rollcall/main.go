// Command kubectl-rollcall is the kubectl plugin: put it on the PATH, and call
// it as kubectl rollcall.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rollcall-dev/rollcall/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	code := execute(ctx, streams, os.Args[1:])
	stop()
	os.Exit(code)
}

// execute runs the plugin and returns its exit code: 1 for whatever failed or was
// refused.
func execute(ctx context.Context, streams genericiooptions.IOStreams, args []string) int {
	cmd := newCommand(streams)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(streams.ErrOut, "Error:", plain(err))
		return 1
	}
	return 0
}

// newCommand is the root of the plugin's verbs.
func newCommand(streams genericiooptions.IOStreams) *cobra.Command {
	p := &plugin{IOStreams: streams, config: genericclioptions.NewConfigFlags(true)}
	cmd := &cobra.Command{
		Use:   "kubectl-rollcall",
		Short: "SCIM provisioning for Kubernetes: who has access, and why",
		Long: "Rollcall keeps Kubernetes RBAC in step with an identity provider. This plugin shows who has what and why, makes\n" +
			"local grants, connects identity providers, and finds what is wrong.",
		Version:       version.String(),
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl rollcall"},
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.ErrOut)
	p.config.AddFlags(cmd.PersistentFlags())
	cmd.AddGroup(
		&cobra.Group{ID: "see", Title: "See who has access, and why:"},
		&cobra.Group{ID: "act", Title: "Grant, suspend, hand over:"},
		&cobra.Group{ID: "connect", Title: "Connect identity providers:"},
	)
	for _, group := range []struct {
		id    string
		verbs []func(*plugin) *cobra.Command
	}{
		{"see", []func(*plugin) *cobra.Command{newWhoCommand, newWhyCommand, newStatusCommand, newDoctorCommand}},
		{"act", []func(*plugin) *cobra.Command{
			newAttachCommand, newGrantCommand, newDetachCommand, newLevelCommand,
			newSuspendCommand, newResumeCommand, newAdoptCommand, newReleaseCommand,
		}},
		{"connect", []func(*plugin) *cobra.Command{newActivateCommand, newTokensCommand, newRotateCommand, newRevokeCommand}},
	} {
		for _, verb := range group.verbs {
			c := verb(p)
			c.GroupID = group.id
			cmd.AddCommand(c)
		}
	}
	return cmd
}
