//go:build integration

package main

import (
	"context"
	"encoding/json"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/cli/explain"
)

var _ = Describe("who and why", Ordered, func() {
	const (
		name      = "ann--life.example.com"
		userName  = "Ann@life.example.com"
		role      = "life-devs"
		namespace = "life"
	)
	var (
		d     *directory
		ann   string
		group string
	)
	why := func(ctx context.Context, args ...string) string {
		GinkgoHelper()
		return root.ok(ctx, append([]string{"why", userName}, args...)...)
	}
	whyDeploy := func(ctx context.Context) string {
		GinkgoHelper()
		return why(ctx, "create", "deploy", "-n", namespace)
	}

	BeforeAll(func(ctx SpecContext) {
		d = newDirectory(ctx, "life")
		ann = d.user(ctx, userName)
		deployRule(ctx, role, namespace)
	})

	It("says that there is no role yet", func(ctx SpecContext) {
		awaitUser(ctx, name, v1alpha1.StateActive)
		Expect(why(ctx)).To(And(
			ContainSubstring(`ann--life.example.com is Ann@life.example.com, managed by identity provider "life".`),
			ContainSubstring("State:    Active (Active)"),
			ContainSubstring("Level:    User: no permission level was given"),
			ContainSubstring("Holds no role.")))
		Expect(whyDeploy(ctx)).To(And(
			HavePrefix(`No: ann--life.example.com may not create deployments.apps in namespace "life".`),
			ContainSubstring(`role life-devs, by AccessRule life-devs-deploys to ClusterRole deployer: there is no ProvisionedRole "life-devs" (yet)`)))
	})

	It("says that the role is not held, and where it would be given", func(ctx SpecContext) {
		group = d.group(ctx, "Life Devs")
		Eventually(func() string {
			return root.run(ctx, "why", userName, "create", "deployments.apps", "-n", namespace).Out
		}).WithContext(ctx).Should(
			ContainSubstring(`the user does not hold role "life-devs": put them in group "Life Devs" of identity provider "life", or attach them here`))
	})

	It("follows a membership to the binding", func(ctx SpecContext) {
		d.patch(ctx, "/Groups/"+group, `{"op":"Add","path":"members","value":[{"value":%q}]}`, ann)
		await(ctx, deploy(userName, namespace), true)
		awaitUser(ctx, name, v1alpha1.StateActive, role)
		Expect(why(ctx)).To(ContainSubstring("Holds:\n  life-devs\n    by identity provider \"life\"\n"))
		Expect(whyDeploy(ctx)).To(And(
			HavePrefix(`Yes: ann--life.example.com may create deployments.apps in namespace "life".`),
			ContainSubstring("By role life-devs:\n  held by    identity provider \"life\"\n  rule       AccessRule life-devs-deploys\n"+
				"  gives      ClusterRole deployer: create,list deployments of apps\n  bound by   RoleBinding life/life-devs-deploys-"),
			Not(ContainSubstring("Would give it"))))
	})

	It("tells the whole cluster from one namespace", func(ctx SpecContext) {
		Expect(why(ctx, "list", "deployments", "-A")).To(And(
			HavePrefix("No: ann--life.example.com may not list deployments.apps in the whole cluster."),
			ContainSubstring("in single namespaces:\n\nBy role life-devs:")))
		Expect(why(ctx, "get", "/metrics")).To(And(
			HavePrefix("No: ann--life.example.com may not get /metrics."), ContainSubstring("No AccessRule gives it to any role.")))
		Expect(why(ctx, "list", "nodes", "-n", namespace)).To(HavePrefix("No: ann--life.example.com may not list nodes in the whole cluster."))
		Expect(why(ctx, "get", "unicorns", "-n", namespace)).To(ContainSubstring(`The server has no resource "unicorns"`))
		Expect(why(ctx, "get", "deploy/web", "-n", namespace)).To(ContainSubstring(`no subresource "web" of deployments; it is asked about as it is typed. One object of that name: deploy --resource-name web`))
		Expect(why(ctx, "get", "deploy/scale", "-n", namespace)).NotTo(ContainSubstring("no subresource"))
	})

	It("names a binding that is not Rollcall's", func(ctx SpecContext) {
		apply(ctx, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: by-hand}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: node-reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "%s"}]
`, userName)
		root.eventually(ctx, "why", userName, "list", "nodes").Should(And(
			HavePrefix("Yes: "),
			ContainSubstring("Not by Rollcall, but by a binding that somebody else made:\n  gives      ClusterRole node-reader"),
			ContainSubstring("ClusterRoleBinding by-hand, to User Ann@life.example.com")))
	})

	It("lists with filters", func(ctx SpecContext) {
		Expect(root.ok(ctx, "who", "--provider", "life")).To(MatchRegexp(
			`(?s)NAME +USERNAME +PROVIDER +STATE +LEVEL +ROLES\nann--life.example.com +Ann@life.example.com +life +Active +User +life-devs\n$`))
		var people []person
		Expect(json.Unmarshal([]byte(root.ok(ctx, "who", "--role", "life devs", "--state", "active", "-o", "json")), &people)).To(Succeed())
		Expect(people).To(ConsistOf(person{
			Name: name, UserName: userName, Provider: "life", State: v1alpha1.StateActive, Reason: "Active",
			Level: v1alpha1.LevelUser, Subject: userName, Roles: []string{role}}))
		Expect(root.ok(ctx, "who", "--provider", "life", "--state", "Suspended", "-o", "yaml")).To(Equal("[]\n"))
		Expect(root.refused(ctx, "who", "--role", "no such role")).To(HavePrefix("Error: there is no ProvisionedRole \"no such role\": say "))
		Expect(root.refused(ctx, "who", "--provider", "nosuch")).To(Equal("Error: there is no IdentityProvider \"nosuch\", nor a user of one\n"))
		Expect(root.refused(ctx, "who", "--state", "Asleep")).To(ContainSubstring("want Active, Suspended, Deprovisioned"))
		Expect(root.refused(ctx, "who", "-o", "xml")).To(ContainSubstring("want json or yaml"))
	})

	It("follows an attachment and a level", func(ctx SpecContext) {
		root.ok(ctx, "grant", userName, role, "--for", "2h", "--reason", "incident 4711")
		root.ok(ctx, "level", userName, "Auditor")
		root.eventually(ctx, "why", userName).Should(And(
			MatchRegexp(`by RoleAttachment "ann--life.example.com-life-devs-\w+" by root, until 20`),
			ContainSubstring("Level:    Auditor: level Auditor is in force")))
		root.eventually(ctx, "why", userName, "list", "identityproviders").Should(And(
			HavePrefix("Yes: "), ContainSubstring("By permission level Auditor:\n  gives      ClusterRole rollcall-auditor")))
	})

	It("says what a suspension by the identity provider took", func(ctx SpecContext) {
		d.active(ctx, ann, false)
		await(ctx, deploy(userName, namespace), false)
		awaitUser(ctx, name, v1alpha1.StateSuspended)
		Expect(why(ctx)).To(And(
			ContainSubstring(`State:    Suspended (DeactivatedByProvider): identity provider "life" deactivated the user`),
			ContainSubstring("Level:    User: level Auditor does not count while the user is suspended"),
			ContainSubstring("Holds no role."),
			ContainSubstring(`identity provider "life": the user is suspended`),
			ContainSubstring(`by root: the attachment was made before identity provider "life" last suspended or took over the user: make a new one`)))
		Expect(whyDeploy(ctx)).To(And(
			HavePrefix("No: "),
			ContainSubstring(`The user is Suspended: identity provider "life" deactivated the user.`),
			ContainSubstring("role life-devs, by AccessRule life-devs-deploys to ClusterRole deployer: role \"life-devs\" is withheld")))
		Expect(why(ctx, "list", "identityproviders")).To(ContainSubstring("permission level Auditor, by ClusterRole rollcall-auditor: level Auditor does not count"))
		Expect(root.ok(ctx, "who", "--provider", "life")).To(ContainSubstring("Suspended (DeactivatedByProvider)   User    -"))
	})

	It("does not take a namesake's access for the user's", func(ctx SpecContext) {
		other := newDirectory(ctx, "otherlife")
		id := other.user(ctx, userName)
		other.group(ctx, "Other Devs", id)
		apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: other-devs-deploy}
spec: {role: other-devs, roleRef: {kind: ClusterRole, name: deployer}, namespaces: [%s]}
`, namespace)
		await(ctx, deploy(userName, namespace), true)
		root.eventually(ctx, "why", name, "create", "deploy", "-n", namespace).Should(And(
			HavePrefix(`No: ann--life.example.com may not create deployments.apps in namespace "life", but the API server allows it to the name "Ann@life.example.com"`),
			ContainSubstring("Not theirs, but that of ProvisionedUser ann--life.example.com-"),
			ContainSubstring("is withheld")))
		Expect(root.refused(ctx, "why", userName)).To(ContainSubstring("several of kind ProvisionedUser"))

		By("restoring the first, whose name is taken now")
		d.active(ctx, ann, true)
		Eventually(func() string { return root.run(ctx, "why", name).Out }).WithContext(ctx).Should(And(
			ContainSubstring("State:    Active (SubjectRefused): SubjectTaken: user \"ann--life.example.com-"),
			ContainSubstring("Would hold, and nothing of it is bound:\n  life-devs")))
		root.eventually(ctx, "why", name, "create", "deploy", "-n", namespace).Should(And(
			HavePrefix("No: "), ContainSubstring("Not theirs"), ContainSubstring("SubjectTaken")))

		By("the other leaving")
		other.delete(ctx, "/Users/"+id)
		root.eventually(ctx, "why", userName, "create", "deploy", "-n", namespace).Should(And(HavePrefix("Yes: ann--life.example.com may"), ContainSubstring("By role life-devs")))
	})

	It("says that what was granted before the suspension stays void", func(ctx SpecContext) {
		Expect(why(ctx)).To(And(
			ContainSubstring("Holds:\n  life-devs\n    by identity provider"),
			ContainSubstring(`Level:    User: level Auditor was given before identity provider "life" last suspended or took over the user: give it again`),
			ContainSubstring("Does not count:\n  life-devs\n    RoleAttachment")))
	})

	It("says that an administrator suspended, and lifts it", func(ctx SpecContext) {
		root.ok(ctx, "suspend", userName)
		awaitUser(ctx, name, v1alpha1.StateSuspended)
		Expect(why(ctx)).To(ContainSubstring("State:    Suspended (SuspendedLocally): an administrator set spec.suspend; the identity provider can't lift it"))
		root.ok(ctx, "resume", userName)
		awaitUser(ctx, name, v1alpha1.StateActive, role)
		await(ctx, deploy(userName, namespace), true)
	})

	It("gives its answers as data too", func(ctx SpecContext) {
		var a explain.Answer
		Expect(json.Unmarshal([]byte(why(ctx, "create", "deploy", "-n", namespace, "-o", "json")), &a)).To(Succeed())
		Expect(a.Allowed).To(HaveValue(BeTrue()))
		Expect(a.Paths).To(HaveLen(1))
		Expect(a.Paths[0]).To(And(HaveField("Origin", explain.OriginRole), HaveField("Role", role), HaveField("AccessRule", role+"-deploys")))
		var account explain.Account
		Expect(json.Unmarshal([]byte(why(ctx, "-o", "json")), &account)).To(Succeed())
		Expect(account).To(And(HaveField("State", v1alpha1.StateActive), HaveField("Bound", true), HaveField("Roles", HaveLen(1))))
	})

	It("tells somebody with fewer rights what they could not see", func(ctx SpecContext) {
		apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: aud--staff.example.com}
spec: {userName: aud@staff.example.com}
`)
		root.ok(ctx, "level", "aud@staff.example.com", "Auditor")
		auditor := terminalOf("aud@staff.example.com")
		auditor.eventually(ctx, "why", userName, "create", "deploy", "-n", namespace).Should(And(
			HavePrefix(`ann--life.example.com: may they create deployments.apps in namespace "life"?`),
			ContainSubstring("Note: You may not list rolebindings"), ContainSubstring("the API server's own verdict is missing here")))
		Expect(terminalOf("nobody@example.com").refused(ctx, "why", name)).To(ContainSubstring(
			`Error: provisionedusers.identity.rollcall.dev "ann--life.example.com" is forbidden: User "nobody@example.com" cannot get`))
	})

	It("completes names from the cluster", func(ctx SpecContext) {
		for _, test := range []struct{ args, want []string }{
			{[]string{"why", ""}, []string{name + "\t" + userName}},
			{[]string{"attach", name, ""}, []string{role + "\tLife Devs"}},
			{[]string{"who", "--provider", ""}, []string{"life\tEntra"}},
			{[]string{"level", name, "A"}, []string{"Auditor", "Administrator"}},
			{[]string{"release", "role", ""}, []string{role + "\tLife Devs"}},
		} {
			Expect(strings.Split(root.complete(ctx, test.args...), "\n")).To(ContainElements(test.want), "%v", test.args)
		}
	})

	It("says that the group is gone", func(ctx SpecContext) {
		d.delete(ctx, "/Groups/"+group)
		await(ctx, deploy(userName, namespace), false)
		awaitUser(ctx, name, v1alpha1.StateActive)
		root.eventually(ctx, "why", userName, "create", "deploy", "-n", namespace).Should(And(HavePrefix("No: "), ContainSubstring("Would give it, and does not:\n  role life-devs")))
	})

	It("says that a nested group's people are not in the role", func(ctx SpecContext) {
		outer := d.group(ctx, "Outer")
		inner := d.group(ctx, "Inner", ann)
		d.patch(ctx, "/Groups/"+outer, `{"op":"Add","path":"members","value":[{"value":%q}]}`, inner)
		root.eventually(ctx, "status").Should(ContainSubstring("provisionedrole/outer: NestedGroupNotSynced"))
		root.eventually(ctx, "why", userName).Should(And(
			ContainSubstring("Holds:\n  inner\n    by identity provider \"life\""), Not(ContainSubstring("outer"))))
	})

	It("shows a tombstone, and the one who came back", func(ctx SpecContext) {
		d.delete(ctx, "/Users/"+ann)
		awaitUser(ctx, name, v1alpha1.StateDeprovisioned)
		Expect(root.ok(ctx, "why", name)).To(ContainSubstring(`State:    Deprovisioned (DeletedByProvider): identity provider "life" deleted the user at 20`))
		Expect(root.ok(ctx, "who", "--state", "deprovisioned", "--provider", "life")).To(ContainSubstring(name))
		Expect(root.ok(ctx, "why", name, "create", "deploy", "-n", namespace)).To(And(HavePrefix("No: "), ContainSubstring("The user is Deprovisioned: ")))

		Expect(d.user(ctx, userName)).To(Equal(ann))
		awaitUser(ctx, name, v1alpha1.StateActive)
		Expect(root.ok(ctx, "why", name)).To(ContainSubstring("Holds no role."))
	})

	It("says what a rename took away", func(ctx SpecContext) {
		root.ok(ctx, "level", name, "Auditor")
		root.eventually(ctx, "why", name).Should(ContainSubstring("Level:    Auditor: level Auditor is in force"))
		d.patch(ctx, "/Users/"+ann, `{"op":"Replace","path":"userName","value":"ann.lee@life.example.com"}`)
		root.eventually(ctx, "why", "ann.lee@life.example.com").Should(And(
			ContainSubstring("Subject:  ann.lee@life.example.com"),
			ContainSubstring(`Level:    User: level Auditor was given to "Ann@life.example.com", and the user is called something else now: give it again`)))
	})

	It("says that a deleted provider suspended its users", func(ctx SpecContext) {
		p := get(ctx, "life", &v1alpha1.IdentityProvider{})
		Expect(shared.Client().Patch(ctx, p, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"deletionPolicy":"Suspend"}}`)))).To(Succeed())
		Expect(shared.Client().Delete(ctx, p)).To(Succeed())
		root.eventually(ctx, "why", name).Should(ContainSubstring("State:    Suspended (ProviderDeleted): identity provider \"life\""))
	})
})
