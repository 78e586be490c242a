package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim/schema"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// TestServiceProviderConfigIsTrue compares each ability that the server
// advertises with what it does.
func TestServiceProviderConfigIsTrue(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().Unix())
	s := start(t, server.Options{
		Limits: server.Limits{ProviderBurst: 1 << 20, ProviderRate: 1 << 20, FailureBurst: 100},
		Now:    func() time.Time { return time.Unix(now.Load(), 0) },
	})
	config := s.do("GET", "/ServiceProviderConfig", "").want(200)
	supported := func(ability string) bool {
		yes, ok := config.get(ability + "/supported").(bool)
		if !ok {
			t.Errorf("%s says nothing", ability)
		}
		return yes
	}
	number := func(path string) int {
		n, ok := config.get(path).(float64)
		if !ok || n != float64(int(n)) {
			t.Errorf("%s is %v: want an integer", path, config.get(path))
		}
		return int(n)
	}
	users := make([]string, number("filter/maxResults")+1)
	for i := range users {
		users[i] = s.createUser(fmt.Sprintf("user-%04d@example.com", i))
	}

	t.Run("patch (fact 21, RFC 7643 5)", func(t *testing.T) {
		r := s.patch("/Users/"+users[0], `{"op":"replace","path":"title","value":"T"}`)
		if !supported("patch") {
			r.wantError(http.StatusNotImplemented, "")
			return
		}
		r.want(200).has("title", "T")
	})

	t.Run("bulk (fact 21, RFC 7643 5, RFC 7644 3.7.4)", func(t *testing.T) {
		bulk := func(n int, more string) *reply {
			operation := `{"method":"PATCH","path":"/Users/` + users[0] + `","data":{"Operations":[{"op":"replace","path":"title","value":"B"}]}}`
			return s.do("POST", "/Bulk", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[%s]%s}`,
				strings.TrimSuffix(strings.Repeat(operation+",", n), ","), more))
		}
		operations, size := number("bulk/maxOperations"), number("bulk/maxPayloadSize")
		if !supported("bulk") {
			bulk(1, "").wantError(http.StatusNotImplemented, "")
			return
		}
		bulk(1, "").want(200).has("Operations/0/status", "200")
		s.do("GET", "/Users/"+users[0], "").has("title", "B")
		if answered, _ := bulk(operations, "").want(200).get("Operations").([]any); len(answered) != operations {
			t.Errorf("%d operations are answered: want the %d that are allowed", len(answered), operations)
		}
		bulk(operations+1, "").want(http.StatusRequestEntityTooLarge)
		frame := len(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[],"x":""}`)
		bulk(0, `,"x":"`+strings.Repeat("x", size-frame)+`"`).want(200)
		bulk(0, `,"x":"`+strings.Repeat("x", size-frame+1)+`"`).want(http.StatusRequestEntityTooLarge)
	})

	t.Run("filter (fact 21, RFC 7643 5)", func(t *testing.T) {
		if !supported("filter") {
			t.Fatal("clients can't do without")
		}
		s.do("GET", "/Users?filter=userName+eq+%22user-0001@example.com%22", "").want(200).has("totalResults", 1, "Resources/0/id", users[1])
		s.do("GET", fmt.Sprintf("/Users?filter=userName+pr&count=%d", len(users)), "").want(200).
			has("totalResults", len(users), "itemsPerPage", number("filter/maxResults"))
	})

	t.Run("changePassword (fact 21, RFC 7643 5)", func(t *testing.T) {
		if supported("changePassword") {
			t.Fatal("no password is stored, so none can be changed")
		}
		s.patch("/Users/"+users[0], `{"op":"replace","path":"password","value":"s3cret"}`).want(200).has("password", nil)
	})

	t.Run("sort (fact 21, RFC 7643 5)", func(t *testing.T) {
		page := s.do("GET", "/Users?sortBy=userName&sortOrder=descending&count=3", "").want(200).ids()
		want := users[:3]
		if supported("sort") {
			want = slices.Clone(users[len(users)-3:])
			slices.Reverse(want)
		}
		if !slices.Equal(page, want) {
			t.Errorf("the page is %v: want %v", page, want)
		}
	})

	t.Run("etag (fact 21, RFC 7643 5)", func(t *testing.T) {
		r := s.do("GET", "/Users/"+users[2], "").want(200)
		tag, version := r.header.Get("ETag"), r.get("meta/version")
		if !supported("etag") {
			if tag != "" || version != nil {
				t.Errorf("ETag %q, meta.version %v: want none", tag, version)
			}
			return
		}
		if tag == "" || version != tag {
			t.Errorf("ETag %q, meta.version %v: want them equal", tag, version)
		}
		change := `{"Operations":[{"op":"replace","path":"title","value":"%s"}]}`
		s.do("PATCH", "/Users/"+users[2], fmt.Sprintf(change, "1"), "If-Match", tag).want(200)
		s.do("PATCH", "/Users/"+users[2], fmt.Sprintf(change, "2"), "If-Match", tag).wantError(http.StatusPreconditionFailed, "")
	})

	t.Run("pagination (facts 21, 33, RFC 9865 2.4, 4)", func(t *testing.T) {
		if config.get("pagination") == nil {
			s.do("GET", "/Users?cursor=&count=5", "").want(200).has("nextCursor", nil)
			return
		}
		if config.get("pagination/index") == true {
			s.do("GET", "/Users?startIndex=2&count=2", "").want(200).has("startIndex", 2, "nextCursor", nil, "Resources/0/id", users[1])
		}
		first := s.do("GET", "/Users", "").want(200).has("itemsPerPage", number("pagination/defaultPageSize"))
		switch method := config.get("pagination/defaultPaginationMethod"); method {
		case "index":
			first.has("startIndex", 1, "nextCursor", nil)
		case "cursor":
			if first.get("nextCursor") == nil {
				t.Error("the default is a cursor, and there is none")
			}
		default:
			t.Errorf("the default method is %v", method)
		}
		most := number("pagination/maxPageSize")
		s.do("GET", fmt.Sprintf("/Users?count=%d", most), "").want(200).has("itemsPerPage", most)
		if config.get("pagination/cursor") != true {
			return
		}
		var walked []string
		for cursor := ""; ; {
			r := s.do("GET", fmt.Sprintf("/Users?cursor=%s&count=%d", cursor, most/3), "").want(200)
			walked = append(walked, r.ids()...)
			next, more := r.get("nextCursor").(string)
			if cursor = next; !more {
				break
			}
		}
		if !slices.Equal(walked, users) {
			t.Errorf("a walk by cursors finds %d users: want %d, in the order of their creation", len(walked), len(users))
		}
		cursor, _ := s.do("GET", "/Users?cursor&count=2", "").want(200).get("nextCursor").(string)
		now.Add(int64(number("pagination/cursorTimeout")) - 1)
		s.do("GET", "/Users?count=2&cursor="+cursor, "").want(200)
		now.Add(3)
		s.do("GET", "/Users?count=2&cursor="+cursor, "").wantError(400, "expiredCursor")
	})

	t.Run("authenticationSchemes (facts 15, 21, RFC 7643 5)", func(t *testing.T) {
		schemes, _ := config.get("authenticationSchemes").([]any)
		for _, scheme := range schemes {
			if at(scheme, "type") != "oauthbearertoken" || at(scheme, "primary") != true {
				t.Errorf("scheme %v: want bearer tokens alone", scheme)
			}
			for _, name := range []string{"name", "description", "specUri"} {
				if at(scheme, name) == nil {
					t.Errorf("scheme %v has no %s", scheme, name)
				}
			}
		}
		if len(schemes) != 1 {
			t.Errorf("%d schemes: want 1", len(schemes))
		}
		for authorization, status := range map[string]int{
			"Bearer " + token: 200, "Basic " + token: 401, "Digest username=x": 401, "DPoP " + token: 401, "": 401,
		} {
			s.do("GET", "/Users?count=0", "", "Authorization", authorization).want(status)
		}
	})
}

