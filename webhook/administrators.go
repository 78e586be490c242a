package webhook

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/roster"
)

// admittedFor is how long a write that was let pass may take until the API server
// has it: other webhooks have their say, with timeouts of up to 30 s.
const admittedFor = 30 * time.Second

// lastAdministrator says why somebody stays, and what to do.
const lastAdministrator = "no Administrator whose level is in force would be left: give somebody else the level first"

// administrators keeps one Administrator, whatever local acts do.
//
// Two who remove each other at the same moment both find the other one in place, so
// a removal that was let pass counts until the object has been written or the time
// for that is over. That holds among the requests that one replica serves.
type administrators struct {
	*gate

	mu       sync.Mutex
	admitted map[types.UID]removal
}

// removal is a write that takes Administrators away: the object as it was, which a
// write that is still on its way finds unchanged.
type removal struct {
	resourceVersion string
	until           time.Time
}

func newAdministrators(g *gate) *administrators {
	return &administrators{gate: g, admitted: make(map[types.UID]removal)}
}

// isOne says whether a user is an Administrator whose level is in force: under a
// subject of their own.
func (a *administrators) isOne(ctx context.Context, u *v1alpha1.ProvisionedUser, all roster.Providers) (bool, error) {
	if access.Level(u, all.Of(u)).Level != v1alpha1.LevelAdministrator {
		return false, nil
	}
	s, err := a.cache.Subject(ctx, u, all)
	return err == nil && !s.Refused, err
}

// userGoes says whether a write takes the last Administrator away; u is nil for a
// deletion.
func (a *administrators) userGoes(ctx context.Context, old, u *v1alpha1.ProvisionedUser, dryRun bool) (bool, error) {
	if access.Given(old) != v1alpha1.LevelAdministrator {
		return false, nil
	}
	all, err := a.live.Providers(ctx)
	if err != nil {
		return false, err
	}
	if was, err := a.isOne(ctx, old, all); !was || err != nil {
		return false, err
	}
	if u != nil {
		if is, err := a.isOne(ctx, u, all); is || err != nil {
			return false, err
		}
	}
	return a.noneBeside(ctx, old, []string{old.Name}, all, dryRun)
}

// providerChanges says whether a change of an identity provider takes the last
// Administrator away. old is nil for a new one.
func (a *administrators) providerChanges(ctx context.Context, old, p *v1alpha1.IdentityProvider, dryRun bool) (bool, error) {
	before, err := a.live.Providers(ctx)
	if err != nil {
		return false, err
	}
	after := make(roster.Providers, len(before)+1)
	for name, other := range before {
		after[name] = other
	}
	delete(before, p.Name)
	if old != nil {
		before[p.Name] = old
	}
	after[p.Name] = p
	users, err := a.cache.Users(ctx, index.UserByLevel, string(v1alpha1.LevelAdministrator))
	if err != nil {
		return false, err
	}
	var going []string
	for _, u := range users {
		if u.Spec.Provider != p.Name {
			continue
		}
		was, err := a.isOne(ctx, u, before)
		if err != nil {
			return false, err
		}
		is, err := a.isOne(ctx, u, after)
		if err != nil {
			return false, err
		}
		if was && !is {
			going = append(going, u.Name)
		}
	}
	if len(going) == 0 {
		return false, nil
	}
	var cause client.Object
	if old != nil {
		cause = old
	}
	return a.noneBeside(ctx, cause, going, after, dryRun)
}

// noneBeside says whether nobody but those who are going is an Administrator. Where
// somebody is, the write that makes them go is remembered;
// cause is the object that it changes, nil for a new one.
func (a *administrators) noneBeside(ctx context.Context, cause client.Object, going []string, all roster.Providers, dryRun bool) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	users, err := a.cache.Users(ctx, index.UserByLevel, string(v1alpha1.LevelAdministrator))
	if err != nil {
		return false, err
	}
	for _, candidate := range users {
		if slices.Contains(going, candidate.Name) {
			continue
		}
		// Who was one until a moment ago doesn't count.
		u, err := a.live.User(ctx, candidate.Name)
		if err != nil {
			return false, err
		}
		if u == nil || a.isGoing(u) {
			continue
		}
		if p := all.Of(u); p != nil && a.isGoing(p) {
			continue
		}
		if is, err := a.isOne(ctx, u, all); err != nil {
			return false, err
		} else if is {
			if !dryRun && cause != nil {
				a.remember(cause)
			}
			return false, nil
		}
	}
	return true, nil
}

// isGoing says that a write which takes Administrators away was let pass for the
// object as it is now. One that has been written since has another version, and
// speaks for itself.
func (a *administrators) isGoing(o client.Object) bool {
	r, ok := a.admitted[o.GetUID()]
	return ok && r.resourceVersion == o.GetResourceVersion() && a.clock.Now().Before(r.until)
}

func (a *administrators) remember(cause client.Object) {
	now := a.clock.Now()
	for uid, r := range a.admitted {
		if !now.Before(r.until) {
			delete(a.admitted, uid)
		}
	}
	a.admitted[cause.GetUID()] = removal{resourceVersion: cause.GetResourceVersion(), until: now.Add(admittedFor)}
}
