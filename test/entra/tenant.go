package entra

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Person is a user object of the tenant.
type Person struct {
	// ObjectID never changes and is never used again.
	ObjectID string
	// UserPrincipalName is the sign-in name. It changes with a marriage.
	UserPrincipalName string
	// MailNickname is the alias of the mailbox; derived from the first
	// UserPrincipalName when it isn't given.
	MailNickname string
	GivenName    string
	Surname      string
	DisplayName  string
	Mail         string
	JobTitle     string
	Department   string
	EmployeeID   string
	// Manager is the ObjectID of the manager.
	Manager string
	// Disabled is the opposite of accountEnabled.
	Disabled bool
	// DeletedAt is when the person went to the recycle bin; zero outside it.
	DeletedAt time.Time
}

// Group is a security group of the tenant.
type Group struct {
	ObjectID    string
	DisplayName string
	// Members are ObjectIDs of people and, for a nested group, of groups.
	Members map[string]bool
}

// recycleBin is how long a deleted user can be restored (fact 49).
const recycleBin = 30 * 24 * time.Hour

// Tenant is an Entra directory with one enterprise application. It is safe for
// concurrent use. People are named by their UserPrincipalName and groups by
// their DisplayName, as an administrator does.
type Tenant struct {
	now func() time.Time

	mu       sync.Mutex
	serial   int
	people   map[string]*Person
	groups   map[string]*Group
	assigned map[string]bool
}

// NewTenant returns an empty tenant. now is the tenant's clock, which decides
// when the recycle bin is emptied; nil means the real one.
func NewTenant(now func() time.Time) *Tenant {
	if now == nil {
		now = time.Now
	}
	return &Tenant{
		now:      now,
		people:   map[string]*Person{},
		groups:   map[string]*Group{},
		assigned: map[string]bool{},
	}
}

// AddPerson creates a user and returns its ObjectID.
func (t *Tenant) AddPerson(p Person) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.UserPrincipalName == "" {
		return "", fmt.Errorf("entra: a person needs a userPrincipalName")
	}
	if t.person(p.UserPrincipalName) != nil {
		return "", fmt.Errorf("entra: there is a user %q already", p.UserPrincipalName)
	}
	p.ObjectID = t.objectID(p.UserPrincipalName)
	if p.MailNickname == "" {
		p.MailNickname, _, _ = strings.Cut(p.UserPrincipalName, "@")
	}
	if p.DisplayName == "" {
		p.DisplayName = strings.TrimSpace(p.GivenName + " " + p.Surname)
	}
	t.people[p.ObjectID] = &p
	return p.ObjectID, nil
}

// AddGroup creates a group with the given people and groups as members.
func (t *Tenant) AddGroup(displayName string, members ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if displayName == "" || t.group(displayName) != nil {
		return fmt.Errorf("entra: a group needs a name of its own, not %q", displayName)
	}
	g := &Group{ObjectID: t.objectID(displayName), DisplayName: displayName, Members: map[string]bool{}}
	for _, name := range members {
		id, err := t.find(name)
		if err != nil {
			return err
		}
		g.Members[id] = true
	}
	t.groups[g.ObjectID] = g
	return nil
}

// EditPerson changes attributes of a user; a changed UserPrincipalName is a
// rename.
func (t *Tenant) EditPerson(upn string, edit func(*Person)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.person(upn)
	if p == nil {
		return fmt.Errorf("entra: no user %q", upn)
	}
	id := p.ObjectID
	edit(p)
	p.ObjectID = id
	return nil
}

// Rename gives a user another UserPrincipalName.
func (t *Tenant) Rename(upn, newUPN string) error {
	return t.EditPerson(upn, func(p *Person) { p.UserPrincipalName = newUPN })
}

// Disable blocks the account.
func (t *Tenant) Disable(upn string) error {
	return t.EditPerson(upn, func(p *Person) { p.Disabled = true })
}

// Enable lifts Disable.
func (t *Tenant) Enable(upn string) error {
	return t.EditPerson(upn, func(p *Person) { p.Disabled = false })
}

// Delete moves a user to the recycle bin, with memberships and assignments.
func (t *Tenant) Delete(upn string) error {
	return t.EditPerson(upn, func(p *Person) { p.DeletedAt = t.now() })
}

// Restore takes a user out of the recycle bin.
func (t *Tenant) Restore(upn string) error {
	return t.EditPerson(upn, func(p *Person) { p.DeletedAt = time.Time{} })
}

// SetManager says whom a user reports to; "" for nobody.
func (t *Tenant) SetManager(upn, manager string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.person(upn)
	if p == nil {
		return fmt.Errorf("entra: no user %q", upn)
	}
	p.Manager = ""
	if manager == "" {
		return nil
	}
	m := t.person(manager)
	if m == nil {
		return fmt.Errorf("entra: no user %q to be the manager", manager)
	}
	p.Manager = m.ObjectID
	return nil
}

// RenameGroup gives a group another display name.
func (t *Tenant) RenameGroup(name, newName string) error {
	return t.editGroup(name, func(g *Group) error { g.DisplayName = newName; return nil })
}

