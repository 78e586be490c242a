package patch

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/internal/tree"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// ApplyUser returns the user after the request. A user whose active is false
// stays so unless the request says true: unassigned means active, and nobody gets
// access by a removal or a null.
func ApplyUser(user scim.Resource, req *Request) (scim.Resource, error) {
	e := newEngine(schema.User, user)
	e.suspended = user[activeName] == false
	if err := e.run(req); err != nil {
		return nil, err
	}
	return e.resource, nil
}

// ApplyGroup returns the group after the request, and what happens to its
// members. The group is without its members attribute, and so is the result.
// current is called, once at most, only for filters on members that are no list
// of ids.
func ApplyGroup(group scim.Resource, current scim.CurrentMembers, req *Request) (scim.Resource, scim.MemberChange, error) {
	e := newEngine(schema.Group, group)
	e.members = newMembership(current, &e.reading)
	if err := e.run(req); err != nil {
		return nil, scim.MemberChange{}, err
	}
	return e.resource, e.members.change(), nil
}

// engine applies operations one after the other to a copy of a resource. In it,
// multi-valued attributes that were touched are *values until the end.
type engine struct {
	rt       *schema.ResourceType
	resource scim.Resource
	reading  reading
	// suspended says that the user is not active to begin with.
	suspended bool
	// members is nil for users.
	members *membership
	// absent says that the operation at hand has no value, not even null.
	absent bool
	// unassigned are the errors to report for required attributes, if no later
	// operation assigns them again.
	unassigned map[string]error
}

func newEngine(rt *schema.ResourceType, r scim.Resource) *engine {
	return &engine{rt: rt, resource: r.Clone(), unassigned: map[string]error{}}
}

func (e *engine) run(req *Request) error {
	for i, op := range req.operations {
		if err := e.apply(op); err != nil {
			return locate(i, op, err)
		}
		// An operation that takes a required attribute away is an error only if
		// that is how it ends.
		for _, a := range e.rt.Core.Attributes {
			switch {
			case !a.Required:
			case e.resource[a.Name] != nil:
				delete(e.unassigned, a.Name)
			case e.unassigned[a.Name] == nil:
				e.unassigned[a.Name] = locate(i, op, unassigned(a, op.op))
			}
		}
	}
	for _, a := range e.rt.Core.Attributes {
		if err := e.unassigned[a.Name]; err != nil {
			return err
		}
	}
	closeValues(e.resource)
	for _, v := range e.resource {
		if object, ok := v.(map[string]any); ok {
			closeValues(object)
		}
	}
	return nil
}

func unassigned(a *schema.Attribute, op opName) error {
	t := scim.InvalidValue
	if op == opRemove {
		t = scim.Mutability
	}
	return scim.BadRequest(t, "%s is required and can't be unassigned: replace it by another value", a.Name)
}

func (e *engine) apply(op operation) error {
	e.absent = op.absent
	if path := op.path; path != nil {
		if path.Filter == nil {
			// A URN alone may be an extension or an attribute of one; the value
			// tells.
			if name, err := schema.ParseKey(path.Name.String(), op.value); err == nil {
				path = &filter.Path{Name: name}
			}
		}
		return e.applyPath(op.op, *path, op.value, true)
	}
	if op.op == opRemove {
		return scim.BadRequest(scim.NoTarget, "remove needs a path that says what to remove")
	}
	return e.applyObject(op.op, "", op.value)
}

// applyObject applies an operation without a path, or with that of a schema as a
// whole: each key of the value is a path below urn.
func (e *engine) applyObject(op opName, urn string, value any) error {
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	object, ok := value.(map[string]any)
	if !ok {
		return scim.BadRequest(scim.InvalidValue, "without the path of an attribute, value must be an object of attributes")
	}
	for _, m := range members(object) {
		path, ok := keyPath(m.key, m.value)
		if !ok {
			continue
		}
		if urn != "" {
			if path.Name.URN != "" {
				continue
			}
			path.Name.URN = urn
		}
		if err := e.applyPath(op, path, m.value, false); err != nil {
			return err
		}
	}
	return nil
}

// keyPath reads a key of a value object as the path it is. What is no path is an
// unknown attribute, and dropped.
func keyPath(key string, value any) (filter.Path, bool) {
	if name, err := schema.ParseKey(key, value); err == nil {
		return filter.Path{Name: name}, true
	}
	path, err := filter.ParsePath(key)
	return path, err == nil
}

type member struct {
	key   string
	value any
	depth int
}

// members returns the members of a JSON object in the order in which they are
// applied: whole attributes first, then those that a path points into; JSON
// gives them none.
func members(object map[string]any) []member {
	list := make([]member, 0, len(object))
	for k, v := range object {
		list = append(list, member{k, v, depth(k)})
	}
	slices.SortFunc(list, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), strings.Compare(a.key, b.key))
	})
	return list
}

