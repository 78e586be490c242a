package entra

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

const token = "the secret token"

// backend is one provider with a directory in memory.
type backend struct{ directory scim.Directory }

func (b backend) Directory(_ context.Context, provider string) (scim.Directory, error) {
	if provider != "entra" {
		return nil, server.ErrNoProvider
	}
	return b.directory, nil
}

func (b backend) Authenticate(_ context.Context, _, presented string) (string, error) {
	if presented != token {
		return "", server.ErrUnauthenticated
	}
	return "test", nil
}

// application is a SCIM server, and everything that a job sent to it.
type application struct {
	t         *testing.T
	directory *scimtest.Directory
	url       string

	mu   sync.Mutex
	sent []Exchange
}

func newApplication(t *testing.T) *application {
	t.Helper()
	a := &application{t: t, directory: scimtest.New()}
	s := httptest.NewServer(server.New(backend{a.directory}, server.Options{}))
	t.Cleanup(s.Close)
	a.url = s.URL + "/entra/scim/v2"
	return a
}

func (a *application) job(tenant *Tenant, o Options) *Job {
	a.t.Helper()
	o.Record = func(x Exchange) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.sent = append(a.sent, x)
	}
	j, err := NewJob(tenant, a.url, token, o)
	if err != nil {
		a.t.Fatal(err)
	}
	return j
}

// took returns what was sent since the last call, as "METHOD target body".
func (a *application) took() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var lines []string
	for _, x := range a.sent {
		lines = append(lines, strings.TrimSpace(x.Method+" "+x.Target+" "+string(x.Request)))
	}
	a.sent = nil
	return lines
}

// writes returns the changes among what was sent since the last call.
func (a *application) writes() []string {
	var lines []string
	for _, line := range a.took() {
		if !strings.HasPrefix(line, "GET ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func (a *application) cycle(j *Job) Report {
	a.t.Helper()
	report, err := j.Cycle(a.t.Context())
	if err != nil {
		a.t.Fatalf("the cycle ended early: %v", err)
	}
	if len(report.Failures) > 0 {
		a.t.Fatalf("the cycle had failures: %v", report.Failures)
	}
	return report
}

func (a *application) user(id string) scim.Resource {
	a.t.Helper()
	u, err := a.directory.User(a.t.Context(), id)
	if err != nil {
		a.t.Fatal(err)
	}
	return u
}

// members returns the display names of a group's members.
func (a *application) members(id string) map[string]bool {
	a.t.Helper()
	g, err := a.directory.Group(a.t.Context(), id, true)
	if err != nil {
		a.t.Fatal(err)
	}
	list, _ := g["members"].([]any)
	names := map[string]bool{}
	for _, m := range list {
		element, _ := m.(map[string]any)
		id, _ := element["value"].(string)
		names[id] = true
	}
	return names
}

// clock is a clock to set.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time { return c.now }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// team is a tenant of three people and two groups.
func team(t *testing.T, c *clock) *Tenant {
	t.Helper()
	tenant := NewTenant(c.Now)
	for _, p := range []Person{
		{UserPrincipalName: "ann@x.com", GivenName: "Ann", Surname: "O'Hara", JobTitle: "Engineer", Mail: "ann@x.com"},
		{UserPrincipalName: "ben@x.com", GivenName: "Ben", Surname: "Åberg", Mail: "ben@x.com"},
		{UserPrincipalName: "cat@x.com", GivenName: "Cat", Surname: "Dow", Mail: "cat@x.com"},
	} {
		if _, err := tenant.AddPerson(p); err != nil {
			t.Fatal(err)
		}
	}
	must(t, tenant.SetManager("ann@x.com", "ben@x.com"))
	must(t, tenant.AddGroup("Inner", "cat@x.com"))
	must(t, tenant.AddGroup("Outer", "ann@x.com", "ben@x.com", "Inner"))
	must(t, tenant.Assign("Outer"))
	return tenant
}

func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	g, _ := json.Marshal(a)
	w, _ := json.Marshal(b)
	if string(g) != string(w) {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}
