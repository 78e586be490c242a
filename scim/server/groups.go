package server

import (
	"context"
	"net/http"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/patch"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// members is the attribute of groups that is only read where it is shown.
const members = "members"

func getGroup(ctx context.Context, _ *handler, x *exchange) (response, error) {
	s, err := x.params.shape(schema.Group)
	if err != nil {
		return response{}, err
	}
	group, err := x.directory.Group(ctx, x.target.id, s.shows(members))
	if err != nil {
		return response{}, err
	}
	return x.answerRead(s, group)
}

func createGroup(ctx context.Context, h *handler, x *exchange) (response, error) {
	s, err := x.params.shape(schema.Group)
	if err != nil {
		return response{}, err
	}
	decoded, err := h.resource(x, schema.Group)
	if err != nil {
		return response{}, err
	}
	group, list := patch.TakeMembers(decoded)
	created, err := x.directory.CreateGroup(ctx, group, list)
	if err != nil {
		return response{}, err
	}
	return x.answerOne(http.StatusCreated, s, created)
}

// groupChange computes a group's attributes and the change of its members from
// its current ones.
type groupChange func(current scim.Resource, members scim.CurrentMembers) (scim.Resource, scim.MemberChange, error)

func replaceGroup(ctx context.Context, h *handler, x *exchange) (response, error) {
	s, err := x.params.shape(schema.Group)
	if err != nil {
		return response{}, err
	}
	body, err := h.body(x)
	if err != nil {
		return response{}, err
	}
	next, err := schema.Decode(schema.Group, body)
	if err != nil {
		return response{}, err
	}
	mentioned, err := patch.MentionsMembers(body, next)
	if err != nil {
		return response{}, err
	}
	updated, err := h.updateGroup(ctx, x, s.shows(members),
		func(current scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
			group, change := patch.ReplaceGroup(current, next, mentioned)
			return group, change, nil
		})
	if err != nil {
		return response{}, err
	}
	return x.answerOne(http.StatusOK, s, updated)
}

// modifyGroup answers without a body, whose members would cost more than the
// change, unless the client asks for attributes (RFC 7644 section 3.5.2).
func modifyGroup(ctx context.Context, h *handler, x *exchange) (response, error) {
	s, err := x.params.shape(schema.Group)
	if err != nil {
		return response{}, err
	}
	body, err := h.body(x)
	if err != nil {
		return response{}, err
	}
	request, err := patch.Parse(body)
	if err != nil {
		return response{}, err
	}
	wantsBody := len(s.attributes) > 0
	updated, err := h.updateGroup(ctx, x, wantsBody && s.shows(members),
		func(current scim.Resource, members scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
			return patch.ApplyGroup(current, members, request)
		})
	switch {
	case err != nil:
		return response{}, err
	case wantsBody:
		return x.answerOne(http.StatusOK, s, updated)
	default:
		res, err := noContent()
		res.tag(updated)
		return res, err
	}
}

func (h *handler) updateGroup(ctx context.Context, x *exchange, withMembers bool, change groupChange) (scim.Resource, error) {
	match, err := x.match()
	if err != nil {
		return nil, err
	}
	shrunk := false
	updated, err := x.directory.UpdateGroup(ctx, x.target.id, match, withMembers,
		func(current scim.Resource, members scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
			next, c, err := change(current, members)
			shrunk = err == nil && replacesManyByOne(c, members)
			return next, c, err
		})
	if err == nil && shrunk {
		h.metrics.replacedToOne.WithLabelValues(x.provider).Inc()
		h.log.WarnContext(ctx, "a group of several members was replaced by a single one",
			"request", x.id, "provider", x.provider, "id", loggable(x.logID))
	}
	return updated, err
}

// replacesManyByOne recognises what clients send that mean to add a member and
// say replace. It is done as asked; the operator is warned.
func replacesManyByOne(c scim.MemberChange, members scim.CurrentMembers) bool {
	if !c.Reset || len(c.Add) != 1 {
		return false
	}
	before, err := members()
	return err == nil && len(before) > 1
}

func deleteGroup(ctx context.Context, _ *handler, x *exchange) (response, error) {
	match, err := x.match()
	if err != nil {
		return response{}, err
	}
	if err := x.directory.DeleteGroup(ctx, x.target.id, match); err != nil {
		return response{}, err
	}
	return noContent()
}
