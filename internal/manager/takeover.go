package manager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/leader"
)

const (
	// takeoverAnnotation marks an object that a new leader has written to see its own
	// write come by.
	takeoverAnnotation = "identity.rollcall.dev/takeover"
	// takeoverLook is how often the cache is looked at for that write.
	takeoverLook = 5 * time.Millisecond
)

// takeover makes a replica answer SCIM requests once it leads.
//
// The leader before it has told clients of writes that the cache here may not have
// heard of: the API servers of a cluster don't send their events at the same time.
// Events of one kind come in their order, so the new leader writes one object of
// each kind and waits for that: by then it has seen everything earlier. Only the
// kinds that SCIM requests write need it.
type takeover struct {
	front *leader.Front
	// lease is nil where there are no other replicas: whatever the cache has was read
	// after the last one ended.
	lease       *leader.Lease
	client      client.Client
	live, cache client.Reader
}

var _ manager.LeaderElectionRunnable = (*takeover)(nil)

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (t *takeover) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable.
func (t *takeover) Start(ctx context.Context) error {
	begin := time.Now()
	var overtaken <-chan struct{} // never, without others
	if t.lease != nil {
		overtaken = t.lease.Overtaken()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-ctx.Done():
		case <-overtaken:
			cancel(errOvertaken)
		}
	}()
	t.catchUpAll(ctx)
	if ctx.Err() == nil {
		log.FromContext(ctx).Info("Answering SCIM requests", "after", time.Since(begin).String())
		t.front.SetReady(true)
		defer t.front.SetReady(false)
		<-ctx.Done()
	}
	if err := context.Cause(ctx); errors.Is(err, errOvertaken) {
		return err
	}
	return nil // the manager stops
}

var errOvertaken = errors.New("another replica leads: this one was frozen, or cut off from the API server")

// catchUpAll tries until it is done, or the manager stops.
func (t *takeover) catchUpAll(ctx context.Context) {
	if t.lease == nil {
		return
	}
	for _, kind := range []func() (client.ObjectList, client.Object){
		func() (client.ObjectList, client.Object) {
			return &v1alpha1.ProvisionedUserList{}, &v1alpha1.ProvisionedUser{}
		},
		func() (client.ObjectList, client.Object) {
			return &v1alpha1.ProvisionedRoleList{}, &v1alpha1.ProvisionedRole{}
		},
	} {
		list, object := kind()
		for pause := takeoverLook; ; pause = min(2*pause, time.Second) {
			err := t.catchUp(ctx, list, object)
			if err == nil {
				break
			}
			log.FromContext(ctx).Error(err, "Can't catch up with the leader before this one; trying again")
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	}
}

// catchUp returns when the cache has everything of a kind that was written before
// the call. list and object are of that kind.
func (t *takeover) catchUp(ctx context.Context, list client.ObjectList, object client.Object) error {
	if err := t.live.List(ctx, list, client.Limit(1)); err != nil {
		return fmt.Errorf("ask for one object: %w", err)
	}
	name, found := firstName(list)
	if !found {
		return nil // nothing was written
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{takeoverAnnotation: uuid.NewString()}}})
	if err != nil {
		return fmt.Errorf("write a merge patch: %w", err)
	}
	object.SetName(name)
	err = t.client.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%q was deleted meanwhile: %w", name, err)
	}
	if err != nil {
		return fmt.Errorf("mark %q: %w", name, err)
	}
	written := object.GetResourceVersion()
	cached, _ := object.DeepCopyObject().(client.Object)
	return wait.PollUntilContextTimeout(ctx, takeoverLook, leader.Duration, true, func(ctx context.Context) (bool, error) {
		err := t.cache.Get(ctx, client.ObjectKey{Name: name}, cached)
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		c, err := resourceversion.CompareResourceVersion(cached.GetResourceVersion(), written)
		return err == nil && c >= 0, nil
	})
}

func firstName(list client.ObjectList) (name string, found bool) {
	switch l := list.(type) {
	case *v1alpha1.ProvisionedUserList:
		if len(l.Items) > 0 {
			return l.Items[0].Name, true
		}
	case *v1alpha1.ProvisionedRoleList:
		if len(l.Items) > 0 {
			return l.Items[0].Name, true
		}
	}
	return "", false
}
