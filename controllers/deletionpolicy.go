package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
)

const (
	// policyWriters write at the same time.
	policyWriters = 8
	// policyStep is how long one step of a policy lasts, before the progress is
	// shown. What it did is found done by the next.
	policyStep = 5 * time.Second
	// livePage is how many objects are asked of the API server at once.
	livePage = 500
)

// remainder is what a policy still has to do.
type remainder struct {
	users, roles int
	// holding says what the roles wait for, if anything.
	holding string
}

func (l remainder) String() string {
	text := fmt.Sprintf("%s and %s are left", count(l.users, "user"), count(l.roles, "role"))
	if l.holding != "" {
		text += ": " + l.holding
	}
	return text
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// carryOut takes the policy of a provider that is being deleted one step further.
// It keeps no state of its own: each user and role shows whether it is done, so
// that it can be interrupted at any write. What the cache has comes first; then
// the API server is asked for what a SCIM request made that was still under way.
func (r *deletionPolicyReconciler) carryOut(ctx context.Context, p *v1alpha1.IdentityProvider) (remainder, error) {
	switch p.Spec.DeletionPolicy {
	case v1alpha1.DeletionSuspend:
		return r.everyUser(ctx, p, func(u *v1alpha1.ProvisionedUser) bool {
			return !access.SuspendedWithProvider(u)
		}, r.suspend)
	case v1alpha1.DeletionRelease:
		return r.releaseAll(ctx, p)
	default:
		return r.everyUser(ctx, p, everybody, r.frozen(p))
	}
}

// everyUser does something to each user of a provider for whom it is due: first
// those of the cache, then those of the API server.
func (r *deletionPolicyReconciler) everyUser(ctx context.Context, p *v1alpha1.IdentityProvider, due func(*v1alpha1.ProvisionedUser) bool, do func(context.Context, *v1alpha1.ProvisionedUser) (bool, error)) (remainder, error) {
	for _, read := range []func(context.Context, string) ([]*v1alpha1.ProvisionedUser, error){r.cachedUsers, r.liveUsers} {
		users, err := read(ctx, p.Name)
		if err != nil {
			return remainder{}, err
		}
		users = slices.DeleteFunc(users, func(u *v1alpha1.ProvisionedUser) bool { return !access.Releasable(u) || !due(u) })
		if n, err := each(ctx, users, do); n > 0 || err != nil {
			return remainder{users: n}, err
		}
	}
	return remainder{}, nil
}

func everybody(*v1alpha1.ProvisionedUser) bool { return true }

// frozen says whether a user keeps the RBAC subject when the provider and its
// rule are gone: by then the status that everybody sees has to show it.
func (r *deletionPolicyReconciler) frozen(p *v1alpha1.IdentityProvider) func(context.Context, *v1alpha1.ProvisionedUser) (bool, error) {
	return func(ctx context.Context, u *v1alpha1.ProvisionedUser) (bool, error) {
		subject := access.SubjectOf(u, p)
		if subject.Refused || access.Suspended(u, p) {
			return true, nil
		}
		cached, err := r.User(ctx, u.Name)
		if err != nil || cached == nil {
			return false, err
		}
		return cached.UID == u.UID && cached.Status.Subject == subject.Name, nil
	}
}

// suspend does to a user what the identity provider does when it deactivates one.
func (r *deletionPolicyReconciler) suspend(ctx context.Context, u *v1alpha1.ProvisionedUser) (bool, error) {
	suspended := u.DeepCopy()
	access.SuspendWithProvider(suspended, r.clock.Now())
	err := r.client.Patch(ctx, suspended, client.MergeFromWithOptions(u, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("suspend user %q: %w", u.Name, err)
	}
	return true, nil
}

// releaseAll makes everything of a provider local: the attachments of all users,
// then the users, then the roles.
func (r *deletionPolicyReconciler) releaseAll(ctx context.Context, p *v1alpha1.IdentityProvider) (remainder, error) {
	roles, err := r.roles(ctx, p.Name, r.Reader, client.MatchingFields{index.RoleByProvider: p.Name})
	if err != nil {
		return remainder{}, err
	}
	release := func(ctx context.Context, u *v1alpha1.ProvisionedUser) (bool, error) {
		return r.releaser.user(ctx, u, func(ctx context.Context) (bool, error) { return r.calledOff(ctx, p) })
	}
	for _, do := range []func(context.Context, *v1alpha1.ProvisionedUser) (bool, error){r.releaser.prepare, release} {
		l, err := r.everyUser(ctx, p, everybody, do)
		if l.users > 0 || err != nil {
			l.roles = len(roles)
			return l, err
		}
	}
	if l, err := r.releaseRoles(ctx, p, roles); l.roles > 0 || err != nil {
		return l, err
	}
	if roles, err = r.roles(ctx, p.Name, r.live, client.MatchingFields{"spec.provider": p.Name}); err != nil {
		return remainder{}, err
	}
	return r.releaseRoles(ctx, p, roles)
}

// calledOff says whether a provider is no longer to release its users, as the API
// server has it: its policy can be changed on the way.
func (r *deletionPolicyReconciler) calledOff(ctx context.Context, p *v1alpha1.IdentityProvider) (bool, error) {
	now := &v1alpha1.IdentityProvider{}
	err := r.live.Get(ctx, client.ObjectKeyFromObject(p), now)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the identity provider %q: %w", p.Name, err)
	}
	return now.UID != p.UID || !releasing(now), nil
}

// releaseRoles makes roles local, all but those that rules hold.
func (r *deletionPolicyReconciler) releaseRoles(ctx context.Context, p *v1alpha1.IdentityProvider, roles []*v1alpha1.ProvisionedRole) (remainder, error) {
	var free []*v1alpha1.ProvisionedRole
	var holders []string
	for _, role := range roles {
		held, err := r.heldBy(ctx, role)
		if err != nil {
			return remainder{roles: len(roles)}, err
		}
		if len(held) == 0 {
			free = append(free, role)
		}
		holders = append(holders, held...)
	}
	undone, err := each(ctx, free, func(ctx context.Context, role *v1alpha1.ProvisionedRole) (bool, error) {
		return true, r.releaser.writeRole(ctx, role)
	})
	l := remainder{roles: undone + len(roles) - len(free)}
	if len(holders) > 0 {
		l.holding = holding(p.Name, holders)
	}
	return l, err
}

// roles are those of a provider that are not being deleted.
func (r *deletionPolicyReconciler) roles(ctx context.Context, provider string, from client.Reader, field client.MatchingFields) ([]*v1alpha1.ProvisionedRole, error) {
	var list v1alpha1.ProvisionedRoleList
	if err := from.List(ctx, &list, field); err != nil {
		return nil, fmt.Errorf("list the roles of %q: %w", provider, err)
	}
	var roles []*v1alpha1.ProvisionedRole
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			roles = append(roles, &list.Items[i])
		}
	}
	return roles, nil
}

