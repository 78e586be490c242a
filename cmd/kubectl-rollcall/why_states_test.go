//go:build integration

package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// mergePatch changes an object as root.
func mergePatch(ctx context.Context, o client.Object, patch string) {
	GinkgoHelper()
	Expect(shared.Client().Patch(ctx, o, client.RawPatch("application/merge-patch+json", []byte(patch)))).To(Succeed())
}

// The states that the life of a person in one identity provider does not come by.
var _ = DescribeTable("why tells the state of", func(ctx SpecContext, begin func(ctx context.Context) (user string), want gomegatypes.GomegaMatcher) {
	root.eventually(ctx, "why", begin(ctx)).Should(want)
},
	Entry("a local user who is not active", func(ctx context.Context) string {
		name := localUser(ctx, "inactive@states.example.com")
		mergePatch(ctx, get(ctx, name, &v1alpha1.ProvisionedUser{}), `{"spec":{"active":false}}`)
		return name
	}, ContainSubstring("State:    Suspended (Inactive): spec.active is false")),

	Entry("a user whose object is being deleted", func(ctx context.Context) string {
		name := localUser(ctx, "leaving@states.example.com")
		u := get(ctx, name, &v1alpha1.ProvisionedUser{})
		mergePatch(ctx, u, `{"metadata":{"finalizers":["example.com/held"]}}`)
		DeferCleanup(func(ctx SpecContext) { mergePatch(ctx, u, `{"metadata":{"finalizers":[]}}`) })
		Expect(shared.Client().Delete(ctx, u.DeepCopy())).To(Succeed())
		return name
	}, ContainSubstring("State:    Suspended (BeingDeleted): the object is being deleted")),

	Entry("a user without the attribute that the subject is made of", func(ctx context.Context) string {
		apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: IdentityProvider
metadata: {name: statesmail}
spec: {subject: {from: Email}}
`)
		newDirectory(ctx, "statesmail").user(ctx, "nomail@statesmail.example.com")
		return "nomail@statesmail.example.com"
	}, ContainSubstring("State:    Active (SubjectRefused): SubjectEmpty: ")),

	Entry("a user with a name of Kubernetes' own", func(ctx context.Context) string {
		apply(ctx, `
apiVersion: identity.rollcall.dev/v1alpha1
kind: IdentityProvider
metadata: {name: statesreserved}
spec: {subject: {from: ExternalID}}
`)
		newDirectory(ctx, "statesreserved").send(ctx, http.StatusCreated, http.MethodPost, "/Users",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"climber@states.example.com","externalId":"system:masters","active":true}`)
		return "climber@states.example.com"
	}, ContainSubstring("State:    Active (SubjectRefused): SubjectReserved: ")),

	Entry("attachments that wait, have ended, and lead to no role", func(ctx context.Context) string {
		name := localUser(ctx, "edges@states.example.com")
		localRole(ctx, "states-edges", "")
		localRole(ctx, "states-gone", "")
		attach := func(suffix, times string) error {
			return shared.Apply(ctx, fmt.Sprintf(`
apiVersion: identity.rollcall.dev/v1alpha1
kind: RoleAttachment
metadata: {name: states-%[1]s}
spec: {user: %[2]s, role: states-edges, %[3]s}
`, suffix, name, times))
		}
		Expect(attach("later", "startsAt: "+stamp(time.Hour))).To(Succeed())
		// What arrives after its end is refused: it gets a later one, until it is in time.
		Eventually(func() error { return attach("ended", "expiresAt: "+stamp(3*time.Second)) }).WithContext(ctx).Should(Succeed())
		root.ok(ctx, "attach", name, "states-gone")
		awaitRole(ctx, name, "states-gone")
		Expect(shared.Client().Delete(ctx, get(ctx, "states-gone", &v1alpha1.ProvisionedRole{}))).To(Succeed())
		return name
	}, And(
		ContainSubstring("Holds no role."), ContainSubstring("Does not count:\n  states-edges\n"),
		MatchRegexp(`RoleAttachment "states-ended" by \S+: .*(end|expire)`), MatchRegexp(`RoleAttachment "states-later" by \S+: .*(start|begin)`),
		MatchRegexp(`states-gone\n    RoleAttachment "\S+" by root: .*there is no`))),

	Entry("a user whose provider is paused: everything stays", func(ctx context.Context) string {
		statesMember(ctx, "statespaused")
		mergePatch(ctx, get(ctx, "statespaused", &v1alpha1.IdentityProvider{}), `{"spec":{"paused":true}}`)
		return "member@statespaused.example.com"
	}, And(ContainSubstring("State:    Active (Active)"), ContainSubstring(`by identity provider "statespaused"`),
		ContainSubstring(`Note: Identity provider "statespaused" is paused`))),

	Entry("a user whose provider was deleted with the policy Freeze: everything stays", func(ctx context.Context) string {
		return statesDeleted(ctx, "statesfreeze", v1alpha1.DeletionFreeze)
	}, And(ContainSubstring("State:    Active (Active)"), ContainSubstring(`by identity provider "statesfreeze"`),
		ContainSubstring(`Note: There is no IdentityProvider "statesfreeze" any more`))),

	Entry("a user whose provider was deleted with the policy Suspend", func(ctx context.Context) string {
		return statesDeleted(ctx, "statessuspend", v1alpha1.DeletionSuspend)
	}, And(MatchRegexp(`State:    Suspended \(ProviderDeleted\): identity provider "statessuspend" (was deleted at 20\S+|is being deleted), and its deletionPolicy`),
		ContainSubstring("Holds no role."),
		// It waits for requests that may be under way.
		ContainSubstring(`Note: Identity provider "statessuspend" is being deleted, with the policy Suspend.`))),

	Entry("a user whose provider was deleted with the policy Release: local, and attached", func(ctx context.Context) string {
		return statesDeleted(ctx, "statesrelease", v1alpha1.DeletionRelease)
	}, And(ContainSubstring("managed by administrators (local)."), ContainSubstring("State:    Active (Active)"),
		MatchRegexp(`Holds:\n  statesrelease\n    by RoleAttachment "\S+"`), Not(ContainSubstring("Note:")))),
)

