package server_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// cursor returns a cursor of an answer, empty when there is none.
func (r *reply) cursor(name string) string {
	c, _ := r.body[name].(string)
	return c
}

func TestCursors(t *testing.T) {
	s := start(t, server.Options{})
	var ids []string
	for i := range 5 {
		ids = append(ids, s.createUser(fmt.Sprintf("user-%d", i)))
	}

	t.Run("fact 33: RFC 9865 2: pages forwards and back", func(t *testing.T) {
		first := s.do("GET", "/Users?cursor&count=2", "").want(200)
		first.has("schemas", []string{listURN}, "totalResults", 5, "itemsPerPage", 2, "startIndex", nil, "previousCursor", nil,
			"Resources/0/id", ids[0], "Resources/1/id", ids[1])
		next := s.do("GET", "/Users?count=2&cursor="+first.cursor("nextCursor"), "").want(200)
		next.has("totalResults", 5, "itemsPerPage", 2, "startIndex", nil, "Resources/0/id", ids[2], "Resources/1/id", ids[3])
		last := s.do("GET", "/Users?count=2&cursor="+next.cursor("nextCursor"), "").want(200)
		last.has("totalResults", 5, "itemsPerPage", 1, "nextCursor", nil, "Resources/0/id", ids[4])
		back := s.do("GET", "/Users?count=2&cursor="+last.cursor("previousCursor"), "").want(200)
		back.has("Resources/0/id", ids[2], "Resources/1/id", ids[3])
		s.do("GET", "/Users?count=2&cursor="+back.cursor("previousCursor"), "").want(200).
			has("previousCursor", nil, "Resources/0/id", ids[0], "Resources/1/id", ids[1])
	})

	t.Run("RFC 9865 2: forms of the first page", func(t *testing.T) {
		for _, query := range []string{"cursor", "cursor=", "CURSOR=", "cursor=&startIndex=1", "cursor=+"} {
			r := s.do("GET", "/Users?count=2&"+query, "").want(200)
			if r.cursor("nextCursor") == "" {
				t.Errorf("%s has no nextCursor", query)
			}
		}
		s.do("GET", "/Users?cursor", "").want(200).has("itemsPerPage", 5, "nextCursor", nil)
		s.do("GET", "/Users?cursor&count=5", "").want(200).has("nextCursor", nil)
		s.do("GET", "/Users?cursor&count=9999", "").want(200).has("itemsPerPage", 5)
		s.do("GET", "/Users?cursor&filter=id+eq+x", "").want(200).
			has("totalResults", 0, "itemsPerPage", 0, "Resources", []any{}, "nextCursor", nil, "previousCursor", nil)
	})

	t.Run("RFC 9865 2.4: without a cursor lists are paged by index", func(t *testing.T) {
		s.do("GET", "/Users?count=2", "").want(200).has("startIndex", 1, "nextCursor", nil, "previousCursor", nil)
		s.do("POST", "/Users/.search", `{"cursor":null,"count":2}`).want(200).has("startIndex", 1, "nextCursor", nil)
	})

	t.Run("RFC 9865 3: cursors in the body of a search", func(t *testing.T) {
		r := s.do("POST", "/Users/.search", `{"cursor":"","count":3}`).want(200)
		r.has("startIndex", nil, "Resources/2/id", ids[2])
		s.do("POST", "/Users/.search", fmt.Sprintf(`{"cursor":%q,"count":3}`, r.cursor("nextCursor"))).want(200).
			has("itemsPerPage", 2, "Resources/0/id", ids[3], "nextCursor", nil)
		s.do("GET", "/Users?cursor="+r.cursor("nextCursor"), "").want(200).has("itemsPerPage", 2)
	})

	t.Run("RFC 9865 2: names of attributes in another case are the same search", func(t *testing.T) {
		r := s.do("GET", "/Users?filter=userName+sw+%22u%22&cursor&count=1&sortBy=userName", "").want(200)
		s.do("GET", "/Users?filter=username+SW+%22u%22&count=1&sortBy=USERNAME&sortOrder=ascending&cursor="+r.cursor("nextCursor"), "").want(200).
			has("Resources/0/id", ids[1])
		s.do("GET", "/Users?filter=userName+sw+%22u%22&count=3&attributes=id&sortBy=userName&cursor="+r.cursor("nextCursor"), "").want(200).
			has("itemsPerPage", 3)
	})

	t.Run("RFC 9865 2.1, 5.2: invalidCursor for what was made up, or for another search or provider", func(t *testing.T) {
		good := s.do("GET", "/Users?cursor&count=2", "").want(200).cursor("nextCursor")
		for _, query := range []string{
			"/Users?cursor=x", "/Users?cursor=%zz", "/Users?cursor=%ff", "/Users?cursor=" + good + "A", "/Users?cursor=" + good[:len(good)-1],
			"/Users?cursor=" + good + "=", "/Users?cursor=" + strings.Repeat("A", 8000), "/Users?cursor=" + url.QueryEscape(good[:9]+"\n"+good[9:]),
			"/Users?cursor=" + good + "&cursor=" + good,
			"/Groups?cursor=" + good, "?cursor=" + good, "/Users?sortBy=userName&cursor=" + good, "/Users?filter=id+pr&cursor=" + good,
			"/Users?sortBy=meta.created&sortOrder=descending&cursor=" + good,
		} {
			s.do("GET", query, "").wantError(400, "invalidCursor")
		}
		s.do("GET", s.http.URL+"/okta/scim/v2/Users?cursor="+good, "", "Authorization", "Bearer "+otherToken).wantError(400, "invalidCursor")
	})

	t.Run("RFC 9865 2.1: invalidCount", func(t *testing.T) {
		for _, query := range []string{"count=many", "count=%zz", "count=1.5"} {
			s.do("GET", "/Users?cursor&"+query, "").wantError(400, "invalidCount")
		}
	})

	t.Run("RFC 9865 2: a count of 0, or below, asks for the total alone", func(t *testing.T) {
		total := s.do("GET", "/Users?count=0", "").want(200).get("totalResults")
		for _, query := range []string{"count=0", "count=-1"} {
			r := s.do("GET", "/Users?cursor&"+query, "").want(200).has("totalResults", total, "itemsPerPage", 0)
			if r.body["nextCursor"] != nil || r.body["previousCursor"] != nil || len(r.body["Resources"].([]any)) > 0 {
				t.Errorf("a page: %s", r.raw)
			}
		}
	})

	t.Run("RFC 9865 2.4: one of cursor and startIndex", func(t *testing.T) {
		s.do("GET", "/Users?cursor&startIndex=2", "").wantError(400, "invalidValue")
	})
}

