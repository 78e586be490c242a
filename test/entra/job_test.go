package entra

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConnection(t *testing.T) {
	a := newApplication(t)
	tenant := team(t, newClock())

	t.Run("fact 22: a search for nobody", func(t *testing.T) {
		must(t, a.job(tenant, Options{}).TestConnection(t.Context()))
		sent := a.took()
		if len(sent) != 1 || !strings.HasPrefix(sent[0], "GET /Users?filter=userName+eq+%22") {
			t.Errorf("sent %q", sent)
		}
	})
	t.Run("a wrong token shows", func(t *testing.T) {
		j, err := NewJob(tenant, a.url, "wrong", Options{})
		must(t, err)
		if err := j.TestConnection(t.Context()); status(err) != 401 {
			t.Errorf("got %v, want a 401", err)
		}
	})
	t.Run("a wrong Tenant URL shows", func(t *testing.T) {
		j, err := NewJob(tenant, strings.Replace(a.url, "/entra/", "/okta/", 1), token, Options{})
		must(t, err)
		if err := j.TestConnection(t.Context()); status(err) != 404 {
			t.Errorf("got %v, want a 404", err)
		}
	})
}

func TestFirstCycle(t *testing.T) {
	for _, dialect := range []Dialect{Default, AadOptscim062020} {
		t.Run(fmt.Sprint("dialect ", dialect), func(t *testing.T) {
			a := newApplication(t)
			j := a.job(team(t, newClock()), Options{Dialect: dialect, Parallel: 1, Managers: true})
			report := a.cycle(j)

			want := Report{UsersCreated: 2, GroupsCreated: 1, Managers: 1, MembersAdded: 2}
			if fmt.Sprint(report) != fmt.Sprint(want) {
				t.Errorf("reported %+v, want %+v", report, want)
			}
			t.Run("fact 70: users, then groups, then references", func(t *testing.T) {
				var kinds []string
				for _, line := range a.writes() {
					method, rest, _ := strings.Cut(line, " ")
					kinds = append(kinds, method+" "+rest[1:2])
				}
				order := []string{"POST U", "POST U", "POST G", "PATCH U", "PATCH G", "PATCH G"}
				if !slices.Equal(kinds, order) {
					t.Errorf("sent %q, want %q", kinds, order)
				}
			})
			t.Run("fact 64: who is in a nested group isn't assigned", func(t *testing.T) {
				if id := j.UserID("cat@x.com"); id != "" {
					t.Errorf("cat was created as %s", id)
				}
			})
			ann := a.user(j.UserID("ann@x.com"))
			if ann.String("userName") != "ann@x.com" || ann["active"] != true || ann.String("externalId") != "ann" {
				t.Errorf("ann is %v", ann)
			}
			both := map[string]bool{j.UserID("ann@x.com"): true, j.UserID("ben@x.com"): true}
			if members := a.members(j.GroupID("Outer")); !maps.Equal(members, both) {
				t.Errorf("Outer has %v", members)
			}
			if again := a.cycle(j); !again.Empty() || len(a.took()) != 0 {
				t.Errorf("a second cycle did %+v", again)
			}
		})
	}
}

func TestMatching(t *testing.T) {
	t.Run("what is there is taken over, not created again", func(t *testing.T) {
		a := newApplication(t)
		tenant := team(t, newClock())
		a.cycle(a.job(tenant, Options{}))
		must(t, tenant.EditPerson("ann@x.com", func(p *Person) { p.Surname = "Hall" }))
		a.took()

		report := a.cycle(a.job(tenant, Options{}))
		want := Report{UsersUpdated: 1, MembersAdded: 2}
		if fmt.Sprint(report) != fmt.Sprint(want) {
			t.Errorf("reported %+v, want %+v", report, want)
		}
	})
	t.Run("fact 23: by another attribute", func(t *testing.T) {
		a := newApplication(t)
		o := Options{Mapping: FullMapping(), Matching: `emails[type eq "work"].value`}
		tenant := team(t, newClock())
		a.cycle(a.job(tenant, o))
		if report := a.cycle(a.job(tenant, o)); report.UsersCreated != 0 {
			t.Errorf("created %d users again", report.UsersCreated)
		}
	})
	t.Run("fact 48: who was lost is searched and created again", func(t *testing.T) {
		a := newApplication(t)
		tenant := team(t, newClock())
		j := a.job(tenant, Options{})
		a.cycle(j)
		must(t, a.directory.DeleteUser(t.Context(), j.UserID("ann@x.com"), nil))
		must(t, tenant.EditPerson("ann@x.com", func(p *Person) { p.Surname = "Hall" }))
		if report := a.cycle(j); report.UsersCreated != 1 || report.MembersAdded != 1 {
			t.Errorf("reported %+v", report)
		}
		// Whether the new user has the old id is for the application to say.
		if !a.members(j.GroupID("Outer"))[j.UserID("ann@x.com")] {
			t.Error("ann is no member again")
		}
	})
}

