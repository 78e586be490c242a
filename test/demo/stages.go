package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// stage is an event in the life of an account.
type stage struct {
	title string
	// story says what happens in Entra and what is to come of it.
	story string
	play  func(context.Context, *demo) error
}

const (
	alice    = "alice.moreau@contoso.com"
	bob      = "bob.tanaka@contoso.com"
	dmitri   = "dmitri.volkov@contoso.com"
	grete    = "grete.olafsdottir@contoso.com"
	jurgen   = "jurgen.weiss@contoso.com"
	marcus   = "marcus.holm@contoso.com"
	meera    = "meera.iyer@contoso.com"
	meeraNew = "meera.sharma@contoso.com"
	samir    = "samir.haddad@contoso.com"
	siobhan  = "siobhan.obrien@contoso.com"
	xiomara  = "xiomara.rios@contoso.com"
)

var stages = []stage{
	{
		"Test Connection",
		"The administrator pastes Tenant URL and Secret Token into the form and presses the button.\nEntra searches for a user who can't exist, and wants an empty list.",
		testConnection,
	},
	{
		"Users assigned",
		"Six people are assigned to the application. Each becomes a ProvisionedUser: active, at\nlevel User, and with no access yet.",
		usersAssigned,
	},
	{
		"Groups and their members assigned",
		"Three groups are assigned, which brings their other members too. The groups become\nProvisionedRoles; AccessRules that waited for them take effect.",
		groupsAssigned,
	},
	{
		"Name and userName changed",
		"Meera Iyer marries and is Meera Sharma. Same object, same id; the old name may do nothing\nany more.",
		renamed,
	},
	{
		"Local grants beside Entra's",
		"An administrator of the cluster attaches Siobhán O'Brien to Auditors, gives her On-call for\ntwo hours, and makes her an Administrator of Rollcall.",
		localGrants,
	},
	{
		"Suspended",
		"Siobhán's account is disabled in Entra. Everything goes: the group's access, the attached\nrole, the temporary one, the level.",
		suspended,
	},
	{
		"Restored",
		"The account is enabled again. Entra sends no membership, so Rollcall must have kept it. What\nwas granted locally before stays void.",
		restored,
	},
	{
		"Deleted for good, and hired again",
		"Bob Tanaka is deleted; thirty days later the recycle bin is emptied. A tombstone stays. Then\nhe is hired again: same external id, so the same id, and no access until a group gives it.",
		rehired,
	},
	{
		"Group deleted",
		"The group On-call is deleted. Its access goes, other groups' stays.",
		groupDeleted,
	},
	{
		"Nested group",
		"All Engineering has one person and four groups as members. The role exists and the person\nholds it; who is in the nested groups doesn't, and who is nowhere else isn't created.",
		nestedGroup,
	},
	{
		"Local users",
		"A build robot and a vendor that Entra knows nothing of. They are attached to one of Entra's\nroles, and Entra's next cycle finds nothing to do.",
		localUsers,
	},
}

func deploy(user, namespace string) verdict.Question {
	return verdict.Question{User: user, Verb: "create", Resource: "deployments.apps", Namespace: namespace}
}

func list(user, namespace string) verdict.Question {
	return verdict.Question{User: user, Verb: "list", Resource: "pods", Namespace: namespace}
}

func testConnection(ctx context.Context, d *demo) error {
	d.mu.Lock()
	d.sent = nil
	d.mu.Unlock()
	err := d.job.TestConnection(ctx)
	d.page.requests(d.sent)
	if err != nil {
		return err
	}
	return d.table(ctx, d.connected,
		`get identityprovider `+provider+` -o jsonpath={.status.conditions[?(@.type=="Connected")].message}`)
}

func (d *demo) connected(ctx context.Context) error {
	out, err := d.cluster.Kubectl(ctx, "get", "identityprovider", provider,
		"-o", `jsonpath={.status.conditions[?(@.type=="Connected")].status}`)
	if err == nil && out != "True" {
		err = fmt.Errorf("the condition Connected of the identity provider is %q", out)
	}
	return err
}

func usersAssigned(ctx context.Context, d *demo) error {
	if err := d.tenant.Assign(alice, bob, meera, siobhan, xiomara, samir); err != nil {
		return err
	}
	if err := d.step(ctx, d.cycle); err != nil {
		return err
	}
	if err := d.table(ctx, d.count(6, 0), "get provisionedusers"); err != nil {
		return err
	}
	return d.ask(ctx, deploy(bob, "platform-prod"), false, "")
}

func groupsAssigned(ctx context.Context, d *demo) error {
	if err := d.tenant.Assign("Platform Engineers", "Auditors", "On-call"); err != nil {
		return err
	}
	err := d.step(ctx, d.cycle,
		change{deploy(bob, "platform-prod"), true, d.membership("Platform Engineers", bob)},
		change{deploy(dmitri, "payments"), true, d.membership("On-call", dmitri)},
		change{list(samir, ""), true, d.membership("Auditors", samir)},
	)
	if err != nil {
		return err
	}
	if err := d.ask(ctx, deploy(samir, "platform-prod"), false, ""); err != nil {
		return err
	}
	promise := all(d.count(12, 3), d.rules("platform-engineers-edit", "on-call-edit-payments", "auditors-view"),
		d.members("platform-engineers", 8, 8, 2), d.members("on-call", 4, 4, 1), d.members("auditors", 2, 2, 1))
	return d.table(ctx, promise, "get provisionedusers", "get provisionedroles", "get accessrules")
}

