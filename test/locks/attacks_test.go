//go:build integration

package locks_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// attack is a write that RBAC allows and a policy refuses.
type attack struct {
	does   string
	policy string
	// says is part of the refusal.
	says string
	do   func(context.Context, client.Client) error
	// mutated says that the write passes mutating webhooks, which the API server
	// asks before it asks the policies.
	mutated bool
}

const there = `managed by identity provider "entra": change it there`

// idpFields are changes of what Entra owns of a user.
var idpFields = map[string]string{
	"userName":          `"mallory@example.com"`,
	"externalId":        `"x"`,
	"active":            `false`,
	"displayName":       `"Mallory"`,
	"name":              `{"givenName":"Mallory"}`,
	"emails":            `[{"value":"mallory@example.com"}]`,
	"remoteIdentity":    `"kubernetes-admin"`,
	"attributes":        `{"title":"Boss"}`,
	"memberships":       `{"55555555-5555-4555-8555-555555555555":{}}`,
	"suspensions":       `5`,
	"deprovisionedAt":   `"2026-01-02T03:04:05Z"`,
	"providerDeletedAt": `"2026-01-02T03:04:05Z"`,
	"modifiedAt":        `"2026-01-02T03:04:05Z"`,
}

// roleFields are changes of what Entra owns of a role.
var roleFields = map[string]string{
	"displayName":       `"Mallory's"`,
	"externalId":        `"x"`,
	"attributes":        `{"title":"Boss"}`,
	"unresolvedMembers": `["x"]`,
	"modifiedAt":        `"2026-01-02T03:04:05Z"`,
}

func attacks() []attack {
	list := append(onUsers(), onRoles()...)
	return append(append(list, onStatuses()...), onBindings()...)
}

func onUsers() []attack {
	const policy = "rollcall-users"
	patched := func(does, name, says, patch string) attack {
		return attack{does, policy, says, func(ctx context.Context, as client.Client) error {
			return merge(ctx, as, puser(name), "%s", patch)
		}, true}
	}
	var list []attack
	for field, value := range idpFields {
		list = append(list, patched("changes spec."+field+" of a user of Entra", "ann", "spec."+field+": "+there,
			fmt.Sprintf(`{"spec":{%q:%s}}`, field, value)))
	}
	return append(list,
		patched("changes several fields of a user of Entra, some of them their own", "ann", "spec.externalId, spec.displayName: "+there,
			`{"spec":{"displayName":"x","externalId":"y","suspend":true}}`),
		patched("takes a membership from a user of Entra", "ann", "spec.memberships: "+there, `{"spec":{"memberships":null}}`),
		patched("makes a user of Entra a local one", "ben", "identity.rollcall.dev/release: to-local", `{"spec":{"provider":null}}`),
		patched("gives a local user to Entra", "robot", "identity.rollcall.dev/adoptable-by", `{"spec":{"provider":"entra"}}`),
		patched("counts a suspension of a local user", "robot", "counted by Rollcall alone", `{"spec":{"suspensions":1}}`),
		attack{"overwrites a user of Entra", policy, "spec.userName: " + there, func(ctx context.Context, as client.Client) error {
			u := puser("ann")
			if err := as.Get(ctx, client.ObjectKeyFromObject(u), u); err != nil {
				return err
			}
			u.Spec.UserName = "mallory@example.com"
			return as.Update(ctx, u)
		}, true},
		attack{"applies another manifest over a user of Entra", policy, "spec.userName: " + there, func(ctx context.Context, as client.Client) error {
			return apply(ctx, as, "ProvisionedUser", "ann", `{"userName":"mallory@example.com"}`)
		}, true},
		attack{"makes a user of Entra", policy, "spec.provider: " + there, func(ctx context.Context, as client.Client) error {
			u := puser("mallory--example.com")
			u.Spec = v1alpha1.ProvisionedUserSpec{
				Provider: "entra", ID: "66666666-6666-4666-8666-666666666666", UserName: "mallory@example.com",
				Memberships: map[string]v1alpha1.Membership{roleID: {}},
			}
			return as.Create(ctx, u)
		}, true},
		attack{"deletes a user of Entra", policy, there, func(ctx context.Context, as client.Client) error {
			return as.Delete(ctx, puser("ann"))
		}, false},
		attack{"deletes all users of Entra", policy, there, func(ctx context.Context, as client.Client) error {
			return as.DeleteAllOf(ctx, &v1alpha1.ProvisionedUser{}, client.MatchingFields{"spec.provider": "entra"})
		}, false},
	)
}

func onRoles() []attack {
	const policy = "rollcall-roles"
	patched := func(does, name, says, patch string) attack {
		return attack{does, policy, says, func(ctx context.Context, as client.Client) error {
			return merge(ctx, as, prole(name), "%s", patch)
		}, true}
	}
	var list []attack
	for field, value := range roleFields {
		list = append(list, patched("changes spec."+field+" of a role of Entra", "platform", "spec."+field+": "+there,
			fmt.Sprintf(`{"spec":{%q:%s}}`, field, value)))
	}
	return append(list,
		patched("makes a role of Entra a local one", "platform", "identity.rollcall.dev/release: to-local", `{"spec":{"provider":null}}`),
		patched("gives a local role to Entra", "locals", "identity.rollcall.dev/adoptable-by", `{"spec":{"provider":"entra"}}`),
		attack{"applies another manifest over a role of Entra", policy, "spec.displayName: " + there, func(ctx context.Context, as client.Client) error {
			return apply(ctx, as, "ProvisionedRole", "platform", `{"displayName":"Mallory's"}`)
		}, true},
		attack{"makes a role of Entra", policy, "spec.provider: " + there, func(ctx context.Context, as client.Client) error {
			r := prole("mallory")
			r.Spec = v1alpha1.ProvisionedRoleSpec{Provider: "entra", ID: "66666666-6666-4666-8666-666666666666", DisplayName: "Mallory"}
			return as.Create(ctx, r)
		}, true},
		attack{"deletes a role of Entra", policy, there, func(ctx context.Context, as client.Client) error {
			return as.Delete(ctx, prole("platform"))
		}, false},
	)
}

