// Command kubectl-rollcall is the kubectl plugin: put it on the PATH, and call
// it as kubectl rollcall.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	err := newCommand(streams).ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(1)
	}
}

// newCommand is the root of the plugin's verbs.
func newCommand(streams genericiooptions.IOStreams) *cobra.Command {
	config := genericclioptions.NewConfigFlags(true)
	cmd := &cobra.Command{
		Use:          "kubectl-rollcall",
		Short:        "SCIM provisioning for Kubernetes",
		Annotations:  map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl rollcall"},
		SilenceUsage: true,
	}
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.ErrOut)
	config.AddFlags(cmd.PersistentFlags())
	cmd.AddCommand(newActivateCommand(config, streams))
	return cmd
}