func renamed(ctx context.Context, d *demo) error {
	id := d.job.UserID(meera)
	err := d.tenant.EditPerson(meera, func(p *entra.Person) {
		p.UserPrincipalName, p.Surname, p.DisplayName = meeraNew, "Sharma", "Meera Sharma"
	})
	if err != nil {
		return err
	}
	err = d.step(ctx, d.cycle,
		change{deploy(meera, "platform-prod"), false, nil},
		change{deploy(meeraNew, "platform-prod"), true, nil},
	)
	if err != nil {
		return err
	}
	u, err := d.user(ctx, meeraNew)
	if err != nil {
		return err
	}
	if u.Spec.ID != id {
		return fmt.Errorf("the id has changed from %s to %s", id, u.Spec.ID)
	}
	return d.table(ctx, d.is(meeraNew, v1alpha1.StateActive, v1alpha1.LevelUser, "on-call", "platform-engineers"),
		"get provisioneduser "+u.Name)
}

const grants = `
apiVersion: identity.rollcall.dev/v1alpha1
kind: RoleAttachment
metadata: {name: siobhan-audits}
spec: {user: %[1]s, role: auditors, reason: takes part in the yearly audit}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: RoleAttachment
metadata: {name: siobhan-covers-on-call}
spec: {user: %[1]s, role: on-call, expiresAt: %[2]q, reason: covers for Meera}
`

func localGrants(ctx context.Context, d *demo) error {
	u, err := d.user(ctx, siobhan)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(grants, u.Name, time.Now().Add(2*time.Hour).UTC().Format(time.RFC3339))
	d.page.text("$ kubectl apply -f -" + strings.TrimRight(text, "\n"))
	err = d.step(ctx,
		func(ctx context.Context) (time.Time, error) {
			err := d.cluster.Apply(ctx, text)
			return time.Now(), err
		},
		change{list(siobhan, ""), true, nil},
		change{deploy(siobhan, "payments"), true, nil},
	)
	if err != nil {
		return err
	}
	level := "patch provisioneduser " + u.Name + ` --type=merge -p {"spec":{"permissionLevel":"Administrator"}}`
	promise := all(
		d.is(siobhan, v1alpha1.StateActive, v1alpha1.LevelAdministrator, "auditors", "on-call", "platform-engineers"),
		d.attachment("siobhan-covers-on-call", v1alpha1.AttachmentActive),
	)
	if err := d.table(ctx, func(context.Context) error { return nil }, level); err != nil {
		return err
	}
	return d.table(ctx, promise, "get provisioneduser "+u.Name, "get roleattachments")
}

func suspended(ctx context.Context, d *demo) error {
	if err := d.tenant.Disable(siobhan); err != nil {
		return err
	}
	err := d.step(ctx, d.cycle,
		change{deploy(siobhan, "platform-prod"), false, nil},
		change{list(siobhan, ""), false, nil},
		change{deploy(siobhan, "payments"), false, nil},
	)
	if err != nil {
		return err
	}
	u, err := d.user(ctx, siobhan)
	if err != nil {
		return err
	}
	promise := all(
		d.is(siobhan, v1alpha1.StateSuspended, v1alpha1.LevelUser),
		d.attachment("siobhan-audits", v1alpha1.AttachmentSuperseded),
		d.attachment("siobhan-covers-on-call", v1alpha1.AttachmentSuperseded),
	)
	return d.table(ctx, promise, "get provisioneduser "+u.Name, "get roleattachments")
}

func restored(ctx context.Context, d *demo) error {
	if err := d.tenant.Enable(siobhan); err != nil {
		return err
	}
	if err := d.step(ctx, d.cycle, change{deploy(siobhan, "platform-prod"), true, nil}); err != nil {
		return err
	}
	u, err := d.user(ctx, siobhan)
	if err != nil {
		return err
	}
	promise := all(
		d.is(siobhan, v1alpha1.StateActive, v1alpha1.LevelUser, "platform-engineers"),
		d.attachment("siobhan-audits", v1alpha1.AttachmentSuperseded),
	)
	if err := d.table(ctx, promise, "get provisioneduser "+u.Name, "get roleattachments"); err != nil {
		return err
	}
	for _, q := range []verdict.Question{list(siobhan, ""), deploy(siobhan, "payments")} {
		if err := d.ask(ctx, q, false, ""); err != nil {
			return err
		}
	}
	return nil
}

