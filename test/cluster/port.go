package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken from below the range that the kernel hands to outgoing
// connections (32768 and up on Linux). A port from that range may be somebody's
// source port by the time a stopped server wants it back.
const firstPort, lastPort = 20000, 32000

var handedOut = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// FreePort returns a port of the loopback interface that nobody listens on, and
// never the same one twice in a program.
func FreePort(ctx context.Context) (int, error) {
	handedOut.Lock()
	defer handedOut.Unlock()
	var listen net.ListenConfig
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if handedOut.ports[port] {
			continue
		}
		l, err := listen.Listen(ctx, "tcp", address(port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return 0, err
		}
		handedOut.ports[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
