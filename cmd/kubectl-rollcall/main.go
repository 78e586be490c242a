// Command kubectl-rollcall is the kubectl plugin: put it on the PATH, and call
// it as kubectl rollcall.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/internal/version"
)

func main() {
	// The client library would complain in the midst of a longer answer that it has no log.
	log.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	code := execute(ctx, streams, os.Args[1:])
	stop()
	os.Exit(code)
}

// execute runs the plugin and returns its exit code: 1 for whatever failed or was
// refused.
func execute(ctx context.Context, streams genericiooptions.IOStreams, args []string) int {
	streams.Out, streams.ErrOut = guarded{streams.Out}, guarded{streams.ErrOut}
	understood := false
	root := newCommand(streams, func() { understood = true })
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(streams.ErrOut, "Error:", strings.TrimRight(plain(err), "\n"))
	if text := advice(cmd, err); text != "" {
		fmt.Fprintln(streams.ErrOut, text)
	}
	if !understood {
		if cmd.HasParent() {
			fmt.Fprintln(streams.ErrOut, "Usage:", cmd.UseLine())
		}
		fmt.Fprintf(streams.ErrOut, "See %s --help\n", cmd.CommandPath())
	}
	return 1
}

// newCommand is the root of the plugin's verbs. understood is called when a command
// line is one, before anything is done.
func newCommand(streams genericiooptions.IOStreams, understood func()) *cobra.Command {
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
	for _, v := range verbs {
		c := v.make(p)
		c.GroupID = v.group
		c.Annotations = map[string]string{takes: v.takes}
		run := c.RunE
		c.RunE = func(cmd *cobra.Command, args []string) error {
			understood()
			return run(cmd, args)
		}
		cmd.AddCommand(c)
	}
	return cmd
}

const (
	reader        = "the permission level TeamLeader, Auditor or Administrator, or the right to get and list the kinds of identity.rollcall.dev"
	auditor       = "the permission level Auditor or Administrator, or the right to get and list the kinds of identity.rollcall.dev"
	administrator = "the permission level Administrator"
	leader        = administrator + ", or to be a TeamLeader who is among the role's leaders"
	tokenMaking   = "the right to create Secrets in the manager's namespace, and to get the identity provider"
)

// verbs are what the plugin can do, and who may.
var verbs = []struct {
	group string
	make  func(*plugin) *cobra.Command
	takes string
}{
	{"see", newWhoCommand, reader},
	{"see", newWhyCommand, reader},
	{"see", newStatusCommand, auditor},
	{"see", newDoctorCommand, "a cluster-admin to see everything"},
	{"act", newAttachCommand, leader},
	{"act", newGrantCommand, leader},
	{"act", newDetachCommand, leader},
	{"act", newLevelCommand, administrator},
	{"act", newSuspendCommand, administrator},
	{"act", newResumeCommand, administrator},
	{"act", newAdoptCommand, administrator},
	{"act", newReleaseCommand, administrator},
	{"connect", newActivateCommand, tokenMaking + "; for a new one, to create it"},
	{"connect", newTokensCommand, auditor},
	{"connect", newRotateCommand, tokenMaking},
	{"connect", newRevokeCommand, "the right to delete Secrets in the manager's namespace"},
}
