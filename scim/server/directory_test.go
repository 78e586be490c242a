package server_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// shared is a directory that hands out its own only group, which is allowed
// because nobody changes it, and remembers what it was asked.
type shared struct {
	scim.Directory
	group       scim.Resource
	queries     []scim.Query
	withMembers []bool
}

func (d *shared) Group(_ context.Context, _ string, withMembers bool) (scim.Resource, error) {
	d.withMembers = append(d.withMembers, withMembers)
	return d.group, nil
}

func (d *shared) Groups(_ context.Context, q scim.Query) (scim.Page, error) {
	d.queries = append(d.queries, q)
	return scim.Page{Total: 1, Resources: []scim.Resource{d.group}}, nil
}

func TestWhatTheDirectoryIsAsked(t *testing.T) {
	newShared := func() *shared {
		return &shared{group: scim.Resource{
			"id": "x", "displayName": "Team", "meta": map[string]any{"created": "2026-01-01T00:00:00Z"},
			"members": []any{map[string]any{"value": "y", "type": "User"}},
		}}
	}
	serve := func(t *testing.T, d *shared) *service {
		s := start(t, server.Options{})
		s.backend.directories["entra"] = d
		return s
	}

	t.Run("members are asked for only where they are shown", func(t *testing.T) {
		for query, want := range map[string]bool{
			"": true, "?excludedAttributes=members": false, "?excludedAttributes=members.display": true,
			"?attributes=displayName": false, "?attributes=members.value": true, "?attributes=" + groupURN + ":members": true,
		} {
			d := newShared()
			s := serve(t, d)
			s.do("GET", "/Groups/x"+query, "").want(200)
			s.do("GET", "/Groups"+query, "").want(200)
			// A list asks group by group.
			listed := len(d.withMembers) == 2 && d.withMembers[1]
			if d.withMembers[0] != want || listed != want || d.queries[0].WithMembers {
				t.Errorf("%q asks for members: %v and %v, want %v", query, d.withMembers, d.queries, want)
			}
		}
	})

	t.Run("a filter that makes no sense never gets there", func(t *testing.T) {
		d := newShared()
		s := serve(t, d)
		s.do("GET", `/Groups?filter=meta.created+co+%22x%22+and+meta.lastModified+gt+%22yesterday%22`, "").wantError(400, "invalidFilter")
		if len(d.queries) > 0 {
			t.Errorf("the directory was asked %+v", d.queries)
		}
	})

	t.Run("what the directory hands out isn't changed", func(t *testing.T) {
		d := newShared()
		before := d.group.Clone()
		s := serve(t, d)
		s.do("GET", "/Groups/x", "").want(200).has("members/0/$ref", s.base+"/Users/y", "meta/location", s.base+"/Groups/x")
		s.do("GET", "/Groups", "").want(200)
		if !reflect.DeepEqual(d.group, before) {
			t.Errorf("now it is %v: want %v", d.group, before)
		}
	})
}
