// Command manager is the operator: it serves SCIM, reconciles the kinds of
// identity.rollcall.dev, and answers admission webhooks.
package main

import (
	"flag"
	"fmt"
	"os"

	"go.uber.org/zap/zapcore"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/rollcall-dev/rollcall/internal/manager"
	"github.com/rollcall-dev/rollcall/internal/version"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func run() error {
	o := manager.Options{}
	o.BindFlags(flag.CommandLine)
	logging := zap.Options{TimeEncoder: zapcore.RFC3339NanoTimeEncoder}
	logging.BindFlags(flag.CommandLine)
	printVersion := flag.Bool("version", false, "print the version and end")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if *printVersion {
		fmt.Println("rollcall", version.String())
		return nil
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	ctrl.Log.Info("Starting Rollcall", "version", version.String())

	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	config.UserAgent = "rollcall"
	ctx := ctrl.SetupSignalHandler()
	m, err := manager.New(ctx, config, o)
	if err != nil {
		return err
	}
	return m.Start(ctx)
}