func rehired(ctx context.Context, d *demo) error {
	id := d.job.UserID(bob)
	u, err := d.user(ctx, bob)
	if err != nil {
		return err
	}
	table := "get provisioneduser " + u.Name
	if err := d.tenant.Delete(bob); err != nil {
		return err
	}
	if err := d.step(ctx, d.cycle, change{deploy(bob, "platform-prod"), false, nil}); err != nil {
		return err
	}
	d.page.text("Thirty days pass.")
	d.pass(30)
	if err := d.step(ctx, d.cycle); err != nil {
		return err
	}
	if err := d.table(ctx, d.is(bob, v1alpha1.StateDeprovisioned, v1alpha1.LevelUser), table); err != nil {
		return err
	}

	d.page.text("Bob is hired again.")
	if _, err := d.tenant.AddPerson(entra.Person{UserPrincipalName: bob, GivenName: "Bob", Surname: "Tanaka"}); err != nil {
		return err
	}
	if err := d.tenant.Assign(bob); err != nil {
		return err
	}
	if err := d.step(ctx, d.cycle); err != nil {
		return err
	}
	if again := d.job.UserID(bob); again != id {
		return fmt.Errorf("his id was %s and is %s", id, again)
	}
	if err := d.table(ctx, d.is(bob, v1alpha1.StateActive, v1alpha1.LevelUser), table); err != nil {
		return err
	}
	if err := d.ask(ctx, deploy(bob, "platform-prod"), false, ""); err != nil {
		return err
	}
	if err := d.tenant.AddMembers("Platform Engineers", bob); err != nil {
		return err
	}
	return d.step(ctx, d.cycle, change{deploy(bob, "platform-prod"), true, nil})
}

func groupDeleted(ctx context.Context, d *demo) error {
	if err := d.tenant.DeleteGroup("On-call"); err != nil {
		return err
	}
	// Who was assigned by the group alone stays assigned.
	if err := d.tenant.Assign(dmitri, "isla.campbell@contoso.com"); err != nil {
		return err
	}
	if err := d.step(ctx, d.cycle, change{deploy(dmitri, "payments"), false, nil}); err != nil {
		return err
	}
	if err := d.ask(ctx, deploy(meeraNew, "platform-prod"), true, ""); err != nil {
		return err
	}
	promise := all(
		d.is(dmitri, v1alpha1.StateActive, v1alpha1.LevelUser),
		d.is(meeraNew, v1alpha1.StateActive, v1alpha1.LevelUser, "platform-engineers"),
		d.count(12, 2),
	)
	return d.table(ctx, promise, "get provisionedroles", "get accessrules")
}

func nestedGroup(ctx context.Context, d *demo) error {
	if err := d.tenant.Assign("All Engineering"); err != nil {
		return err
	}
	if err := d.step(ctx, d.cycle, change{list(marcus, "payments"), true, nil}); err != nil {
		return err
	}
	promise := all(
		d.count(13, 3),
		d.members("all-engineering", 1, 1, 1),
		d.condition("all-engineering", v1alpha1.ConditionNestedGroupNotSynced),
		d.is(marcus, v1alpha1.StateActive, v1alpha1.LevelUser, "all-engineering"),
	)
	err := d.table(ctx, promise, "get provisionedrole all-engineering",
		`get provisionedrole all-engineering -o jsonpath={.status.conditions[?(@.type=="NestedGroupNotSynced")].message}`)
	if err != nil {
		return err
	}
	if _, err := d.user(ctx, grete); err == nil {
		return fmt.Errorf("%s, who is in a nested group alone, was created", grete)
	}
	return d.ask(ctx, list(jurgen, "payments"), false, "")
}

const locals = `
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: build-robot}
spec: {userName: build-robot, type: ServiceAccount, serviceAccountRef: {namespace: platform-dev, name: build-robot}}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: support--vendor.example}
spec: {userName: support@vendor.example, displayName: Vendor Support}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: RoleAttachment
metadata: {name: build-robot-platform}
spec: {user: build-robot, role: platform-engineers, reason: deploys the platform}
`

func localUsers(ctx context.Context, d *demo) error {
	d.page.text("$ kubectl apply -f -" + strings.TrimRight(locals, "\n"))
	err := d.step(ctx,
		func(ctx context.Context) (time.Time, error) {
			err := d.cluster.Apply(ctx, locals)
			return time.Now(), err
		},
		change{deploy("system:serviceaccount:platform-dev:build-robot", "platform-prod"), true, nil},
	)
	if err != nil {
		return err
	}
	promise := all(
		d.is("build-robot", v1alpha1.StateActive, v1alpha1.LevelUser, "platform-engineers"),
		d.is("support@vendor.example", v1alpha1.StateActive, v1alpha1.LevelUser),
	)
	if err := d.table(ctx, promise, "get provisionedusers", "get provisionedroles"); err != nil {
		return err
	}
	report, err := d.job.Cycle(ctx)
	if err != nil {
		return err
	}
	if !report.Empty() {
		return fmt.Errorf("the next cycle did %+v", report)
	}
	d.page.text("The next cycle sends nothing.")
	return nil
}
