package server_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// tag returns the answer's ETag, which is what meta.version says if it is shown.
func (r *reply) tag() string {
	r.t.Helper()
	tag := r.header.Get("ETag")
	if len(tag) < 6 || tag[:3] != `W/"` || tag[len(tag)-1] != '"' {
		r.t.Fatalf("ETag %q: want a weak one", tag)
	}
	if shown := r.get("meta/version"); shown != nil && shown != tag {
		r.t.Fatalf("meta.version is %v, and the ETag %s", shown, tag)
	}
	return tag
}

func TestVersions(t *testing.T) {
	s := start(t, server.Options{})

	t.Run("RFC 7644 3.14: every answer with one resource has its ETag, which is meta.version", func(t *testing.T) {
		for endpoint, body := range map[string]string{"/Users": `{"userName":"versions"}`, "/Groups": `{"displayName":"Versions"}`} {
			created := s.do("POST", endpoint, body).want(201)
			path := endpoint + "/" + created.id()
			if created.get("meta/version") == nil || s.do("GET", path, "").want(200).tag() != created.tag() {
				t.Errorf("POST %s answers another version than GET", endpoint)
			}
			if again := s.do("PUT", path, body).want(200).tag(); again != created.tag() {
				t.Errorf("a PUT that changes nothing gives version %s after %s", again, created.tag())
			}
			patched := s.patch(path, `{"op":"add","path":"externalId","value":"x"}`).tag()
			if patched == created.tag() || s.do("GET", path, "").want(200).tag() != patched {
				t.Errorf("PATCH %s answers version %s after %s", endpoint, patched, created.tag())
			}
			put := s.do("PUT", path, body).want(200)
			if location := put.header.Get("Location"); location != put.get("meta/location") {
				t.Errorf("Location is %q: want meta.location", location)
			}
			if put.get("meta/version") == nil || put.tag() == patched {
				t.Errorf("PUT %s answers version %s after %s", endpoint, put.tag(), patched)
			}
			if listed := s.do("GET", endpoint, "").want(200).get("Resources/0/meta/version"); listed != put.tag() {
				t.Errorf("a list shows version %v: want %s", listed, put.tag())
			}
		}
	})

	t.Run("RFC 7643 3.1: the version of a group changes with its members", func(t *testing.T) {
		a, b := s.createUser("member-a"), s.createUser("member-b")
		group := s.createGroup("Members", a)
		tags := []string{s.do("GET", "/Groups/"+group, "").tag()}
		for _, op := range []string{
			`{"op":"add","path":"members","value":` + value(b) + `}`,
			`{"op":"remove","path":"members","value":` + value(a) + `}`,
			`{"op":"replace","path":"members","value":[]}`,
		} {
			tags = append(tags, s.patch("/Groups/"+group, op).want(204).tag())
		}
		if slices.Sort(tags); len(slices.Compact(tags)) != 4 {
			t.Errorf("versions %v: want four", tags)
		}
	})

	t.Run("RFC 7644 3.14: a version is the resource's, whatever is shown of it", func(t *testing.T) {
		group := s.createGroup("Shown", s.createUser("shown"))
		tag := s.do("GET", "/Groups/"+group, "").tag()
		for query, shows := range map[string]bool{
			"?attributes=displayName": false, "?excludedAttributes=meta.version": false, "?excludedAttributes=members": true,
			"?attributes=meta.version": true, "?attributes=meta": true,
		} {
			r := s.do("GET", "/Groups/"+group+query, "").want(200)
			if r.tag() != tag || (r.get("meta/version") != nil) != shows {
				t.Errorf("%s: ETag %s, meta %v", query, r.tag(), r.get("meta"))
			}
			s.do("GET", "/Groups/"+group+query, "", "If-None-Match", tag).want(304)
		}
	})

	t.Run("RFC 7644 3.14: a GET with the current version in If-None-Match is 304", func(t *testing.T) {
		for _, path := range []string{"/Users/" + s.createUser("cached"), "/Groups/" + s.createGroup("Cached")} {
			tag := s.do("GET", path, "").tag()
			for header, status := range map[string]int{
				tag: 304, "*": 304, tag[2:]: 304, tag[3 : len(tag)-1]: 304, "w/" + tag[2:]: 304, `"a,b", W/"c" ,` + tag: 304, " , " + tag: 304,
				`W/"other"`: 200, `"a,` + tag[3:]: 200, "": 200, " ": 200, ",": 200, `W/""`: 200, "other": 200, `"*"`: 200,
				`W/"open`: 400, `"a" "b"`: 400, `a"b`: 400, `W/"a"b`: 400, "a b": 400,
			} {
				r := s.do("GET", path, "", "If-None-Match", header).want(status)
				if status == 304 && (len(r.raw) > 0 || r.tag() != tag) {
					t.Errorf("304 with the body %s and the ETag %s", r.raw, r.tag())
				}
				if status == 400 {
					r.wantError(400, "invalidSyntax")
				}
			}
			s.do("GET", path, "", "If-Match", `W/"other"`).wantError(412, "")
			s.do("GET", path, "", "If-Match", tag).want(200)
		}
		s.do("GET", "/Users/"+unknownID, "", "If-None-Match", "*").wantError(404, "")
	})

	t.Run("RFC 7644 3.14: a write with another version in If-Match is 412, and does nothing", func(t *testing.T) {
		for endpoint, body := range map[string]string{"/Users": `{"userName":"matched"}`, "/Groups": `{"displayName":"Matched"}`} {
			path := endpoint + "/" + s.do("POST", endpoint, body).want(201).id()
			old := s.do("GET", path, "").tag()
			change := fmt.Sprintf(`{"schemas":[%q],"Operations":[{"op":"add","path":"externalId","value":"x"}]}`, patchURN)
			tag := s.do("PATCH", path, change, "If-Match", old).tag()
			if tag == old {
				t.Fatalf("version %s stays", tag)
			}
			for header, status := range map[string]int{old: 412, `"other"`: 412, `W/"x`: 400, `"` + tag + `"`: 400} {
				s.do("PATCH", path, change, "If-Match", header).want(status)
				s.do("PUT", path, body, "If-Match", header).want(status)
				s.do("DELETE", path, "", "If-Match", header).want(status)
			}
			for header, status := range map[string]int{tag: 412, "*": 412, `"`: 400} {
				s.do("PUT", path, body, "If-None-Match", header).want(status)
				s.do("DELETE", path, "", "If-None-Match", header).want(status)
			}
			s.do("PUT", path, body, "If-Match", tag, "If-None-Match", tag).want(412)
			if now := s.do("GET", path, "").tag(); now != tag {
				t.Errorf("version %s: want %s, as before the refused writes", now, tag)
			}
			put := s.do("PUT", path, body, "If-Match", old+", "+tag).want(200).tag()
			s.do("PUT", path, body, "If-Match", "*").want(200)
			s.do("PUT", path, body, "If-None-Match", old).want(200)
			s.do("DELETE", path, "", "If-Match", put[2:]).want(204)
			s.do("DELETE", path, "", "If-Match", put).wantError(404, "")
		}
	})

	t.Run("fact 74: nobody has to send If-Match, and an empty one says nothing", func(t *testing.T) {
		path := "/Users/" + s.createUser("unconditional")
		s.patch(path, `{"op":"Replace","path":"active","value":"False"}`).want(200)
		s.do("PUT", path, `{"userName":"unconditional"}`, "If-Match", " ").want(200)
		s.do("DELETE", path, "").want(204)
	})

	t.Run("RFC 7644 3.14: of many writes that start from one version, one is done", func(t *testing.T) {
		for _, path := range []string{"/Users/" + s.createUser("contended"), "/Groups/" + s.createGroup("Contended")} {
			tag := s.do("GET", path, "").tag()
			statuses := make([]int, 16)
			var wg sync.WaitGroup
			for i := range statuses {
				wg.Go(func() {
					statuses[i] = s.do("PATCH", path, fmt.Sprintf(`{"Operations":[{"op":"add","path":"externalId","value":"%d"}]}`, i), "If-Match", tag).status
				})
			}
			wg.Wait()
			slices.Sort(statuses)
			if statuses[0]/100 != 2 || statuses[1] != 412 || statuses[15] != 412 {
				t.Errorf("%s: statuses %v: want one success and 412 else", path, statuses)
			}
		}
	})
}
