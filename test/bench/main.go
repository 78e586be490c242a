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
)

// options of a run.
type options struct {
	clients int
	rounds  int
	round   time.Duration
	groups  [3]int
	samples int
}

func main() {
	o := options{groups: [3]int{10, 1000, 10000}}
	flag.IntVar(&o.clients, "clients", 16, "how many clients send at once")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each measurement is repeated")
	flag.DurationVar(&o.round, "round", 2*time.Second, "how long a measurement takes")
	flag.IntVar(&o.groups[2], "largest", o.groups[2], "members of the largest group")
	flag.IntVar(&o.samples, "samples", 100, "how many grants and revocations are timed")
	flag.Parse()
	// Client libraries have much to say about a server that comes and goes.
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	ctrllog.SetLogger(logr.Discard())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	begin := time.Now()
	fmt.Fprintf(out, "%d clients, %d rounds of %s each\n\n", o.clients, o.rounds, o.round)
	c, err := cluster.Start(ctx, cluster.Options{Log: out})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	// Watches go before their server.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, err := newBench(ctx, c, o, out)
	if err != nil {
		return err
	}
	defer b.close()
	table, err := b.throughput(ctx)
	if err != nil {
		return err
	}
	latencies, err := b.latencies(ctx)
	if err != nil {
		return err
	}
	table.print(out)
	latencies.print(out)
	fmt.Fprintf(out, "\nAll in all %s.\n", time.Since(begin).Round(time.Second))
	return nil
}
