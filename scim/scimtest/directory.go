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
	"github.com/rollcall-dev/rollcall/scim/order"
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
	// last is when the last resource was created.
	last time.Time
}

var _ scim.Directory = (*Directory)(nil)

type tombstone struct {
	id, created string
	resource    scim.Resource
}

// collection is the resources of one type, without groups or members.
type collection struct {
	rt *schema.ResourceType
	// key is the attribute that is unique without case.
	key   string
	byID  map[string]*stored
	byKey map[string]*stored
}

type stored struct{ resource scim.Resource }

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
func (d *Directory) CreateUser(ctx context.Context, user scim.Resource) (scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, now := uuid.NewString(), d.birth()
	created := now
	old, back := d.tombstones[user.String("externalId")]
	if back {
		id, created = old.id, old.created
	}
	if err := d.create(&d.users, user, id, created, now); err != nil {
		return nil, err
	}
	made := scim.Change{Action: scim.Created, After: d.users.byID[id].resource}
	if back {
		made.Action, made.Before = scim.Restored, old.resource
		delete(d.tombstones, user.String("externalId"))
	}
	d.wrote(ctx, &d.users, made)
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
func (d *Directory) UpdateUser(ctx context.Context, id string, match scim.Match, mutate func(scim.Resource) (scim.Resource, error)) (scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.users.get(id)
	if err != nil {
		return nil, err
	}
	if err := check(match, schema.User, d.user(s)); err != nil {
		return nil, err
	}
	next, err := mutate(d.user(s))
	if err != nil {
		return nil, err
	}
	if err := d.replace(ctx, &d.users, s, next, "groups"); err != nil {
		return nil, err
	}
	return d.user(s), nil
}

// DeleteUser implements scim.Directory.
func (d *Directory) DeleteUser(ctx context.Context, id string, match scim.Match) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.users.get(id)
	if err != nil {
		return err
	}
	if err := check(match, schema.User, d.user(s)); err != nil {
		return err
	}
	d.users.remove(s)
	for group := range d.memberOf[id] {
		delete(d.members[group], id)
	}
	delete(d.memberOf, id)
	if externalID := s.resource.String("externalId"); externalID != "" {
		d.tombstones[externalID] = tombstone{id: id, created: created(s.resource), resource: s.resource}
	}
	d.wrote(ctx, &d.users, scim.Change{Action: scim.Deleted, Before: s.resource})
	return nil
}

// CreateGroup implements scim.Directory.
func (d *Directory) CreateGroup(ctx context.Context, group scim.Resource, members []scim.Member) (scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, now := uuid.NewString(), d.birth()
	if err := d.create(&d.groups, group, id, now, now); err != nil {
		return nil, err
	}
	d.wrote(ctx, &d.groups, scim.Change{Action: scim.Created, After: d.groups.byID[id].resource})
	d.change(ctx, id, scim.MemberChange{Add: members})
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
	filtered := d.group
	if q.Filter != nil && filter.Uses(q.Filter, schema.Group, "members") {
		filtered = d.groupWithMembers
	}
	return d.groups.search(q, filtered, d.show(q.WithMembers))
}

// UpdateGroup implements scim.Directory.
func (d *Directory) UpdateGroup(ctx context.Context, id string, match scim.Match, withMembers bool,
	mutate func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error),
) (scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.groups.get(id)
	if err != nil {
		return nil, err
	}
	if err := check(match, schema.Group, d.group(s)); err != nil {
		return nil, err
	}
	next, change, err := mutate(d.group(s), func() ([]scim.Member, error) { return d.currentMembers(id), nil })
	if err != nil {
		return nil, err
	}
	if err := d.replace(ctx, &d.groups, s, next, "members"); err != nil {
		return nil, err
	}
	d.change(ctx, id, change)
	return d.show(withMembers)(s), nil
}

