package directory

import (
	"context"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/semaphore"
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
// attribute, or one of several, looks at the users that have it; any other at all
// users of this provider.
func (d *Directory) Users(ctx context.Context, q scim.Query) (scim.Page, error) {
	considered := userResource
	if uses(q.Filter, schema.User, attrGroups) || usesVersion(q.Filter, schema.User) {
		considered = func(u *v1alpha1.ProvisionedUser) (scim.Resource, error) { return d.showUser(ctx, u) }
	}
	return search(ctx, d.scans, q, kind[*v1alpha1.ProvisionedUser]{
		rt: schema.User,
		lookups: []lookup[*v1alpha1.ProvisionedUser]{
			{attrID, false, by(d.listUsers, index.UserByID, d.scoped)},
			{attrUserName, false, by(d.listUsers, index.UserByUserName, fold.String)},
			{attrExternalID, false, by(d.listUsers, index.UserByExternalID, d.scoped)},
			{"emails.value", false, by(d.listUsers, index.UserByEmail, fold.String)},
			{attrDisplay, false, by(d.listUsers, index.UserByDisplayName, func(name string) string { return d.scoped(fold.String(name)) })},
			{"groups.value", true, d.holders},
		},
		all: func(ctx context.Context) ([]*v1alpha1.ProvisionedUser, error) {
			return d.listUsers(ctx, index.UserByProvider, d.provider)
		},
		id:         func(u *v1alpha1.ProvisionedUser) string { return u.Spec.ID },
		considered: considered,
		show: func(u *v1alpha1.ProvisionedUser) (scim.Resource, error) {
			if err := mayShowUser(ctx, u); err != nil {
				return nil, err
			}
			return d.showUser(ctx, u)
		},
	})
}

// Groups implements scim.Directory, as Users does.
func (d *Directory) Groups(ctx context.Context, q scim.Query) (scim.Page, error) {
	considered, err := d.consideredRole(ctx, q.Filter)
	if err != nil {
		return scim.Page{}, err
	}
	return search(ctx, d.scans, q, kind[*v1alpha1.ProvisionedRole]{
		rt: schema.Group,
		lookups: []lookup[*v1alpha1.ProvisionedRole]{
			{attrID, false, by(d.listRoles, index.RoleByID, d.scoped)},
			{attrDisplay, false, by(d.listRoles, index.RoleByDisplayName, fold.String)},
			{attrExternalID, false, by(d.listRoles, index.RoleByExternalID, d.scoped)},
			{"members.value", true, d.rolesWith},
		},
		all:        d.allRoles,
		id:         func(r *v1alpha1.ProvisionedRole) string { return r.Spec.ID },
		considered: considered,
		show: func(r *v1alpha1.ProvisionedRole) (scim.Resource, error) {
			if err := d.mayShowRole(ctx, r, q.WithMembers); err != nil {
				return nil, err
			}
			return d.showRole(ctx, r, q.WithMembers)
		},
	})
}

// few objects may be looked at by any number of searches at once.
const few = 500

// maxScans is how many searches of one directory may look at more objects than a
// few at the same time; the others wait. So whoever holds one provider's token
// keeps no more than half of the processors busy with them.
func maxScans() int64 { return int64(max(1, runtime.GOMAXPROCS(0)/2)) }

// scan is a search's turn to look at many objects.
type scan struct {
	slots *semaphore.Weighted
	held  bool
}

// begin waits for the turn, no longer than the context lives.
func (s *scan) begin(ctx context.Context) error {
	if s.held {
		return nil
	}
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return explain(err, "wait for other searches")
	}
	s.held = true
	return nil
}

func (s *scan) end() {
	if s.held {
		s.slots.Release(1)
	}
}

// kind is what a search knows of users, or of groups.
type kind[T client.Object] struct {
	rt *schema.ResourceType
	// lookups are the indexes, the one that finds the fewest first.
	lookups []lookup[T]
	// all returns every object of the directory.
	all func(context.Context) ([]T, error)
	id  func(T) string
	// considered is what the filter and the order are asked about, show what the
	// client sees. No order asks for groups or members.
	considered, show func(T) (scim.Resource, error)
}

// lookup is an index of the objects by the values of one attribute.
type lookup[T client.Object] struct {
	path string
	// many says that a value often belongs to more objects than a few.
	many bool
	find func(ctx context.Context, value string) ([]T, error)
}

// by finds objects through an index, with the key that a value has in it.
func by[T client.Object](list func(ctx context.Context, index, key string) ([]T, error), index string, key func(string) string) func(context.Context, string) ([]T, error) {
	return func(ctx context.Context, value string) ([]T, error) { return list(ctx, index, key(value)) }
}

func (d *Directory) scoped(value string) string { return index.Scoped(d.provider, value) }

// hit is a value to look up.
type hit[T client.Object] struct {
	lookup[T]
	value string
}

// hits returns lookups that together find whatever a filter may match; none if
// there are no such.
func (k kind[T]) hits(e filter.Expr) []hit[T] {
	if e == nil {
		return nil
	}
	equalities := filter.Conjuncts(e, k.rt)
	for _, l := range k.lookups {
		for _, equality := range equalities {
			if equality.Path == l.path {
				return []hit[T]{{l, equality.Value}}
			}
		}
	}
	switch e := e.(type) {
	case filter.And:
		for _, t := range e.Terms {
			if hits := k.hits(t); hits != nil {
				return hits
			}
		}
	case filter.Or:
		var all []hit[T]
		for _, t := range e.Terms {
			hits := k.hits(t)
			if hits == nil {
				return nil
			}
			all = append(all, hits...)
		}
		return all
	}
	return nil
}

