package clients

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Check is one test of a list that an application is held against.
type Check struct {
	// Name says what is tried.
	Name string

	try func(*probe)
}

// Run tries the check on a server. The error says what was expected, and what came.
// It leaves users and groups behind, under names that no other run has.
func (c Check) Run(ctx context.Context, server Server) error {
	p := &probe{ctx: ctx, server: server, run: strings.ToLower(rand.Text()[:10])}
	c.try(p)
	return p.err
}

// probe sends requests until one of them goes wrong. After that its methods do
// nothing and return nothing, so that a check needs no handling of errors.
type probe struct {
	ctx    context.Context
	server Server
	// run is a word of this run.
	run string
	err error
}

// object is a JSON object.
type object = map[string]any

func (p *probe) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// do sends a request whose answer has one of the statuses.
func (p *probe) do(method, target string, body any, statuses ...int) object {
	if p.err != nil {
		return nil
	}
	text := ""
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			p.fail("%w", err)
			return nil
		}
		text = string(encoded)
	}
	a, err := p.server.send(p.ctx, method, target, text, []field{{"Content-Type", mediaType}})
	if err != nil {
		p.err = err
		return nil
	}
	if !slices.Contains(statuses, a.status) {
		p.fail("want status %v, got %s\nto the body %s", statuses, a, shorten(text))
		return nil
	}
	answer, _ := a.body.(object)
	return answer
}

func (p *probe) get(target string) object { return p.do("GET", target, nil, 200) }

// create posts a resource and returns its id.
func (p *probe) create(endpoint string, resource object) string {
	id, _ := p.do("POST", endpoint, resource, 201)["id"].(string)
	return id
}

func (p *probe) createUser(alias string) string {
	return p.create("/Users", object{"schemas": []any{userURN}, "userName": p.upn(alias), "externalId": alias + "-" + p.run, "active": true})
}

// patch applies operations. A group's answer has no body.
func (p *probe) patch(target string, operations ...any) {
	p.do("PATCH", target, object{"schemas": []any{patchURN}, "Operations": operations}, 200, 204)
}

func operation(op, path string, value any) object {
	return object{"op": op, "path": path, "value": value}
}

// find searches by equality and returns what it finds.
func (p *probe) find(endpoint, path, value string) []any {
	quoted, err := json.Marshal(value)
	if err != nil {
		p.fail("%w", err)
	}
	list, _ := p.get(endpoint + "?filter=" + url.QueryEscape(path+" eq "+string(quoted)))["Resources"].([]any)
	return list
}

// wantOnly says that a search finds this resource and no other.
func (p *probe) wantOnly(endpoint, path, value, id string) {
	p.same(fmt.Sprintf("%s with %s eq %q", endpoint, path, value), []any{object{"id": id}}, p.find(endpoint, path, value))
}

// same compares what came with what is wanted, which may have fewer members.
func (p *probe) same(what string, want, got any) {
	if p.err != nil {
		return
	}
	text, err := json.Marshal(want)
	if err != nil {
		p.fail("%w", err)
		return
	}
	pattern, err := decode(text)
	if err != nil {
		p.fail("%w", err)
		return
	}
	if err := (variables{}).match("", pattern, got); err != nil {
		p.fail("%s: %w", what, err)
	}
}

// upn is the userName of somebody in this run.
func (p *probe) upn(alias string) string { return alias + "." + p.run + "@example.com" }
