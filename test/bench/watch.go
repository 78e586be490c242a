package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

const (
	// silence is how long nothing must have happened to be quiet.
	silence = 500 * time.Millisecond
	// patience is how long to wait for that.
	patience = 2 * time.Minute
)

// watcher sees the manager's work on users from outside. It is an informer, which
// begins again where a watch breaks off.
type watcher struct {
	stop context.CancelFunc
	done chan struct{}

	mu sync.Mutex
	// pending are the users that have no state yet.
	pending map[string]bool
	last    time.Time
}

func watch(ctx context.Context, c *cluster.Cluster) (*watcher, error) {
	users, err := cache.New(c.Admin(), cache.Options{
		Scheme:           cluster.Scheme(),
		DefaultTransform: cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, fmt.Errorf("watching users: %w", err)
	}
	informer, err := users.GetInformer(ctx, &v1alpha1.ProvisionedUser{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watching users: %w", err)
	}
	w := &watcher{done: make(chan struct{}), pending: map[string]bool{}, last: time.Now()}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    w.see,
		UpdateFunc: func(_, object any) { w.see(object) },
	})
	if err != nil {
		return nil, fmt.Errorf("watching users: %w", err)
	}
	ctx, w.stop = context.WithCancel(ctx)
	go func() {
		defer close(w.done)
		_ = users.Start(ctx) // it ends by being cancelled
	}()
	return w, nil
}

func (w *watcher) see(object any) {
	u, ok := object.(*v1alpha1.ProvisionedUser)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	if u.Status.State == "" {
		w.pending[u.Name] = true
	} else {
		delete(w.pending, u.Name)
	}
}

func (w *watcher) close() {
	w.stop()
	<-w.done
}

// settled waits until every user has a state, and returns when the last got it.
func (w *watcher) settled(ctx context.Context) (time.Time, error) {
	var last time.Time
	return last, w.until(ctx, func() bool {
		last = w.last
		return len(w.pending) == 0
	})
}

// quiet waits until the manager has done what it had to do.
func (w *watcher) quiet(ctx context.Context) error {
	return w.until(ctx, func() bool { return len(w.pending) == 0 && time.Since(w.last) > silence })
}

func (w *watcher) until(ctx context.Context, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		w.mu.Lock()
		done, pending := holds(), len(w.pending)
		w.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until the manager has settled, %d users have no state: %w", pending, ctx.Err())
		case <-ticker.C:
		}
	}
}
