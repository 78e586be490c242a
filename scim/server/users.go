package server

import (
	"context"
	"net/http"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/patch"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

func getUser(ctx context.Context, _ *handler, x *exchange) (response, error) {
	s, err := x.params.shape(schema.User)
	if err != nil {
		return response{}, err
	}
	user, err := x.directory.User(ctx, x.target.id)
	if err != nil {
		return response{}, err
	}
	return x.answerRead(s, user)
}

func createUser(ctx context.Context, h *handler, x *exchange) (response, error) {
	s, err := x.params.shape(schema.User)
	if err != nil {
		return response{}, err
	}
	user, err := h.resource(x, schema.User)
	if err != nil {
		return response{}, err
	}
	if _, ok := user["active"]; !ok {
		// Said aloud, so that it doesn't depend on how a directory reads silence.
		user["active"] = true
	}
	created, err := x.directory.CreateUser(ctx, user)
	if err != nil {
		return response{}, err
	}
	return x.answerOne(http.StatusCreated, s, created)
}

func replaceUser(ctx context.Context, h *handler, x *exchange) (response, error) {
	next, err := h.resource(x, schema.User)
	if err != nil {
		return response{}, err
	}
	return updateUser(ctx, x, func(current scim.Resource) (scim.Resource, error) {
		return patch.ReplaceUser(current, next), nil
	})
}

func modifyUser(ctx context.Context, h *handler, x *exchange) (response, error) {
	body, err := h.body(x)
	if err != nil {
		return response{}, err
	}
	request, err := patch.Parse(body)
	if err != nil {
		return response{}, err
	}
	return updateUser(ctx, x, func(current scim.Resource) (scim.Resource, error) {
		return patch.ApplyUser(current, request)
	})
}

func updateUser(ctx context.Context, x *exchange, mutate func(scim.Resource) (scim.Resource, error)) (response, error) {
	s, err := x.params.shape(schema.User)
	if err != nil {
		return response{}, err
	}
	match, err := x.match()
	if err != nil {
		return response{}, err
	}
	updated, err := x.directory.UpdateUser(ctx, x.target.id, match, mutate)
	if err != nil {
		return response{}, err
	}
	return x.answerOne(http.StatusOK, s, updated)
}

func deleteUser(ctx context.Context, _ *handler, x *exchange) (response, error) {
	match, err := x.match()
	if err != nil {
		return response{}, err
	}
	if err := x.directory.DeleteUser(ctx, x.target.id, match); err != nil {
		return response{}, err
	}
	return noContent()
}

// resource reads the resource in the body of a POST or PUT.
func (h *handler) resource(x *exchange, rt *schema.ResourceType) (scim.Resource, error) {
	body, err := h.body(x)
	if err != nil {
		return nil, err
	}
	return schema.Decode(rt, body)
}
