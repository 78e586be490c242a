// Command controlplane provides the binaries of a local Kubernetes control plane
// and says where they are. See the package assets for where they come from.
//
//	go run ./hack/controlplane --with kube-controller-manager,kubectl --print-path
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/rollcall-dev/rollcall/hack/controlplane/assets"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	with := flag.String("with", "", "more binaries than etcd and kube-apiserver, separated by commas: kube-controller-manager, kubectl")
	printPath := flag.Bool("print-path", false, "print the folder that holds them, for KUBEBUILDER_ASSETS")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}

	names := slices.Clone(assets.Default)
	for name := range strings.SplitSeq(*with, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, assets.Name(name))
		}
	}
	// Progress goes to stderr: stdout is the answer.
	binaries, err := assets.Provide(ctx, assets.Options{Names: names, Log: os.Stderr})
	if err != nil {
		return err
	}
	if !*printPath {
		return nil
	}
	dir, err := binaries.Dir()
	if err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}
