package directory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const (
	// writeTimeout is how long a method that writes may take if its caller sets
	// no deadline.
	writeTimeout = 20 * time.Second
	// settleTimeout is how long the cache may take to see a write. It takes
	// milliseconds, unless the watch is broken.
	settleTimeout = 10 * time.Second
	// catchUpTimeout is how long a request waits for the writes of earlier ones.
	catchUpTimeout = 3 * time.Second
)

// unsettled are the objects of which the cache may be older than a write of
// this process: the wait for it failed, or the API server's answer was lost.
type unsettled struct {
	mu    sync.Mutex
	byKey map[string]*doubt
}

type doubt struct {
	object client.Object
	// exact says that the object is what the API server answered. Otherwise it is
	// as it was before, and what became of it has to be asked.
	exact bool
}

func (s *unsettled) add(o client.Object, exact bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil {
		s.byKey = map[string]*doubt{}
	}
	s.byKey[doubtKey(o)] = &doubt{object: o, exact: exact}
}

// clear forgets a doubt, unless there is another one by now.
func (s *unsettled) clear(was *doubt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := doubtKey(was.object); s.byKey[key] == was {
		delete(s.byKey, key)
	}
}

// of returns the doubts about the object of a SCIM id; without one, all.
func (s *unsettled) of(id string) []*doubt {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*doubt
	for _, one := range s.byKey {
		if id == "" || scimID(one.object) == id {
			found = append(found, one)
		}
	}
	return found
}

func (s *unsettled) has(o client.Object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byKey[doubtKey(o)] != nil
}

func doubtKey(o client.Object) string { return fmt.Sprintf("%T %s", o, o.GetName()) }

func scimID(o client.Object) string {
	switch o := o.(type) {
	case *v1alpha1.ProvisionedUser:
		return o.Spec.ID
	case *v1alpha1.ProvisionedRole:
		return o.Spec.ID
	default:
		return ""
	}
}

// begin returns the context of a method that writes: with the deadline of the
// caller's, but not ended when the client hangs up, so that what was started is
// also waited for. Before that it makes sure that the cache has all that earlier
// requests wrote. The caller holds the locks it needs to begin.
func (d *Directory) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil {
		return nil, nil, explain(ctx.Err(), "begin")
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(writeTimeout)
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	if err := d.catchUp(ctx, ""); err != nil {
		cancel()
		return nil, nil, err
	}
	return ctx, cancel, nil
}

// catchUp clears the doubts about the object of a SCIM id, or without one all.
// It returns Unavailable if the cache stays behind.
func (d *Directory) catchUp(ctx context.Context, id string) error {
	doubts := d.unsettled.of(id)
	if len(doubts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	tasks, inner := errgroup.WithContext(ctx)
	tasks.SetLimit(parallelWrites)
	for _, one := range doubts {
		tasks.Go(func() error {
			if err := d.resolve(inner, one); err != nil {
				return err
			}
			d.unsettled.clear(one)
			return nil
		})
	}
	return tasks.Wait()
}

// refresh waits until the cache has an object at least as new as the API server
// has it now.
func (d *Directory) refresh(ctx context.Context, o client.Object) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	return d.resolve(ctx, &doubt{object: o})
}

// resolve waits until the cache has an object as the API server has it, or as a
// write left it if that is known.
func (d *Directory) resolve(ctx context.Context, one *doubt) error {
	name := one.object.GetName()
	if one.exact {
		if reached, err := d.reached(ctx, one.object, one.object); err != nil || reached {
			return err
		}
	}
	now, err := empty(d.client, one.object)
	if err != nil {
		return err
	}
	want := now
	switch err := d.live.Get(ctx, client.ObjectKey{Name: name}, now); {
	case apierrors.IsNotFound(err):
		want = nil
	case err != nil:
		return explain(err, "read %s again", name)
	}
	var pace backoff
	for {
		reached, err := d.reached(ctx, one.object, want)
		if err != nil || reached {
			return err
		}
		if err := pace.wait(ctx); err != nil {
			return err
		}
	}
}

// reached says whether the cache has an object at least as new as want, or none
// when want is nil.
func (d *Directory) reached(ctx context.Context, like, want client.Object) (bool, error) {
	into, err := empty(d.client, like)
	if err != nil {
		return false, err
	}
	err = d.cached(ctx, like.GetName(), into)
	switch {
	case apierrors.IsNotFound(err):
		return want == nil, nil
	case err != nil:
		return false, explain(err, "look for %s", like.GetName())
	case want == nil:
		return false, nil
	}
	order, err := resourceversion.CompareResourceVersion(into.GetResourceVersion(), want.GetResourceVersion())
	if err != nil || order < 0 {
		return false, explain(err, "compare the versions of %s", like.GetName())
	}
	return true, d.tally.await(ctx, want)
}

// settle waits until the cache has seen what this process wrote to the object,
// given as the API server answered. It waits for no other object's writes. When
// it fails, the object is unsettled.
func (d *Directory) settle(ctx context.Context, written client.Object) error {
	err := d.await(ctx, written)
	if err != nil {
		d.unsettled.add(written, true)
	}
	return err
}

func (d *Directory) await(ctx context.Context, written client.Object) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	into, err := empty(d.client, written)
	if err != nil {
		return err
	}
	var pace backoff
	for {
		err := d.client.Get(ctx, client.ObjectKeyFromObject(written), into, client.UnsafeDisableDeepCopy)
		if err != nil {
			return explain(client.IgnoreNotFound(err), "wait for the cache to see %s", written.GetName())
		}
		// While a broken watch is made up for by a list, the cache takes later
		// writes of other objects in before this one.
		switch order, err := resourceversion.CompareResourceVersion(into.GetResourceVersion(), written.GetResourceVersion()); {
		case err != nil:
			return explain(err, "compare the versions of %s", written.GetName())
		case order >= 0:
			return d.tally.await(ctx, written)
		}
		if err := pace.wait(ctx); err != nil {
			return err
		}
	}
}

// doubtful remembers an object whose write failed in a way that leaves open
// whether it was carried out, and returns the error.
func (d *Directory) doubtful(o client.Object, err error) error {
	var status apierrors.APIStatus
	if err != nil && (!errors.As(err, &status) || status.Status().Code >= http.StatusInternalServerError) {
		d.unsettled.add(o, false)
	}
	return err
}