func onStatuses() []attack {
	var list []attack
	add := func(does string, object func() client.Object, patch string) {
		list = append(list, attack{does, "rollcall-status", "written by Rollcall alone", func(ctx context.Context, as client.Client) error {
			return as.Status().Patch(ctx, object(), client.RawPatch("application/merge-patch+json", []byte(patch)))
		}, false})
	}
	add("says that a user is active, and somebody else", func() client.Object { return puser("ann") },
		`{"status":{"state":"Active","subject":"mallory@example.com","permissionLevel":"Administrator"}}`)
	add("says that a local user holds a role", func() client.Object { return puser("robot") },
		`{"status":{"roles":[{"name":"platform","sources":[]}]}}`)
	add("writes the status of a role", func() client.Object { return prole("platform") }, `{"status":{"members":99}}`)
	add("writes the status of an attachment", func() client.Object {
		return &v1alpha1.RoleAttachment{ObjectMeta: metav1.ObjectMeta{Name: "robot-locals"}}
	}, `{"status":{"state":"Active","reason":"Mallory"}}`)
	add("writes the status of a rule", func() client.Object {
		return &v1alpha1.AccessRule{ObjectMeta: metav1.ObjectMeta{Name: "platform"}}
	}, `{"status":{"subjects":99}}`)
	add("writes the status of an identity provider", func() client.Object {
		return &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "entra"}}
	}, `{"status":{"tenantURL":"https://mallory.example.com"}}`)
	return list
}

func onBindings() []attack {
	const policy = "rollcall-bindings"
	patched := func(does, patch string) attack {
		return attack{does, policy, `from the AccessRule "platform": change it there`, func(ctx context.Context, as client.Client) error {
			return merge(ctx, as, ours(ctx, Default, "platform", "team-a"), "%s", patch)
		}, false}
	}
	foreign := func() *rbacv1.RoleBinding {
		return &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "foreign"}}
	}
	return []attack{
		patched("adds themselves to a binding of ours", `{"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"mallory"}]}`),
		patched("empties a binding of ours", `{"subjects":null}`),
		patched("takes the labels off a binding of ours", `{"metadata":{"labels":null}}`),
		patched("takes one label off a binding of ours", `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`),
		patched("says that a binding of ours is another rule's", `{"metadata":{"labels":{"identity.rollcall.dev/access-rule":"mallory"}}}`),
		patched("takes the owner off a binding of ours", `{"metadata":{"ownerReferences":null}}`),
		patched("annotates a binding of ours", `{"metadata":{"annotations":{"identity.rollcall.dev/access-rule":"mallory"}}}`),
		{"copies a binding of ours with its labels", policy, "its labels are for no other binding", func(ctx context.Context, as client.Client) error {
			b := ours(ctx, Default, "platform", "team-a")
			b.ObjectMeta = metav1.ObjectMeta{Namespace: "default", Name: "copy", Labels: b.Labels}
			return as.Create(ctx, b)
		}, false},
		{"labels a foreign binding as a rule's", policy, "written by Rollcall alone", func(ctx context.Context, as client.Client) error {
			return merge(ctx, as, foreign(), `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"rollcall","identity.rollcall.dev/access-rule":"platform"}}}`)
		}, false},
		{"makes a binding of a permission level", policy, "from permission levels", func(ctx context.Context, as client.Client) error {
			return as.Create(ctx, &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: "mallory", Labels: map[string]string{
					v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue, v1alpha1.PermissionLevelLabel: "rollcall-administrator",
				}},
				RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
				Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "mallory"}},
			})
		}, false},
		{"deletes a binding of ours", policy, "written by Rollcall alone", func(ctx context.Context, as client.Client) error {
			return as.Delete(ctx, ours(ctx, Default, "platform", "team-a"))
		}, false},
		{"deletes all bindings of a namespace", policy, "written by Rollcall alone", func(ctx context.Context, as client.Client) error {
			return as.DeleteAllOf(ctx, &rbacv1.RoleBinding{}, client.InNamespace("team-a"),
				client.MatchingLabels{v1alpha1.AccessRuleLabel: "platform"})
		}, false},
	}
}

// refusedBy is a refusal by a policy, which says why.
func refusedBy(policy, says string) gomegatypes.GomegaMatcher {
	return And(Satisfy(apierrors.IsForbidden), MatchError(And(
		ContainSubstring("ValidatingAdmissionPolicy '"+policy+"'"), ContainSubstring(says))))
}

// attacksAre lets both kinds of administrator try everything.
func attacksAre(refused func(attack) gomegatypes.GomegaMatcher) {
	for _, a := range attacks() {
		It("refuse an administrator who "+a.does, func(ctx SpecContext) {
			for name, as := range map[string]client.Client{"a cluster-admin": root, "a member of system:masters": master} {
				Expect(a.do(ctx, as)).To(refused(a), name)
			}
		})
	}
}
