package cluster

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlcluster "sigs.k8s.io/controller-runtime/pkg/cluster"

	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/manager"
)

// Cache starts a cache with the manager's options and indexes, and returns a
// client that reads from it and sees its own writes, a reader without cache, and
// the tally of the cache. All work until the context ends.
func Cache(ctx context.Context, config *rest.Config) (client.Client, client.Reader, *directory.Tally, error) {
	c, err := ctrlcluster.New(config, func(o *ctrlcluster.Options) {
		o.Scheme = manager.Scheme()
		o.Cache = manager.CacheOptions(Namespace)
		o.Client = client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: ptr.To(true)}}
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("making a cache: %w", err)
	}
	if err := index.Register(ctx, c.GetFieldIndexer()); err != nil {
		return nil, nil, nil, err
	}
	tally, err := directory.NewTally(ctx, c.GetCache())
	if err != nil {
		return nil, nil, nil, err
	}
	// It fails with the context, or with the API server: then every read does.
	go func() { _ = c.Start(ctx) }()
	if !c.GetCache().WaitForCacheSync(ctx) {
		return nil, nil, nil, fmt.Errorf("the cache has not synced: %w", ctx.Err())
	}
	return c.GetClient(), c.GetAPIReader(), tally, nil
}
