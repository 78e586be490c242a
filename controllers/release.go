package controllers

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/names"
)

// A released user or role keeps what the identity provider gave: attachments
// stand in for memberships. Making them takes the right to attach.
//
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=roleattachments,verbs=create
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=provisionedroles,verbs=patch
// +kubebuilder:rbac:groups=identity.rollcall.dev,resources=provisionedusers,verbs=patch

// cacheLag is how long to wait for the cache: for what was just written, or for
// whatever made a write conflict.
const cacheLag = 20 * time.Millisecond

// maxAttempts bounds the search for a free name of an attachment.
const maxAttempts = 100

// releaser makes users and roles of an identity provider local ones, without a
// moment in which anybody has less than before.
//
// The order sees to that. Attachments are made first; a membership ends only when
// the cache has them, in force. Who looks for the holders of a role reads users
// before attachments (roster.AffectedBy), and so finds a membership or what stands
// in for it, whatever is written in between.
type releaser struct {
	base
	// turns keep a release from being called off between its last check and its
	// write: users by the hash of their name.
	turns [64]sync.Mutex
}

// turn waits until nobody else is at a user.
func (r *releaser) turn(user string) (done func()) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(user)) // it never fails
	turn := &r.turns[h.Sum32()%uint32(len(r.turns))]
	turn.Lock()
	return turn.Unlock
}

// user takes a user one step on its way to a local one, and says whether it is
// one. An attachment that was just made has to reach the cache first. calledOff is
// asked at the last moment.
func (r *releaser) user(ctx context.Context, u *v1alpha1.ProvisionedUser, calledOff func(context.Context) (bool, error)) (done bool, err error) {
	p, err := r.providerOf(ctx, u)
	if err != nil {
		return false, err
	}
	roles, known, err := r.memberships(ctx, u)
	if err != nil || !known {
		return false, err
	}
	standing, err := r.endedOf(ctx, u, roles)
	if err != nil {
		return false, err
	}
	ready, err := r.substituteAll(ctx, u, p, roles)
	if err != nil || !ready {
		return false, err
	}
	defer r.turn(u.Name)()
	if off, err := calledOff(ctx); off || err != nil {
		return false, err
	}
	if err := r.writeUser(ctx, u, p); err != nil {
		return false, err
	}
	return true, r.confirm(ctx, standing)
}

// endedOf takes back what was made for memberships that the identity provider has
// ended meanwhile, and returns what was made for the others.
func (r *releaser) endedOf(ctx context.Context, u *v1alpha1.ProvisionedUser, roles []*v1alpha1.ProvisionedRole) (standing []*v1alpha1.RoleAttachment, err error) {
	pending, err := r.pendingOf(ctx, v1alpha1.ReleaseOfUser, u.Name)
	if err != nil {
		return nil, err
	}
	standing, ended := partition(pending, func(a *v1alpha1.RoleAttachment) bool {
		return slices.ContainsFunc(roles, func(role *v1alpha1.ProvisionedRole) bool { return role.Name == a.Spec.Role })
	})
	// A role that is being released too would take a local user for a member.
	attachments, err := r.Attachments(ctx, index.AttachmentByUser, u.Name)
	if err != nil {
		return nil, err
	}
	for _, a := range attachments {
		if a.Spec.ReleaseOf == v1alpha1.ReleaseOfRole && !standsFor(a, u) {
			ended = append(ended, a)
		}
	}
	return standing, r.takeBack(ctx, ended)
}

// prepare makes the attachments of a user, and says whether they are in force.
func (r *releaser) prepare(ctx context.Context, u *v1alpha1.ProvisionedUser) (ready bool, err error) {
	p, err := r.providerOf(ctx, u)
	if err != nil {
		return false, err
	}
	roles, known, err := r.memberships(ctx, u)
	if err != nil || !known {
		return false, err
	}
	return r.substituteAll(ctx, u, p, roles)
}

// providerOf reads the provider of a user. It makes the subject, which must not
// change because the cache has not heard of the provider yet.
func (r *releaser) providerOf(ctx context.Context, u *v1alpha1.ProvisionedUser) (*v1alpha1.IdentityProvider, error) {
	p, err := r.Provider(ctx, u.Spec.Provider)
	if err != nil || p != nil {
		return p, err
	}
	p = &v1alpha1.IdentityProvider{}
	err = r.live.Get(ctx, client.ObjectKey{Name: u.Spec.Provider}, p)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the identity provider of %q: %w", u.Name, err)
	}
	return p, nil
}

