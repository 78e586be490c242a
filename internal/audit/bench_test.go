package audit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// only is a provider that needs no token.
type only struct{ directory scim.Directory }

func (b only) Directory(context.Context, string) (scim.Directory, error) { return b.directory, nil }

func (only) Authenticate(context.Context, string, string) (string, error) { return "token", nil }

// BenchmarkLog is what the log costs a client that waits for its answer over a TCP
// connection, without storage: a PATCH that changes a user, and one that adds a member to
// a group or removes it.
func BenchmarkLog(b *testing.B) {
	directory := scimtest.New()
	user, err := directory.CreateUser(b.Context(), scim.Resource{
		"userName": "alice@example.com", "externalId": "1", "displayName": "A user", "active": true,
		"name":   map[string]any{"givenName": "A", "familyName": "User"},
		"emails": []any{map[string]any{"value": "alice@example.com", "type": "work", "primary": true}},
	})
	if err != nil {
		b.Fatal(err)
	}
	group, err := directory.CreateGroup(b.Context(), scim.Resource{"displayName": "Team"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	member := `{"Operations":[{"op":"%s","path":"members","value":[{"value":"` + user.ID() + `"}]}]}`
	for _, request := range []struct {
		name, path string
		bodies     [2]string
	}{
		{"patch user", "/Users/" + user.ID(), [2]string{
			`{"Operations":[{"op":"Replace","path":"active","value":"False"}]}`, `{"Operations":[{"op":"Replace","path":"active","value":"True"}]}`,
		}},
		{"patch member", "/Groups/" + group.ID(), [2]string{fmt.Sprintf(member, "Add"), fmt.Sprintf(member, "Remove")}},
	} {
		for _, with := range []string{"without", "with"} {
			b.Run(request.name+"/"+with, func(b *testing.B) {
				o := server.Options{Limits: server.Limits{ProviderRate: 1e9, ProviderBurst: 1e9}}
				if with == "with" {
					to, err := Open(filepath.Join(b.TempDir(), "log"))
					if err != nil {
						b.Fatal(err)
					}
					o.Auditor = New(to, Options{})
				}
				service := httptest.NewServer(server.New(only{directory}, o))
				defer service.Close()
				b.ReportAllocs()
				var waits []time.Duration
				for i := 0; b.Loop(); i++ {
					begin := time.Now()
					send(b, service, request.path, request.bodies[i%2])
					waits = append(waits, time.Since(begin))
				}
				slices.Sort(waits)
				b.ReportMetric(float64(waits[len(waits)/2].Nanoseconds())/1000, "p50-µs")
				b.ReportMetric(float64(waits[len(waits)*99/100].Nanoseconds())/1000, "p99-µs")
			})
		}
	}
}

func send(b *testing.B, service *httptest.Server, path, body string) {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPatch, service.URL+"/entra/scim/v2"+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	response, err := service.Client().Do(r)
	if err != nil {
		b.Fatal(err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		b.Fatalf("status %d: %v", response.StatusCode, err)
	}
}
