package manager

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/rollcall-dev/rollcall/internal/leader"
	"github.com/rollcall-dev/rollcall/internal/tracing"
	"github.com/rollcall-dev/rollcall/scim/server"
)

const (
	// scimShutdown is how long a request in flight may take after a stop signal. The
	// lease is given back after that: nobody else leads while one is worked on here.
	scimShutdown = 20 * time.Second
	// silence is how long a replica that doesn't lead may hear nothing of the lease, or
	// not reach who holds it. While a leader is being replaced the others are ready:
	// requests wait there, and webhooks are served.
	silence = 30 * time.Second
	// reach is how long it may take to reach the leader: less than a probe waits.
	reach = 500 * time.Millisecond
)

// certificates returns what SCIM is served with at the moment; nil for plain HTTP.
type certificates = func() (*tls.Certificate, error)

// newCertificates reads the certificate of the SCIM endpoint, and again whenever it
// changes.
func newCertificates(mgr ctrl.Manager, o Options) (certificates, error) {
	if o.SCIMCertDir == "" {
		return nil, nil //nolint:nilnil // see certificates
	}
	watcher, err := certwatcher.New(filepath.Join(o.SCIMCertDir, "tls.crt"), filepath.Join(o.SCIMCertDir, "tls.key"))
	if err != nil {
		return nil, fmt.Errorf("--scim-cert-dir: %w", err)
	}
	if err := mgr.Add(watcher); err != nil {
		return nil, fmt.Errorf("watch the certificate of the SCIM endpoint: %w", err)
	}
	return func() (*tls.Certificate, error) { return watcher.GetCertificate(nil) }, nil
}

// scimServer takes SCIM requests on every replica. A manager starts it after the
// caches have synced, so a lookup that finds nothing means that there is nothing.
type scimServer struct {
	server    *http.Server
	front     *leader.Front
	lease     *leader.Lease
	peers     leader.Peers
	tracer    *tracing.Tracer
	listening atomic.Bool

	now func() time.Time
	mu  sync.Mutex
	// unreached is since when the leader couldn't be reached; zero while it can.
	unreached time.Time
}

var (
	_ manager.Runnable               = (*scimServer)(nil)
	_ manager.LeaderElectionRunnable = (*scimServer)(nil)
)

func newSCIMServer(front *leader.Front, lease *leader.Lease, peers leader.Peers, c certificates, address string, tracer *tracing.Tracer) *scimServer {
	s := server.NewHTTPServer(tracer.Handler(front, front.Vouched))
	s.Addr = address
	if c == nil {
		s.TLSConfig = nil
	} else {
		s.TLSConfig.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c() }
		// SCIM clients speak HTTP/1.1, for which the limits of the server are made.
		s.TLSConfig.NextProtos = []string{"http/1.1"}
	}
	return &scimServer{server: s, front: front, lease: lease, peers: peers, tracer: tracer, now: time.Now}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (s *scimServer) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (s *scimServer) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.server.Addr)
	if err != nil {
		return fmt.Errorf("listen for SCIM requests: %w", err)
	}
	if s.server.TLSConfig != nil {
		listener = tls.NewListener(listener, s.server.TLSConfig)
	}
	s.listening.Store(true)
	defer s.listening.Store(false)
	defer func() {
		if err := s.tracer.Stop(ctx); err != nil {
			log.FromContext(ctx).Error(err, "Traces are lost")
		}
	}()
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve SCIM requests: %w", err)
	case <-ctx.Done():
		s.stop(ctx)
		return nil
	}
}

// stop answers what is worked on. The lease is kept until then, so it doesn't wait for
// connections on which nothing has come, or not all of a request: their clients lose
// nothing but the connection.
func (s *scimServer) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scimShutdown)
	defer cancel()
	go func() {
		s.front.Settle(ctx)
		cancel()
	}()
	if err := s.server.Shutdown(ctx); err != nil {
		_ = s.server.Close() // what is left
	}
}

// ready is a readiness check: a request that comes here finds its answer.
func (s *scimServer) ready(r *http.Request) error {
	switch {
	case !s.listening.Load():
		return errors.New("the SCIM server is not listening yet: caches are syncing")
	case s.front.Leads():
		return nil
	case s.lease == nil:
		return errors.New("this replica is getting ready to answer")
	case s.lease.Lost():
		return errors.New("this replica has led and does no longer: its process ends")
	case s.lease.Silent() > silence:
		return fmt.Errorf("the API server has not said for %s which replica leads", silence)
	}
	err := s.reach(r.Context())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.unreached = time.Time{}
	case s.unreached.IsZero():
		s.unreached = s.now()
	case s.now().Sub(s.unreached) > silence:
		return fmt.Errorf("the leader could not be reached for %s: %w", silence, err)
	}
	return nil
}

// reach says why the leader can't be reached. Where nobody leads, this replica may be
// the next.
func (s *scimServer) reach(ctx context.Context) error {
	address, _, ok := s.lease.Leader()
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reach)
	defer cancel()
	return s.peers.Reach(ctx, address)
}
