package controllers

import (
	"maps"
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/rollcall-dev/rollcall/internal/projection"
)

// recent remembers what a reconciler has written until the cache has it, so that
// the next reconcile neither compares with a state that is past nor repeats a
// write. It also tells events of our own writes from those of others.
type recent struct {
	mu      sync.Mutex
	objects map[objectKey]client.Object
	// expected are bindings as they are being written: their event can come
	// before the API server's answer.
	expected map[objectKey]*expectation
}

type expectation struct {
	object client.Object
	// arrived is the event that came first, or nil.
	arrived client.Object
	// deleted are the objects of that name that went during the write.
	deleted []types.UID
}

type objectKey struct {
	kind reflect.Type
	client.ObjectKey
}

func newRecent() *recent {
	return &recent{objects: make(map[objectKey]client.Object), expected: make(map[objectKey]*expectation)}
}

func keyOf(o client.Object) objectKey {
	return objectKey{reflect.TypeOf(o), client.ObjectKeyFromObject(o)}
}

// expect takes a binding that is about to be written.
func (r *recent) expect(o client.Object) {
	before, _ := o.DeepCopyObject().(client.Object) // the answer is decoded into o
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected[keyOf(o)] = &expectation{object: before}
}

// expects says whether a binding is just what is being written.
func (r *recent) expects(o client.Object) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.expected[keyOf(o)]
	if !ok || !sameBinding(e.object, o) {
		return false
	}
	e.arrived = o
	return true
}

func sameBinding(a, b client.Object) bool {
	return projection.RoleRefOf(a) == projection.RoleRefOf(b) &&
		slices.Equal(projection.BindingOf(a).Subjects, projection.BindingOf(b).Subjects) &&
		maps.Equal(a.GetLabels(), b.GetLabels()) &&
		maps.Equal(a.GetAnnotations(), b.GetAnnotations()) &&
		equality.Semantic.DeepEqual(a.GetOwnerReferences(), b.GetOwnerReferences())
}

// failed is told of a binding whose write or deletion failed. It says whether an
// event was taken for the echo of that write.
func (r *recent) failed(o client.Object, err error) (arrived bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := keyOf(o)
	e := r.expected[key]
	delete(r.expected, key)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		// What is remembered is past, or of another object. In doubt the cache is
		// right, or a write that relies on it fails in turn.
		delete(r.objects, key)
	}
	return e != nil && e.arrived != nil
}

// remember takes an object as the API server answered a write with it, and keeps
// it.
func (r *recent) remember(o client.Object) {
	o.SetManagedFields(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	key := keyOf(o)
	e := r.expected[key]
	delete(r.expected, key)
	if e != nil && (slices.Contains(e.deleted, o.GetUID()) || (e.arrived != nil && !newer(o, e.arrived))) {
		// The cache has it already, or it is gone again.
		delete(r.objects, key)
		return
	}
	r.objects[key] = o
}

// forget drops what is remembered of a deleted object.
func (r *recent) forget(o client.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := keyOf(o)
	if written, ok := r.objects[key]; ok && written.GetUID() == o.GetUID() {
		delete(r.objects, key)
	}
	if e := r.expected[key]; e != nil {
		e.deleted = append(e.deleted, o.GetUID())
	}
}

// seen is told of each object that the cache has received. It drops what is
// remembered when the cache has caught up, and says whether the object is just
// what was written here.
func (r *recent) seen(o client.Object) (own bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := keyOf(o)
	written, ok := r.objects[key]
	if !ok {
		return false
	}
	if newer(written, o) {
		return false
	}
	delete(r.objects, key)
	return written.GetResourceVersion() == o.GetResourceVersion()
}

// all returns what is remembered and matches.
func (r *recent) all(match func(client.Object) bool) []client.Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	var objects []client.Object
	for _, o := range r.objects {
		if match(o) {
			objects = append(objects, o)
		}
	}
	return objects
}

// latest returns the newer of the cached object and what is remembered of it,
// and drops what is no longer of use.
func latest[T client.Object](r *recent, cached T) T {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := keyOf(cached)
	written, ok := r.objects[key].(T)
	if !ok {
		return cached
	}
	if newer(written, cached) && written.GetUID() == cached.GetUID() {
		return written
	}
	delete(r.objects, key)
	return cached
}

func newer(a, b client.Object) bool {
	c, err := resourceversion.CompareResourceVersion(a.GetResourceVersion(), b.GetResourceVersion())
	return err == nil && c > 0
}

// changed lets through what others did to the objects of a reconciler, and
// drops the echo of its own status writes.
func (r *recent) changed() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			own := r.seen(e.ObjectNew)
			return !own || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration()
		},
		DeleteFunc: func(e event.DeleteEvent) bool {
			r.forget(e.Object)
			return true
		},
	}
}