func (b base) cachedUsers(ctx context.Context, provider string) ([]*v1alpha1.ProvisionedUser, error) {
	return b.Users(ctx, index.UserByProvider, provider)
}

// liveUsers are the users of a provider as the API server has them.
func (b base) liveUsers(ctx context.Context, provider string) ([]*v1alpha1.ProvisionedUser, error) {
	var users []*v1alpha1.ProvisionedUser
	for token := ""; ; {
		var list v1alpha1.ProvisionedUserList
		if err := b.live.List(ctx, &list, client.MatchingFields{"spec.provider": provider},
			client.Limit(livePage), client.Continue(token)); err != nil {
			return nil, fmt.Errorf("list the users of %q: %w", provider, err)
		}
		for i := range list.Items {
			users = append(users, &list.Items[i])
		}
		if token = list.Continue; token == "" {
			return users, nil
		}
	}
}

// each does something to objects, several at a time and for as long as a step
// lasts. It returns how many are not done, and the first error. Somebody else's
// write in between is no error: the object is looked at again.
func each[T client.Object](ctx context.Context, objects []T, do func(context.Context, T) (done bool, err error)) (undone int, err error) {
	var (
		group errgroup.Group
		done  atomic.Int64
		end   = time.Now().Add(policyStep)
	)
	group.SetLimit(policyWriters)
	for _, o := range objects {
		if time.Now().After(end) || ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			ok, err := do(ctx, o)
			if apierrors.IsConflict(err) {
				return nil
			}
			if err == nil && ok {
				done.Add(1)
			}
			return err
		})
	}
	err = group.Wait()
	return len(objects) - int(done.Load()), err
}
