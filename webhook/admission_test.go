//go:build integration

package webhook_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

func TestAdmission(t *testing.T) {
	log.SetLogger(GinkgoLogr)
	SetDefaultEventuallyTimeout(20 * time.Second)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RegisterFailHandler(Fail)
	RunSpecs(t, "Admission")
}

var (
	shared *cluster.Cluster
	// admin is a member of system:masters. editor may write Rollcall's objects and
	// bind admission-reader in the namespace default, and has no right to attach or
	// to assign. chief has what the level Administrator gives. scim is the manager's
	// ServiceAccount, which alone writes for identity providers.
	admin, editor, chief, scim client.Client
)

// rights are given by RBAC objects of the test's own, so that nothing hangs on who is
// bound to levels.
const rights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: admission-reader}
rules:
- {apiGroups: [""], resources: [pods], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: admission-editor}
rules:
- {apiGroups: [identity.rollcall.dev], resources: ["*"], verbs: [get, list, create, update, patch, delete, deletecollection]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: admission-editor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admission-editor}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: editor}
# Who reached a write by whatever way; a level doesn't follow from it.
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: writers}
# The manager makes attachments when it releases users, and removes those that are over.
- {kind: ServiceAccount, namespace: rollcall-system, name: rollcall-manager}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: admission-chief}
rules:
- {apiGroups: [identity.rollcall.dev], resources: [provisionedroles], verbs: [attach]}
- {apiGroups: [identity.rollcall.dev], resources: [permissionlevels], verbs: [assign]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: admission-chief}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admission-chief}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: chief}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: admission-root}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: root}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: admission-binder}
rules:
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [admission-reader], verbs: [bind]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: admission-binder, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admission-binder}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: editor}]
`

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	shared, err = cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(shared.Stop()).To(Succeed()) })
	Expect(shared.Apply(ctx, rights)).To(Succeed())
	_, err = shared.StartManager(ctx, cluster.ManagerOptions{})
	Expect(err).NotTo(HaveOccurred())
	admin, scim = clientOf(shared.Admin()), clientOf(shared.Manager())
	editor, chief = as("editor"), as("chief", "writers")
	Expect(admin.Create(ctx, object("kind: IdentityProvider\nmetadata: {name: entra}"))).To(Succeed())
}, NodeTimeout(10*time.Minute))

func clientOf(config *rest.Config) client.Client {
	GinkgoHelper()
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// as is somebody with a certificate of their own. Members of the group writers may
// write Rollcall's objects.
func as(name string, groups ...string) client.Client {
	GinkgoHelper()
	config, err := shared.User(name, groups...)
	Expect(err).NotTo(HaveOccurred())
	return clientOf(config)
}

// warned is like as, and keeps what the API server warns of.
func warned(name string, groups ...string) (client.Client, *warnings) {
	GinkgoHelper()
	config, err := shared.User(name, groups...)
	Expect(err).NotTo(HaveOccurred())
	w := &warnings{}
	config.WarningHandlerWithContext = w
	return clientOf(config), w
}

type warnings struct{ texts []string }

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.texts = append(w.texts, text)
}

// object reads a manifest of our group.
func object(format string, args ...any) *unstructured.Unstructured {
	GinkgoHelper()
	o := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal(fmt.Appendf(nil, format, args...), &o.Object)).To(Succeed())
	o.SetAPIVersion(v1alpha1.GroupVersion.String())
	return o
}

// refusedWith is a refusal that says what was wrong, and at which field.
func refusedWith(texts ...string) OmegaMatcher {
	return refused(apierrors.IsInvalid, texts)
}

// forbiddenWith is a deletion that is refused: there is no field to name.
func forbiddenWith(texts ...string) OmegaMatcher {
	return refused(apierrors.IsForbidden, texts)
}

func refused(kind func(error) bool, texts []string) OmegaMatcher {
	all := []OmegaMatcher{Satisfy(kind)}
	for _, text := range texts {
		all = append(all, MatchError(ContainSubstring(text)))
	}
	return And(all...)
}

// patch merges JSON into an object of a kind.
func patch(ctx context.Context, by client.Client, kind, name, format string, args ...any) error {
	GinkgoHelper()
	o := object("kind: %s\nmetadata: {name: %s}", kind, name)
	return by.Patch(ctx, o, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, format, args...)))
}

// setLevel gives a user a level.
func setLevel(ctx context.Context, by client.Client, name string, l v1alpha1.PermissionLevel) error {
	GinkgoHelper()
	return patch(ctx, by, "ProvisionedUser", name, `{"spec":{"permissionLevel":%q}}`, l)
}

// localUser has the userName of its object; more is more of the spec.
func localUser(name, more string) *unstructured.Unstructured {
	GinkgoHelper()
	return object("kind: ProvisionedUser\nmetadata: {name: %[1]s}\nspec: {userName: %[1]s%[2]s}", name, more)
}

// idpUser is a user of an identity provider as the SCIM server writes it.
func idpUser(name, provider, more string) *unstructured.Unstructured {
	GinkgoHelper()
	return object("kind: ProvisionedUser\nmetadata: {name: %s}\nspec: {userName: %s, provider: %s, id: %s%s}", name, name, provider, uuid.NewString(), more)
}

// tombstone is a user whom the identity provider has just deleted: one deleted
// longer ago than the retention is cleaned away beneath the test.
func tombstone(name, provider string) *unstructured.Unstructured {
	GinkgoHelper()
	return idpUser(name, provider, fmt.Sprintf(", active: false, deprovisionedAt: %q", time.Now().UTC().Format(time.RFC3339)))
}

func localRole(name, more string) *unstructured.Unstructured {
	GinkgoHelper()
	return object("kind: ProvisionedRole\nmetadata: {name: %[1]s}\nspec: {displayName: %[1]s%[2]s}", name, more)
}

func attachment(user, role, more string) *unstructured.Unstructured {
	GinkgoHelper()
	return object("kind: RoleAttachment\nmetadata: {name: %[1]s-%[2]s}\nspec: {user: %[1]s, role: %[2]s%[3]s}", user, role, more)
}

func create(ctx context.Context, by client.Client, objects ...*unstructured.Unstructured) {
	GinkgoHelper()
	for _, o := range objects {
		Expect(by.Create(ctx, o)).To(Succeed())
	}
}

func read[T client.Object](ctx context.Context, name string, into T) T {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKey{Name: name}, into)).To(Succeed())
	return into
}

var _ = Describe("An AccessRule", func() {
	rule := func(name, rest string) *unstructured.Unstructured {
		return object("kind: AccessRule\nmetadata: {name: %s}\nspec: {role: r, %s}", name, rest)
	}

	It("gives what its author may bind", func(ctx SpecContext) {
		Expect(editor.Create(ctx, rule("within", "roleRef: {name: admission-reader}, namespaces: [default]"))).To(Succeed())
	})

	DescribeTable("gives no more than its author may bind",
		func(ctx SpecContext, rest string) {
			Expect(editor.Create(ctx, rule("beyond", rest))).To(refusedWith(`"editor" may not bind`))
		},
		Entry("another role", "roleRef: {name: cluster-admin}, namespaces: [default]"),
		Entry("another namespace", "roleRef: {name: admission-reader}, namespaces: [default, kube-system]"),
		Entry("the whole cluster", "roleRef: {name: admission-reader}, clusterWide: true"),
		Entry("namespaces to come", "roleRef: {name: admission-reader}, namespaceSelector: {}"),
	)

	It("is not widened by an update either", func(ctx SpecContext) {
		Expect(editor.Create(ctx, rule("updated", "roleRef: {name: admission-reader}, namespaces: [default]"))).To(Succeed())
		wider := []byte(`{"spec":{"namespaces":["default","kube-system"]}}`)
		Expect(editor.Patch(ctx, rule("updated", "role: r"), client.RawPatch("application/merge-patch+json", wider))).
			To(refusedWith(`in namespace "kube-system"`))
	})

	It("names its author, whom no manifest chooses, and who changes with what it says", func(ctx SpecContext) {
		create(ctx, editor, rule("authored", "roleRef: {name: admission-reader}, namespaces: [default], author: {username: root}"))
		author := func() *v1alpha1.Author {
			return read(ctx, "authored", &v1alpha1.AccessRule{}).Spec.Author
		}
		Expect(author()).To(HaveValue(And(HaveField("Username", "editor"), HaveField("Groups", ContainElement("system:authenticated")))))
		first := author()
		for _, same := range []string{`{"metadata":{"labels":{"a":"b"}}}`, `{"spec":{"author":{"username":"root"}}}`, `{"spec":{"author":null}}`} {
			Expect(patch(ctx, admin, "AccessRule", "authored", "%s", same)).To(Succeed())
			Expect(author()).To(Equal(first))
		}
		Expect(patch(ctx, admin, "AccessRule", "authored", `{"spec":{"namespaces":["kube-system"]}}`)).To(Succeed())
		Expect(author()).To(HaveValue(HaveField("Username", Not(Equal("editor")))))
		By("what one may not write anew, one may not change either")
		Expect(patch(ctx, editor, "AccessRule", "authored", `{"spec":{"role":"mine"}}`)).To(refusedWith(`in namespace "kube-system"`))
	})

	It("never gives Rollcall's own roles, whoever asks", func(ctx SpecContext) {
		Expect(admin.Create(ctx, rule("own", "roleRef: {name: rollcall-manager}, clusterWide: true"))).
			To(refusedWith("Rollcall's own"))
	})
})

// An object that is stored and can't be read back stops every watch of its kind.
var _ = DescribeTable("What Go could not read is never stored",
	func(ctx SpecContext, manifest string) {
		Expect(admin.Create(ctx, object("%s", manifest))).To(Satisfy(apierrors.IsInvalid))
	},
	Entry("a retention in days", "kind: IdentityProvider\nmetadata: {name: days}\nspec: {retention: 30d}"),
	Entry("a retention beyond counting", "kind: IdentityProvider\nmetadata: {name: aeons}\nspec: {retention: 99999999999999h}"),
	Entry("a negative retention", "kind: IdentityProvider\nmetadata: {name: past}\nspec: {retention: -1h}"),
	Entry("a time in small letters", "kind: ProvisionedRole\nmetadata: {name: small}\nspec: {displayName: x, id: 6fa459ea-ee8a-4ca4-894e-db77e160355e, modifiedAt: 2026-01-01t00:00:00z}"),
	Entry("a time in a zone that isn't", "kind: ProvisionedRole\nmetadata: {name: zone}\nspec: {displayName: x, id: 6fa459ea-ee8a-4ca4-894e-db77e160355e, modifiedAt: '2026-01-01T00:00:00+99:99'}"),
	Entry("a ServiceAccount that can't exist", "kind: ProvisionedUser\nmetadata: {name: robot}\nspec: {userName: robot, type: ServiceAccount, serviceAccountRef: {namespace: ci, name: Build_Robot}}"),
)

var _ = Describe("A provider", func() {
	It("is not exchanged under a user: only a release and an adoption change it", func(ctx SpecContext) {
		o := idpUser("settled", "entra", "")
		create(ctx, scim, o)
		exchange := func(to string) error {
			return patch(ctx, scim, "ProvisionedUser", "settled", `{"spec":{"provider":%s}}`, to)
		}
		Expect(exchange(`"okta"`)).To(refusedWith("release the user first"))
		Expect(exchange(`null`)).To(Succeed())
		Expect(exchange(`"okta"`)).To(Succeed())
	})
})
