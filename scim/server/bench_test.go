package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// benchmarked is a server over a directory in memory, and what clients send.
type benchmarked struct {
	handler  http.Handler
	requests []benchmarkedRequest
}

type benchmarkedRequest struct {
	name, method, path, body string
	status                   int
}

func newBenchmarked(b *testing.B) benchmarked {
	b.Helper()
	directory := scimtest.New()
	var ids []string
	for i := range 100 {
		user, err := directory.CreateUser(b.Context(), scim.Resource{
			"userName": fmt.Sprintf("user-%d@example.com", i), "externalId": fmt.Sprint(i), "displayName": "A user", "active": true,
			"name":   map[string]any{"givenName": "A", "familyName": "User"},
			"emails": []any{map[string]any{"value": fmt.Sprintf("user-%d@example.com", i), "type": "work", "primary": true}},
		})
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, user.ID())
	}
	group, err := directory.CreateGroup(b.Context(), scim.Resource{"displayName": "Team"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	changes := make([]string, 100)
	for i, id := range ids {
		changes[i] = fmt.Sprintf(`{"method":"PATCH","path":"/Users/%s","data":{"Operations":[{"op":"Replace","path":"active","value":"True"}]}}`, id)
	}
	return benchmarked{
		handler: server.New(&backend{
			directories: map[string]scim.Directory{"entra": directory},
			tokens:      map[string]string{"entra": token},
		}, server.Options{Limits: server.Limits{ProviderRate: 1e9, ProviderBurst: 1e9}}),
		requests: []benchmarkedRequest{
			{"get user", "GET", "/Users/" + ids[0], "", 200},
			{"look user up", "GET", "/Users?filter=userName+eq+%22user-0@example.com%22", "", 200},
			{"list 100 users", "GET", "/Users?count=100", "", 200},
			{"patch user", "PATCH", "/Users/" + ids[0], `{"Operations":[{"op":"Replace","path":"active","value":"True"}]}`, 200},
			{"patch member", "PATCH", "/Groups/" + group.ID(), `{"Operations":[{"op":"Add","path":"members","value":[{"value":"` + ids[0] + `"}]}]}`, 204},
			{"bulk of 100", "POST", "/Bulk", `{"Operations":[` + strings.Join(changes, ",") + `]}`, 200},
		},
	}
}

// BenchmarkServer is what a client waits for over a TCP connection, without
// storage: the half of the requests no longer than p50, and all but one in a
// hundred no longer than p99.
func BenchmarkServer(b *testing.B) {
	m := newBenchmarked(b)
	service := httptest.NewServer(m.handler)
	defer service.Close()
	client := service.Client()
	for _, c := range m.requests {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var waits []time.Duration
			for b.Loop() {
				start := time.Now()
				r, err := http.NewRequestWithContext(b.Context(), c.method, service.URL+"/entra/scim/v2"+c.path, strings.NewReader(c.body))
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+token)
				response, err := client.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				_, err = io.Copy(io.Discard, response.Body)
				if err != nil || response.StatusCode != c.status {
					b.Fatalf("status %d: %v", response.StatusCode, err)
				}
				_ = response.Body.Close()
				waits = append(waits, time.Since(start))
			}
			slices.Sort(waits)
			for name, part := range map[string]float64{"p50-µs": 0.5, "p99-µs": 0.99} {
				b.ReportMetric(float64(waits[int(part*float64(len(waits)-1))].Nanoseconds())/1000, name)
			}
		})
	}
}

// BenchmarkHandler is what the protocol costs without network and storage.
func BenchmarkHandler(b *testing.B) {
	m := newBenchmarked(b)
	for _, c := range m.requests {
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
				m.handler.ServeHTTP(w, r)
				if w.Code != c.status {
					b.Fatalf("status %d: %s", w.Code, w.Body)
				}
			}
		})
	}
}
