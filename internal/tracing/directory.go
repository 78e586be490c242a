package tracing

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// Backend traces the calls of directories.
func (t *Tracer) Backend(next server.Backend) server.Backend {
	if t == nil {
		return next
	}
	return &backend{next, t}
}

type backend struct {
	server.Backend
	tracer *Tracer
}

// Directory implements server.Backend.
func (b *backend) Directory(ctx context.Context, provider string) (scim.Directory, error) {
	d, err := b.Backend.Directory(ctx, provider)
	if !errors.Is(err, server.ErrNoProvider) {
		// It exists, so its name is nothing that a client has made up.
		trace.SpanFromContext(ctx).SetAttributes(providerKey.String(provider))
	}
	if err != nil {
		return nil, err
	}
	return &directory{d, b.tracer}, nil
}

type directory struct {
	next   scim.Directory
	tracer *Tracer
}

var _ scim.Directory = (*directory)(nil)

// call traces a call.
func call[T any](ctx context.Context, d *directory, name string, do func(context.Context, trace.Span) (T, error)) (T, error) {
	ctx, span := d.tracer.Start(ctx, "directory "+name)
	defer span.End()
	result, err := do(ctx, span)
	switch e := scim.AsError(err); {
	case e != nil:
		span.SetAttributes(statusKey.Int(e.Status))
		setStatus(span, e.Status)
	case err != nil && !errors.Is(err, context.Canceled):
		span.SetStatus(codes.Error, http.StatusText(http.StatusInternalServerError))
	}
	return result, err
}

func (d *directory) CreateUser(ctx context.Context, user scim.Resource) (scim.Resource, error) {
	return call(ctx, d, "CreateUser", func(ctx context.Context, _ trace.Span) (scim.Resource, error) {
		return d.next.CreateUser(ctx, user)
	})
}

func (d *directory) User(ctx context.Context, id string) (scim.Resource, error) {
	return call(ctx, d, "User", func(ctx context.Context, _ trace.Span) (scim.Resource, error) {
		return d.next.User(ctx, id)
	})
}

func (d *directory) Users(ctx context.Context, q scim.Query) (scim.Page, error) {
	return call(ctx, d, "Users", func(ctx context.Context, span trace.Span) (scim.Page, error) {
		page, err := d.next.Users(ctx, q)
		span.SetAttributes(totalKey.Int(page.Total))
		return page, err
	})
}

func (d *directory) UpdateUser(ctx context.Context, id string, match scim.Match, mutate func(scim.Resource) (scim.Resource, error)) (scim.Resource, error) {
	return call(ctx, d, "UpdateUser", func(ctx context.Context, _ trace.Span) (scim.Resource, error) {
		return d.next.UpdateUser(ctx, id, match, mutate)
	})
}

func (d *directory) DeleteUser(ctx context.Context, id string, match scim.Match) error {
	_, err := call(ctx, d, "DeleteUser", func(ctx context.Context, _ trace.Span) (struct{}, error) {
		return struct{}{}, d.next.DeleteUser(ctx, id, match)
	})
	return err
}

func (d *directory) CreateGroup(ctx context.Context, group scim.Resource, members []scim.Member) (scim.Resource, error) {
	return call(ctx, d, "CreateGroup", func(ctx context.Context, _ trace.Span) (scim.Resource, error) {
		return d.next.CreateGroup(ctx, group, members)
	})
}

func (d *directory) Group(ctx context.Context, id string, withMembers bool) (scim.Resource, error) {
	return call(ctx, d, "Group", func(ctx context.Context, _ trace.Span) (scim.Resource, error) {
		return d.next.Group(ctx, id, withMembers)
	})
}

func (d *directory) Groups(ctx context.Context, q scim.Query) (scim.Page, error) {
	return call(ctx, d, "Groups", func(ctx context.Context, span trace.Span) (scim.Page, error) {
		page, err := d.next.Groups(ctx, q)
		span.SetAttributes(totalKey.Int(page.Total))
		return page, err
	})
}

func (d *directory) UpdateGroup(ctx context.Context, id string, match scim.Match, withMembers bool,
	mutate func(scim.Resource, scim.CurrentMembers) (scim.Resource, scim.MemberChange, error),
) (scim.Resource, error) {
	return call(ctx, d, "UpdateGroup", func(ctx context.Context, _ trace.Span) (scim.Resource, error) {
		return d.next.UpdateGroup(ctx, id, match, withMembers, mutate)
	})
}

func (d *directory) DeleteGroup(ctx context.Context, id string, match scim.Match) error {
	_, err := call(ctx, d, "DeleteGroup", func(ctx context.Context, _ trace.Span) (struct{}, error) {
		return struct{}{}, d.next.DeleteGroup(ctx, id, match)
	})
	return err
}
