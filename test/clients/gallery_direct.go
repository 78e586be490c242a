package clients

import (
	"fmt"
	"net/url"
	"sync"
	"time"
)

// mapped are attributes of the mappings that Entra ID proposes; each must be
// derivable from /Schemas.
var mapped = map[string][]string{
	"/Users": {
		"userName", "active", "displayName", "title", `emails[type eq "work"].value`, "preferredLanguage",
		"name.givenName", "name.familyName", "name.formatted", `addresses[type eq "work"].formatted`,
		`addresses[type eq "work"].streetAddress`, `addresses[type eq "work"].locality`, `addresses[type eq "work"].region`,
		`addresses[type eq "work"].postalCode`, `addresses[type eq "work"].country`, `phoneNumbers[type eq "work"].value`,
		`phoneNumbers[type eq "mobile"].value`, `phoneNumbers[type eq "fax"].value`, "externalId",
		enterpriseURN + ":employeeNumber", enterpriseURN + ":department", enterpriseURN + ":manager",
	},
	"/Groups": {"displayName", "externalId", "members"},
}

// derived are the paths that a client can derive from the definitions.
func derived(list []attribute) map[string]bool {
	paths := map[string]bool{}
	for _, a := range list {
		paths[a.path()] = true
		kind, _ := a.sub("type")
		for _, s := range a.Sub {
			if !a.MultiValued {
				paths[a.path()+"."+s.Name] = true
			}
			for _, canonical := range kind.Canonical {
				paths[fmt.Sprintf("%s[type eq %q].%s", a.path(), canonical, s.Name)] = true
			}
		}
	}
	return paths
}

func schemaDiscoverabilityTest(p *probe) {
	for endpoint, paths := range mapped {
		found := derived(p.advertised(endpoint))
		for _, path := range paths {
			if p.err == nil && !found[path] {
				p.fail("%s can't be derived from /Schemas for %s", path, endpoint)
			}
		}
	}
}

func nullUpdateTest(p *probe) {
	id, sent, list := p.full("/Users", userURN)
	target := "/Users/" + id
	for _, nothing := range []any{"", nil} {
		var operations []any
		want := object{}
		for _, a := range list {
			if a.Required || a.MultiValued || a.Type == "boolean" {
				continue
			}
			operations = append(operations, operation("Replace", a.path(), nothing))
			a.put(want, absent)
		}
		operations = append(operations, operation("Replace", `phoneNumbers[type eq "work"].value`, nothing))
		p.patch(target, operations...)
		got := p.get(target)
		for _, a := range list {
			if _, ok := a.in(want).(string); ok && p.err == nil && a.in(got) != nil {
				p.fail("%s is %s after %s", a.path(), show(a.in(got)), show(nothing))
			}
		}
		// And back, so that there is something to take away again.
		p.do("PUT", target, sent, 200)
	}
}

func userCreateTest(p *probe) {
	upn := p.upn("direct")
	body := object{"schemas": []any{userURN}, "userName": upn, "active": true, "name": object{"givenName": "Direct", "familyName": "Test"}}
	created := p.do("POST", "/Users", body, 201)
	p.same("the user", body, created)
	id, _ := created["id"].(string)
	p.wantOnly("/Users", "userName", upn, id)
	p.same("the duplicate", object{"scimType": "uniqueness"}, p.do("POST", "/Users", body, 409))
}

func groupCreateTest(p *probe) {
	body := object{"schemas": []any{groupURN}, "displayName": "Direct " + p.run}
	created := p.do("POST", "/Groups", body, 201)
	p.same("the group", body, created)
	id, _ := created["id"].(string)
	p.wantOnly("/Groups", "displayName", "Direct "+p.run, id)
	p.same("the duplicate", object{"scimType": "uniqueness"}, p.do("POST", "/Groups", body, 409))
}

// updateAllTest changes all single-valued attributes in one request.
func updateAllTest(p *probe, endpoint, core string) {
	id, _, list := p.full(endpoint, core)
	want, operations := object{}, []any{}
	for _, a := range list {
		if a.MultiValued || a.Name == "active" || a.Type == "complex" {
			continue
		}
		value := p.random(a)
		a.put(want, value)
		operations = append(operations, operation("Replace", a.path(), value))
	}
	p.patch(endpoint+"/"+id, operations...)
	p.same("after the update", want, p.get(endpoint+"/"+id))
}