func TestLifecycle(t *testing.T) {
	c := newClock()
	a := newApplication(t)
	tenant := team(t, c)
	j := a.job(tenant, Options{})
	a.cycle(j)
	a.took()
	id := j.UserID("ann@x.com")

	t.Run("fact 49: disabled is suspended", func(t *testing.T) {
		must(t, tenant.Disable("ann@x.com"))
		a.cycle(j)
		sent := a.writes()
		if len(sent) != 1 || !strings.HasPrefix(sent[0], "PATCH /Users/"+id) {
			t.Fatalf("sent %q", sent)
		}
		if a.user(id)["active"] != false {
			t.Error("ann is active")
		}
	})
	t.Run("fact 50: restored without the memberships", func(t *testing.T) {
		must(t, tenant.Enable("ann@x.com"))
		must(t, tenant.Delete("ann@x.com"))
		a.cycle(j)
		must(t, tenant.Restore("ann@x.com"))
		report := a.cycle(j)
		if report.UsersUpdated != 1 || report.MembersAdded != 0 || a.user(id)["active"] != true {
			t.Errorf("reported %+v, ann is %v", report, a.user(id))
		}
	})
	t.Run("fact 48: renamed under the same id", func(t *testing.T) {
		must(t, tenant.Rename("ann@x.com", "ann.hall@x.com"))
		a.cycle(j)
		if name := a.user(id).String("userName"); name != "ann.hall@x.com" {
			t.Errorf("ann is called %s", name)
		}
	})
	t.Run("fact 49: deleted for good after 30 days", func(t *testing.T) {
		must(t, tenant.Delete("ann.hall@x.com"))
		a.cycle(j)
		c.now = c.now.Add(29 * 24 * time.Hour)
		if report := a.cycle(j); !report.Empty() {
			t.Errorf("after 29 days: %+v", report)
		}
		c.now = c.now.Add(24 * time.Hour)
		a.took()
		a.cycle(j)
		if sent := a.writes(); !slices.Equal(sent, []string{"DELETE /Users/" + id}) {
			t.Errorf("sent %q", sent)
		}
	})
	t.Run("fact 49: unassigned first, then no DELETE", func(t *testing.T) {
		must(t, tenant.RemoveMembers("Outer", "ben@x.com"))
		a.cycle(j)
		must(t, tenant.Delete("ben@x.com"))
		must(t, tenant.Purge("ben@x.com"))
		a.took()
		if report := a.cycle(j); !report.Empty() {
			t.Errorf("did %+v", report)
		}
	})
	t.Run("a group goes at once", func(t *testing.T) {
		group := j.GroupID("Outer")
		must(t, tenant.DeleteGroup("Outer"))
		a.cycle(j)
		if sent := a.writes(); !slices.Equal(sent, []string{"DELETE /Groups/" + group}) {
			t.Errorf("sent %q", sent)
		}
	})
}

func TestScope(t *testing.T) {
	t.Run("everybody", func(t *testing.T) {
		a := newApplication(t)
		if report := a.cycle(a.job(team(t, newClock()), Options{Scope: SyncAll})); report.UsersCreated != 3 || report.GroupsCreated != 2 {
			t.Errorf("did %+v", report)
		}
	})
	t.Run("fact 64: a group as a member, as old jobs send it", func(t *testing.T) {
		a := newApplication(t)
		j := a.job(team(t, newClock()), Options{Scope: SyncAll, NestedGroups: true, MembersPerPatch: 10})
		a.cycle(j)
		if !a.members(j.GroupID("Outer"))[j.GroupID("Inner")] {
			t.Error("the inner group isn't a member of the outer")
		}
	})
	t.Run("fact 49: out of scope is left alone where that is asked for", func(t *testing.T) {
		a := newApplication(t)
		tenant := team(t, newClock())
		j := a.job(tenant, Options{SkipOutOfScopeDeletions: true})
		a.cycle(j)
		must(t, tenant.RemoveMembers("Outer", "ann@x.com"))
		if report := a.cycle(j); report.UsersUpdated != 0 || report.MembersRemoved != 1 {
			t.Errorf("did %+v", report)
		}
	})
}

func TestContoso(t *testing.T) {
	a := newApplication(t)
	tenant, err := Contoso(newClock().Now)
	must(t, err)
	j := a.job(tenant, Options{Mapping: FullMapping(), Managers: true, MembersPerPatch: 3})
	report := a.cycle(j)
	if people := len(tenant.UserPrincipalNames()); people < 35 || report.UsersCreated < 30 || report.UsersCreated >= people {
		t.Errorf("created %d of %d people", report.UsersCreated, people)
	}
	t.Run("fact 6: a second cycle has nothing to send", func(t *testing.T) {
		if again := a.cycle(j); !again.Empty() {
			t.Errorf("sent %+v", again)
		}
	})
}

func TestGenerate(t *testing.T) {
	a := newApplication(t)
	tenant := Generate(Size{People: 60, Groups: 5, GroupsPerPerson: 2, Seed: 7}, nil)
	report := a.cycle(a.job(tenant, Options{MembersPerPatch: 20}))
	if report.UsersCreated != 60 || report.GroupsCreated != 5 || report.MembersAdded < 60 {
		t.Errorf("did %+v", report)
	}
}
