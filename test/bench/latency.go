package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/rollcall-dev/rollcall/test/verdict"
)

// latency is how long a verdict takes to change, from the SCIM answer.
type latency struct {
	name  string
	times verdict.Durations
}

type latencies []latency

// latencies grants and revokes for one person at a time, by membership of the
// group of medium size and by suspension.
func (b *bench) latencies(ctx context.Context) (latencies, error) {
	ids, err := b.outsiders(ctx)
	if err != nil {
		return nil, err
	}
	g := b.groups[1]
	results := latencies{
		{name: fmt.Sprintf("grant: added to the group of %d", g.size)},
		{name: "revocation: removed from it"},
		{name: "revocation: active=false"},
		{name: "grant: active=true"},
	}
	const (
		add    = `{"op":"Add","path":"members","value":[{"value":%q}]}`
		remove = `{"op":"Remove","path":"members","value":[{"value":%q}]}`
		active = `{"op":"Replace","path":"active","value":%q}`
	)
	// The outsiders were left in groups or out of them by the rounds before.
	for i := range min(b.samples, len(ids)) {
		for _, other := range b.groups {
			if err := b.patch(ctx, "/Groups/"+other.id, remove, ids[i]).Want(http.StatusNoContent); err != nil {
				return nil, err
			}
		}
	}
	if err := b.watch.quiet(ctx); err != nil {
		return nil, err
	}
	for i := range min(b.samples, len(ids)) {
		q := verdict.Question{
			User: alias(0, i/spread, i%spread) + "@bench.example.com",
			Verb: "create", Resource: "deployments.apps", Namespace: namespace,
		}
		for step, s := range []struct {
			target, operation, value string
			status                   int
			allowed                  bool
			to                       int
		}{
			{"/Groups/" + g.id, add, ids[i], http.StatusNoContent, true, 0},
			{"/Groups/" + g.id, remove, ids[i], http.StatusNoContent, false, 1},
			{"/Groups/" + g.id, add, ids[i], http.StatusNoContent, true, 0},
			{"/Users/" + ids[i], active, "False", http.StatusOK, false, 2},
			{"/Users/" + ids[i], active, "True", http.StatusOK, true, 3},
			{"/Groups/" + g.id, remove, ids[i], http.StatusNoContent, false, 1},
		} {
			x := b.patch(ctx, s.target, s.operation, s.value)
			if err := x.Want(s.status); err != nil {
				return nil, err
			}
			took, err := b.until(ctx, q, s.allowed, x.Answered)
			if err != nil {
				return nil, fmt.Errorf("step %d: %w", step, err)
			}
			results[s.to].times = append(results[s.to].times, took)
		}
	}
	return results, nil
}

func (b *bench) until(ctx context.Context, q verdict.Question, allowed bool, answered time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	when, err := b.judge.Await(ctx, q, allowed)
	return max(when.Sub(answered), 0), err
}

func (l latencies) print(out io.Writer) {
	fmt.Fprintf(out, "\n%-42s %8s %9s %9s\n", "From the SCIM answer to the verdict", "n", "p50", "p99")
	for _, one := range l {
		fmt.Fprintf(out, "%-42s %8d %9s %9s\n", one.name, len(one.times),
			milliseconds(one.times.Percentile(50)), milliseconds(one.times.Percentile(99)))
	}
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
