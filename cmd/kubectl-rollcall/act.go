package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// fieldManager is under which name the plugin's writes are recorded.
const fieldManager = "kubectl-rollcall"

// act is what every verb that writes has: it may be tried without an effect. What
// may be done is up to the server's webhooks alone, in a dry run too.
type act struct {
	*plugin
	dryRun string
}

func (a *act) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.dryRun, "dry-run", "none", `"server" has the server check everything and change nothing`)
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]string{"none", "server"}, cobra.ShellCompDirectiveNoFileComp))
}

// connect returns a client that writes, or writes nothing.
func (a *act) connect() (client.Client, error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	c = client.WithFieldOwner(c, fieldManager)
	switch a.dryRun {
	case "", "none":
		return c, nil
	case "server":
		return client.NewDryRunClient(c), nil
	default:
		return nil, fmt.Errorf("unknown --dry-run %q: want none or server", a.dryRun)
	}
}

// say tells what was done, as kubectl does: kind.group/name done.
func (a *act) say(kind, name, format string, args ...any) error {
	suffix := ""
	if a.dryRun == "server" {
		suffix = " (server dry run)"
	}
	done := visible(fmt.Sprintf(format, args...))
	_, err := fmt.Fprintf(a.Out, "%s.%s/%s %s%s\n", strings.ToLower(kind), v1alpha1.GroupVersion.Group, name, done, suffix)
	return err
}

// merge patches an object and leaves in it what the server answered.
func merge(ctx context.Context, c client.Client, o client.Object, patch map[string]any) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("write a merge patch: %w", err)
	}
	return c.Patch(ctx, o, client.RawPatch(types.MergePatchType, body))
}

// mergeSpec patches one field of spec.
func mergeSpec(ctx context.Context, c client.Client, o client.Object, field string, value any) error {
	return merge(ctx, c, o, map[string]any{"spec": map[string]any{field: value}})
}

// annotate sets annotations, and takes off those that are nil.
func annotate(ctx context.Context, c client.Client, o client.Object, annotations map[string]any) error {
	return merge(ctx, c, o, map[string]any{"metadata": map[string]any{"annotations": annotations}})
}