func TestCursorsExpire(t *testing.T) {
	var late atomic.Int64
	clock := func() time.Time { return time.Unix(1_000_000, 0).Add(time.Duration(late.Load())) }
	options := server.Options{Now: clock, CursorKey: []byte(strings.Repeat("k", 32)), Limits: server.Limits{CursorTimeout: time.Minute}}
	s := start(t, options)
	for i := range 3 {
		s.createUser(fmt.Sprintf("user-%d", i))
	}
	c := s.do("GET", "/Users?cursor&count=1", "").want(200).cursor("nextCursor")

	t.Run("RFC 9865 2.1: expiredCursor after cursorTimeout", func(t *testing.T) {
		late.Store(int64(time.Minute))
		s.do("GET", "/Users?cursor="+c, "").want(200)
		late.Store(int64(time.Minute + time.Second))
		s.do("GET", "/Users?cursor="+c, "").wantError(400, "expiredCursor")
		late.Store(0)
	})

	t.Run("RFC 9865 2.1: servers with one key take each other's cursors, and others call them expired", func(t *testing.T) {
		for key, status := range map[string]int{string(options.CursorKey): 200, "": 400} {
			o := options
			if o.CursorKey = nil; key != "" {
				o.CursorKey = []byte(key)
			}
			other := start(t, o)
			other.backend.directories["entra"] = s.directory
			r := other.do("GET", "/Users?cursor="+c, "").want(status)
			if status == 400 {
				r.wantError(400, "expiredCursor")
			}
		}
	})
}

func TestCursorsWhoseResourcesAreGone(t *testing.T) {
	for _, path := range []string{"/Users", ""} {
		for _, sort := range []string{"", "&sortBy=userName"} {
			t.Run("RFC 9865 2: "+path+sort, func(t *testing.T) {
				s := start(t, server.Options{})
				a, b, c := s.createUser("a"), s.createUser("b"), s.createUser("c")
				get := func(cursor string) *reply {
					return s.do("GET", path+"?count=2&cursor="+cursor+sort, "").want(200)
				}
				first := get("")
				last := get(first.cursor("nextCursor")).has("Resources/0/id", c)
				s.do("DELETE", "/Users/"+c, "").want(204)
				// Nothing is behind the cursor any more, and everything in front of it.
				gone := get(first.cursor("nextCursor")).has("itemsPerPage", 0, "nextCursor", nil, "totalResults", 2)
				get(gone.cursor("previousCursor")).has("Resources/0/id", a, "Resources/1/id", b, "nextCursor", nil)
				// What the cursor itself stands for may be gone too.
				s.do("DELETE", "/Users/"+a, "").want(204)
				s.do("DELETE", "/Users/"+b, "").want(204)
				d := s.createUser("d")
				get(first.cursor("nextCursor")).has("Resources/0/id", d, "previousCursor", nil)
				// In front of the last page is nothing any more.
				gone = get(last.cursor("previousCursor")).has("itemsPerPage", 0, "previousCursor", nil, "totalResults", 1)
				get(gone.cursor("nextCursor")).has("Resources/0/id", d, "previousCursor", nil, "nextCursor", nil)
			})
		}
	}
}

