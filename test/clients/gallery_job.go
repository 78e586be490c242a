package clients

import (
	"github.com/rollcall-dev/rollcall/test/entra"
)

// office is a company whose people the provisioning service takes to the server.
type office struct {
	*probe
	tenant *entra.Tenant
	job    *entra.Job
}

func (p *probe) office() *office {
	o := &office{probe: p, tenant: entra.NewTenant(nil)}
	var err error
	o.job, err = entra.NewJob(o.tenant, p.server.BaseURL, p.server.Token,
		entra.Options{Mapping: entra.FullMapping(), Managers: true, HTTP: p.server.HTTP})
	o.must(err)
	return o
}

func (o *office) must(err error) {
	if err != nil {
		o.fail("%w", err)
	}
}

// hire makes a person and assigns the application to them.
func (o *office) hire(alias string) string {
	upn := o.upn(alias)
	_, err := o.tenant.AddPerson(entra.Person{
		UserPrincipalName: upn, GivenName: alias, Surname: "Tester", Mail: upn, JobTitle: "Engineer", Department: "Development",
	})
	o.must(err)
	o.must(o.tenant.Assign(upn))
	return upn
}

// team makes a group and assigns the application to it.
func (o *office) team(members ...string) string {
	name := "Team " + o.run
	o.must(o.tenant.AddGroup(name, members...))
	o.must(o.tenant.Assign(name))
	return name
}

// cycle lets the service run once, without a failure.
func (o *office) cycle() {
	if o.err != nil {
		return
	}
	report, err := o.job.Cycle(o.ctx)
	o.must(err)
	for _, f := range report.Failures {
		o.fail("%s: %w", f.Object, f.Err)
	}
}

// user returns the only user of that name.
func (o *office) user(upn string) object { return o.only("/Users", "userName", upn) }

func (o *office) group(name string) object { return o.only("/Groups", "displayName", name) }

func (o *office) only(endpoint, path, value string) object {
	found := o.find(endpoint, path, value)
	if o.err == nil && len(found) != 1 {
		o.fail("%s with %s eq %q: want one, got %s", endpoint, path, value, show(found))
	}
	if o.err != nil {
		return nil
	}
	resource, _ := found[0].(object)
	return resource
}

func (o *office) wantNone(endpoint, path, value string) {
	if found := o.find(endpoint, path, value); o.err == nil && len(found) != 0 {
		o.fail("%s with %s eq %q: want none, got %s", endpoint, path, value, show(found))
	}
}

func createUserTest(p *probe) {
	o := p.office()
	ann := o.hire("ann")
	o.cycle()
	o.same("the user", object{"userName": ann, "active": true, "name": object{"givenName": "ann", "familyName": "Tester"}, "title": "Engineer"}, o.user(ann))
}

func updateUserTest(p *probe) {
	o := p.office()
	ann := o.hire("ann")
	o.cycle()
	o.must(o.tenant.EditPerson(ann, func(p *entra.Person) {
		p.JobTitle, p.Department, p.EmployeeID, p.Mail = "Lead", "Research", "17", "new."+ann
	}))
	o.cycle()
	o.same("the user", object{
		"title": "Lead", "emails": []any{object{"type": "work", "value": "new." + ann}},
		enterpriseURN: object{"department": "Research", "employeeNumber": "17"},
	}, o.user(ann))
}

func disableUserTest(p *probe) {
	o := p.office()
	ann := o.hire("ann")
	o.cycle()
	o.must(o.tenant.Disable(ann))
	o.cycle()
	o.same("the disabled user", object{"active": false}, o.user(ann))
	o.must(o.tenant.Enable(ann))
	o.cycle()
	o.same("the enabled user", object{"active": true}, o.user(ann))
}

func deleteUserTest(p *probe) {
	o := p.office()
	ann := o.hire("ann")
	o.cycle()
	id, _ := o.user(ann)["id"].(string)
	o.must(o.tenant.Delete(ann))
	o.must(o.tenant.Purge(ann))
	o.cycle()
	o.wantNone("/Users", "userName", ann)
	o.do("GET", "/Users/"+id, nil, 404)
	o.do("DELETE", "/Users/"+id, nil, 404)
}