func depth(key string) int {
	name, err := schema.ParseName(key)
	switch {
	case err != nil || name.Sub != "":
		return 2
	case name.URN != "" && name.Attr != "":
		return 1
	default:
		return 0
	}
}

// applyPath applies one change. named says that the client wrote the path as
// such; keys of a value object are forgiven more.
func (e *engine) applyPath(op opName, path filter.Path, value any, named bool) error {
	ref, ok := e.rt.Find(path.Name)
	switch {
	case !ok && ref.Attr != nil && ref.Attr.Type != schema.Complex && named:
		return scim.BadRequest(scim.InvalidPath, "%s has no sub-attributes", ref.AttrName)
	case !ok:
		// An attribute that the schema doesn't have is dropped, as in POST.
		return nil
	case ref.AttrName == "":
		return e.applySchema(op, ref.URN, value)
	case ref.Attr != nil && ref.Attr.Ignored:
		return e.applyIgnored(op, ref, value)
	case ref.ReadOnly():
		return e.readOnly(ref, value, named)
	case e.members != nil && ref.Attr == membersAttr:
		if saysNothing(value) && (!named || path.Filter == nil && !e.absent) {
			// A null or "" is a serializer's habit, no order to empty the group: that
			// is an empty array, or a remove without a value.
			return nil
		}
		return e.members.apply(op, ref, path.Filter, value)
	case ref.Attr == nil:
		return e.applyCustom(op, ref, path.Filter, value)
	case path.Filter != nil && ref.Attr.Type != schema.Complex:
		return scim.BadRequest(scim.InvalidPath, "%s has no sub-attributes that a filter could speak of", ref.AttrName)
	case ref.Attr.MultiValued:
		return e.applyMulti(op, ref, path.Filter, value)
	default:
		return e.applySingle(op, ref, path.Filter, value)
	}
}

// applyIgnored remembers what was sent for an attribute that is ignored. A filter
// selects nothing there, and is ignored too.
func (e *engine) applyIgnored(op opName, ref schema.Ref, value any) error {
	if op == opRemove {
		return e.assign(ref, nil)
	}
	decoded, err := ref.Attr.Decode(value)
	if err != nil {
		return err
	}
	return e.assign(ref, decoded)
}

// readOnly refuses what only the server writes. Clients that echo a whole
// resource back are forgiven, unless they ask for another id.
func (e *engine) readOnly(ref schema.Ref, value any, named bool) error {
	switch {
	case ref.AttrName == "schemas":
		// Follows from the attributes.
		return nil
	case !named && (ref.AttrName != "id" || value == nil || value == e.resource["id"]):
		return nil
	}
	return scim.BadRequest(scim.Mutability, "%s is read-only: leave it out", ref)
}

// applySchema applies an operation on a schema as a whole.
func (e *engine) applySchema(op opName, urn string, value any) error {
	if urn == "" {
		if op == opRemove {
			return scim.BadRequest(scim.NoTarget, "a resource's core schema can't be removed: name an attribute")
		}
		return e.applyObject(op, "", value)
	}
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	key := tree.Key(e.resource, urn)
	switch {
	case op == opRemove, tree.Clean(value) == nil && !isObject(value):
		delete(e.resource, key)
		return nil
	case e.rt.Extension(urn) != nil:
		return e.applyObject(op, urn, value)
	}
	// An extension without a definition: keys are what they are.
	object, ok := value.(map[string]any)
	if !ok {
		return scim.BadRequest(scim.InvalidValue, "%s is an extension: value must be an object of its attributes", urn)
	}
	ext, _ := e.resource[key].(map[string]any)
	if ext == nil {
		ext = map[string]any{}
	}
	if err := putAll(ext, object); err != nil {
		return err
	}
	if len(ext) == 0 {
		delete(e.resource, key)
		return nil
	}
	return put(e.resource, key, ext)
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// assign sets an attribute, or unassigns it with nil, and keeps the resource
// canonical: no empty extension stays behind.
func (e *engine) assign(ref schema.Ref, value any) error {
	if ref.URN == "" {
		return put(e.resource, ref.AttrName, value)
	}
	urn := tree.Key(e.resource, ref.URN)
	ext, _ := e.resource[urn].(map[string]any)
	if ext == nil {
		if value == nil {
			return nil
		}
		ext = map[string]any{}
	}
	key := ref.AttrName
	if ref.Attr == nil {
		key = tree.Key(ext, key)
	}
	if err := put(ext, key, value); err != nil {
		return err
	}
	if len(ext) == 0 {
		delete(e.resource, urn)
		return nil
	}
	return put(e.resource, urn, ext)
}

// put sets a member of an object within the bounds of what an object may have,
// or deletes it with nil.
func put(object map[string]any, key string, value any) error {
	if value == nil {
		delete(object, key)
		return nil
	}
	object[key] = value
	if len(object) > schema.MaxAttributes {
		return scim.BadRequest(scim.InvalidValue, "more than %d attributes in one object", schema.MaxAttributes)
	}
	return nil
}