// TestWalks walks through searches page by page while others come, go and change:
// what is there all the time is seen exactly once, in order, forwards and back.
func TestWalks(t *testing.T) {
	s := start(t, server.Options{Limits: server.Limits{MaxListedMembers: 3, ProviderRate: 1e9, ProviderBurst: 1e9}})
	walk := func(rt *rapid.T) {
		d := scimtest.New()
		s.backend.directories["entra"] = d
		names := 0
		value := func() string {
			return rapid.SampledFrom([]string{"", "a", "A", "b", "é", "zz", "z\u0000"}).Draw(rt, "value")
		}
		create := func() string {
			names++
			var r scim.Resource
			var err error
			if rapid.Bool().Draw(rt, "user") {
				user := scim.Resource{"userName": fmt.Sprintf("%s%d", value(), names)}
				if v := value(); v != "" {
					user["displayName"] = v
				}
				r, err = d.CreateUser(t.Context(), user)
			} else {
				var members []scim.Member
				for i := range rapid.IntRange(0, 4).Draw(rt, "members") {
					members = append(members, scim.Member{ID: fmt.Sprintf("member-%d", i)})
				}
				group := scim.Resource{"displayName": fmt.Sprintf("%s%d", value(), names)}
				r, err = d.CreateGroup(t.Context(), group, members)
			}
			if err != nil {
				rt.Fatal(err)
			}
			return r.ID()
		}
		remove := func(id string) {
			if d.DeleteUser(t.Context(), id, nil) != nil && d.DeleteGroup(t.Context(), id, nil) != nil {
				rt.Fatalf("%s is gone", id)
			}
		}
		var stable, others []string
		for range rapid.IntRange(0, 12).Draw(rt, "stable") {
			stable = append(stable, create())
		}
		for range rapid.IntRange(0, 6).Draw(rt, "others") {
			others = append(others, create())
		}
		unrest := func() {
			for range rapid.IntRange(0, 2).Draw(rt, "unrest") {
				if i := rapid.IntRange(-2, len(others)-1).Draw(rt, "which"); i < 0 {
					others = append(others, create())
				} else {
					remove(others[i])
					others = slices.Delete(others, i, i+1)
				}
			}
		}
		path := rapid.SampledFrom([]string{"", "/Users", "/Groups"}).Draw(rt, "path")
		query := rapid.SampledFrom([]string{"", "&sortBy=id", "&sortBy=displayName", "&sortBy=meta.lastModified"}).Draw(rt, "sort")
		if path != "/Groups" && rapid.Bool().Draw(rt, "of users alone") {
			query = "&sortBy=userName"
		}
		query += rapid.SampledFrom([]string{"", "&sortOrder=descending"}).Draw(rt, "direction")
		query += rapid.SampledFrom([]string{"", "&filter=id+pr", "&filter=displayName+pr"}).Draw(rt, "filter")
		want := only(stable, s.do("GET", path+"?count=200&excludedAttributes=members"+query, "").want(200).ids())
		query += rapid.SampledFrom([]string{"", "&excludedAttributes=members"}).Draw(rt, "shown")

		var forwards, backwards []string
		var next, last string
		for pages := 0; ; pages++ {
			count := fmt.Sprint(rapid.IntRange(1, 5).Draw(rt, "count"))
			r := s.do("GET", path+"?count="+count+"&cursor="+next+query, "").want(200)
			forwards = append(forwards, r.ids()...)
			unrest()
			if next = r.cursor("nextCursor"); next == "" || pages > 200 {
				// From behind everything that the last page may have had.
				backwards = r.ids()
				last = r.cursor("previousCursor")
				break
			}
		}
		for pages := 0; last != "" && pages < 200; pages++ {
			count := fmt.Sprint(rapid.IntRange(1, 5).Draw(rt, "count"))
			r := s.do("GET", path+"?count="+count+"&cursor="+last+query, "").want(200)
			backwards = append(r.ids(), backwards...)
			unrest()
			last = r.cursor("previousCursor")
		}
		if got := only(stable, forwards); !slices.Equal(got, want) {
			rt.Errorf("forwards %s%s: %v, want %v", path, query, got, want)
		}
		if got := only(stable, backwards); !slices.Equal(got, want) {
			rt.Errorf("backwards %s%s: %v, want %v", path, query, got, want)
		}
	}
	t.Run("RFC 9865 2, 2.2: cursors see what stays exactly once, in order", func(t *testing.T) { rapid.Check(t, walk) })
}

// only returns the ids that are among those that count.
func only(counting, ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(counting, id) })
}