// DeleteGroup implements scim.Directory.
func (d *Directory) DeleteGroup(ctx context.Context, id string, match scim.Match) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.groups.get(id)
	if err != nil {
		return err
	}
	if err := check(match, schema.Group, d.group(s)); err != nil {
		return err
	}
	d.groups.remove(s)
	d.wrote(ctx, &d.groups, scim.Change{Action: scim.Deleted, Before: s.resource})
	for member := range d.members[id] {
		delete(d.memberOf[member], id)
	}
	delete(d.members, id)
	return nil
}

func (d *Directory) create(c *collection, resource scim.Resource, id, created, modified string) error {
	if err := c.free(resource, nil); err != nil {
		return err
	}
	resource = resource.Clone()
	resource["id"] = id
	resource["meta"] = map[string]any{"created": created, "lastModified": modified}
	c.add(&stored{resource: resource})
	return nil
}

// replace stores next, unless it is what is stored already. computed is the
// attribute that isn't stored.
func (d *Directory) replace(ctx context.Context, c *collection, s *stored, next scim.Resource, computed string) error {
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
	before := s.resource
	s.resource = next
	c.add(s)
	d.wrote(ctx, c, scim.Change{Action: scim.Updated, Before: before, After: next})
	return nil
}

// wrote tells the trail of a change. Stored resources aren't changed in place.
func (d *Directory) wrote(ctx context.Context, c *collection, change scim.Change) {
	change.ID = cmp.Or(change.After.ID(), change.Before.ID())
	change.Object = scim.Object{Kind: c.rt.Name, Name: change.ID, UID: change.ID}
	scim.TrailOf(ctx).Wrote(change)
}

// change carries out a change of a group's members.
func (d *Directory) change(ctx context.Context, group string, c scim.MemberChange) {
	before := maps.Clone(d.members[group])
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
	for id := range d.members[group] {
		if _, was := before[id]; !was {
			scim.TrailOf(ctx).Joined(d.trailed(id))
		}
	}
	for id := range before {
		if _, is := d.members[group][id]; !is {
			scim.TrailOf(ctx).Left(d.trailed(id))
		}
	}
}

// trailed is a member as a trail has it.
func (d *Directory) trailed(id string) scim.Member {
	m := scim.Member{ID: id}
	if d.users.byID[id] != nil {
		m.Type = schema.User.Name
	}
	return m
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
	user["meta"].(map[string]any)["version"] = scim.Version(user, nil)
	return user
}

// group shows a group without its members. They are in its version nevertheless.
func (d *Directory) group(s *stored) scim.Resource {
	group := s.resource.Clone()
	members := scim.SumMembers(maps.Keys(d.members[group.ID()]))
	group["meta"].(map[string]any)["version"] = scim.Version(group, &members)
	return group
}

func (d *Directory) groupWithMembers(s *stored) scim.Resource {
	group := d.group(s)
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
	return d.group
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

// birth is the time at which a resource is created: no two have the same, because
// resources are in the order of their creation.
func (d *Directory) birth() string {
	now := d.now().UTC().Truncate(time.Microsecond)
	if !now.After(d.last) {
		now = d.last.Add(time.Microsecond)
	}
	d.last = now
	return now.Format(timeFormat)
}

// check asks a client's precondition.
func check(match scim.Match, rt *schema.ResourceType, current scim.Resource) error {
	if match == nil {
		return nil
	}
	meta, _ := current["meta"].(map[string]any)
	if version, _ := meta["version"].(string); !match(version) {
		return scim.VersionMismatch(rt.Name, current.ID())
	}
	return nil
}

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

// search finds resources. match shows what the filter sees, show what the client
// sees.
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
	page := scim.Page{Total: len(found)}
	key := func(s *stored) order.Key { return q.Order.Key(s.resource) }
	found, page.Earlier, page.Later = order.Cut(q.Order, found, key, q.Window)
	for _, s := range found {
		page.Resources = append(page.Resources, show(s))
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
