package patch

import (
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
)

// The limits of one request; more is 413.
const (
	MaxOperations = 1000
	MaxValues     = 10000
)

// Op is what an operation does.
type Op string

// The three operations.
const (
	Add     Op = "add"
	Replace Op = "replace"
	Remove  Op = "remove"
)

// Request is a parsed PATCH request.
type Request struct {
	Operations []Operation
}

// Operation is one element of Operations.
type Operation struct {
	Op Op
	// Path is nil when the operation has none.
	Path *filter.Path
	// Value as sent; nil when it is null or missing.
	Value any
}

// Parse parses the body of a PATCH request, decoded from JSON (numbers as
// json.Number or float64).
func Parse(body map[string]any) (*Request, error) { return nil, nil }

// ApplyUser returns the user after the request.
func ApplyUser(user scim.Resource, req *Request) (scim.Resource, error) { return nil, nil }

// ApplyGroup returns the group after the request, and what happens to its
// members. The group is without its members attribute, and so is the result.
// current is called only for filters on members that are no plain list of ids.
func ApplyGroup(group scim.Resource, current scim.CurrentMembers, req *Request) (scim.Resource, scim.MemberChange, error) {
	return nil, scim.MemberChange{}, nil
}

// ReplaceUser returns the user after a PUT of next, which is decoded: what the
// server owns (id, meta, groups) stays, and so does active when next has none.
func ReplaceUser(current, next scim.Resource) scim.Resource { return nil }

// ReplaceGroup returns the group after a PUT of next, which is decoded and may
// have members, and what happens to its members: exactly those of next, or
// nothing when mentioned is false, i.e. the body has no members attribute at
// all (see Mentions).
func ReplaceGroup(current, next scim.Resource, mentioned bool) (scim.Resource, scim.MemberChange) {
	return nil, scim.MemberChange{}
}

// TakeMembers splits a decoded group into the group without its members
// attribute, and the members. Its argument isn't changed.
func TakeMembers(group scim.Resource) (scim.Resource, []scim.Member) { return nil, nil }
