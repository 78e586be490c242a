//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// person acts as somebody with a certificate of their own, with whatever rights
// that name has.
func person(name string, groups ...string) client.Client {
	GinkgoHelper()
	config, err := shared.User(name, groups...)
	Expect(err).NotTo(HaveOccurred())
	return clientOf(config)
}

// machine acts as a ServiceAccount, which it makes.
func machine(ctx context.Context, namespace, name string) client.Client {
	GinkgoHelper()
	Expect(shared.Apply(ctx, fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: %[2]s, namespace: %[1]s}
`, namespace, name))).To(Succeed())
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{}
	Expect(shared.Client().SubResource("token").Create(ctx, account, request)).To(Succeed())
	config, err := shared.User("nobody")
	Expect(err).NotTo(HaveOccurred())
	config.CertData, config.KeyData, config.BearerToken = nil, nil, request.Status.Token
	return clientOf(config)
}

func clientOf(config *rest.Config) client.Client {
	GinkgoHelper()
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// chiefName is an Administrator by permission level, with no right of Kubernetes'
// own but to bind what the specs bind.
const chiefName = "chief@staff.example.com"

var appoint sync.Once

// chief acts as that Administrator. The first call has a cluster administrator
// appoint the chief, as everybody's first Administrator is made.
func chief(ctx context.Context) client.Client {
	GinkgoHelper()
	appoint.Do(func() {
		Expect(shared.Apply(ctx, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-root}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: root}]
`)).To(Succeed())
		root := person("root")
		expectAllowed(ctx, verdict.Question{User: "root", Verb: "create", Resource: "provisionedusers.identity.rollcall.dev"})
		Expect(root.Create(ctx, &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: "chief--staff.example.com"},
			Spec:       v1alpha1.ProvisionedUserSpec{UserName: chiefName, PermissionLevel: v1alpha1.LevelAdministrator},
		})).To(Succeed())
		expectAllowed(ctx, verdict.Question{User: chiefName, Verb: "create", Resource: "roleattachments.identity.rollcall.dev"})
		Expect(root.Create(ctx, binder(chiefName))).To(Succeed())
		expectAllowed(ctx, verdict.Question{User: chiefName, Verb: "bind", Resource: "clusterroles.rbac.authorization.k8s.io", Name: "e2e-deployer"})
	})
	return person(chiefName)
}

// apply applies a manifest as somebody, the way a GitOps tool does: server-side,
// under a field manager's name.
func apply(ctx context.Context, as client.Client, manager, format string, args ...any) error {
	GinkgoHelper()
	object := manifest(format, args...)
	return as.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(manager), client.ForceOwnership)
}

// merge patches one of our objects as somebody.
func merge(ctx context.Context, as client.Client, object client.Object, patch string, args ...any) error {
	return as.Patch(ctx, object, client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, patch, args...)))
}

func puser(name string) *v1alpha1.ProvisionedUser {
	return &v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func prole(name string) *v1alpha1.ProvisionedRole {
	return &v1alpha1.ProvisionedRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func rattach(name string) *v1alpha1.RoleAttachment {
	return &v1alpha1.RoleAttachment{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// manifest reads one object of our group.
func manifest(format string, args ...any) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal(fmt.Appendf(nil, format, args...), &object.Object)).To(Succeed())
	object.SetAPIVersion(v1alpha1.GroupVersion.String())
	return object
}

// binder lets somebody bind what the specs' AccessRules give, anywhere.
func binder(user string) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-binder-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "e2e-bind"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
}

// administrator is the chief at work.
type administrator struct{ client.Client }

func newAdministrator(ctx context.Context) administrator {
	GinkgoHelper()
	return administrator{chief(ctx)}
}

// apply applies a manifest.
func (a administrator) apply(ctx context.Context, format string, args ...any) {
	GinkgoHelper()
	Expect(apply(ctx, a, "administrator", format, args...)).To(Succeed())
}

// attach gives a user a role; more is more of the spec. It returns the attachment's
// name.
func (a administrator) attach(ctx context.Context, user, role, more string) string {
	GinkgoHelper()
	name := user + "-" + role
	a.apply(ctx, "kind: RoleAttachment\nmetadata: {name: %s}\nspec: {user: %s, role: %s%s}", name, user, role, more)
	return name
}

// expectAttachment waits for the state of an attachment.
func expectAttachment(ctx context.Context, name string, state v1alpha1.AttachmentState) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(get(ctx, g, name, &v1alpha1.RoleAttachment{}).Status.State).To(Equal(state))
	}).WithContext(ctx).Should(Succeed())
}
