package scim

import (
	"context"

	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/order"
)

// Directory is the users and groups that one SCIM client sees. The server calls
// it; an implementation stores.
//
// Resources go in canonical (see Resource) and validated against their schema.
// They come out canonical with id, meta.created and meta.lastModified (RFC 3339
// strings in UTC) and meta.version (see Version); the server adds
// meta.resourceType, meta.location, $ref and schemas. Users come out with their
// groups attribute: value, display, type.
//
// Every error that a client should be told of is an *Error. A method that
// returns nil has stored durably, and every later call sees it. What a method stores
// it tells the Trail of its context.
type Directory interface {
	// CreateUser stores a new user and gives it an id. A userName that is taken
	// (without case and width) is a Conflict.
	CreateUser(ctx context.Context, user Resource) (Resource, error)
	// User returns one user, or NotFound.
	User(ctx context.Context, id string) (Resource, error)
	// Users returns the users that match.
	Users(ctx context.Context, q Query) (Page, error)
	// UpdateUser calls mutate with the current user, and stores what it
	// returns in one write; nothing is written when that equals the current
	// user. mutate may be called again when another writer came first, and must
	// not keep state between calls; what it is given need not have meta.version.
	// Its error is returned unchanged. match is asked first.
	UpdateUser(ctx context.Context, id string, match Match, mutate func(Resource) (Resource, error)) (Resource, error)
	// DeleteUser makes the user gone for the client: NotFound ever after.
	DeleteUser(ctx context.Context, id string, match Match) error

	// CreateGroup stores a new group with the given members. A displayName that
	// is taken (without case and width) is a Conflict.
	CreateGroup(ctx context.Context, group Resource, members []Member) (Resource, error)
	// Group returns one group, or NotFound. Its members attribute is left out
	// unless withMembers.
	Group(ctx context.Context, id string, withMembers bool) (Resource, error)
	// Groups returns the groups that match.
	Groups(ctx context.Context, q Query) (Page, error)
	// UpdateGroup is UpdateUser for a group. mutate is given the group without
	// its members attribute, and answers with the group's new attributes and the
	// change of its membership. withMembers says whether the answer has members.
	UpdateGroup(ctx context.Context, id string, match Match, withMembers bool, mutate func(Resource, CurrentMembers) (Resource, MemberChange, error)) (Resource, error)
	// DeleteGroup deletes the group and its memberships.
	DeleteGroup(ctx context.Context, id string, match Match) error
}

// Match says whether the version that a write starts from is one that the client
// means (If-Match). The directory asks before anything of the write is done, and
// answers VersionMismatch if it isn't; of two writes that both ask for the same
// version, one is refused. nil means any version.
type Match func(version string) bool

// Query is a search for resources of one type.
type Query struct {
	// Filter is nil for everything.
	Filter filter.Expr
	// Order in which the resources are found.
	Order order.Order
	// Window is the part of them to return. StartIndex is at least 1, and a
	// Count of 0 asks for the total alone.
	order.Window
	// WithMembers asks for the members attribute of groups.
	WithMembers bool
}

// Page is one page of a search, in an order that stays the same from page to
// page.
type Page struct {
	// Total is how many resources match, on all pages.
	Total int
	// Resources of this page. Query.Order makes the keys of further pages of them.
	Resources []Resource
	// Earlier and Later say whether there are others in front of and behind
	// these.
	Earlier, Later bool
}

// Member is one element of a group's members attribute (RFC 7643 section 4.2).
type Member struct {
	// ID is the member's value: a user's id, or whatever the client sent.
	ID string
	// Type is User, Group or empty.
	Type string
	// Display is the member's name. Set on reading, ignored on writing.
	Display string
}

// CurrentMembers returns the members that a group has now. It costs as much as
// the group is large, so it is called only where a request can't be answered
// without.
type CurrentMembers func() ([]Member, error)

// MemberChange is what a request does to a group's membership. The zero value
// does nothing. Members outside Add and Remove stay as they are, unless Reset.
type MemberChange struct {
	// Reset empties the group before Add.
	Reset bool
	// Add makes these ids members; those that are already stay so.
	Add []Member
	// Remove ends the membership of these ids; those that are none don't matter.
	// No id is in both Add and Remove.
	Remove []string
}

// Empty says whether the change does nothing.
func (c MemberChange) Empty() bool {
	return !c.Reset && len(c.Add) == 0 && len(c.Remove) == 0
}
