package directory

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/order"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// Users implements scim.Directory. A filter that demands a value of an indexed
// attribute looks at the users that have it; any other at all users of this
// provider.
func (d *Directory) Users(ctx context.Context, q scim.Query) (scim.Page, error) {
	match, err := predicate(q.Filter, schema.User)
	if err != nil {
		return scim.Page{}, err
	}
	candidates, err := d.userCandidates(ctx, q.Filter)
	if err != nil {
		return scim.Page{}, err
	}
	filtered := userResource
	if q.Filter != nil && filter.Uses(q.Filter, schema.User, attrGroups) {
		filtered = func(u *v1alpha1.ProvisionedUser) (scim.Resource, error) { return d.showUser(ctx, u) }
	}
	found, err := matching(ctx, candidates, match, filtered)
	if err != nil {
		return scim.Page{}, err
	}
	return page(ctx, found, q, userID, func(u *v1alpha1.ProvisionedUser) (scim.Resource, error) { return d.showUser(ctx, u) })
}

// Groups implements scim.Directory, as Users does.
func (d *Directory) Groups(ctx context.Context, q scim.Query) (scim.Page, error) {
	match, err := predicate(q.Filter, schema.Group)
	if err != nil {
		return scim.Page{}, err
	}
	candidates, err := d.roleCandidates(ctx, q.Filter)
	if err != nil {
		return scim.Page{}, err
	}
	filtered, err := d.filteredRole(ctx, q.Filter)
	if err != nil {
		return scim.Page{}, err
	}
	found, err := matching(ctx, candidates, match, filtered)
	if err != nil {
		return scim.Page{}, err
	}
	return page(ctx, found, q, roleID, func(r *v1alpha1.ProvisionedRole) (scim.Resource, error) {
		return d.showRole(ctx, r, q.WithMembers)
	})
}