// TestResourceTypesAreTrue compares /ResourceTypes with the endpoints.
func TestResourceTypesAreTrue(t *testing.T) {
	s := start(t, server.Options{})
	var used []string
	types, _ := s.do("GET", "/ResourceTypes", "").want(200).get("Resources").([]any)
	for _, rt := range types {
		name, endpoint, core := at(rt, "name").(string), at(rt, "endpoint").(string), at(rt, "schema").(string)
		used = append(used, core)
		t.Run("facts 20, 21, RFC 7643 6: "+name, func(t *testing.T) {
			s.do("GET", endpoint, "").want(200)
			body := example(map[string]any{"type": "complex", "subAttributes": s.do("GET", "/Schemas/"+core, "").want(200).get("attributes")})
			r := s.do("POST", endpoint, body).want(201).has("meta/resourceType", name, "schemas", []string{core})
			if location := r.header.Get("Location"); location != s.base+endpoint+"/"+r.id() {
				t.Errorf("Location %q", location)
			}
			extensions, _ := at(rt, "schemaExtensions").([]any)
			for _, e := range extensions {
				urn := at(e, "schema").(string)
				used = append(used, urn)
				if at(e, "required") != false {
					t.Errorf("%s is required, and nothing requires it", urn)
				}
				object := example(map[string]any{"type": "complex", "subAttributes": s.do("GET", "/Schemas/"+urn, "").want(200).get("attributes")})
				s.do("PATCH", endpoint+"/"+r.id(), fmt.Sprintf(`{"Operations":[{"op":"add","path":%q,"value":%s}]}`, urn, object)).want(200)
				if schemas, _ := s.do("GET", endpoint+"/"+r.id(), "").get("schemas").([]any); !slices.Contains(schemas, any(urn)) {
					t.Errorf("schemas are %v: want %s among them", schemas, urn)
				}
			}
		})
	}
	for _, s := range schema.Discovery() {
		used = append(used, s.ID)
	}
	slices.Sort(used)
	advertised := s.do("GET", "/Schemas", "").ids()
	slices.Sort(advertised)
	if !slices.Equal(used, advertised) {
		t.Errorf("schemas %v: want those of the resource types and of discovery, %v", advertised, used)
	}
}
