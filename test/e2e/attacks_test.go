//go:build integration

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// refused is a refusal for a reason that says something.
func refused(text string) OmegaMatcher {
	return And(
		Satisfy(func(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) }),
		MatchError(ContainSubstring(text)),
	)
}

// Somebody can write our objects, or holds a SCIM token, and wants more than that.
var _ = Describe("An attacker", func() {
	var (
		w *world
		a administrator
		// root is cluster-admin by RBAC, whom the locks bind like everybody.
		root     client.Client
		ann, ben string // object names of users of the identity provider
		annID    string
	)
	BeforeEach(func(ctx SpecContext) {
		a, w = newAdministrator(ctx), newWorld(ctx, entra.Options{})
		root = person("root")
		annID = w.create(ctx, w.upn("ann"), "a-1")
		ann = user(ctx, Default, w.upn("ann")).Name
		w.create(ctx, w.upn("ben"), "b-1")
		ben = user(ctx, Default, w.upn("ben")).Name
	})

	It("who is an Administrator writes an AccessRule to cluster-admin: refused, on creation and on update", func(ctx SpecContext) {
		rule := func(role string) error {
			return apply(ctx, a, "attacker", "kind: AccessRule\nmetadata: {name: %[1]s-climb}\nspec: {role: %[1]s-climbers, roleRef: {name: %[2]s}, clusterWide: true}", w.name, role)
		}
		Expect(rule("cluster-admin")).To(refused("may not bind"))
		Expect(rule("e2e-deployer")).To(Succeed())
		Expect(rule("cluster-admin")).To(refused("may not bind"))
		Expect(rule("rollcall-administrator")).To(refused("Rollcall's own"))
	})

	It("raises their own level: refused, though they may give levels to others", func(ctx SpecContext) {
		climber := w.upn("ann")
		Expect(shared.Apply(ctx, fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[1]s-climber}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %[2]q}]
`, w.name, climber))).To(Succeed())
		expectAllowed(ctx, verdict.Question{User: climber, Verb: "patch", Resource: "provisionedusers.identity.rollcall.dev"})
		as := person(climber)
		Expect(merge(ctx, as, puser(ann), `{"spec":{"permissionLevel":"Administrator"}}`)).To(refused("own level"))
		Expect(merge(ctx, as, puser(ben), `{"spec":{"permissionLevel":"Auditor"}}`)).To(Succeed())
	})

	It("who is a TeamLeader attaches themselves to a role they don't lead: refused; to their own: done", func(ctx SpecContext) {
		for _, role := range []string{"led", "foreign"} {
			a.apply(ctx, "kind: ProvisionedRole\nmetadata: {name: %[1]s}\nspec: {displayName: %[1]s}", w.role(role))
		}
		Expect(merge(ctx, a, prole(w.role("led")), `{"spec":{"leaders":[%q]}}`, ann)).To(Succeed())
		Expect(merge(ctx, a, puser(ann), `{"spec":{"permissionLevel":"TeamLeader"}}`)).To(Succeed())
		expectAllowed(ctx, mayAttach(w.upn("ann")))
		leader := person(w.upn("ann"))
		attach := func(user, role string) error {
			return apply(ctx, leader, "leader", "kind: RoleAttachment\nmetadata: {name: %[1]s-%[2]s}\nspec: {user: %[1]s, role: %[2]s}", user, w.role(role))
		}
		Expect(attach(ann, "foreign")).To(refused("leaders"))
		Expect(attach(ben, "led")).To(Succeed())
		foreign := a.attach(ctx, ben, w.role("foreign"), "")
		Expect(leader.Delete(ctx, rattach(foreign))).To(refused("leaders"))
		Expect(merge(ctx, leader, rattach(foreign), `{"spec":{"expiresAt":"2999-01-01T00:00:00Z"}}`)).To(refused("leaders"))
		Expect(merge(ctx, leader, prole(w.role("foreign")), `{"spec":{"leaders":[%q]}}`, ann)).To(Satisfy(apierrors.IsForbidden))
	})

	It("who is cluster-admin edits fields of the identity provider, or our bindings: refused, saying where to go", func(ctx SpecContext) {
		for _, patch := range []string{
			`{"spec":{"userName":"mallory"}}`, `{"spec":{"active":true,"externalId":"x"}}`, `{"spec":{"remoteIdentity":"kubernetes-admin"}}`,
			`{"spec":{"memberships":{"11111111-1111-4111-8111-111111111111":{}}}}`, `{"spec":{"suspensions":5}}`, `{"spec":{"provider":null}}`,
		} {
			Expect(merge(ctx, root, puser(ann), "%s", patch)).To(refused(fmt.Sprintf("managed by identity provider %q", w.name)), patch)
		}
		Expect(root.Delete(ctx, puser(ann))).To(refused("managed by identity provider"))

		w.createGroup(ctx, "Team")
		may := w.rule(ctx, w.role("team"))
		a.attach(ctx, ann, w.role("team"), "")
		expectAllowed(ctx, may(w.upn("ann")))
		var ours rbacv1.RoleBindingList
		Expect(root.List(ctx, &ours, client.InNamespace("ns-"+w.role("team")))).To(Succeed())
		Expect(ours.Items).To(HaveLen(1))
		wider := ours.Items[0].DeepCopy()
		wider.Subjects = append(wider.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "mallory"})
		Expect(root.Update(ctx, wider)).To(Satisfy(apierrors.IsForbidden))
		unlabelled := ours.Items[0].DeepCopy()
		unlabelled.Labels = nil
		Expect(root.Update(ctx, unlabelled)).To(Satisfy(apierrors.IsForbidden))
		copied := wider.DeepCopy()
		copied.ObjectMeta = metav1.ObjectMeta{Name: "copy", Namespace: wider.Namespace, Labels: wider.Labels}
		Expect(root.Create(ctx, copied)).To(Satisfy(apierrors.IsForbidden))
		foreign := copied.DeepCopy()
		foreign.Labels = nil
		Expect(root.Create(ctx, foreign)).To(Succeed())
		foreign.Labels = wider.Labels
		Expect(root.Update(ctx, foreign)).To(Satisfy(apierrors.IsForbidden))
		Expect(root.Delete(ctx, ours.Items[0].DeepCopy())).To(Satisfy(apierrors.IsForbidden))
		Expect(judge.May(ctx, may(w.upn("ann")))).To(BeTrue())
	})

	It("with a SCIM token takes a name that is reserved or looks like it: refused", func(ctx SpecContext) {
		for _, name := range []string{
			"system:masters", "System:Masters", "ｓｙｓｔｅｍ：masters", "system\ua789masters", "\u0455ystem:masters", "sys\u200btem:masters", " system:admin",
		} {
			rename := send(ctx, w.raw, http.MethodPatch, "/Users/"+annID, patchBody(`{"op":"Replace","path":"userName","value":%q}`, name))
			expectError(rename, http.StatusBadRequest, "invalidValue")
			body, err := json.Marshal(map[string]any{"userName": name})
			Expect(err).NotTo(HaveOccurred())
			expectError(send(ctx, w.raw, http.MethodPost, "/Users", string(body)), http.StatusBadRequest, "invalidValue")
		}
	})

	It("with a SCIM token renames an Administrator to their own name: the level does not come along", func(ctx SpecContext) {
		Expect(merge(ctx, a, puser(ann), `{"spec":{"permissionLevel":"Administrator"}}`)).To(Succeed())
		expectAllowed(ctx, mayAttach(w.upn("ann")))
		for i, patch := range []string{
			fmt.Sprintf(`{"op":"Replace","path":"userName","value":%q}`, w.upn("mallory")),
			fmt.Sprintf(`{"op":"Add","path":"defaultRemoteIdentity","value":%q}`, w.upn("mallory")),
		} {
			expectStatus(send(ctx, w.raw, http.MethodPatch, "/Users/"+annID, patchBody("%s", patch)), http.StatusOK)
			Eventually(func(g Gomega) {
				u := get(ctx, g, ann, &v1alpha1.ProvisionedUser{})
				g.Expect(u.Status.ObservedGeneration).To(Equal(u.Generation))
				g.Expect(u.Status.Subject).To(Equal(w.upn("mallory")))
				g.Expect(u.Status.PermissionLevel).To(Equal(v1alpha1.LevelUser))
			}).WithContext(ctx).Should(Succeed())
			expectDenied(ctx, mayAttach(w.upn("mallory")))
			if i == 0 {
				back := fmt.Sprintf(`{"op":"Replace","path":"userName","value":%q}`, w.upn("ann"))
				expectStatus(send(ctx, w.raw, http.MethodPatch, "/Users/"+annID, patchBody("%s", back)), http.StatusOK)
			}
		}
	})

	It("with a SCIM token sets a permission level: ignored, and told", func(ctx SpecContext) {
		for _, path := range []string{"permissionLevel", "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User:permissionLevel"} {
			a := send(ctx, w.raw, http.MethodPatch, "/Users/"+annID, patchBody(`{"op":"Add","path":%q,"value":"Administrator"}`, path))
			expectStatus(a, http.StatusOK)
			Expect(string(a.Response)).NotTo(ContainSubstring("Administrator"))
		}
		posted := send(ctx, w.raw, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"permissionLevel":"Administrator"}`, w.upn("zed")))
		expectStatus(posted, http.StatusCreated)
		for _, name := range []string{"ann", "zed"} {
			u := expectUser(ctx, w.upn(name), v1alpha1.StateActive, v1alpha1.LevelUser)
			Eventually(func(g Gomega) {
				u := user(ctx, g, w.upn(name))
				g.Expect(u.Status.Conditions).To(ContainElement(HaveField("Type", v1alpha1.ConditionPermissionLevelIgnored)))
			}).WithContext(ctx).Should(Succeed())
			Expect(u.Spec.PermissionLevel).To(Equal(v1alpha1.LevelUser))
		}
	})

	It("takes a freed userName: what its holder had, locally too, stays with the holder", func(ctx SpecContext) {
		a.apply(ctx, "kind: ProvisionedRole\nmetadata: {name: %[1]s}\nspec: {displayName: %[1]s, leaders: [%[2]s]}", w.role("ops"), ann)
		may := w.rule(ctx, w.role("ops"))
		a.attach(ctx, ann, w.role("ops"), "")
		Expect(merge(ctx, a, puser(ann), `{"spec":{"permissionLevel":"TeamLeader"}}`)).To(Succeed())
		expectAllowed(ctx, may(w.upn("ann")))
		expectAllowed(ctx, mayAttach(w.upn("ann")))
		expectStatus(send(ctx, w.raw, http.MethodDelete, "/Users/"+annID, ""), http.StatusNoContent)
		expectDenied(ctx, may(w.upn("ann")))
		w.create(ctx, w.upn("ann"), "somebody-else")
		Eventually(func(g Gomega) {
			var list v1alpha1.ProvisionedUserList
			g.Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.userName": w.upn("ann")})).To(Succeed())
			g.Expect(list.Items).To(HaveLen(2))
			for _, u := range list.Items {
				g.Expect(u.Status.ObservedGeneration).To(Equal(u.Generation))
				g.Expect(u.Status.Roles).To(BeEmpty())
				g.Expect(u.Status.PermissionLevel).To(Equal(v1alpha1.LevelUser))
			}
		}).WithContext(ctx).Should(Succeed())
		Expect(judge.May(ctx, may(w.upn("ann")))).To(BeFalse())
		Expect(judge.May(ctx, mayAttach(w.upn("ann")))).To(BeFalse())
	})

	It("replays an attachment's manifest with stamps of their own choice after a restore: void, and the stamps are not theirs", func(ctx SpecContext) {
		a.apply(ctx, "kind: ProvisionedRole\nmetadata: {name: %[1]s}\nspec: {displayName: %[1]s}", w.role("ops"))
		may := w.rule(ctx, w.role("ops"))(w.upn("ann"))
		name := a.attach(ctx, ann, w.role("ops"), "")
		expectAllowed(ctx, may)
		for _, value := range []string{"False", "True"} {
			expectStatus(send(ctx, w.raw, http.MethodPatch, "/Users/"+annID, patchBody(`{"op":"Replace","path":"active","value":%q}`, value)), http.StatusOK)
		}
		expectDenied(ctx, may)
		replay := "kind: RoleAttachment\nmetadata: {name: %s}\nspec: {user: %s, role: %s, epoch: 1, userID: %s, author: {username: root}}"
		Expect(apply(ctx, a, "replayer", replay, name, ann, w.role("ops"), annID)).To(Succeed())
		expectAttachment(ctx, name, v1alpha1.AttachmentSuperseded)
		stored := get(ctx, Default, name, &v1alpha1.RoleAttachment{})
		Expect(stored.Spec.Epoch).To(HaveValue(BeZero()))
		Expect(stored.Spec.Author).To(HaveValue(HaveField("Username", chiefName)))
		Expect(judge.May(ctx, may)).To(BeFalse())
	})

	It("with one provider's token names another provider's user as manager: text, and nothing more", func(ctx SpecContext) {
		other := newWorld(ctx, entra.Options{})
		boss := other.create(ctx, other.upn("boss"), "1")
		path := "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
		expectStatus(send(ctx, w.raw, http.MethodPatch, "/Users/"+annID, patchBody(`{"op":"Add","path":%q,"value":%q}`, path, boss)), http.StatusOK)
		a := send(ctx, w.raw, http.MethodGet, "/Users/"+annID, "")
		Expect(a.body["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]).To(Equal(map[string]any{"manager": map[string]any{"value": boss}}))
		Expect(string(a.Response)).NotTo(ContainSubstring("boss@"))
	})

	It("loses the right to bind: the AccessRule says so", func(ctx SpecContext) {
		author := w.upn("author")
		binding := binder(author)
		Expect(shared.Client().Create(ctx, binding)).To(Succeed())
		Expect(shared.Apply(ctx, fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[1]s-author}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: rollcall-administrator}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %[2]q}]
`, w.name, author))).To(Succeed())
		expectAllowed(ctx, verdict.Question{User: author, Verb: "bind", Resource: "clusterroles.rbac.authorization.k8s.io", Name: "e2e-deployer"})
		expectAllowed(ctx, mayAttach(author))
		rule := w.name + "-authored"
		Expect(apply(ctx, person(author), "author", "kind: AccessRule\nmetadata: {name: %[1]s}\nspec: {role: %[1]s, roleRef: {name: e2e-deployer}, namespaces: [default], author: {username: root}}", rule)).To(Succeed())
		status := func(g Gomega) metav1.ConditionStatus {
			r := get(ctx, g, rule, &v1alpha1.AccessRule{})
			g.Expect(r.Spec.Author).To(HaveValue(HaveField("Username", author)))
			for _, c := range r.Status.Conditions {
				if c.Type == v1alpha1.ConditionAuthorMayBind {
					return c.Status
				}
			}
			return ""
		}
		Eventually(func(g Gomega) { g.Expect(status(g)).To(Equal(metav1.ConditionTrue)) }).WithContext(ctx).Should(Succeed())
		Expect(shared.Client().Delete(ctx, binding)).To(Succeed())
		expectDenied(ctx, verdict.Question{User: author, Verb: "bind", Resource: "clusterroles.rbac.authorization.k8s.io", Name: "e2e-deployer"})
		Eventually(func(g Gomega) { g.Expect(status(g)).To(Equal(metav1.ConditionFalse)) }).
			WithContext(ctx).WithTimeout(30 * time.Second).Should(Succeed())
	})

	It("makes an AccessRule of their own reach another provider's group of the same name: not when the rule says whose", func(ctx SpecContext) {
		other := newWorld(ctx, entra.Options{})
		a.apply(ctx, "kind: AccessRule\nmetadata: {name: %[1]s}\nspec: {role: %[1]s, provider: %[2]s, roleRef: {name: e2e-deployer}, namespaces: [default]}", w.role("crew"), w.name)
		// The attacker is first to the name.
		posted := send(ctx, other.raw, http.MethodPost, "/Groups", fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`,
			w.group("Crew"), other.create(ctx, other.upn("mallory"), "m")))
		expectStatus(posted, http.StatusCreated)
		Eventually(func(g Gomega) {
			r := get(ctx, g, w.role("crew"), &v1alpha1.AccessRule{})
			g.Expect(r.Status.Conditions).To(ContainElement(And(HaveField("Type", v1alpha1.ConditionReady), HaveField("Reason", v1alpha1.ReasonRoleOfAnotherProvider))))
		}).WithContext(ctx).Should(Succeed())
		Expect(judge.May(ctx, verdict.Question{User: other.upn("mallory"), Verb: "create", Resource: "deployments.apps", Namespace: "default"})).To(BeFalse())
	})
})