// candidates are the objects that a filter may match, each once.
func (k kind[T]) candidates(ctx context.Context, hits []hit[T]) ([]T, error) {
	if hits == nil {
		return k.all(ctx)
	}
	if len(hits) == 1 {
		return hits[0].find(ctx, hits[0].value)
	}
	var objects []T
	seen := map[string]bool{}
	for i, h := range hits {
		if err := alive(ctx, i); err != nil {
			return nil, err
		}
		more, err := h.find(ctx, h.value)
		if err != nil {
			return nil, err
		}
		for _, o := range more {
			if id := k.id(o); !seen[id] {
				seen[id] = true
				objects = append(objects, o)
			}
		}
	}
	return objects, nil
}

// found is an object that matches, and its place.
type found[T client.Object] struct {
	object T
	key    order.Key
}

func search[T client.Object](ctx context.Context, scans *semaphore.Weighted, q scim.Query, k kind[T]) (scim.Page, error) {
	match, err := predicate(q.Filter, k.rt)
	if err != nil {
		return scim.Page{}, err
	}
	hits := k.hits(q.Filter)
	turn := scan{slots: scans}
	defer turn.end()
	if hits == nil || slices.ContainsFunc(hits, func(h hit[T]) bool { return h.many }) {
		if err := turn.begin(ctx); err != nil {
			return scim.Page{}, err
		}
	}
	candidates, err := k.candidates(ctx, hits)
	if err != nil {
		return scim.Page{}, err
	}
	if len(candidates) > few {
		if err := turn.begin(ctx); err != nil {
			return scim.Page{}, err
		}
	}
	all, err := k.matching(ctx, candidates, match, q.Order)
	if err != nil {
		return scim.Page{}, err
	}
	page := scim.Page{Total: len(all)}
	all, page.Earlier, page.Later = order.Cut(q.Order, all, func(f found[T]) order.Key { return f.key }, q.Window)
	page.Resources = make([]scim.Resource, 0, len(all))
	for _, f := range all {
		// Each may be a group with many members.
		if err := alive(ctx, 0); err != nil {
			return scim.Page{}, err
		}
		r, err := k.show(f.object)
		if err != nil {
			return scim.Page{}, err
		}
		page.Resources = append(page.Resources, r)
	}
	return page, nil
}

// matching returns the objects whose resource matches; a nil predicate is true.
// The order of creation is known without a look into the resources, which would
// cost more than all the rest.
func (k kind[T]) matching(ctx context.Context, candidates []T, match filter.Predicate, o order.Order) ([]found[T], error) {
	all := make([]found[T], 0, len(candidates))
	for i, c := range candidates {
		if err := alive(ctx, i); err != nil {
			return nil, err
		}
		f := found[T]{c, order.Created(c.GetCreationTimestamp().Time, k.id(c))}
		if match != nil || !o.ByCreation() {
			r, err := k.considered(c)
			if err != nil {
				return nil, err
			}
			if match != nil && !match(r) {
				continue
			}
			if !o.ByCreation() {
				f.key = o.Key(r)
			}
		}
		all = append(all, f)
	}
	return all, nil
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

func uses(e filter.Expr, rt *schema.ResourceType, attribute string) bool {
	return e != nil && filter.Uses(e, rt, attribute)
}

// usesVersion says whether a filter may ask for meta.version, which is much work
// to make. It errs on the safe side.
func usesVersion(e filter.Expr, rt *schema.ResourceType) bool {
	return uses(e, rt, attrMeta) && strings.Contains(strings.ToLower(e.String()), attrVersion)
}

// listUsers returns the users of this directory that an index has under a key.
// They belong to the cache.
func (d *Directory) listUsers(ctx context.Context, index, key string) ([]*v1alpha1.ProvisionedUser, error) {
	var list v1alpha1.ProvisionedUserList
	if err := d.list(ctx, &list, index, key); err != nil {
		return nil, err
	}
	return only(list.Items, func(u *v1alpha1.ProvisionedUser) bool { return d.mine(u) }), nil
}

// listRoles is listUsers for roles.
func (d *Directory) listRoles(ctx context.Context, index, key string) ([]*v1alpha1.ProvisionedRole, error) {
	var list v1alpha1.ProvisionedRoleList
	if err := d.list(ctx, &list, index, key); err != nil {
		return nil, err
	}
	return only(list.Items, func(r *v1alpha1.ProvisionedRole) bool { return d.mine(r) }), nil
}

func (d *Directory) allRoles(ctx context.Context) ([]*v1alpha1.ProvisionedRole, error) {
	return d.listRoles(ctx, index.RoleByProvider, d.provider)
}

// rolesWith are the roles that may have a member of that id.
func (d *Directory) rolesWith(ctx context.Context, id string) ([]*v1alpha1.ProvisionedRole, error) {
	u, err := d.findUser(ctx, id)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return d.allRoles(ctx)
	}
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

// only points at those of a list that are wanted.
func only[T any](items []T, wanted func(*T) bool) []*T {
	some := make([]*T, 0, len(items))
	for i := range items {
		if wanted(&items[i]) {
			some = append(some, &items[i])
		}
	}
	return some
}

// first returns the only one of a list, or nil.
func first[T any](list []*T, err error) (*T, error) {
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}
