package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
)

func main() {
	var o entra.Options
	flagged := flag.Bool("aadOptscim062020", false, "speak the dialect of Entra's feature flag of that name")
	flag.Parse()
	if *flagged {
		o.Dialect = entra.AadOptscim062020
	}
	// Client libraries have much to say about a server that comes and goes.
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	ctrllog.SetLogger(logr.Discard())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// After the first signal the next one ends the program at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, o)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\ninterrupted; everything was stopped")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o entra.Options) error {
	begin := time.Now()
	page := newPage(os.Stdout)
	results, err := play(ctx, page, cluster.Options{}, cluster.ManagerOptions{}, o)
	if err != nil {
		return err
	}
	return page.summary(results, time.Since(begin))
}

// play starts a cluster, lets every stage play in it and stops it. An error says
// that not all stages were played; each has its own in its result.
func play(ctx context.Context, page *page, co cluster.Options, mo cluster.ManagerOptions, eo entra.Options) (results []result, err error) {
	begin := time.Now()
	page.heading("Rollcall: an Entra provisioning cycle, from start to end")
	page.text("A control plane starts on this machine. Where its binaries aren't there yet they\nare built first, once, which takes minutes.")
	co.KubeControllerManager, co.Log = true, page.indented()
	c, err := cluster.Start(ctx, co)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	d, err := newDemo(ctx, c, page, mo, eo)
	if err != nil {
		return nil, err
	}
	page.text(fmt.Sprintf("Ready after %s.", time.Since(begin).Round(100*time.Millisecond)))

	for i, s := range stages {
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		page.stage(i+1, len(stages), s)
		results = append(results, d.run(ctx, s))
	}
	return results, nil
}
