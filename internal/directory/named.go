package directory

import (
	"context"
	"slices"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// consideredRole returns what a filter is asked about of a group: its members only
// if it asks for them, and of those only the ones it names, if it names them all.
// The question whether one user is in a group of 10,000 is asked often.
func (d *Directory) consideredRole(ctx context.Context, e filter.Expr) (func(*v1alpha1.ProvisionedRole) (scim.Resource, error), error) {
	members := uses(e, schema.Group, attrMembers)
	version := usesVersion(e, schema.Group)
	if !members && !version {
		return roleResource, nil
	}
	ids, all := namedMembers(e)
	if !all || version {
		return func(r *v1alpha1.ProvisionedRole) (scim.Resource, error) { return d.showRole(ctx, r, members) }, nil
	}
	named, err := d.lookUp(ctx, ids)
	if err != nil {
		return nil, err
	}
	return func(r *v1alpha1.ProvisionedRole) (scim.Resource, error) {
		group, err := roleResource(r)
		if err != nil {
			return nil, err
		}
		if members := named.members(r); len(members) > 0 {
			group[attrMembers] = memberValues(members)
		}
		return group, nil
	}, nil
}

// namedMembers returns the member ids that a filter compares with. all says that
// its verdict depends on no other member: every condition on members is an
// equality of their value.
func namedMembers(e filter.Expr) (ids []string, all bool) {
	var terms []filter.Expr
	switch e := e.(type) {
	case filter.And:
		terms = e.Terms
	case filter.Or:
		terms = e.Terms
	case filter.Not:
		return namedMembers(e.Term)
	default:
		if !filter.Uses(e, schema.Group, attrMembers) {
			return nil, true
		}
		if v, ok := e.(filter.ValuePath); ok {
			if _, simple := v.Filter.(filter.Compare); !simple {
				return nil, false
			}
		}
		equalities := filter.Conjuncts(e, schema.Group)
		if len(equalities) != 1 || equalities[0].Path != "members.value" {
			return nil, false
		}
		return []string{equalities[0].Value}, true
	}
	for _, t := range terms {
		more, ok := namedMembers(t)
		if !ok {
			return nil, false
		}
		ids = append(ids, more...)
	}
	return ids, true
}

// namedIn are the ids of a filter, looked up.
type namedIn struct {
	byRole  map[string][]scim.Member
	unknown map[string]bool
}

func (d *Directory) lookUp(ctx context.Context, ids []string) (namedIn, error) {
	n := namedIn{byRole: map[string][]scim.Member{}, unknown: map[string]bool{}}
	seen := make(map[string]bool, len(ids))
	for i, id := range ids {
		if err := alive(ctx, i); err != nil {
			return n, err
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		u, err := d.findUser(ctx, id)
		if err != nil {
			return n, err
		}
		if u == nil {
			n.unknown[id] = true
			continue
		}
		for roleID := range u.Spec.Memberships {
			n.byRole[roleID] = append(n.byRole[roleID], userMember(u))
		}
	}
	return n, nil
}

// members are those of the ids that are members of a group.
func (n namedIn) members(role *v1alpha1.ProvisionedRole) []scim.Member {
	members := slices.Clone(n.byRole[role.Spec.ID])
	if len(n.unknown) == 0 {
		return members
	}
	for _, id := range role.Spec.UnresolvedMembers {
		if n.unknown[id] {
			members = append(members, scim.Member{ID: id})
		}
	}
	return members
}
