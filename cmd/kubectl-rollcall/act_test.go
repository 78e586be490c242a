//go:build integration

package main

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// localUser makes a local user, and waits until the manager has seen it.
func localUser(ctx context.Context, userName string) (name string) {
	GinkgoHelper()
	name = strings.ReplaceAll(userName, "@", "--")
	apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: %s}
spec: {userName: %s}
`, name, userName)
	awaitUser(ctx, name, v1alpha1.StateActive)
	return name
}

// localRole makes a local role.
func localRole(ctx context.Context, name, leaders string) {
	GinkgoHelper()
	apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedRole
metadata: {name: %[1]s}
spec: {displayName: %[1]s, leaders: [%[2]s]}
`, name, leaders)
}

func attachmentsOf(ctx context.Context, user string) []v1alpha1.RoleAttachment {
	GinkgoHelper()
	var list v1alpha1.RoleAttachmentList
	Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.user": user})).To(Succeed())
	return list.Items
}

var _ = Describe("acts", func() {
	It("attaches and detaches, as an Administrator by level may", func(ctx SpecContext) {
		name := localUser(ctx, "bea@acts.example.com")
		localRole(ctx, "acts-dev", "")
		deployRule(ctx, "acts-dev", "acts")
		localUser(ctx, "boss@acts.example.com")
		root.ok(ctx, "level", "boss@acts.example.com", "administrator")
		await(ctx, verdict.Question{User: "boss@acts.example.com", Verb: "attach", Resource: "provisionedroles.identity.rollcall.dev"}, true)
		boss := terminalOf("boss@acts.example.com")

		Expect(boss.ok(ctx, "attach", "bea@acts.example.com", "acts-dev", "--dry-run=server")).To(MatchRegexp(
			`^roleattachment.identity.rollcall.dev/\S* created: bea--acts.example.com has role acts-dev \(server dry run\)\n$`))
		Expect(attachmentsOf(ctx, name)).To(BeEmpty())

		Expect(boss.ok(ctx, "attach", "bea@acts.example.com", "Acts-Dev", "--reason", "joined")).To(MatchRegexp(
			`^roleattachment.identity.rollcall.dev/bea--acts.example.com-acts-dev-\w+ created: bea--acts.example.com has role acts-dev\n$`))
		await(ctx, deploy("bea@acts.example.com", "acts"), true)
		awaitUser(ctx, name, v1alpha1.StateActive, "acts-dev")
		a := attachmentsOf(ctx, name)
		Expect(a).To(HaveLen(1))
		Expect(a[0].Spec.Reason).To(Equal("joined"))
		Expect(a[0].Spec.Author).To(HaveField("Username", "boss@acts.example.com"))
		Eventually(func() string { return boss.run(ctx, "attach", name, "acts-dev").Out }).WithContext(ctx).Should(
			ContainSubstring("unchanged: bea--acts.example.com has role acts-dev already"))

		Expect(boss.ok(ctx, "detach", name, "acts-dev", "--dry-run=server")).To(ContainSubstring("deleted (server dry run)"))
		Expect(boss.ok(ctx, "detach", name, "acts-dev")).To(ContainSubstring("deleted"))
		await(ctx, deploy("bea@acts.example.com", "acts"), false)
		Expect(boss.refused(ctx, "detach", name, "acts-dev")).To(Equal("Error: no attachment of \"bea--acts.example.com\" to role \"acts-dev\"\n"))
		Expect(boss.refused(ctx, "attach", "nobody@acts.example.com", "acts-dev")).To(HavePrefix("Error: there is no ProvisionedUser \"nobody@acts.example.com\": say "))
	})

	It("grants for a while", func(ctx SpecContext) {
		name := localUser(ctx, "cleo@acts.example.com")
		localRole(ctx, "acts-incident", "")
		Expect(root.ok(ctx, "grant", name, "acts-incident", "--for", "3s", "--reason", "incident 4711")).To(MatchRegexp(
			`created: cleo--acts.example.com has role acts-incident until 20\S+Z\n$`))
		Eventually(func(g Gomega) {
			u := &v1alpha1.ProvisionedUser{}
			g.Expect(shared.Client().Get(ctx, client.ObjectKey{Name: name}, u)).To(Succeed())
			g.Expect(u.Status.Roles).To(BeEmpty())
			g.Expect(u.Status.Withheld).To(HaveLen(1))
			g.Expect(u.Status.Withheld[0].Sources[0].Reason).To(Equal("Expired"))
		}).WithContext(ctx).Should(Succeed())
		Expect(root.ok(ctx, "why", name)).To(MatchRegexp(`Does not count:\n  acts-incident\n    RoleAttachment "\S+" by root: the attachment ended at 20`))
		Expect(root.refused(ctx, "grant", name, "acts-incident")).To(ContainSubstring(`required flag(s) "for" not set`))
		Expect(root.refused(ctx, "grant", name, "acts-incident", "--for", "-2h")).To(ContainSubstring("want more than nothing"))
	})

	It("shows what the server refuses, as it says it", func(ctx SpecContext) {
		leader, other := localUser(ctx, "lee@acts.example.com"), localUser(ctx, "oli@acts.example.com")
		localRole(ctx, "acts-led", leader)
		localRole(ctx, "acts-unled", "")
		root.ok(ctx, "level", leader, "TeamLeader")
		await(ctx, verdict.Question{User: "lee@acts.example.com", Verb: "create", Resource: "roleattachments.identity.rollcall.dev"}, true)
		lee := terminalOf("lee@acts.example.com")

		lee.ok(ctx, "attach", other, "acts-led")
		for _, dryRun := range []string{"--dry-run=none", "--dry-run=server"} {
			Expect(lee.refused(ctx, "attach", other, "acts-unled", dryRun)).To(And(
				HavePrefix("Error: "), ContainSubstring("acts-unled"), Not(ContainSubstring("admission webhook")), HaveSuffix("\n"),
				WithTransform(func(s string) int { return strings.Count(s, "\n") }, Equal(1))))
		}
		Expect(lee.refused(ctx, "level", leader, "Administrator")).To(ContainSubstring(`cannot patch resource "provisionedusers"`))
		Expect(lee.refused(ctx, "attach", other, "acts-led", "--dry-run=client")).To(ContainSubstring("want none or server"))
	})

	It("does not say that somebody has a role of which nothing is bound", func(ctx SpecContext) {
		localUser(ctx, "una@acts.example.com")
		localRole(ctx, "acts-unbound", "")
		apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: una-too--acts.example.com}
spec: {userName: una-too@acts.example.com, remoteIdentity: una@acts.example.com}
`)
		Eventually(func(g Gomega) {
			g.Expect(get(ctx, "una-too--acts.example.com", &v1alpha1.ProvisionedUser{}).Status.Reason).To(Equal(v1alpha1.ReasonSubjectRefused))
		}).WithContext(ctx).Should(Succeed())
		Expect(root.run(ctx, "attach", "una-too@acts.example.com", "acts-unbound")).To(And(
			HaveField("Out", HaveSuffix("created: una-too--acts.example.com is to have role acts-unbound\n")),
			HaveField("Err", "Nothing of it is bound, for want of a name towards the API server: kubectl rollcall why una-too--acts.example.com\n")))
	})

	It("suspends and resumes, and says what remains", func(ctx SpecContext) {
		d := newDirectory(ctx, "actsidp")
		id := d.user(ctx, "dan@actsidp.example.com")
		awaitUser(ctx, "dan--actsidp.example.com", v1alpha1.StateActive)
		Expect(root.ok(ctx, "suspend", "dan@actsidp.example.com", "--dry-run=server")).To(Equal(
			"provisioneduser.identity.rollcall.dev/dan--actsidp.example.com suspended (server dry run)\n"))
		Expect(get(ctx, "dan--actsidp.example.com", &v1alpha1.ProvisionedUser{}).Spec.Suspend).To(BeFalse())
		root.ok(ctx, "suspend", "dan@actsidp.example.com")
		Expect(root.ok(ctx, "suspend", "dan@actsidp.example.com")).To(ContainSubstring("unchanged: was suspended already"))
		d.active(ctx, id, false)
		p := root.run(ctx, "resume", "dan@actsidp.example.com")
		Expect(p).To(And(HaveField("Code", 0),
			HaveField("Out", "provisioneduser.identity.rollcall.dev/dan--actsidp.example.com resumed\n"),
			HaveField("Err", "The user is still Suspended: identity provider \"actsidp\" deactivated the user.\n")))
		localRole(ctx, "acts-late", "")
		// The webhook warns of what the manager knows of the user and of the role.
		Eventually(func(g Gomega) {
			g.Expect(get(ctx, "dan--actsidp.example.com", &v1alpha1.ProvisionedUser{}).Status.Reason).To(Equal(access.ReasonDeactivated))
			g.Expect(get(ctx, "acts-late", &v1alpha1.ProvisionedRole{}).Status.Conditions).NotTo(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
		Expect(root.run(ctx, "attach", "dan@actsidp.example.com", "acts-late")).To(And(
			HaveField("Out", HaveSuffix("created: dan--actsidp.example.com is to have role acts-late\n")),
			HaveField("Err", "Warning: the attachment gives nothing now: the user is suspended: identity provider \"actsidp\" deactivated the user\n")))
		Expect(root.run(ctx, "level", "dan@actsidp.example.com", "Auditor")).To(HaveField("Err",
			"It does not count while the user is Suspended: identity provider \"actsidp\" deactivated the user.\n"))
	})

	It("gives a void level again", func(ctx SpecContext) {
		d := newDirectory(ctx, "actslevel")
		id := d.user(ctx, "eva@actslevel.example.com")
		name := "eva--actslevel.example.com"
		awaitUser(ctx, name, v1alpha1.StateActive)
		root.ok(ctx, "level", name, "Auditor")
		Expect(root.ok(ctx, "level", name, "Auditor")).To(ContainSubstring("unchanged: level Auditor was given already"))
		d.active(ctx, id, false)
		d.active(ctx, id, true)
		root.eventually(ctx, "why", name).Should(ContainSubstring("give it again"))
		root.ok(ctx, "level", name, "Auditor")
		root.eventually(ctx, "why", name).Should(ContainSubstring("level Auditor is in force"))
		Expect(root.refused(ctx, "level", name, "Emperor")).To(ContainSubstring("want User, TeamLeader, Auditor, Administrator"))
	})

	It("attaches anew what a suspension made void", func(ctx SpecContext) {
		d := newDirectory(ctx, "actsvoid")
		id := d.user(ctx, "fay@actsvoid.example.com")
		name := "fay--actsvoid.example.com"
		localRole(ctx, "acts-again", "")
		root.ok(ctx, "attach", name, "acts-again")
		awaitUser(ctx, name, v1alpha1.StateActive, "acts-again")
		d.active(ctx, id, false)
		d.active(ctx, id, true)
		awaitUser(ctx, name, v1alpha1.StateActive)
		root.ok(ctx, "attach", name, "acts-again")
		awaitUser(ctx, name, v1alpha1.StateActive, "acts-again")
		Expect(strings.Count(root.ok(ctx, "detach", name, "acts-again"), "deleted")).To(Equal(2))
	})

	It("hands a local user to an identity provider, and back", func(ctx SpecContext) {
		name := localUser(ctx, "gil@actshand.example.com")
		d := newDirectory(ctx, "actshand")
		localRole(ctx, "acts-kept", "")
		root.ok(ctx, "attach", name, "acts-kept")
		Expect(root.refused(ctx, "adopt", "user", name, "--provider", "nosuch")).To(HavePrefix(`Error: there is no IdentityProvider "nosuch": kubectl get `))
		Expect(root.refused(ctx, "adopt", "thing", name, "--provider", "actshand")).To(ContainSubstring("want user or role"))
		Expect(root.refused(ctx, "release", "user", name)).To(Equal("Error: ProvisionedUser \"gil--actshand.example.com\" is local already\n"))
		Expect(root.ok(ctx, "adopt", "provisionedusers", "gil@actshand.example.com", "--provider", "actshand", "--keep-local-grants")).To(Equal(
			"provisioneduser.identity.rollcall.dev/gil--actshand.example.com may be taken over by identity provider \"actshand\" with its local grants\n"))
		Expect(root.ok(ctx, "adopt", "user", name, "--cancel")).To(ContainSubstring("stays local"))
		Expect(get(ctx, name, &v1alpha1.ProvisionedUser{}).Annotations).NotTo(HaveKey(v1alpha1.AdoptableByAnnotation))
		root.ok(ctx, "adopt", "puser", name, "--provider", "actshand", "--keep-local-grants")
		Expect(root.ok(ctx, "why", name)).To(ContainSubstring(`Note: Identity provider "actshand" may take this user over.`))
		d.user(ctx, "gil@actshand.example.com")
		Expect(get(ctx, name, &v1alpha1.ProvisionedUser{}).Spec.Provider).To(Equal("actshand"))
		awaitUser(ctx, name, v1alpha1.StateActive, "acts-kept")
		Expect(root.refused(ctx, "adopt", "user", name, "--provider", "actshand")).To(ContainSubstring(`is managed by identity provider "actshand" already`))

		Expect(root.ok(ctx, "release", "user", name)).To(ContainSubstring(`is being released from identity provider "actshand"`))
		Eventually(func(g Gomega) {
			u := &v1alpha1.ProvisionedUser{}
			g.Expect(shared.Client().Get(ctx, client.ObjectKey{Name: name}, u)).To(Succeed())
			g.Expect(u.Spec.Provider).To(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
	})

	It("releases a role, and calls it off", func(ctx SpecContext) {
		d := newDirectory(ctx, "actsrole")
		d.group(ctx, "Acts Role")
		apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: acts-role}
spec: {role: acts-role, provider: actsrole, roleRef: {kind: ClusterRole, name: deployer}, clusterWide: true}
`)
		root.ok(ctx, "release", "role", "acts role")
		root.eventually(ctx, "status").Should(ContainSubstring("provisionedrole/acts-role: ReleaseHeld: "))
		Expect(root.ok(ctx, "release", "prole", "acts-role", "--cancel")).To(ContainSubstring("stays with identity provider \"actsrole\""))
		root.eventually(ctx, "status").ShouldNot(ContainSubstring("ReleaseHeld"))
	})

	It("acts on nobody by a name that means two", func(ctx SpecContext) {
		d := newDirectory(ctx, "actstwin")
		d.patch(ctx, "/Users/"+d.user(ctx, "actstwin"), `{"op":"Replace","path":"userName","value":"renamed@actstwin.example.com"}`)
		d.user(ctx, "actstwin")
		both := regexp.MustCompile(`^Error: "actstwin" is the object name of ProvisionedUser "renamed@actstwin.example.com", and the userName of ProvisionedUser "(actstwin-\w+)"`)
		refused := root.refused(ctx, "suspend", "actstwin")
		Expect(refused).To(MatchRegexp(both.String()))
		Expect(root.ok(ctx, "suspend", "renamed@actstwin.example.com")).To(ContainSubstring("/actstwin suspended"))
		second := both.FindStringSubmatch(refused)[1]
		Expect(root.ok(ctx, "suspend", second)).To(ContainSubstring("/" + second + " suspended"))
	})

	// Whoever was first has the readable object name, and may be another provider.
	It("acts on no role by a name that means two", func(ctx SpecContext) {
		newDirectory(ctx, "actsfirst").group(ctx, "actssquat")
		newDirectory(ctx, "actslast").group(ctx, "actssquat")
		both := regexp.MustCompile(`^Error: "actssquat" is the object name of ProvisionedRole "actssquat", and the displayName of ProvisionedRole "(actssquat-\w+)": ` +
			`say which: provisionedrole/actssquat, or provisionedrole/actssquat-\w+`)
		refused := root.refused(ctx, "release", "role", "actssquat")
		Expect(refused).To(MatchRegexp(both.String()))
		second := both.FindStringSubmatch(refused)[1]
		Expect(root.ok(ctx, "who", "--role", "provisionedrole/actssquat", "-o", "json")).To(Equal("[]\n"))
		Expect(root.ok(ctx, "release", "role", "provisionedroles.identity.rollcall.dev/actssquat")).To(ContainSubstring(`/actssquat is being released from identity provider "actsfirst"`))
		Expect(root.ok(ctx, "release", "role", second)).To(ContainSubstring(`is being released from identity provider "actslast"`))
		Expect(root.refused(ctx, "who", "--role", "prole/nosuch")).To(Equal("Error: there is no ProvisionedRole \"nosuch\"\n"))
	})

	It("completes no name that acts on a terminal", func(ctx SpecContext) {
		newDirectory(ctx, "actsevil").send(ctx, http.StatusCreated, http.MethodPost, "/Groups",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"acts\u001b[2Jevil"}`)
		Expect(root.complete(ctx, "release", "role", "acts-")).To(And(ContainSubstring(`acts\u001b[2Jevil`), Not(ContainSubstring("\x1b"))))
	})

	It("gives nobody a right that they lack", func(ctx SpecContext) {
		d := newDirectory(ctx, "actslock")
		d.user(ctx, "hal@actslock.example.com")
		hal := terminalOf("hal@actslock.example.com")
		Expect(hal.refused(ctx, "who")).To(HavePrefix(`Error: provisionedusers.identity.rollcall.dev is forbidden: User "hal@actslock.example.com" cannot list`))
		Expect(hal.refused(ctx, "suspend", "hal--actslock.example.com")).To(And(
			ContainSubstring("cannot get"), HaveSuffix("\nIt takes the permission level Administrator.\n")))
	})
})
