package server_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/server"
)

// parse reads a JSON object.
func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestProtocol(t *testing.T) {
	s := start(t, server.Options{})

	t.Run("RFC 7644 3.2, 3.3.1: the endpoint decides the type, whatever meta says", func(t *testing.T) {
		s.do("POST", "/Users", `{"schemas":["`+groupURN+`"],"userName":"typed","meta":{"resourceType":"Group"}}`).want(201).
			has("meta/resourceType", "User", "schemas", []string{userURN})
		s.do("POST", "/Groups", `{"userName":"typed too"}`).wantError(400, "invalidValue")
	})

	t.Run("RFC 7644 3.3: what is read-only is ignored", func(t *testing.T) {
		r := s.do("POST", "/Users", `{"id":"x","userName":"read-only","groups":[{"value":"x"}],"meta":{"created":"1999-01-01T00:00:00Z","location":"https://x/"}}`).want(201)
		r.has("groups", nil, "meta/location", s.base+"/Users/"+r.id())
		if r.id() == "x" || r.get("meta/created") == "1999-01-01T00:00:00Z" {
			t.Errorf("answer %s", r.raw)
		}
	})

	t.Run("RFC 7644 3.4.1: a resource is read as it was answered", func(t *testing.T) {
		r := s.do("POST", "/Users", `{"userName":"read","title":"T"}`).want(201)
		if got := s.do("GET", r.header.Get("Location"), "").want(200); string(got.raw) != string(r.raw) {
			t.Errorf("got  %s\nwant %s", got.raw, r.raw)
		}
		s.do("GET", "/Users/"+unknownID, "").wantError(404, "")
		s.do("GET", "/Groups/"+r.id(), "").wantError(404, "")
	})

	t.Run("RFC 7644 3.4.2: a search is a ListResponse, also when it finds nothing", func(t *testing.T) {
		for _, endpoint := range []string{"/Users", "/Groups"} {
			s.do("GET", endpoint+"?filter=id+eq+%22nobody%22", "").want(200).
				has("schemas", []string{listURN}, "totalResults", 0, "itemsPerPage", 0, "Resources", []any{})
		}
	})

	t.Run("RFC 7644 3.6: what is deleted is gone for every method, and its name is free", func(t *testing.T) {
		for endpoint, body := range map[string]string{"/Users": `{"userName":"deleted"}`, "/Groups": `{"displayName":"Deleted"}`} {
			path := endpoint + "/" + s.do("POST", endpoint, body).want(201).id()
			s.do("DELETE", path, "").want(204)
			for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
				sent := ""
				switch method {
				case http.MethodPut:
					sent = body
				case http.MethodPatch:
					sent = `{"Operations":[{"op":"add","path":"externalId","value":"x"}]}`
				}
				s.do(method, path, sent).wantError(404, "")
			}
			if again := s.do("POST", endpoint, body).want(201); endpoint+"/"+again.id() == path {
				t.Error("an id is used again")
			}
		}
	})

	t.Run("RFC 7644 3.10: one notation of attributes wherever they are named", func(t *testing.T) {
		id := s.do("POST", "/Users", fmt.Sprintf(`{"userName":"notation","name":{"familyName":"N"},%q:{"department":"D"}}`, enterpriseURN)).want(201).id()
		for _, c := range []struct {
			name, path string
			value      any
		}{
			{"familyName", "name.familyName", "N"},
			{"familyName", userURN + ":name.familyName", "N"},
			{"department", enterpriseURN + ":department", "D"},
			{"department", strings.ToUpper(enterpriseURN) + ":DEPARTMENT", "D"},
		} {
			filter := url.QueryEscape(fmt.Sprintf(`id eq %q and %s eq %q`, id, c.path, c.value))
			s.do("GET", "/Users?filter="+filter, "").want(200).has("totalResults", 1)
			if raw := string(s.do("GET", "/Users/"+id+"?attributes="+c.path, "").want(200).raw); !strings.Contains(raw, `"`+c.name+`":"`+c.value.(string)+`"`) {
				t.Errorf("attributes=%s shows %s", c.path, raw)
			}
			s.succeeds("/Users/"+id, fmt.Sprintf(`{"op":"replace","path":%q,"value":%q}`, c.path, c.value))
		}
	})

	t.Run("RFC 7644 3.11: /Me is 501", func(t *testing.T) {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodPost} {
			s.do(method, "/Me", "").wantError(http.StatusNotImplemented, "")
		}
	})

	t.Run("RFC 7644 3.13: there is version 2 and no other", func(t *testing.T) {
		for _, version := range []string{"v1", "v3", "v2.0"} {
			s.do("GET", s.http.URL+"/entra/scim/"+version+"/Users", "").wantError(404, "")
		}
		s.do("GET", s.http.URL+"/entra/scim/v2/Users", "").want(200)
	})

	t.Run("RFC 7644 5, 7.8: names are compared without case and width, in any script", func(t *testing.T) {
		id := s.createUser("ÅSA.Ｓtraße@example.com")
		s.do("POST", "/Users", `{"userName":"åsa.STRASSE@EXAMPLE.com"}`).wantError(409, "uniqueness")
		if got := s.find("/Users", `userName eq "åsa.strasse@example.COM"`, ""); !slices.Equal(got, []string{id}) {
			t.Errorf("a search finds %v", got)
		}
		s.do("GET", "/Users/"+id, "").has("userName", "ÅSA.Ｓtraße@example.com")
	})

	t.Run("RFC 7644 6.1, 6.2: two providers may know people of one name, each under its own URL", func(t *testing.T) {
		okta := s.http.URL + "/okta/scim/v2"
		ours := s.do("POST", "/Users", `{"userName":"same","externalId":"same"}`).want(201)
		theirs := s.do("POST", okta+"/Users", `{"userName":"same","externalId":"same"}`, "Authorization", "Bearer "+otherToken).want(201)
		if ours.id() == theirs.id() || theirs.header.Get("Location") != okta+"/Users/"+theirs.id() {
			t.Errorf("ids %s and %s, Location %s", ours.id(), theirs.id(), theirs.header.Get("Location"))
		}
		s.do("GET", "/Users/"+theirs.id(), "").wantError(404, "")
		s.do("GET", okta+"/Users", "", "Authorization", "Bearer "+token).wantError(401, "")
	})
}

