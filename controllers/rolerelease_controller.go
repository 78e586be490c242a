package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/roster"
)

const (
	// liveAgain is how long to wait before all users are asked of the API server
	// once more.
	liveAgain = 250 * time.Millisecond
	// endCheck is how often a membership is looked for whose role was released.
	endCheck = time.Second
	// requestMargin is for the clocks and for the way of an answer.
	requestMargin = 2 * time.Second
)

// roleReleaser releases roles by annotation.
//
// The members stay with their identity provider, but it can't give them a local
// role: attachments do. A SCIM request that was under way may take somebody out of
// the role when it is local already, and be answered with success. So memberships
// are kept for as long as such a request can last; the attachment of one that ends
// goes with it, and what is left then is confirmed. Memberships are swept after
// that, like those in a role that is gone, and so is one which a SCIM request adds
// in the last moment.
type roleReleaser struct {
	*releaser
	requestTimeout time.Duration
	// since is when a released role was first met: name to time.Time.
	since sync.Map
}

func (r *roleReleaser) setup(mgr ctrl.Manager) error {
	provider := func(role *v1alpha1.ProvisionedRole) string { return role.Spec.Provider }
	return ctrl.NewControllerManagedBy(mgr).
		Named("rolerelease").
		Watches(&v1alpha1.ProvisionedRole{}, on(true, releaseEvents(provider))).
		Watches(&v1alpha1.RoleAttachment{}, r.pendingEvents(v1alpha1.ReleaseOfRole)).
		Watches(&v1alpha1.AccessRule{}, on(false, r.ruleChanged)).
		WithOptions(workers(2, maxRetry)).
		Complete(r)
}

// ruleChanged: a rule may have held the release of its role.
func (r *roleReleaser) ruleChanged(ctx context.Context, old, _ *v1alpha1.AccessRule, q queue) {
	if old == nil || old.Spec.Provider == "" {
		return
	}
	if role, err := r.Role(ctx, old.Spec.Role); err == nil && role != nil && asked(role) {
		enqueue(q, normal, 0, role.Name)
	}
}

// Reconcile implements reconcile.Reconciler.
func (r *roleReleaser) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	role, err := r.Role(ctx, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	pending, err := r.pendingOf(ctx, v1alpha1.ReleaseOfRole, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	if role != nil && role.Spec.Provider == "" {
		if asked(role) {
			return r.retryConflict(r.clear(ctx, role)) // and the event brings it back
		}
		return r.finish(ctx, role, pending)
	}
	r.since.Delete(req.Name)
	if len(pending) > 0 {
		// At the start the cache may know the attachments and not the release.
		switch local, err := r.localByNow(ctx, &v1alpha1.ProvisionedRole{}, req.Name); {
		case err != nil:
			return ctrl.Result{}, err
		case local:
			return ctrl.Result{RequeueAfter: cacheLag}, nil
		}
	}
	if role == nil || !asked(role) {
		return r.retryConflict(r.takeBack(ctx, pending))
	}
	return r.begin(ctx, role, pending)
}

// begin makes a role local as soon as attachments stand in for the memberships.
func (r *roleReleaser) begin(ctx context.Context, role *v1alpha1.ProvisionedRole, pending []*v1alpha1.RoleAttachment) (ctrl.Result, error) {
	held, err := r.heldBy(ctx, role)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case len(held) > 0:
		// As long as it takes, the memberships alone give the role. A change of the
		// rules brings it back.
		return r.retryConflict(r.takeBack(ctx, pending))
	}
	if err := r.takeBackEnded(ctx, pending); err != nil {
		return r.retryConflict(err)
	}
	members, wait, err := r.substituteMembers(ctx, role)
	if err != nil || wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, err
	}
	if pending, err = r.pendingOf(ctx, v1alpha1.ReleaseOfRole, role.Name); err != nil {
		return ctrl.Result{}, err
	}
	_, ended := partition(pending, func(a *v1alpha1.RoleAttachment) bool { return members[a.Spec.User] })
	if err := r.takeBack(ctx, ended); err != nil {
		return r.retryConflict(err)
	}
	return r.retryConflict(r.writeRole(ctx, role))
}

