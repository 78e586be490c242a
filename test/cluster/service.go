package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// probeEvery and probeTimeout are those of the readiness probes, which a
	// Service's endpoints follow.
	probeEvery   = 200 * time.Millisecond
	probeTimeout = 500 * time.Millisecond
	// probeFailures are how many in a row make a backend unready, as with the kubelet.
	probeFailures = 3
)

// Service spreads connections over the managers that are ready, one after the
// other, as a Service of a cluster does. Connections that stand are left alone,
// whatever becomes of the manager.
type Service struct {
	listener net.Listener
	stop     context.CancelFunc

	mu       sync.Mutex
	backends []*backend
	next     int
}

// backend is one port of one manager.
type backend struct {
	address, healthURL string
	ready              bool
	// failures are how many probes have failed in a row.
	failures int
}

// probed notes how a probe went.
func (b *backend) probed(passed bool) {
	if passed {
		b.ready, b.failures = true, 0
		return
	}
	if b.failures++; b.failures >= probeFailures {
		b.ready = false
	}
}

// Service starts a Service without backends on a port; 0 takes a free one. Its
// listener ends with the program, or by Stop.
func (c *Cluster) Service(ctx context.Context, port int) (*Service, error) {
	if port == 0 {
		var err error
		if port, err = FreePort(ctx); err != nil {
			return nil, err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address(port))
	if err != nil {
		return nil, fmt.Errorf("listening for a Service: %w", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Service{listener: listener, stop: stop}
	go s.accept(running)
	go s.probe(running)
	return s, nil
}

// URL is where SCIM is reached through the Service.
func (s *Service) URL() string { return "http://" + s.listener.Addr().String() }

// Stop ends the Service. Connections that stand are left alone.
func (s *Service) Stop() error {
	s.stop()
	return s.listener.Close()
}

// Add makes a manager's SCIM server a backend, from its first passed probe on.
func (s *Service) Add(m *Manager) { s.add(address(m.scimPort), m.HealthURL) }

func (s *Service) add(address, healthURL string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backends = append(s.backends, &backend{address: address, healthURL: healthURL + "/readyz"})
}

func (s *Service) all() []*backend {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*backend(nil), s.backends...)
}

func (s *Service) probe(ctx context.Context) {
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: probeTimeout}
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		for _, b := range s.all() {
			go func() {
				passed := passes(ctx, client, b.healthURL)
				s.mu.Lock()
				defer s.mu.Unlock()
				b.probed(passed)
			}()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func passes(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (s *Service) accept(ctx context.Context) {
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			return
		}
		go s.serve(ctx, connection)
	}
}

func (s *Service) serve(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	upstream, err := s.dial(ctx)
	if err != nil {
		return
	}
	defer func() { _ = upstream.Close() }()
	done := make(chan struct{}, 2)
	for _, pipe := range [][2]net.Conn{{client, upstream}, {upstream, client}} {
		go func() {
			_, _ = io.Copy(pipe[0], pipe[1]) // either side may end it
			if half, ok := pipe[0].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
			done <- struct{}{}
		}()
	}
	<-done
	<-done
}

// dial connects to the next backend that is ready and takes the connection.
func (s *Service) dial(ctx context.Context) (net.Conn, error) {
	all := s.all()
	s.mu.Lock()
	s.next++
	first := s.next
	s.mu.Unlock()
	for i := range all {
		b := all[(first+i)%len(all)]
		s.mu.Lock()
		ready := b.ready
		s.mu.Unlock()
		if !ready {
			continue
		}
		connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", b.address)
		if err == nil {
			return connection, nil
		}
	}
	return nil, fmt.Errorf("none of %d backends is ready", len(all))
}