// filteredRole returns what a filter sees of a group: its members only if it
// asks for them, and of those only the ones it names, if it names them all. The
// question whether one user is in a group of 10,000 is asked often.
func (d *Directory) filteredRole(ctx context.Context, e filter.Expr) (func(*v1alpha1.ProvisionedRole) (scim.Resource, error), error) {
	if e == nil || !filter.Uses(e, schema.Group, attrMembers) {
		return roleResource, nil
	}
	ids, all := namedMembers(e)
	if !all {
		return func(r *v1alpha1.ProvisionedRole) (scim.Resource, error) { return d.showRole(ctx, r, true) }, nil
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

// alive returns an error when nobody waits for the answer any more. It looks
// once in a few hundred steps.
func alive(ctx context.Context, step int) error {
	const stride = 256
	if step%stride != 0 {
		return nil
	}
	return explain(ctx.Err(), "answer")
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

// userCandidates are the users of this provider that a filter may match.
func (d *Directory) userCandidates(ctx context.Context, e filter.Expr) ([]*v1alpha1.ProvisionedUser, error) {
	field, value := choose(e, schema.User, []lookup{
		{attrID, index.UserByID, d.scoped},
		{attrUserName, index.UserByUserName, fold.String},
		{attrExternalID, index.UserByExternalID, d.scoped},
		{"emails.value", index.UserByEmail, fold.String},
		{"groups.value", index.UserByRoleID, exact},
	}, lookup{"", index.UserByProvider, nil}, d.provider)
	var list v1alpha1.ProvisionedUserList
	if err := d.list(ctx, &list, field, value); err != nil {
		return nil, err
	}
	return ours(d, list.Items), nil
}

// roleCandidates are the roles of this provider that a filter may match.
func (d *Directory) roleCandidates(ctx context.Context, e filter.Expr) ([]*v1alpha1.ProvisionedRole, error) {
	field, value := choose(e, schema.Group, []lookup{
		{attrID, index.RoleByID, d.scoped},
		{attrDisplay, index.RoleByDisplayName, fold.String},
		{attrExternalID, index.RoleByExternalID, d.scoped},
	}, lookup{"", index.RoleByProvider, nil}, d.provider)
	if field == index.RoleByProvider && e != nil {
		for _, equality := range filter.Conjuncts(e, schema.Group) {
			if equality.Path != "members.value" {
				continue
			}
			u, err := d.findUser(ctx, equality.Value)
			if err != nil {
				return nil, err
			}
			if u != nil {
				return d.rolesOf(ctx, u)
			}
		}
	}
	var list v1alpha1.ProvisionedRoleList
	if err := d.list(ctx, &list, field, value); err != nil {
		return nil, err
	}
	return ours(d, list.Items), nil
}

// rolesOf are the roles that a user has a membership in.
func (d *Directory) rolesOf(ctx context.Context, u *v1alpha1.ProvisionedUser) ([]*v1alpha1.ProvisionedRole, error) {
	roles := make([]*v1alpha1.ProvisionedRole, 0, len(u.Spec.Memberships))
	for id := range u.Spec.Memberships {
		role, err := d.findRole(ctx, id)
		if err != nil {
			return nil, err
		}
		if role != nil {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

// lookup is an index for equalities on one attribute.
type lookup struct {
	path  string
	index string
	key   func(string) string
}

func (d *Directory) scoped(value string) string { return index.Scoped(d.provider, value) }

func exact(value string) string { return value }

// choose picks the first index of the list that an equality of the filter can
// use, and the value to look up.
func choose(e filter.Expr, rt *schema.ResourceType, indexes []lookup, scan lookup, all string) (field, value string) {
	if e != nil {
		equalities := filter.Conjuncts(e, rt)
		for _, l := range indexes {
			for _, equality := range equalities {
				if equality.Path == l.path {
					return l.index, l.key(equality.Value)
				}
			}
		}
	}
	return scan.index, all
}

// ours points at the objects of a list that this directory shows.
func ours[T any, P interface {
	*T
	client.Object
}](d *Directory, items []T) []P {
	objects := make([]P, 0, len(items))
	for i := range items {
		if o := P(&items[i]); d.mine(o) {
			objects = append(objects, o)
		}
	}
	return objects
}

func predicate(e filter.Expr, rt *schema.ResourceType) (filter.Predicate, error) {
	if e == nil {
		return nil, nil
	}
	match, err := filter.Bind(e, rt)
	if err != nil {
		return nil, scim.BadRequest(scim.InvalidFilter, "%s", err)
	}
	return match, nil
}

// matching returns the objects whose resource matches; a nil predicate is true.
func matching[T client.Object](ctx context.Context, objects []T, match filter.Predicate, resource func(T) (scim.Resource, error)) ([]T, error) {
	if match == nil {
		return objects, nil
	}
	found := objects[:0]
	for i, o := range objects {
		if err := alive(ctx, i); err != nil {
			return nil, err
		}
		r, err := resource(o)
		if err != nil {
			return nil, err
		}
		if match(r) {
			found = append(found, o)
		}
	}
	return found, nil
}

// page cuts a page out of what was found. The order of creation is known without
// a look into the resources, which would cost more than the sorting.
func page[T client.Object](ctx context.Context, found []T, q scim.Query, id func(T) string, show func(T) (scim.Resource, error)) (scim.Page, error) {
	p := scim.Page{Total: len(found)}
	found, p.Earlier, p.Later = order.Cut(q.Order, found, func(o T) order.Key {
		return order.Created(o.GetCreationTimestamp().Time, id(o))
	}, q.Window)
	p.Resources = make([]scim.Resource, 0, len(found))
	for i, o := range found {
		if err := alive(ctx, i); err != nil {
			return scim.Page{}, err
		}
		r, err := show(o)
		if err != nil {
			return scim.Page{}, err
		}
		p.Resources = append(p.Resources, r)
	}
	return p, nil
}

func userID(u *v1alpha1.ProvisionedUser) string { return u.Spec.ID }

func roleID(r *v1alpha1.ProvisionedRole) string { return r.Spec.ID }