func userUpdateManagerTest(p *probe) {
	o := p.office()
	ann, ben, cat := o.hire("ann"), o.hire("ben"), o.hire("cat")
	o.must(o.tenant.SetManager(ann, ben))
	o.cycle()
	o.same("with a manager", object{enterpriseURN: object{"manager": object{"value": o.user(ben)["id"]}}}, o.user(ann))
	o.must(o.tenant.SetManager(ann, cat))
	o.cycle()
	o.same("with another", object{enterpriseURN: object{"manager": object{"value": o.user(cat)["id"]}}}, o.user(ann))
	o.must(o.tenant.SetManager(ann, ""))
	o.cycle()
	o.same("with none", object{enterpriseURN: object{"manager": absent}}, o.user(ann))
}

func restoreUserTest(p *probe) {
	o := p.office()
	ann := o.hire("ann")
	o.cycle()
	id := o.user(ann)["id"]
	o.must(o.tenant.Unassign(ann))
	o.cycle()
	o.same("the unassigned user", object{"id": id, "active": false}, o.user(ann))
	o.must(o.tenant.Assign(ann))
	o.cycle()
	o.same("the restored user", object{"id": id, "active": true}, o.user(ann))
}

// onDemand is what the service does before it provisions one object at once.
func (o *office) onDemand() {
	if o.err == nil {
		o.must(o.job.TestConnection(o.ctx))
	}
	o.cycle()
}

func podUserTest(p *probe) {
	o := p.office()
	ann := o.hire("ann")
	o.onDemand()
	o.same("the user", object{"userName": ann, "active": true}, o.user(ann))
}

func createGroupTest(p *probe) {
	o := p.office()
	team := o.team()
	o.cycle()
	o.same("the group", object{"displayName": team, "members": absent}, o.group(team))
}

func updateGroupTest(p *probe) {
	o := p.office()
	team := o.team(o.hire("ann"))
	o.cycle()
	before := o.group(team)
	o.must(o.tenant.RenameGroup(team, "New "+team))
	o.cycle()
	o.same("the renamed group", object{"id": before["id"], "members": before["members"]}, o.group("New "+team))
	o.wantNone("/Groups", "displayName", team)
}

func deleteGroupTest(p *probe) {
	o := p.office()
	team := o.team()
	o.cycle()
	o.must(o.tenant.DeleteGroup(team))
	o.cycle()
	o.wantNone("/Groups", "displayName", team)
}

func addMemberTest(p *probe) {
	o := p.office()
	team, ann := o.team(), o.hire("ann")
	o.cycle()
	o.must(o.tenant.AddMembers(team, ann))
	o.cycle()
	o.same("the members", object{"members": []any{object{"value": o.user(ann)["id"]}}}, o.group(team))
}

func removeMemberTest(p *probe) {
	o := p.office()
	ann, ben := o.hire("ann"), o.hire("ben")
	team := o.team(ann, ben)
	o.cycle()
	o.must(o.tenant.RemoveMembers(team, ann))
	o.cycle()
	o.same("the members", object{"members": []any{object{"value": o.user(ben)["id"]}}}, o.group(team))
}

func podGroupTest(p *probe) {
	o := p.office()
	team := o.team(o.hire("a"), o.hire("b"), o.hire("c"), o.hire("d"), o.hire("e"))
	o.onDemand()
	o.same("the group", object{"members": []any{object{}, object{}, object{}, object{}, object{}}}, o.group(team))
}

func restoreGroupTest(p *probe) {
	o := p.office()
	team := o.team(o.hire("ann"))
	o.cycle()
	o.must(o.tenant.Unassign(team))
	o.cycle()
	o.wantNone("/Groups", "displayName", team)
	o.must(o.tenant.Assign(team))
	o.cycle()
	o.same("the group", object{"members": []any{object{"type": "User"}}}, o.group(team))
}
