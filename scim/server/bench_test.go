package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// BenchmarkServer is what the protocol costs without network and storage.
func BenchmarkServer(b *testing.B) {
	directory := scimtest.New()
	user, err := directory.CreateUser(b.Context(), scim.Resource{"userName": "alice@example.com", "active": true})
	if err != nil {
		b.Fatal(err)
	}
	group, err := directory.CreateGroup(b.Context(), scim.Resource{"displayName": "Team"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	handler := server.New(&backend{
		directories: map[string]scim.Directory{"entra": directory},
		tokens:      map[string]string{"entra": token},
	}, server.Options{Limits: server.Limits{ProviderRate: 1e9, ProviderBurst: 1e9}})
	for _, c := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"search", "GET", "/Users?filter=userName+eq+%22alice@example.com%22", "", 200},
		{"read", "GET", "/Users/" + user.ID(), "", 200},
		{"patch user", "PATCH", "/Users/" + user.ID(), `{"Operations":[{"op":"Replace","path":"active","value":"True"}]}`, 200},
		{"patch members", "PATCH", "/Groups/" + group.ID(), `{"Operations":[{"op":"Add","path":"members","value":[{"value":"` + user.ID() + `"}]}]}`, 204},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var body io.Reader = http.NoBody
				if c.body != "" {
					body = strings.NewReader(c.body)
				}
				r := httptest.NewRequest(c.method, "/entra/scim/v2"+c.path, body)
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != c.status {
					b.Fatalf("status %d: %s", w.Code, w.Body)
				}
			}
		})
	}
}
