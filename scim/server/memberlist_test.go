package server_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// vanishing is a directory whose groups are gone when they are read alone.
type vanishing struct {
	scim.Directory
	gone map[string]bool
}

func (d *vanishing) Group(ctx context.Context, id string, withMembers bool) (scim.Resource, error) {
	if d.gone[id] {
		return nil, scim.NotFound("Group", id)
	}
	return d.Directory.Group(ctx, id, withMembers)
}

// blocking is a directory in which reading a group waits for its turn.
type blocking struct {
	scim.Directory
	entered, leave chan struct{}
}

func (d *blocking) Group(ctx context.Context, id string, withMembers bool) (scim.Resource, error) {
	d.entered <- struct{}{}
	<-d.leave
	return d.Directory.Group(ctx, id, withMembers)
}

func TestListsWithMembers(t *testing.T) {
	members := func(n int) []string {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprintf("10000000-0000-4000-8000-%012d", i)
		}
		return ids
	}

	t.Run("fact 32: a page ends early when it has many members, and paging still covers every group", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxListedMembers: 10}})
		var all []string
		for i, n := range []int{4, 6, 1, 25, 0, 10, 2} {
			all = append(all, s.createGroup(fmt.Sprintf("Group %d", i), members(n)...))
		}
		next, pages := 1, []int{}
		for next <= len(all) {
			r := s.do("GET", fmt.Sprintf("/Groups?startIndex=%d&count=100", next), "").want(200)
			ids := r.ids()
			r.has("schemas", []string{listURN}, "totalResults", len(all), "startIndex", next, "itemsPerPage", len(ids))
			for i, id := range ids {
				if want := all[next-1+i]; id != want {
					t.Fatalf("group %d is %s: want %s", next+i, id, want)
				}
			}
			if len(ids) == 0 {
				t.Fatalf("an empty page at %d", next)
			}
			next += len(ids)
			pages = append(pages, len(ids))
		}
		if got := fmt.Sprint(pages); got != "[2 1 1 2 1]" {
			t.Errorf("pages of %s groups: want [2 1 1 2 1]", got)
		}
		r := s.do("GET", "/Groups?startIndex=4", "").want(200)
		if got := len(r.get("Resources/0/members").([]any)); got != 25 {
			t.Errorf("a group shows %d members: want all 25", got)
		}
		s.do("GET", "/Groups?excludedAttributes=members", "").want(200).has("itemsPerPage", len(all))
		s.do("GET", "/Groups?count=0", "").want(200).has("totalResults", len(all), "itemsPerPage", 0, "Resources", []any{})
	})

	t.Run("a group that is deleted meanwhile is left out", func(t *testing.T) {
		s := start(t, server.Options{})
		first, second := s.createGroup("First"), s.createGroup("Second", members(1)...)
		s.backend.directories["entra"] = &vanishing{Directory: s.directory, gone: map[string]bool{first: true}}
		s.do("GET", "/Groups", "").want(200).has("itemsPerPage", 1, "Resources/0/id", second)
	})

	t.Run("lists with members wait for each other, and no longer than a request may take", func(t *testing.T) {
		s := start(t, server.Options{Limits: server.Limits{MaxMemberLists: 1, RequestTimeout: time.Second}})
		s.createGroup("Group", members(1)...)
		d := &blocking{Directory: s.directory, entered: make(chan struct{}), leave: make(chan struct{})}
		s.backend.directories["entra"] = d
		first := make(chan int)
		go func() { first <- s.do("GET", "/Groups", "").status }()
		<-d.entered
		wantRetryAfter(t, s.do("GET", "/Groups", "").wantError(503, ""))
		s.do("GET", "/Groups?excludedAttributes=members", "").want(200)
		s.wantThrottled("member_lists", 1)
		d.leave <- struct{}{}
		if status := <-first; status != 200 {
			t.Errorf("status %d: want 200", status)
		}
		go func() {
			<-d.entered
			d.leave <- struct{}{}
		}()
		s.do("GET", "/Groups", "").want(200).has("itemsPerPage", 1)
	})
}
