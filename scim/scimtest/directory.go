package scimtest

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// timeFormat of meta: RFC 3339 with the fraction that shows two quick writes
// apart.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// Directory is a scim.Directory in memory. It is safe for concurrent use; every
// method is atomic.
type Directory struct {
	now func() time.Time

	mu     sync.RWMutex
	users  collection
	groups collection
	// members has the member ids of each group, known and unknown ones.
	members map[string]map[string]struct{}
	// memberOf is members the other way round.
	memberOf map[string]map[string]struct{}
	// tombstones has the deleted users' ids by externalId: a user that comes
	// back under the same one is the same user.
	tombstones map[string]tombstone
	created    int
}

var _ scim.Directory = (*Directory)(nil)

type tombstone struct{ id, created string }

// collection is the resources of one type, without groups or members.
type collection struct {
	rt *schema.ResourceType
	// key is the attribute that is unique without case.
	key   string
	byID  map[string]*stored
	byKey map[string]*stored
}

type stored struct {
	resource scim.Resource
	order    int
}

// New returns an empty directory.
func New() *Directory { return NewWithClock(time.Now) }

// NewWithClock returns an empty directory that takes the time from now.
func NewWithClock(now func() time.Time) *Directory {
	return &Directory{
		now:        now,
		users:      newCollection(schema.User, "userName"),
		groups:     newCollection(schema.Group, "displayName"),
		members:    map[string]map[string]struct{}{},
		memberOf:   map[string]map[string]struct{}{},
		tombstones: map[string]tombstone{},
	}
}

func newCollection(rt *schema.ResourceType, key string) collection {
	return collection{rt: rt, key: key, byID: map[string]*stored{}, byKey: map[string]*stored{}}
}

// CreateUser implements scim.Directory.
func (d *Directory) CreateUser(_ context.Context, user scim.Resource) (scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, created := uuid.NewString(), d.timestamp()
	old, back := d.tombstones[user.String("externalId")]
	if back {
		id, created = old.id, old.created
	}
	if err := d.create(&d.users, user, id, created); err != nil {
		return nil, err
	}
	if back {
		delete(d.tombstones, user.String("externalId"))
	}
	return d.user(d.users.byID[id]), nil
}

// User implements scim.Directory.
func (d *Directory) User(_ context.Context, id string) (scim.Resource, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	s, err := d.users.get(id)
	if err != nil {
		return nil, err
	}
	return d.user(s), nil
}

// Users implements scim.Directory.
func (d *Directory) Users(_ context.Context, q scim.Query) (scim.Page, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.users.search(q, d.user, d.user)
}

// UpdateUser implements scim.Directory.
func (d *Directory) UpdateUser(_ context.Context, id string, mutate func(scim.Resource) (scim.Resource, error)) (scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.users.get(id)
	if err != nil {
		return nil, err
	}
	next, err := mutate(d.user(s))
	if err != nil {
		return nil, err
	}
	if err := d.replace(&d.users, s, next, "groups"); err != nil {
		return nil, err
	}
	return d.user(s), nil
}

// DeleteUser implements scim.Directory.
func (d *Directory) DeleteUser(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.users.get(id)
	if err != nil {
		return err
	}
	d.users.remove(s)
	for group := range d.memberOf[id] {
		delete(d.members[group], id)
	}
	delete(d.memberOf, id)
	if externalID := s.resource.String("externalId"); externalID != "" {
		d.tombstones[externalID] = tombstone{id: id, created: created(s.resource)}
	}
	return nil
}

// CreateGroup implements scim.Directory.
func (d *Directory) CreateGroup(_ context.Context, group scim.Resource, members []scim.Member) (scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := uuid.NewString()
	if err := d.create(&d.groups, group, id, d.timestamp()); err != nil {
		return nil, err
	}
	d.change(id, scim.MemberChange{Add: members})
	return d.groupWithMembers(d.groups.byID[id]), nil
}

// Group implements scim.Directory.
func (d *Directory) Group(_ context.Context, id string, withMembers bool) (scim.Resource, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	s, err := d.groups.get(id)
	if err != nil {
		return nil, err
	}
	return d.show(withMembers)(s), nil
}

// Groups implements scim.Directory.
func (d *Directory) Groups(_ context.Context, q scim.Query) (scim.Page, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	match := group
	if q.Filter != nil && filter.Uses(q.Filter, schema.Group, "members") {
		match = d.groupWithMembers
	}
	return d.groups.search(q, match, d.show(q.WithMembers))
}

// UpdateGroup implements scim.Directory.
func (d *Directory) UpdateGroup(_ context.Context, id string, withMembers bool,
	mutate func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error),
) (scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.groups.get(id)
	if err != nil {
		return nil, err
	}
	next, change, err := mutate(group(s), func() ([]scim.Member, error) { return d.currentMembers(id), nil })
	if err != nil {
		return nil, err
	}
	if err := d.replace(&d.groups, s, next, "members"); err != nil {
		return nil, err
	}
	d.change(id, change)
	return d.show(withMembers)(s), nil
}

// DeleteGroup implements scim.Directory.
func (d *Directory) DeleteGroup(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.groups.get(id)
	if err != nil {
		return err
	}
	d.groups.remove(s)
	d.change(id, scim.MemberChange{Reset: true})
	delete(d.members, id)
	return nil
}

func (d *Directory) create(c *collection, resource scim.Resource, id, created string) error {
	if err := c.free(resource, nil); err != nil {
		return err
	}
	d.created++
	resource = resource.Clone()
	resource["id"] = id
	resource["meta"] = map[string]any{"created": created, "lastModified": d.timestamp()}
	c.add(&stored{resource: resource, order: d.created})
	return nil
}

