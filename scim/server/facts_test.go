package server_test

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim/server"
)

func TestFacts(t *testing.T) {
	t.Run("fact 9, RFC 7644 7.2: TLS below 1.2 is turned away", func(t *testing.T) {
		s := httptest.NewUnstartedServer(nil)
		s.Config = server.NewHTTPServer(http.NotFoundHandler())
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.TLS = s.Config.TLSConfig.Clone()
		s.StartTLS()
		defer s.Close()
		for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			dialer := tls.Dialer{Config: &tls.Config{
				RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com",
				MinVersion: tls.VersionTLS10, MaxVersion: version,
			}}
			connection, err := dialer.DialContext(t.Context(), "tcp", s.Listener.Addr().String())
			if got := err == nil; got != want {
				t.Errorf("%s: connected %v, %v", tls.VersionName(version), got, err)
			}
			if err == nil && connection.Close() != nil {
				t.Error("the connection can't be closed")
			}
		}
	})

	t.Run("fact 17: the search of a connection test leaves nothing behind", func(t *testing.T) {
		var log lines
		s := start(t, server.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
		id := s.createUser("alice")
		before := s.do("GET", "/Users/"+id, "").want(200)
		for _, query := range []string{"/Users?filter=userName+eq+%22f2c9b4b7-7f27-4a08-a1b5-6b0e0cb6c7e5%22", "/Users?filter=userName+eq+%22alice%22"} {
			s.do("GET", query, "").want(200)
		}
		if after := s.do("GET", "/Users/"+id, "").want(200); string(after.raw) != string(before.raw) {
			t.Errorf("got  %s\nwant %s", after.raw, before.raw)
		}
		s.do("GET", "/Users", "").want(200).has("totalResults", 1)
		s.http.Close()
		if got := log.take(t); len(got) != 1 || got[0]["method"] != "POST" {
			t.Errorf("log %v: want the POST alone", got)
		}
	})

	t.Run("fact 28: values with anything in them are found", func(t *testing.T) {
		s := start(t, server.Options{})
		for _, name := range []string{
			"a+b@example.com", "o'hara", `say "hi"`, `back\slash\`, "two  spaces", "#1", "100%", "a&b=c;d", "(x) or [y]", "ünïcode ☃", "tab\tin it",
		} {
			for endpoint, attribute := range map[string]string{"/Users": "userName", "/Groups": "displayName"} {
				id := s.do("POST", endpoint, marshal(map[string]any{attribute: name})).want(201).has(attribute, name).id()
				filter := url.QueryEscape(attribute + " eq " + marshal(name))
				for _, query := range []string{filter, strings.ReplaceAll(filter, "+", "%20")} {
					if got := s.do("GET", endpoint+"?filter="+query, "").want(200).ids(); !slices.Equal(got, []string{id}) {
						t.Errorf("%s finds %v: want %s", query, got, id)
					}
				}
			}
		}
	})

	t.Run("fact 45: a value keeps its type, and is found and changed by it", func(t *testing.T) {
		s := start(t, server.Options{})
		path := "/Users/" + s.do("POST", "/Users", `{"userName":"alice","phoneNumbers":[{"type":"work","value":"1"},{"type":"mobile","value":"2"},{"type":"fax","value":"3"}]}`).want(201).id()
		s.patch(path, `{"op":"Replace","path":"phoneNumbers[type eq \"mobile\"].value","value":"22"},{"op":"Add","path":"emails[type eq \"work\"].value","value":"a@example.com"}`).want(200)
		s.patch(path, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"b@example.com"}`).want(200)
		s.do("GET", path, "").want(200).has(
			"phoneNumbers", []any{map[string]any{"type": "work", "value": "1"}, map[string]any{"type": "mobile", "value": "22"}, map[string]any{"type": "fax", "value": "3"}},
			"emails", []any{map[string]any{"type": "work", "value": "b@example.com"}})
	})

	t.Run("fact 67: 25 requests a second for a minute, and bursts of a hundred, meet no 429", func(t *testing.T) {
		var now atomic.Int64
		s := start(t, server.Options{Now: func() time.Time { return time.Unix(0, now.Load()) }})
		for range 25 * 60 {
			s.do("GET", "/Users?count=0", "").want(200)
			now.Add(int64(time.Second / 25))
		}
		for range 3 {
			for range 100 {
				s.do("GET", "/Users?count=0", "").want(200)
			}
			now.Add(int64(time.Second))
		}
	})

	t.Run("fact 71: a search is never 404", func(t *testing.T) {
		s := start(t, server.Options{})
		for _, endpoint := range []string{"/Users", "/Groups"} {
			for _, query := range []string{"", "?filter=id+eq+%22nobody%22", "?filter=nonsense+eq+%22x%22", "?filter=externalId+eq+%22x%22&startIndex=100", "?startIndex=5&count=5"} {
				s.do("GET", endpoint+query, "").want(200).has("totalResults", 0)
			}
		}
	})

	t.Run("fact 73: what validators make up is taken, and what they remove too much is refused as a whole", func(t *testing.T) {
		s := start(t, server.Options{})
		r := s.do("POST", "/Users", `{"userName":"validator","timezone":"QWERTY","locale":"ZZ-QQ","preferredLanguage":"?","profileUrl":"no URL"}`).want(201).
			has("timezone", "QWERTY", "locale", "ZZ-QQ", "preferredLanguage", "?", "profileUrl", "no URL")
		s.patch("/Users/"+r.id(), `{"op":"remove","path":"timezone"},{"op":"remove","path":"userName"}`).wantError(400, "mutability")
		s.do("GET", "/Users/"+r.id(), "").want(200).has("timezone", "QWERTY", "userName", "validator")
	})
}
