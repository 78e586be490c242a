//go:build integration

package locks_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/projection"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

func TestLocks(t *testing.T) {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RegisterFailHandler(Fail)
	RunSpecs(t, "Locks")
}

var (
	shared *cluster.Cluster
	// itself is the manager's ServiceAccount, root a cluster-admin by RBAC, and
	// master a member of system:masters, whom RBAC is not even asked about.
	itself, root, master client.Client
)

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	shared, err = cluster.Start(ctx, cluster.Options{KubeControllerManager: true, AuditLog: true, Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(shared.Stop()).To(Succeed()) })
	itself = clientOf(shared.Manager())
	Expect(shared.Apply(ctx, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: locks-root}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: root@example.com}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: administrators}
`)).To(Succeed())
	root, master = person("root@example.com"), person("master@example.com", "system:masters")
	Eventually(func(g Gomega) {
		g.Expect(root.List(ctx, &v1alpha1.ProvisionedUserList{})).To(Succeed())
	}).Should(Succeed())
	populate(ctx)
}, NodeTimeout(10*time.Minute))

func clientOf(config *rest.Config) client.Client {
	GinkgoHelper()
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// person acts as somebody with a certificate of their own.
func person(name string, groups ...string) client.Client {
	GinkgoHelper()
	config, err := shared.User(name, groups...)
	Expect(err).NotTo(HaveOccurred())
	return clientOf(config)
}

const roleID = "22222222-2222-4222-8222-222222222222"

// populate makes what the locks are about: Ann and the role Platform of Entra, whom
// a rule lets look into team-a; and a local user and role.
func populate(ctx context.Context) {
	GinkgoHelper()
	Expect(shared.Apply(ctx, `
apiVersion: v1
kind: Namespace
metadata: {name: team-a}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: IdentityProvider
metadata: {name: entra}
spec: {type: Entra}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: robot}
spec: {userName: robot, id: 33333333-3333-4333-8333-333333333333}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedRole
metadata: {name: locals}
spec: {displayName: Locals, id: 44444444-4444-4444-8444-444444444444}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: RoleAttachment
metadata: {name: robot-locals}
spec: {user: robot, role: locals}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: foreign, namespace: team-a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: mallory}]
`)).To(Succeed())
	Expect(itself.Create(ctx, &v1alpha1.ProvisionedUser{
		ObjectMeta: metav1.ObjectMeta{Name: "ann"},
		Spec: v1alpha1.ProvisionedUserSpec{
			Provider: "entra", ID: "11111111-1111-4111-8111-111111111111", UserName: "ann@example.com",
			Memberships: map[string]v1alpha1.Membership{roleID: {}},
		},
	})).To(Succeed())
	// Ben may leave Entra without leaving anything behind that only Entra may give.
	Expect(itself.Create(ctx, &v1alpha1.ProvisionedUser{
		ObjectMeta: metav1.ObjectMeta{Name: "ben"},
		Spec: v1alpha1.ProvisionedUserSpec{
			Provider: "entra", ID: "11111111-1111-4111-8111-222222222222", UserName: "ben@example.com",
		},
	})).To(Succeed())
	Expect(itself.Create(ctx, &v1alpha1.ProvisionedRole{
		ObjectMeta: metav1.ObjectMeta{Name: "platform"},
		Spec:       v1alpha1.ProvisionedRoleSpec{Provider: "entra", ID: roleID, DisplayName: "Platform"},
	})).To(Succeed())
	project(ctx, "platform", "team-a", "ann@example.com")
}

// project makes a rule that lets a role view a namespace, and the binding that the
// manager makes of it for one member.
func project(ctx context.Context, role, namespace, member string) {
	GinkgoHelper()
	rule := &v1alpha1.AccessRule{
		ObjectMeta: metav1.ObjectMeta{Name: role},
		Spec: v1alpha1.AccessRuleSpec{
			Role: role, RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.ClusterRoleKind, Name: "view"}, Namespaces: []string{namespace},
		},
	}
	Expect(shared.Client().Create(ctx, rule)).To(Succeed())
	Expect(itself.Create(ctx, projection.Declare(projection.OfRule(rule), projection.Binding{
		Namespace: namespace, Name: projection.OfRule(rule).BindingName(0),
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: member}},
	}))).To(Succeed())
}

// ours is the binding that project made.
func ours(ctx context.Context, g Gomega, rule, namespace string) *rbacv1.RoleBinding {
	var list rbacv1.RoleBindingList
	g.Expect(shared.Client().List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.AccessRuleLabel: rule})).To(Succeed())
	g.Expect(list.Items).To(HaveLen(1), "bindings of the rule %s", rule)
	return &list.Items[0]
}

func puser(name string) *v1alpha1.ProvisionedUser {
	return &v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func prole(name string) *v1alpha1.ProvisionedRole {
	return &v1alpha1.ProvisionedRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func merge(ctx context.Context, as client.Client, object client.Object, patch string, args ...any) error {
	return as.Patch(ctx, object, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, patch, args...)))
}
