package directory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// revision is a change of one object's spec.
type revision[T client.Object] struct {
	// spec returns a pointer to the object's spec.
	spec func(T) any
	// gone returns an error when the object is no longer to be changed.
	gone func(T) error
	// edit changes a copy of the object: its spec and, together with that, its
	// annotations. It is called again when another writer came first.
	edit func(T) error
	// stamp puts the time of the change into the spec, if there is a change.
	stamp func(T)
}

// revise changes an object in one write, or none when the spec stays the same,
// and waits until the cache has seen it. The caller holds the object's lock, so
// that conflicts come from other writers than SCIM alone: reconcilers and
// administrators. It returns the object as it is now.
func revise[T client.Object](ctx context.Context, d *Directory, current T, r revision[T]) (T, error) {
	var pace backoff
	for {
		next := current.DeepCopyObject().(T)
		if err := r.edit(next); err != nil {
			return current, err
		}
		before, err := tree(r.spec(current))
		if err != nil {
			return current, err
		}
		after, err := tree(r.spec(next))
		if err != nil || reflect.DeepEqual(before, after) {
			return current, err
		}
		r.stamp(next)
		if after, err = tree(r.spec(next)); err != nil {
			return current, err
		}
		written, err := patch(ctx, d, current, mergeDiff(before, after), next.GetAnnotations())
		if err == nil {
			d.told(ctx, current, written)
			return written, d.settle(ctx, written)
		}
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return current, explain(err, "patch %s", current.GetName())
		}
		if apierrors.IsConflict(err) {
			if err := pace.wait(ctx); err != nil {
				return current, err
			}
		}
		if current, err = again(ctx, d, current, r.gone); err != nil {
			return current, err
		}
	}
}

// again reads an object anew, for another try after somebody else's write. It
// asks the API server: the cache may be as old as it was.
func again[T client.Object](ctx context.Context, d *Directory, current T, gone func(T) error) (T, error) {
	fresh, err := empty(d.client, current)
	if err != nil {
		return current, err
	}
	err = d.live.Get(ctx, client.ObjectKeyFromObject(current), fresh)
	if err != nil && !apierrors.IsNotFound(err) {
		return current, explain(err, "read %s again", current.GetName())
	}
	return fresh, gone(fresh)
}

// patch patches the spec and the annotations of an object that nobody else has
// changed since it was read.
func patch[T client.Object](ctx context.Context, d *Directory, current T, spec map[string]any, annotations map[string]string) (T, error) {
	metadata := map[string]any{"resourceVersion": current.GetResourceVersion(), "uid": current.GetUID()}
	if marks := mergeDiff(values(current.GetAnnotations()), values(annotations)); len(marks) > 0 {
		metadata["annotations"] = marks
	}
	text, err := json.Marshal(map[string]any{"metadata": metadata, "spec": spec})
	if err != nil {
		return current, fmt.Errorf("encode the patch of %s: %w", current.GetName(), err)
	}
	written, err := empty(d.client, current)
	if err != nil {
		return current, err
	}
	written.SetName(current.GetName())
	return written, d.doubtful(current, d.client.Patch(ctx, written, client.RawPatch(types.MergePatchType, text)))
}

func values(annotations map[string]string) map[string]any {
	m := make(map[string]any, len(annotations))
	for key, value := range annotations {
		m[key] = value
	}
	return m
}

// tree is an object as the JSON it is stored as, numbers as they are written.
func tree(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return decodeObject(text)
}

func decodeObject(text []byte) (map[string]any, error) {
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("decode a JSON object: %w", err)
	}
	return object, nil
}

// mergeDiff is the JSON merge patch (RFC 7386) from one object to another.
func mergeDiff(from, to map[string]any) map[string]any {
	patch := map[string]any{}
	for key := range from {
		if _, stays := to[key]; !stays {
			patch[key] = nil
		}
	}
	for key, value := range to {
		old, existed := from[key]
		if existed && reflect.DeepEqual(old, value) {
			continue
		}
		before, objectBefore := old.(map[string]any)
		after, objectAfter := value.(map[string]any)
		if objectBefore && objectAfter {
			patch[key] = mergeDiff(before, after)
		} else {
			patch[key] = value
		}
	}
	return patch
}

func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d) //nolint:gosec // spreads retries, guards nothing
}

// modified is the time of a change as the API server stores it: whole seconds,
// and never before the object was created by a clock that runs ahead of ours.
func (d *Directory) modified(o client.Object) *metav1.Time {
	now := metav1.NewTime(d.clock.Now().UTC().Truncate(time.Second))
	if created := o.GetCreationTimestamp(); now.Before(&created) {
		now = created
	}
	return &now
}

func equalSpecs(a, b any) (bool, error) {
	x, err := tree(a)
	if err != nil {
		return false, err
	}
	y, err := tree(b)
	return reflect.DeepEqual(x, y), err
}