// DeleteGroup deletes a group: there is no recycle bin for security groups.
func (t *Tenant) DeleteGroup(name string) error {
	return t.editGroup(name, func(g *Group) error {
		delete(t.groups, g.ObjectID)
		delete(t.assigned, g.ObjectID)
		for _, other := range t.groups {
			delete(other.Members, g.ObjectID)
		}
		return nil
	})
}

// AddMembers adds people and groups to a group.
func (t *Tenant) AddMembers(group string, names ...string) error {
	return t.editGroup(group, func(g *Group) error {
		return t.each(names, func(id string) { g.Members[id] = true })
	})
}

// RemoveMembers removes people and groups from a group.
func (t *Tenant) RemoveMembers(group string, names ...string) error {
	return t.editGroup(group, func(g *Group) error {
		return t.each(names, func(id string) { delete(g.Members, id) })
	})
}

// Assign assigns people and groups to the application.
func (t *Tenant) Assign(names ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.each(names, func(id string) { t.assigned[id] = true })
}

// Unassign takes assignments back.
func (t *Tenant) Unassign(names ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.each(names, func(id string) { delete(t.assigned, id) })
}

// UserPrincipalNames returns the names of all people outside the recycle bin,
// sorted.
func (t *Tenant) UserPrincipalNames() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for _, p := range t.people {
		if p.DeletedAt.IsZero() {
			names = append(names, p.UserPrincipalName)
		}
	}
	slices.Sort(names)
	return names
}

// GroupNames returns the display names of all groups, sorted.
func (t *Tenant) GroupNames() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for _, g := range t.groups {
		names = append(names, g.DisplayName)
	}
	slices.Sort(names)
	return names
}

func (t *Tenant) editGroup(name string, edit func(*Group) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.group(name)
	if g == nil {
		return fmt.Errorf("entra: no group %q", name)
	}
	return edit(g)
}

func (t *Tenant) each(names []string, do func(id string)) error {
	for _, name := range names {
		id, err := t.find(name)
		if err != nil {
			return err
		}
		do(id)
	}
	return nil
}

// person finds a user by name; those in the recycle bin last, because their name
// may have been given to somebody else.
func (t *Tenant) person(upn string) *Person {
	var deleted *Person
	for _, p := range t.people {
		if !strings.EqualFold(p.UserPrincipalName, upn) {
			continue
		}
		if p.DeletedAt.IsZero() {
			return p
		}
		deleted = p
	}
	return deleted
}

func (t *Tenant) group(name string) *Group {
	for _, g := range t.groups {
		if strings.EqualFold(g.DisplayName, name) {
			return g
		}
	}
	return nil
}

func (t *Tenant) find(name string) (string, error) {
	if p := t.person(name); p != nil {
		return p.ObjectID, nil
	}
	if g := t.group(name); g != nil {
		return g.ObjectID, nil
	}
	return "", fmt.Errorf("entra: no user or group %q", name)
}

// objectID makes a UUID that is the same in each run, so that a failure can be
// repeated, and that no two objects share.
func (t *Tenant) objectID(name string) string {
	t.serial++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", t.serial, name))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// Snapshot is the tenant at one moment, by ObjectID.
type Snapshot struct {
	People map[string]Person
	Groups map[string]Group
	// InScope has the people and groups that the application is to know.
	InScope map[string]bool
}

// Snapshot empties the recycle bin of what has been there too long, and copies
// the rest.
func (t *Tenant) Snapshot(scope Scope) Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, p := range t.people {
		if !p.DeletedAt.IsZero() && t.now().Sub(p.DeletedAt) >= recycleBin {
			t.purge(id)
		}
	}
	s := Snapshot{People: map[string]Person{}, Groups: map[string]Group{}, InScope: map[string]bool{}}
	for id, p := range t.people {
		s.People[id] = *p
		if scope == SyncAll || t.assigned[id] {
			s.InScope[id] = true
		}
	}
	for id, g := range t.groups {
		s.Groups[id] = Group{ObjectID: id, DisplayName: g.DisplayName, Members: maps.Clone(g.Members)}
		if scope == SyncAll || t.assigned[id] {
			s.InScope[id] = true
		}
		if !t.assigned[id] {
			continue
		}
		// Only direct members come with a group: nested groups are no assignment
		// of the people in them (fact 64).
		for member := range g.Members {
			if _, isPerson := t.people[member]; isPerson {
				s.InScope[member] = true
			}
		}
	}
	return s
}

// Purge empties the recycle bin of one user ahead of time.
func (t *Tenant) Purge(upn string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, p := range t.people {
		if strings.EqualFold(p.UserPrincipalName, upn) && !p.DeletedAt.IsZero() {
			t.purge(id)
			return nil
		}
	}
	return fmt.Errorf("entra: no user %q in the recycle bin", upn)
}

func (t *Tenant) purge(id string) {
	delete(t.people, id)
	delete(t.assigned, id)
	for _, g := range t.groups {
		delete(g.Members, id)
	}
}