var _ = Describe("why", func() {
	It("tells somebody who was hired again as another person from who left", func(ctx SpecContext) {
		const (
			userName = "eve@stateshired.example.com"
			left     = "eve--stateshired.example.com"
		)
		d := newDirectory(ctx, "stateshired")
		id := d.user(ctx, userName)
		d.group(ctx, "States Hired", id)
		awaitRole(ctx, userName, "states-hired")
		d.delete(ctx, "/Users/"+id)
		Expect(d.send(ctx, http.StatusCreated, http.MethodPost, "/Users",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":"another","active":true}`, userName)).NotTo(Equal(id))
		root.eventually(ctx, "why", userName).Should(And(
			MatchRegexp("^"+left+`-\S+ is `+userName+","), ContainSubstring("State:    Active (Active)"),
			ContainSubstring("Holds no role."), Not(ContainSubstring("states-hired"))))
		root.eventually(ctx, "why", left).Should(And(
			HavePrefix(left+" is "+userName+","), ContainSubstring("State:    Deprovisioned (DeletedByProvider)")))
	})
})

func stamp(in time.Duration) string {
	return `"` + time.Now().Add(in).UTC().Format(time.RFC3339) + `"`
}

func awaitRole(ctx context.Context, user, role string) {
	GinkgoHelper()
	root.eventually(ctx, "why", user).Should(MatchRegexp(`(?s)Holds:\n.*  ` + role + `\n`))
}

// statesMember is a member of a group, both of an identity provider of that name.
func statesMember(ctx context.Context, provider string) {
	GinkgoHelper()
	d := newDirectory(ctx, provider)
	d.group(ctx, provider, d.user(ctx, "member@"+provider+".example.com"))
	awaitRole(ctx, "member@"+provider+".example.com", provider)
}

func statesDeleted(ctx context.Context, provider string, policy v1alpha1.DeletionPolicy) (user string) {
	GinkgoHelper()
	statesMember(ctx, provider)
	p := get(ctx, provider, &v1alpha1.IdentityProvider{})
	mergePatch(ctx, p, fmt.Sprintf(`{"spec":{"deletionPolicy":%q}}`, policy))
	Expect(shared.Client().Delete(ctx, p)).To(Succeed())
	return "member@" + provider + ".example.com"
}
