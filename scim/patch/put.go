package patch

import (
	"maps"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// ReplaceUser returns the user after a PUT of next, which is decoded: what the
// server owns (id, meta, groups) stays, and so does active when next has none,
// because a client that doesn't map it means to change nothing.
func ReplaceUser(current, next scim.Resource) scim.Resource {
	replaced := replace(schema.User, current, next)
	if _, ok := replaced[activeName]; !ok {
		if active, ok := current[activeName]; ok {
			replaced[activeName] = active
		}
	}
	return replaced
}

// ReplaceGroup returns the group after a PUT of next, which is decoded, and what
// happens to its members: exactly those of next stay, or nothing happens unless
// the body mentioned them (see MentionsMembers).
func ReplaceGroup(current, next scim.Resource, mentioned bool) (scim.Resource, scim.MemberChange) {
	replaced, members := TakeMembers(replace(schema.Group, current, next))
	if !mentioned {
		return replaced, scim.MemberChange{}
	}
	return replaced, scim.MemberChange{Reset: true, Add: members}
}

// MentionsMembers says whether the body of a PUT, decoded as next, says anything
// of members. An empty array does, null and "" do not: nobody loses access by those.
// Members without a single id are an error.
func MentionsMembers(body map[string]any, next scim.Resource) (mentioned bool, err error) {
	_, members := TakeMembers(next)
	for key, value := range body {
		if name, err := schema.ParseName(key); err == nil && !saysNothing(value) {
			if ref, ok := schema.Group.Find(name); ok && ref.Attr == membersAttr && ref.Sub == nil {
				if len(members) == 0 && !meansNobody(value) {
					return true, errNoIDs()
				}
				mentioned = true
			}
		}
	}
	return mentioned, nil
}

// TakeMembers splits a decoded group into the group without its members
// attribute, and the members. Its argument isn't changed.
func TakeMembers(group scim.Resource) (scim.Resource, []scim.Member) {
	values, _ := group[membersName].([]any)
	group = maps.Clone(group)
	delete(group, membersName)
	if len(values) == 0 {
		return group, nil
	}
	return group, toMembers(values)
}

// replace returns a copy of next with what the server owns of current.
func replace(rt *schema.ResourceType, current, next scim.Resource) scim.Resource {
	replaced := next.Clone()
	for name, value := range current {
		if ref, ok := rt.Find(schema.Name{Attr: name}); ok && ref.ReadOnly() {
			replaced[name] = value
		}
	}
	return replaced
}
