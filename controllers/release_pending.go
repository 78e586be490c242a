package controllers

import (
	"cmp"
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/index"
)

// Attachments of a release that is not over bear spec.releaseOf: a membership can
// end while its attachment waits to take its place, which must not outlive it then,
// and a release can be called off. The mark survives a restart.

// releasedBy is the name of what the release is about that an attachment was made
// for.
func releasedBy(of v1alpha1.ReleaseKind, a *v1alpha1.RoleAttachment) string {
	if of == v1alpha1.ReleaseOfRole {
		return a.Spec.Role
	}
	return a.Spec.User
}

// pendingOf are the marked attachments of a release, as far as the cache knows and
// beyond it those that this process has just made.
func (r *releaser) pendingOf(ctx context.Context, of v1alpha1.ReleaseKind, name string) ([]*v1alpha1.RoleAttachment, error) {
	field := index.AttachmentByUser
	if of == v1alpha1.ReleaseOfRole {
		field = index.AttachmentByRole
	}
	attachments, err := r.Attachments(ctx, field, name)
	if err != nil {
		return nil, err
	}
	var pending []*v1alpha1.RoleAttachment
	known := make(map[types.UID]bool)
	for _, a := range attachments {
		known[a.UID] = true
		if a.Spec.ReleaseOf == of {
			pending = append(pending, a)
		}
	}
	r.recent.all(func(o client.Object) bool {
		a, ok := o.(*v1alpha1.RoleAttachment)
		if ok && !known[a.UID] && a.Spec.ReleaseOf == of && releasedBy(of, a) == name {
			pending = append(pending, a)
		}
		return false
	})
	return pending, nil
}

// takeBack removes attachments as they are known: one that was confirmed since is
// somebody's, and a conflict.
func (r *releaser) takeBack(ctx context.Context, attachments []*v1alpha1.RoleAttachment) error {
	for _, a := range attachments {
		err := r.client.Delete(ctx, a.DeepCopy(), client.Preconditions{UID: &a.UID, ResourceVersion: &a.ResourceVersion})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("take back the attachment %q: %w", a.Name, err)
		}
		r.recent.forget(a)
	}
	return nil
}

// confirm takes the marks off: the attachments are anybody's from then on.
func (r *releaser) confirm(ctx context.Context, attachments []*v1alpha1.RoleAttachment) error {
	for _, a := range attachments {
		if err := r.confirmOne(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (r *releaser) confirmOne(ctx context.Context, a *v1alpha1.RoleAttachment) error {
	confirmed := a.DeepCopy()
	confirmed.Spec.ReleaseOf = ""
	err := r.client.Patch(ctx, confirmed, client.MergeFromWithOptions(a, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("take spec.releaseOf off the attachment %q: %w", a.Name, err)
	}
	r.recent.forget(a)
	return nil
}

// pendingEvents queues what a marked attachment was made for: after a restart, or
// when it reaches the cache late.
func (r *releaser) pendingEvents(of v1alpha1.ReleaseKind) handler.EventHandler {
	return on(true, func(_ context.Context, old, a *v1alpha1.RoleAttachment, q queue) {
		if a == nil {
			r.recent.forget(old)
			return
		}
		r.recent.seen(a)
		if a.Spec.ReleaseOf == of {
			enqueue(q, normal, 0, releasedBy(of, a))
		}
	})
}

// partition splits a list by a condition.
func partition[T any](list []T, condition func(T) bool) (yes, no []T) {
	for _, e := range list {
		if condition(e) {
			yes = append(yes, e)
		} else {
			no = append(no, e)
		}
	}
	return yes, no
}

func compareNames[T client.Object](a, b T) int { return cmp.Compare(a.GetName(), b.GetName()) }
