package webhook

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/scim/fold"
)

// isSelf says that the manager itself is the author of a request.
func (g *gate) isSelf(author authenticationv1.UserInfo) bool { return author.Username == g.self }

// isCalled says whether a user is who the API server knows by a name. Case and
// width don't matter: who is in doubt whether they are somebody is treated as if.
func isCalled(username string, u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) bool {
	if u == nil {
		return false
	}
	name := access.SubjectOf(u, p).Name
	return name != "" && fold.Equal(name, username)
}

// leads says whether the author of a request leads a role: as a user whose name it
// is and who keeps it, at level TeamLeader.
func (g *gate) leads(ctx context.Context, username, role string) (bool, error) {
	all, err := g.cache.Providers(ctx)
	if err != nil {
		return false, err
	}
	called, err := g.cache.Called(ctx, username, all)
	if err != nil {
		return false, err
	}
	for _, u := range called {
		if s, err := g.cache.Subject(ctx, u, all); err != nil {
			return false, err
		} else if s.Refused {
			continue
		}
		if leads, err := g.leadsNow(ctx, u.Name, username, role); leads || err != nil {
			return leads, err
		}
	}
	return false, nil
}

// leadsNow asks the API server: a team leader who was one until a moment ago must
// not get another attachment through.
func (g *gate) leadsNow(ctx context.Context, user, username, role string) (bool, error) {
	u, err := g.live.User(ctx, user)
	if u == nil || err != nil {
		return false, err
	}
	r, err := g.live.Role(ctx, role)
	if r == nil || err != nil {
		return false, err
	}
	p, err := g.live.Provider(ctx, u.Spec.Provider)
	if err != nil {
		return false, err
	}
	return access.SubjectOf(u, p).Name == username && access.Leads(u, p, r), nil
}

// attach says, at path, that the author may not give or take a role: neither by
// right nor as its leader.
func (g *gate) attach(ctx context.Context, author authenticationv1.UserInfo, role string, path *field.Path) (*field.Error, error) {
	what := fmt.Sprintf("attach users to the role %q or detach them", role)
	refused, err := g.attachByRight(ctx, author, role, path, what)
	if refused == nil || err != nil {
		return nil, err
	}
	if leads, err := g.leads(ctx, author.Username, role); leads || err != nil {
		return nil, err
	}
	refused.Detail += fmt.Sprintf(", or the level %s and a place among the role's spec.leaders", v1alpha1.LevelTeamLeader)
	return refused, nil
}
