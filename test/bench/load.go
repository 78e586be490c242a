package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// newUser is an object as the directory writes it for the five mapped attributes.
func newUser(alias, provider string) *v1alpha1.ProvisionedUser {
	now := metav1.Now()
	return &v1alpha1.ProvisionedUser{
		ObjectMeta: metav1.ObjectMeta{Name: alias + "--bench.example.com"},
		Spec: v1alpha1.ProvisionedUserSpec{
			Provider:   provider,
			ID:         newID(),
			Type:       v1alpha1.Person,
			UserName:   alias + "@bench.example.com",
			ExternalID: alias,
			Active:     ptr.To(true),
			Name:       &v1alpha1.UserPersonName{Formatted: "Bench " + alias, GivenName: "Bench", FamilyName: alias},
			ModifiedAt: &now,
		},
	}
}

func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// each calls do for 0 to n-1, a number of calls at a time.
func each(ctx context.Context, parallel, n int, do func(context.Context, int) error) error {
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(parallel)
	for i := range n {
		workers.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(ctx, i)
		})
	}
	return workers.Wait()
}

// sample is one round of one side.
type sample struct {
	rate  float64
	times verdict.Durations
}

// load lets all clients call do without pause for the length of a round. Calls
// are numbered, and each client has its own.
func (b *bench) load(ctx context.Context, do func(ctx context.Context, client, call int) error) (sample, error) {
	var all struct {
		sync.Mutex
		times verdict.Durations
	}
	var calls atomic.Int64
	clients, clientCtx := errgroup.WithContext(ctx)
	begin := time.Now()
	end := begin.Add(b.round)
	for client := range b.clients {
		clients.Go(func() error {
			var times verdict.Durations
			for call := 0; ; call++ {
				start := time.Now()
				if start.After(end) {
					break
				}
				if err := do(clientCtx, client, call); err != nil {
					return err
				}
				times = append(times, time.Since(start))
			}
			calls.Add(int64(len(times)))
			all.Lock()
			defer all.Unlock()
			all.times = append(all.times, times...)
			return nil
		})
	}
	if err := clients.Wait(); err != nil {
		return sample{}, err
	}
	return sample{rate: float64(calls.Load()) / time.Since(begin).Seconds(), times: all.times}, nil
}

// until asks again until do succeeds, for half a minute.
func until(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}