// finish confirms the attachments of a released role whose memberships have lasted
// for as long as a SCIM request that knew the role can.
func (r *roleReleaser) finish(ctx context.Context, role *v1alpha1.ProvisionedRole, pending []*v1alpha1.RoleAttachment) (ctrl.Result, error) {
	if len(pending) == 0 {
		r.since.Delete(role.Name)
		return ctrl.Result{}, nil
	}
	if _, another := partition(pending, func(a *v1alpha1.RoleAttachment) bool { return a.Spec.RoleID == role.Spec.ID }); len(another) > 0 {
		// Of a role that bore the name before.
		if err := r.takeBack(ctx, another); err != nil {
			return r.retryConflict(err)
		}
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	first, _ := r.since.LoadOrStore(role.Name, r.clock.Now())
	wait := first.(time.Time).Add(r.requestTimeout + requestMargin).Sub(r.clock.Now())
	if wait <= 0 {
		undone, err := each(ctx, pending, r.settle)
		if err != nil || undone > 0 {
			return ctrl.Result{RequeueAfter: cacheLag}, err
		}
		r.since.Delete(role.Name)
		return ctrl.Result{}, nil
	}
	if err := r.takeBackEnded(ctx, pending); err != nil {
		return r.retryConflict(err)
	}
	return ctrl.Result{RequeueAfter: min(wait, endCheck)}, nil
}

// takeBackEnded takes back what was made for memberships that have ended: those that
// the cache says so of, and the API server too. The cache may lack a membership that
// is younger than its attachment.
func (r *roleReleaser) takeBackEnded(ctx context.Context, pending []*v1alpha1.RoleAttachment) error {
	for _, a := range pending {
		cached, err := r.User(ctx, a.Spec.User)
		if err != nil {
			return err
		}
		if cached != nil && standsFor(a, cached) {
			continue
		}
		if stands, err := r.standsLive(ctx, a); err != nil {
			return err
		} else if !stands {
			if err := r.takeBack(ctx, []*v1alpha1.RoleAttachment{a}); err != nil {
				return err
			}
		}
	}
	return nil
}

// standsLive is standsFor the user as the API server has it.
func (r *roleReleaser) standsLive(ctx context.Context, a *v1alpha1.RoleAttachment) (bool, error) {
	u := &v1alpha1.ProvisionedUser{}
	err := r.live.Get(ctx, client.ObjectKey{Name: a.Spec.User}, u)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read user %q: %w", a.Spec.User, err)
	}
	return standsFor(a, u), nil
}

// settle decides about one attachment by what the API server says of its user.
func (r *roleReleaser) settle(ctx context.Context, a *v1alpha1.RoleAttachment) (done bool, err error) {
	stands, err := r.standsLive(ctx, a)
	switch {
	case err != nil:
	case stands:
		err = r.confirmOne(ctx, a)
	default:
		err = r.takeBack(ctx, []*v1alpha1.RoleAttachment{a})
	}
	return err == nil, err
}

// standsFor says whether the user still has the membership that an attachment
// stands in for, or had it when the user was released in turn.
func standsFor(a *v1alpha1.RoleAttachment, u *v1alpha1.ProvisionedUser) bool {
	_, member := u.Spec.Memberships[a.Spec.RoleID]
	return u.Spec.ID == a.Spec.UserID && (member || u.Spec.Provider == "")
}

// substituteMembers makes attachments for the members of a role: those of the
// cache, and once these have theirs, those that the API server has. It returns the
// members' names, or how long to wait for the cache.
func (r *roleReleaser) substituteMembers(ctx context.Context, role *v1alpha1.ProvisionedRole) (members map[string]bool, wait time.Duration, err error) {
	all, err := r.Providers(ctx)
	if err != nil {
		return nil, 0, err
	}
	cached, err := r.Users(ctx, index.UserByRoleID, role.Spec.ID)
	if err != nil {
		return nil, 0, err
	}
	if _, ready, err := r.substituteEach(ctx, cached, all, role); err != nil || !ready {
		return nil, cacheLag, err
	}
	live, err := r.liveUsers(ctx, role.Spec.Provider)
	if err != nil {
		return nil, 0, err
	}
	members, ready, err := r.substituteEach(ctx, live, all, role)
	if err != nil || !ready {
		return nil, liveAgain, err
	}
	return members, 0, nil
}

// substituteEach makes attachments for the members among users, and says whether
// the cache has them.
func (r *roleReleaser) substituteEach(ctx context.Context, users []*v1alpha1.ProvisionedUser, all roster.Providers, role *v1alpha1.ProvisionedRole) (members map[string]bool, ready bool, err error) {
	members, ready = make(map[string]bool), true
	for _, u := range users {
		if !access.Releasable(u) || !access.Member(u, role) {
			continue
		}
		members[u.Name] = true
		there, err := r.substitute(ctx, v1alpha1.ReleaseOfRole, u, all.Of(u), role)
		if err != nil {
			return nil, false, err
		}
		ready = ready && there
	}
	return members, ready, nil
}

// heldBy are the names of the rules that name the role's identity provider: they
// would not reach a local role, and its members would lose what they give.
func (l look) heldBy(ctx context.Context, role *v1alpha1.ProvisionedRole) ([]string, error) {
	rules, err := l.Rules(ctx, role.Name)
	if err != nil {
		return nil, err
	}
	var held []string
	for _, rule := range rules {
		if rule.Spec.Provider == role.Spec.Provider && rule.DeletionTimestamp == nil {
			held = append(held, rule.Name)
		}
	}
	slices.Sort(held)
	return held, nil
}

// holding says what the release of a provider's roles waits for.
func holding(provider string, rules []string) string {
	return fmt.Sprintf("the release waits for AccessRule %s: spec.provider is %q there, which would not reach a local role; take it off",
		strings.Join(rules, ", "), provider)
}
