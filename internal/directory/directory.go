package directory

import (
	"context"
	"fmt"

	"golang.org/x/sync/semaphore"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim"
)

// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=provisionedusers;provisionedroles,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=provisionedroles,verbs=delete

// Directory is the users and groups of one identity provider. Its locks are its
// own: a process has one Directory per provider.
type Directory struct {
	// client reads from the cache and knows what of its own writes the cache has
	// not seen yet.
	client client.Client
	// live reads from the API server.
	live client.Reader
	// tally has the sums of what the cache has.
	tally    *Tally
	provider string
	clock    clock.PassiveClock
	// locks order the writers of one object, and of one name.
	locks locks
	// unsettled are the objects of which the cache may be too old.
	unsettled unsettled
	// unfinished are the groups whose creation was not acknowledged.
	unfinished unfinished
	// scans bounds the searches that look at many objects at once.
	scans *semaphore.Weighted
}

var _ scim.Directory = (*Directory)(nil)

// New returns the directory of one provider. c has a cache with the indexes of
// package index, and CacheOptions.EnableReadYourWritesConsistency, and the tally is
// that cache's; live has no cache.
func New(c client.Client, live client.Reader, tally *Tally, provider string, clock clock.PassiveClock) *Directory {
	return &Directory{client: c, live: live, tally: tally, provider: provider, clock: clock, scans: semaphore.NewWeighted(maxScans())}
}

// cached reads an object by name, as the cache has it now.
func (d *Directory) cached(ctx context.Context, name string, into client.Object) error {
	return d.client.Get(ctx, client.ObjectKey{Name: name}, into, client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy)
}

// list looks an index up. The objects belong to the cache.
func (d *Directory) list(ctx context.Context, into client.ObjectList, index, value string) error {
	err := d.client.List(ctx, into, client.MatchingFields{index: value},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy)
	return explain(err, "look %s up", index)
}

// mine says whether an object belongs to this directory and isn't deleted, be it
// for the client or for the cluster.
func (d *Directory) mine(o client.Object) bool {
	switch o := o.(type) {
	case *v1alpha1.ProvisionedUser:
		return o.Spec.Provider == d.provider && isLive(o)
	case *v1alpha1.ProvisionedRole:
		return o.Spec.Provider == d.provider && o.DeletionTimestamp == nil
	default:
		return false
	}
}

// isLive says whether a user is no tombstone, and not about to go.
func isLive(u *v1alpha1.ProvisionedUser) bool {
	return u.Spec.DeprovisionedAt == nil && u.DeletionTimestamp == nil
}

// empty returns a new object of the same kind: an answer that is decoded into an
// old one would be mixed with it.
func empty[T client.Object](c client.Client, like T) (T, error) {
	var none T
	gvk, err := c.GroupVersionKindFor(like)
	if err != nil {
		return none, fmt.Errorf("kind of %T: %w", like, err)
	}
	return newOf[T](c, gvk)
}

func newOf[T client.Object](c client.Client, gvk schema.GroupVersionKind) (T, error) {
	var none T
	o, err := c.Scheme().New(gvk)
	if err != nil {
		return none, fmt.Errorf("new %s: %w", gvk.Kind, err)
	}
	typed, ok := o.(T)
	if !ok {
		return none, fmt.Errorf("new %s is a %T", gvk.Kind, o)
	}
	return typed, nil
}
