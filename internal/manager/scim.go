package manager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// scimShutdown is how long a request in flight may take after a stop signal.
const scimShutdown = 20 * time.Second

// scimServer serves SCIM while this replica leads. A manager starts it after
// the caches have synced, so a lookup that finds nothing means that there is
// nothing.
type scimServer struct {
	server  *http.Server
	serving atomic.Bool
}

var (
	_ manager.Runnable               = (*scimServer)(nil)
	_ manager.LeaderElectionRunnable = (*scimServer)(nil)
)

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (s *scimServer) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable.
func (s *scimServer) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.server.Addr)
	if err != nil {
		return fmt.Errorf("listen for SCIM requests: %w", err)
	}
	s.serving.Store(true)
	defer s.serving.Store(false)
	timeout := scimShutdown
	return (&manager.Server{
		Name:            "scim",
		Server:          s.server,
		Listener:        listener,
		ShutdownTimeout: &timeout,
	}).Start(ctx)
}

// ready is a readiness check: the endpoint takes requests.
func (s *scimServer) ready(*http.Request) error {
	if !s.serving.Load() {
		return errors.New("the SCIM server is not serving yet: caches are syncing or another replica leads")
	}
	return nil
}