// replace stores next, unless it is what is stored already. computed is the
// attribute that isn't stored.
func (d *Directory) replace(c *collection, s *stored, next scim.Resource, computed string) error {
	next = next.Clone()
	delete(next, computed)
	next["id"], next["meta"] = s.resource["id"], s.resource.Clone()["meta"]
	if reflect.DeepEqual(next, s.resource) {
		return nil
	}
	if err := c.free(next, s); err != nil {
		return err
	}
	next["meta"].(map[string]any)["lastModified"] = d.timestamp()
	c.remove(s)
	s.resource = next
	c.add(s)
	return nil
}

// change carries out a change of a group's members.
func (d *Directory) change(group string, c scim.MemberChange) {
	if c.Reset {
		for id := range d.members[group] {
			delete(d.memberOf[id], group)
		}
		delete(d.members, group)
	}
	for _, m := range c.Add {
		put(d.members, group, m.ID)
		put(d.memberOf, m.ID, group)
	}
	for _, id := range c.Remove {
		delete(d.members[group], id)
		delete(d.memberOf[id], group)
	}
}

func put(m map[string]map[string]struct{}, key, value string) {
	if m[key] == nil {
		m[key] = map[string]struct{}{}
	}
	m[key][value] = struct{}{}
}

// user shows a user with its groups.
func (d *Directory) user(s *stored) scim.Resource {
	user := s.resource.Clone()
	var groups []any
	for _, id := range slices.Sorted(maps.Keys(d.memberOf[s.resource.ID()])) {
		groups = append(groups, map[string]any{
			"value": id, "display": d.groups.byID[id].resource.String("displayName"), "type": "direct",
		})
	}
	if groups != nil {
		user["groups"] = groups
	}
	return user
}

// group shows a group without its members.
func group(s *stored) scim.Resource { return s.resource.Clone() }

func (d *Directory) groupWithMembers(s *stored) scim.Resource {
	group := group(s)
	var members []any
	for _, m := range d.currentMembers(s.resource.ID()) {
		member := map[string]any{"value": m.ID}
		if m.Type != "" {
			member["type"], member["display"] = m.Type, m.Display
		}
		members = append(members, member)
	}
	if members != nil {
		group["members"] = members
	}
	return group
}

func (d *Directory) show(withMembers bool) func(*stored) scim.Resource {
	if withMembers {
		return d.groupWithMembers
	}
	return group
}

// currentMembers says of each member what it is, which an unknown id isn't.
func (d *Directory) currentMembers(group string) []scim.Member {
	var members []scim.Member
	for _, id := range slices.Sorted(maps.Keys(d.members[group])) {
		m := scim.Member{ID: id}
		if s := d.users.byID[id]; s != nil {
			m.Type = schema.User.Name
			m.Display = cmp.Or(s.resource.String("displayName"), s.resource.String("userName"))
		} else if s := d.groups.byID[id]; s != nil {
			m.Type, m.Display = schema.Group.Name, s.resource.String("displayName")
		}
		members = append(members, m)
	}
	return members
}

func (d *Directory) timestamp() string { return d.now().UTC().Format(timeFormat) }

func (c *collection) get(id string) (*stored, error) {
	s := c.byID[id]
	if s == nil {
		return nil, scim.NotFound(c.rt.Name, id)
	}
	return s, nil
}

// free checks that no resource but self has the resource's key.
func (c *collection) free(resource scim.Resource, self *stored) error {
	key := resource.String(c.key)
	if s := c.byKey[fold.String(key)]; s != nil && s != self {
		return scim.Conflict("%s %q is taken", c.key, key)
	}
	return nil
}

func (c *collection) add(s *stored) {
	c.byID[s.resource.ID()] = s
	c.byKey[fold.String(s.resource.String(c.key))] = s
}

func (c *collection) remove(s *stored) {
	delete(c.byID, s.resource.ID())
	delete(c.byKey, fold.String(s.resource.String(c.key)))
}

// search finds resources in the order in which they were created. match shows
// what the filter sees, show what the client sees.
func (c *collection) search(q scim.Query, match, show func(*stored) scim.Resource) (scim.Page, error) {
	matches := func(map[string]any) bool { return true }
	candidates := c.byID
	if q.Filter != nil {
		predicate, err := filter.Bind(q.Filter, c.rt)
		if err != nil {
			return scim.Page{}, scim.BadRequest(scim.InvalidFilter, "%s", err)
		}
		matches = predicate
		candidates = c.candidates(q.Filter)
	}
	var found []*stored
	for _, s := range candidates {
		if q.Filter == nil || matches(match(s)) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *stored) int { return cmp.Compare(a.order, b.order) })
	page := scim.Page{Total: len(found)}
	if start := q.StartIndex - 1; start < len(found) {
		for _, s := range found[start : start+min(q.Count, len(found)-start)] {
			page.Resources = append(page.Resources, show(s))
		}
	}
	return page, nil
}

// candidates are the resources that may match: those with the key or id that
// the filter demands, or all.
func (c *collection) candidates(e filter.Expr) map[string]*stored {
	for _, equality := range filter.Conjuncts(e, c.rt) {
		var s *stored
		switch equality.Path {
		case c.key:
			s = c.byKey[fold.String(equality.Value)]
		case "id":
			s = c.byID[equality.Value]
		default:
			continue
		}
		if s == nil {
			return nil
		}
		return map[string]*stored{s.resource.ID(): s}
	}
	return c.byID
}

func created(resource scim.Resource) string {
	meta, _ := resource["meta"].(map[string]any)
	s, _ := meta["created"].(string)
	return s
}