func TestErrorsAreSCIM(t *testing.T) {
	s := start(t, server.Options{})
	user, group := "/Users/"+s.createUser("alice@example.com"), "/Groups/"+s.createGroup("Team")
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		scimType                 string
	}{
		{"invalidFilter", "GET", "/Users?filter=userName+eq", "", 400, "invalidFilter"},
		{"uniqueness", "POST", "/Users", `{"userName":"ALICE@example.com"}`, 409, "uniqueness"},
		{"mutability", "PATCH", user, `{"Operations":[{"op":"replace","path":"id","value":"x"}]}`, 400, "mutability"},
		{"invalidSyntax", "POST", "/Users", `{`, 400, "invalidSyntax"},
		{"invalidPath", "PATCH", user, `{"Operations":[{"op":"replace","path":"emails[type","value":"x"}]}`, 400, "invalidPath"},
		{"noTarget", "PATCH", group, `{"Operations":[{"op":"remove"}]}`, 400, "noTarget"},
		{"invalidValue", "POST", "/Groups", `{}`, 400, "invalidValue"},
		{"not found", "GET", "/Users/" + unknownID, "", 404, ""},
		{"method", "DELETE", "/Users", "", 405, ""},
		{"not implemented", "GET", "/Me", "", 501, ""},
	} {
		t.Run("RFC 7644 3.12, fact 66: "+c.name, func(t *testing.T) {
			s.do(c.method, c.path, c.body).wantError(c.status, c.scimType)
		})
	}
}

func TestPrivacy(t *testing.T) {
	t.Run("RFC 7643 9.2, RFC 7644 7.7: a password is neither kept, found nor shown", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.do("POST", "/Users?attributes=password,userName", `{"userName":"alice","password":"s3cret-word"}`).want(201)
		replies := []*reply{r,
			s.patch("/Users/"+r.id(), `{"op":"replace","path":"password","value":"s3cret-word"}`).want(200),
			s.do("PUT", "/Users/"+r.id(), `{"userName":"alice","password":"s3cret-word"}`).want(200),
			s.do("GET", "/Users?attributes=password", "").want(200),
			s.do("GET", "/Users?filter=password+eq+%22s3cret-word%22", "").want(200).has("totalResults", 0),
			s.do("GET", "/Users?filter=password+pr", "").want(200).has("totalResults", 0),
		}
		for _, r := range replies {
			if strings.Contains(string(r.raw), "s3cret") {
				t.Errorf("a password is shown: %s", r.raw)
			}
		}
		if stored, err := s.directory.User(t.Context(), r.id()); err != nil || strings.Contains(marshal(stored), "s3cret") {
			t.Errorf("stored %s, %v", marshal(stored), err)
		}
	})

	t.Run("RFC 7643 9.3, RFC 7644 7.5.2: the log names nobody, and has no query", func(t *testing.T) {
		var log lines
		s := start(t, server.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		r := s.do("POST", "/Users", `{"userName":"Penelope@example.com","name":{"familyName":"Penelope"},"emails":[{"value":"Penelope@home.example"}]}`).want(201)
		s.do("POST", "/Users", `{"userName":"Penelope@example.com"}`).want(409)
		s.patch("/Users/"+r.id(), `{"op":"replace","path":"displayName","value":"Penelope"}`).want(200)
		s.do("GET", "/Users?filter=userName+eq+%22Penelope@example.com%22", "").want(200)
		s.do("GET", "/Users?filter=Penelope+is+%22Penelope", "").want(400)
		s.do("PUT", "/Users/"+r.id(), `{"displayName":"Penelope"}`).want(400)
		s.http.Close()
		log.mu.Lock()
		defer log.mu.Unlock()
		if text := log.b.String(); strings.Contains(text, "Penelope") || !strings.Contains(text, r.id()) {
			t.Errorf("log %s", text)
		}
	})
}