func credentialsTest(p *probe) {
	p.get("/Users?count=1")
	wrong := *p
	wrong.server.Token = "not the token"
	wrong.do("GET", "/Users?count=1", nil, 401)
	p.err = wrong.err
	p.same("the configuration", object{"authenticationSchemes": []any{object{"type": "oauthbearertoken"}}}, p.get("/ServiceProviderConfig"))
}

// federatedIdentityTest presents a token as Entra ID signs them for every
// application: nothing in it is a reason to let anybody in.
func federatedIdentityTest(p *probe) {
	foreign := *p
	foreign.server.Token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3N0cy53aW5kb3dzLm5ldC8iLCJhdWQiOiI4YWRmOGU2ZS02N2IyLTRjZjItYTI1OS1lM2RjNTQ3NmM2MjEifQ."
	foreign.do("GET", "/Users?count=1", nil, 401)
	p.err = foreign.err
	p.do("POST", "/token", object{"grant_type": "client_credentials"}, 404)
}

// paginationTest pages through at least eleven resources, five at a time.
func paginationTest(p *probe, endpoint, name string) {
	for i := range 11 {
		p.create(endpoint, object{name: fmt.Sprintf("page.%d.%s", i, p.run)})
	}
	seen := map[string]bool{}
	filter := "&filter=" + url.QueryEscape(fmt.Sprintf("%s ew %q", name, p.run))
	for page := range 4 {
		answer := p.get(fmt.Sprintf("%s?startIndex=%d&count=5%s", endpoint, page*5+1, filter))
		p.same("the page", object{"startIndex": page*5 + 1, "totalResults": 11, "itemsPerPage": []int{5, 5, 1, 0}[page]}, answer)
		list, _ := answer["Resources"].([]any)
		for _, e := range list {
			id, _ := e.(object)["id"].(string)
			seen[id] = true
		}
	}
	if p.err == nil && len(seen) != 11 {
		p.fail("11 resources were on the pages as %d", len(seen))
	}
	// And of everything that there is, as the validator does it.
	for page := range 2 {
		p.same("the page", object{"startIndex": page*5 + 1, "itemsPerPage": 5}, p.get(fmt.Sprintf("%s?startIndex=%d&count=5", endpoint, page*5+1)))
	}
}

func updateManagerTest(p *probe) {
	path := enterpriseURN + ":manager"
	user, one, two := p.createUser("user"), p.createUser("one"), p.createUser("two")
	for _, step := range []struct {
		op    string
		value any
		want  any
	}{
		{"Add", one, object{"manager": object{"value": one}}},
		{"Replace", two, object{"manager": object{"value": two}}},
		{"Replace", "", absent},
	} {
		p.patch("/Users/"+user, operation(step.op, path, step.value))
		p.same(step.op+" of the manager", object{enterpriseURN: step.want}, p.get("/Users/"+user))
	}
}

// throughput sends what a full cycle sends, from five connections: as many
// requests as four seconds have at the rate that is asked for.
func throughput(p *probe) {
	const (
		rate     = 25
		seconds  = 4
		parallel = 5
	)
	ids := make([]string, parallel)
	for i := range ids {
		ids[i] = p.createUser(fmt.Sprintf("busy%d", i))
	}
	probes := make([]probe, parallel)
	began := time.Now()
	var running sync.WaitGroup
	for i := range probes {
		probes[i] = *p
		running.Go(func() {
			q := &probes[i]
			for n := range rate * seconds / parallel / 2 {
				q.wantOnly("/Users", "userName", p.upn(fmt.Sprintf("busy%d", i)), ids[i])
				q.patch("/Users/"+ids[i], operation("Replace", "displayName", fmt.Sprintf("Name %d", n)))
			}
		})
	}
	running.Wait()
	for _, q := range probes {
		if q.err != nil {
			p.fail("%w", q.err)
		}
	}
	if took := time.Since(began); p.err == nil && took > seconds*time.Second {
		p.fail("%d requests took %s: want %d a second", rate*seconds, took, rate)
	}
}