// memberships are the roles that a user is a member of, sorted by name. known is
// false while the cache lacks one that the API server has, or the user as given.
func (r *releaser) memberships(ctx context.Context, u *v1alpha1.ProvisionedUser) (roles []*v1alpha1.ProvisionedRole, known bool, err error) {
	if known, err := r.has(ctx, u); err != nil || !known {
		return nil, false, err
	}
	for id := range u.Spec.Memberships {
		role, err := r.RoleByID(ctx, u.Spec.Provider, id)
		switch {
		case err != nil:
			return nil, false, err
		case role == nil:
			gone, err := r.roleGone(ctx, u.Spec.Provider, id)
			if err != nil || !gone {
				return nil, false, err
			}
		case access.Member(u, role):
			roles = append(roles, role)
		}
	}
	slices.SortFunc(roles, compareNames[*v1alpha1.ProvisionedRole])
	return roles, true, nil
}

// has says whether the cache has a user as given, but for its status.
func (l look) has(ctx context.Context, u *v1alpha1.ProvisionedUser) (bool, error) {
	cached, err := l.User(ctx, u.Name)
	return cached != nil && cached.UID == u.UID && cached.Generation == u.Generation, err
}

// substituteAll makes an attachment for each membership, and says whether the
// cache has them all, in force as soon as the user is active.
func (r *releaser) substituteAll(ctx context.Context, u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider, roles []*v1alpha1.ProvisionedRole) (ready bool, err error) {
	ready = true
	for _, role := range roles {
		there, err := r.substitute(ctx, v1alpha1.ReleaseOfUser, u, p, role)
		if err != nil {
			return false, err
		}
		ready = ready && there
	}
	return ready, nil
}

// substitute makes the attachment that stands in for a membership, unless the
// cache has it. One that was made in an earlier attempt is kept; one of that name
// which gives less, because somebody gave it an end, is let be. A user and a role
// that are released at the same time have an attachment each: neither release may
// take back what the other relies on.
func (r *releaser) substitute(ctx context.Context, of v1alpha1.ReleaseKind, u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider, role *v1alpha1.ProvisionedRole) (there bool, err error) {
	attachments, err := r.Attachments(ctx, index.AttachmentByUser, u.Name)
	if err != nil {
		return false, err
	}
	now := r.clock.Now()
	for attempt := range maxAttempts {
		name := names.ForRelease(string(of), u.Name, u.Spec.ID, u.Spec.Suspensions, role.Name, role.Spec.ID, attempt)
		if i := slices.IndexFunc(attachments, func(a *v1alpha1.RoleAttachment) bool { return a.Name == name }); i >= 0 {
			if access.Substitutes(attachments[i], u, p, role, now) {
				return true, nil
			}
			continue
		}
		a := &v1alpha1.RoleAttachment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: access.Substitute(u, role)}
		a.Spec.ReleaseOf = of
		err := r.client.Create(ctx, a)
		switch {
		case err == nil:
			r.recent.remember(a.DeepCopy())
			if !access.Substitutes(a, u, p, role, now) {
				return false, fmt.Errorf("attachment %q was stamped for another state of user %q than the one it was made for", name, u.Name)
			}
			return false, nil
		case !apierrors.IsAlreadyExists(err):
			return false, fmt.Errorf("attach user %q to role %q: %w", u.Name, role.Name, err)
		}
		if err := r.live.Get(ctx, client.ObjectKeyFromObject(a), a); err != nil {
			return false, fmt.Errorf("read the attachment %q: %w", name, err)
		}
		if access.Substitutes(a, u, p, role, now) {
			return false, nil
		}
	}
	return false, fmt.Errorf("attach user %q to role %q: %d attachments bear the names that this one could have", u.Name, role.Name, maxAttempts)
}

// writeUser makes a user local, as it was when its attachments were found to be
// in force.
func (r *releaser) writeUser(ctx context.Context, u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) error {
	released := u.DeepCopy()
	access.ReleaseUser(released, p)
	log.FromContext(ctx).Info("Releasing a user from its identity provider", "user", u.Name, "provider", u.Spec.Provider)
	err := r.client.Patch(ctx, released, client.MergeFromWithOptions(u, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("release user %q: %w", u.Name, err)
	}
	return nil
}

// writeRole makes a role local.
func (r *releaser) writeRole(ctx context.Context, role *v1alpha1.ProvisionedRole) error {
	released := role.DeepCopy()
	access.ReleaseRole(released)
	log.FromContext(ctx).Info("Releasing a role from its identity provider", "role", role.Name, "provider", role.Spec.Provider)
	err := r.client.Patch(ctx, released, client.MergeFromWithOptions(role, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("release role %q: %w", role.Name, err)
	}
	return nil
}

// retryConflict is the result after a write that is bound to a resourceVersion. A
// conflict is no error: somebody wrote in between, and the cache is about to know.
func (base) retryConflict(err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	return ctrl.Result{}, err
}
