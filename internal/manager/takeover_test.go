package manager

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/internal/leader"
)

// refusing is an API server that is of no use.
type refusing struct{ client.Reader }

func (refusing) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("refused")
}

// A replica that is overtaken before it has caught up can't: its writes are kept back. The
// election would go on for seconds, in which it answers 503.
func TestAReplicaEndsThatIsOvertakenWhileItCatchesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t)
		r.hold()
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { ended <- (&takeover{front: r.front, lease: r.lease, live: refusing{}}).Start(ctx) }()
		time.Sleep(leader.Duration)
		r.hear("10.0.0.2:8080")
		synctest.Wait()
		select {
		case err := <-ended:
			if err == nil {
				t.Error("ended without an error, which ends the process")
			}
		default:
			t.Error("goes on")
		}
	})
}
