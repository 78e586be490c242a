package webhook

import (
	"slices"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// change is a user before and after a write: the old one is nil on creation.
type change struct {
	old, new *v1alpha1.ProvisionedUser
	// oldProvider and newProvider are their identity providers; nil for none.
	oldProvider, newProvider *v1alpha1.IdentityProvider
}

// local says that the user is a local one, before and after.
func (c change) local() bool {
	return c.new.Spec.Provider == "" && (c.old == nil || c.old.Spec.Provider == "")
}

// renames says that a local user gets another subject.
func (c change) renames() bool {
	return c.old != nil && c.local() &&
		access.SubjectOf(c.old, nil).Name != access.SubjectOf(c.new, nil).Name
}

// given is the level that the spec asks for, before and after.
func (c change) given() (before, after v1alpha1.PermissionLevel) {
	before = v1alpha1.LevelUser
	if c.old != nil {
		before = access.Given(c.old)
	}
	return before, access.Given(c.new)
}

// inForce is the level that counts, before and after.
func (c change) inForce() (before, after v1alpha1.PermissionLevel) {
	before = v1alpha1.LevelUser
	if c.old != nil {
		before = access.Level(c.old, c.oldProvider).Level
	}
	return before, access.Level(c.new, c.newProvider).Level
}

// marks is what the annotations say, before and after.
func (c change) marks() (before, after marks) {
	if c.old != nil {
		before = marksOf(c.old.Annotations)
	}
	return before, marksOf(c.new.Annotations)
}

// above is a level if it allows anything.
func above(l v1alpha1.PermissionLevel) []v1alpha1.PermissionLevel {
	if access.Rank(l) == 0 {
		return nil
	}
	return []v1alpha1.PermissionLevel{l}
}

// assigned are the levels that whoever makes the change has to be able to assign.
// Taking one away asks for the same right as giving it: otherwise anybody who can
// patch a user could disarm the administrators. So does handing it to another
// subject, and bringing one back into force. A suspension asks for none: whoever is
// on call may have to, it can be lifted, and the last Administrator stays.
func (c change) assigned() []v1alpha1.PermissionLevel {
	var levels []v1alpha1.PermissionLevel
	before, after := c.given()
	wasInForce, isInForce := c.inForce()
	switch {
	case before != after:
		levels = []v1alpha1.PermissionLevel{before, after}
	case c.renames(), wasInForce == v1alpha1.LevelUser && isInForce != v1alpha1.LevelUser:
		levels = []v1alpha1.PermissionLevel{after}
	}
	return slices.DeleteFunc(levels, func(l v1alpha1.PermissionLevel) bool { return l == v1alpha1.LevelUser })
}

// raises says that the change gives whoever the API server knows by a name a level
// that they did not have: by the level itself, by taking over the subject of
// somebody who has one, or by lifting what kept it out of force.
func (c change) raises(username string) bool {
	was, is := isCalled(username, c.old, c.oldProvider), isCalled(username, c.new, c.newProvider)
	for _, levels := range []func() (before, after v1alpha1.PermissionLevel){c.given, c.inForce} {
		before, after := levels()
		if !was {
			before = v1alpha1.LevelUser
		}
		if is && higher(before, after) {
			return true
		}
	}
	return false
}

// higher says that after allows something that before does not: TeamLeader and
// Auditor are of equal rank, and neither includes the other.
func higher(before, after v1alpha1.PermissionLevel) bool {
	return before != after && access.Rank(after) >= access.Rank(before)
}
