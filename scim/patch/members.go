package patch

import (
	"fmt"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/internal/tree"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

const membersName = "members"

// membersAttr is the definition of a group's members.
var membersAttr = schema.Group.Core.Find(membersName)

// membership composes the operations on a group's members into one change. It
// knows the members that a request names, and not the others.
type membership struct {
	load   scim.CurrentMembers
	loaded []scim.Member
	// byID is nil before the members are loaded.
	byID    map[string]scim.Member
	reading *reading
	// bytes is what a look at all members reads.
	bytes int

	reset bool
	// added and removed are disjoint.
	added   map[string]scim.Member
	removed map[string]bool
	// order is that of the first mention of each id.
	order []string
	known map[string]bool
}

func newMembership(current scim.CurrentMembers, r *reading) *membership {
	return &membership{load: current, reading: r, added: map[string]scim.Member{}, removed: map[string]bool{}, known: map[string]bool{}}
}

func (m *membership) add(member scim.Member) {
	m.mention(member.ID)
	delete(m.removed, member.ID)
	m.added[member.ID] = member
	m.bytes += bytesOf(member)
}

func (m *membership) remove(id string) {
	m.mention(id)
	delete(m.added, id)
	if !m.reset {
		m.removed[id] = true
	}
}

func (m *membership) clear() {
	m.reset = true
	m.added, m.removed = map[string]scim.Member{}, map[string]bool{}
}

func (m *membership) mention(id string) {
	if !m.known[id] {
		m.known[id] = true
		m.order = append(m.order, id)
	}
}

// change returns the sum of the operations.
func (m *membership) change() scim.MemberChange {
	c := scim.MemberChange{Reset: m.reset}
	for _, id := range m.order {
		if member, ok := m.added[id]; ok {
			c.Add = append(c.Add, member)
		} else if m.removed[id] {
			c.Remove = append(c.Remove, id)
		}
	}
	return c
}

func (m *membership) apply(op opName, ref schema.Ref, f filter.Expr, value any) error {
	if ref.Sub != nil && (ref.SubName != "value" || f != nil && op != opRemove) {
		return scim.BadRequest(scim.Mutability, "%s never changes: remove the member and add another", ref)
	}
	decoded, err := membersAttr.Decode(value)
	if err != nil {
		return err
	}
	values, _ := decoded.([]any)
	members := toMembers(values)
	if op == opReplace && len(members) == 0 && !meansNobody(value) {
		return errNoIDs()
	}
	if f != nil {
		return m.applySelected(op, f, value, members)
	}
	if op == opReplace || op == opRemove && value == nil {
		m.clear()
	}
	for _, member := range members {
		if op == opRemove {
			m.remove(member.ID)
		} else {
			m.add(member)
		}
	}
	return nil
}

// applySelected applies an operation to the members that a filter selects.
func (m *membership) applySelected(op opName, f filter.Expr, value any, members []scim.Member) error {
	if op == opAdd {
		for _, member := range members {
			m.add(member)
		}
		return nil
	}
	ids, ok := listedIDs(f, nil)
	if !ok || op == opReplace && len(ids) > 1 && tree.Clean(value) != nil {
		var err error
		if ids, err = m.scan(f); err != nil {
			return err
		}
		if len(ids) == 0 && op == opReplace {
			return noTarget(membersAttr)
		}
	}
	for _, id := range ids {
		m.remove(id)
	}
	if op == opReplace {
		for _, member := range members {
			m.add(member)
		}
	}
	return nil
}

// listedIDs returns the ids of a filter that is value eq "a" or value eq "b" and
// so on. Removing those needs no look at the members.
func listedIDs(f filter.Expr, ids []string) ([]string, bool) {
	switch f := f.(type) {
	case filter.Or:
		var ok bool
		for _, t := range f.Terms {
			if ids, ok = listedIDs(t, ids); !ok {
				return nil, false
			}
		}
		return ids, true
	case filter.Compare:
		if example, ok := filter.Example(f, membersAttr); ok {
			if id, ok := example["value"].(string); ok {
				return append(ids, id), true
			}
		}
	}
	return nil, false
}

// scan returns the ids of the members that match, as they are after the
// operations so far.
func (m *membership) scan(f filter.Expr) ([]string, error) {
	matches, err := filter.BindValue(f, membersAttr)
	if err != nil {
		return nil, err
	}
	if err := m.fetch(); err != nil {
		return nil, err
	}
	// A filter that names one id has no need of the others.
	for _, eq := range filter.Conjuncts(filter.ValuePath{Attr: schema.Name{Attr: membersName}, Filter: f}, schema.Group) {
		if eq.Path == membersName+".value" {
			if member, ok := m.member(eq.Value); ok && matches(fromMember(member)) {
				return []string{eq.Value}, m.reading.add(bytesOf(member), f)
			}
			return nil, nil
		}
	}
	if err := m.reading.add(m.bytes, f); err != nil {
		return nil, err
	}
	var ids []string
	if !m.reset {
		for _, member := range m.loaded {
			if !m.removed[member.ID] && matches(fromMember(member)) {
				ids = append(ids, member.ID)
			}
		}
	}
	for _, id := range m.order {
		if member, ok := m.added[id]; ok && matches(fromMember(member)) {
			if _, loaded := m.byID[id]; !loaded || m.reset {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// fetch loads the members, once.
func (m *membership) fetch() (err error) {
	if m.byID != nil {
		return nil
	}
	if m.loaded, err = m.load(); err != nil {
		return fmt.Errorf("load members: %w", err)
	}
	m.byID = make(map[string]scim.Member, len(m.loaded))
	for _, member := range m.loaded {
		m.byID[member.ID] = member
		m.bytes += bytesOf(member)
	}
	return nil
}

// member returns a member as it is after the operations so far.
func (m *membership) member(id string) (scim.Member, bool) {
	if member, ok := m.byID[id]; ok && !m.reset && !m.removed[id] {
		return member, true
	}
	member, ok := m.added[id]
	return member, ok
}

func bytesOf(m scim.Member) int { return visit + len(m.ID) + len(m.Type) + len(m.Display) }

func fromMember(m scim.Member) map[string]any {
	object := map[string]any{"value": m.ID}
	if m.Type != "" {
		object["type"] = m.Type
	}
	if m.Display != "" {
		object["display"] = m.Display
	}
	return object
}

// saysNothing says whether a value is what clients send that have none.
func saysNothing(value any) bool { return value == nil || value == "" }

// meansNobody says whether a value without any id is meant to have none. Members
// of which no id can be read are somebody: taking them for nobody would empty the
// group because of a wrong attribute mapping.
func meansNobody(value any) bool {
	list, ok := value.([]any)
	return saysNothing(value) || ok && len(list) == 0
}

func errNoIDs() error {
	return scim.BadRequest(scim.InvalidValue, `%s: none has an id as its value: send [{"value": "id"}], or [] for no members`, membersName)
}

// toMembers reads decoded values of members. One without an id is nobody.
func toMembers(values []any) []scim.Member {
	members := make([]scim.Member, 0, len(values))
	for _, v := range values {
		object, _ := v.(map[string]any)
		id, _ := object["value"].(string)
		if id == "" {
			continue
		}
		member := scim.Member{ID: id}
		member.Type, _ = object["type"].(string)
		for _, t := range []string{"User", "Group"} {
			if strings.EqualFold(member.Type, t) {
				member.Type = t
			}
		}
		members = append(members, member)
	}
	return members
}
