package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/patch"
	"github.com/rollcall-dev/rollcall/scim/schema"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// TestLimitsAtTheirEdges sends for each limit on what a request says the largest
// that is taken, and one more, which is refused.
func TestLimitsAtTheirEdges(t *testing.T) {
	s := start(t, server.Options{})
	user, group := s.createUser("alice@example.com"), s.createGroup("Team")
	list := func(n int, element func(i int) string) string {
		elements := make([]string, n)
		for i := range elements {
			elements[i] = element(i)
		}
		return strings.Join(elements, ",")
	}
	operations := func(n int) string {
		return list(n, func(i int) string { return fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, i) })
	}
	members := func(n int) string {
		return list(n, func(i int) string { return fmt.Sprintf(`{"value":"member-%d"}`, i) })
	}
	attributes := func(n int) string {
		return list(n, func(i int) string { return fmt.Sprintf(`"a%d":%d`, i, i) })
	}
	search := func(endpoint, parameter, value string) *reply {
		return s.do("GET", endpoint+"?"+parameter+"="+url.QueryEscape(value), "")
	}
	for _, c := range []struct {
		name     string
		limit    int
		send     func(n int) *reply
		accepted int
		refused  int
		scimType string
	}{
		{
			"bytes of a filter", filter.MaxLength,
			func(n int) *reply {
				const frame = `userName eq ""`
				return search("/Users", "filter", strings.Replace(frame, `""`, `"`+strings.Repeat("x", n-len(frame))+`"`, 1))
			},
			200, 400, "invalidFilter",
		},
		{
			"depth of a filter", filter.MaxDepth,
			func(n int) *reply {
				return search("/Users", "filter", strings.Repeat("(", n)+"userName pr"+strings.Repeat(")", n))
			},
			200, 400, "invalidFilter",
		},
		{
			"bytes of attributes", filter.MaxLength,
			func(n int) *reply {
				return search("/Users", "attributes", strings.Repeat("a,", n/2)+strings.Repeat("b", n%2))
			},
			200, 400, "invalidValue",
		},
		{
			"fact 63: operations", patch.MaxOperations,
			func(n int) *reply { return s.patch("/Users/"+user, operations(n)) },
			200, 413, "",
		},
		{
			"fact 63: values of an operation", patch.MaxValues,
			func(n int) *reply {
				return s.patch("/Groups/"+group, `{"op":"add","path":"members","value":[`+members(n)+`]}`)
			},
			204, 413, "",
		},
		{
			"values of an attribute", schema.MaxValues,
			func(n int) *reply {
				emails := list(n, func(i int) string { return fmt.Sprintf(`{"value":"alice+%d@example.com"}`, i) })
				return s.patch("/Users/"+user, `{"op":"replace","path":"emails","value":[`+emails+`]}`)
			},
			200, 400, "invalidValue",
		},
		{
			"members of an object", schema.MaxAttributes,
			func(n int) *reply {
				return s.do("PUT", "/Users/"+user, `{"userName":"alice@example.com","urn:example:custom:2.0:User":{`+attributes(n)+`}}`)
			},
			200, 400, "invalidValue",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			for _, n := range []int{c.limit - 1, c.limit} {
				c.send(n).want(c.accepted)
			}
			for _, n := range []int{c.limit + 1, 2 * c.limit} {
				c.send(n).wantError(c.refused, c.scimType)
			}
		})
	}
	s.t = t

	t.Run("fact 32: resources of a page", func(t *testing.T) {
		for i := range server.MaxPage + 5 {
			s.createUser(fmt.Sprintf("user-%d@example.com", i))
		}
		for count, want := range map[int]int{0: 0, 1: 1, server.MaxPage - 1: server.MaxPage - 1, server.MaxPage: server.MaxPage, server.MaxPage + 1: server.MaxPage} {
			s.do("GET", fmt.Sprintf("/Users?count=%d", count), "").want(200).has("itemsPerPage", want, "totalResults", server.MaxPage+6)
		}
	})
}
