//go:build integration

package webhook_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

func TestAdmission(t *testing.T) {
	SetDefaultEventuallyTimeout(20 * time.Second)
	RegisterFailHandler(Fail)
	RunSpecs(t, "Admission")
}

var (
	shared *cluster.Cluster
	// admin may do everything; editor may write Rollcall's objects, and nothing
	// else but bind admission-reader in the namespace default.
	admin, editor client.Client
)

const editorRights = `
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
- {apiGroups: [identity.rollcall.dev], resources: ["*"], verbs: [get, list, create, update, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: admission-editor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admission-editor}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: editor}]
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
	_, err = shared.StartManager(ctx, cluster.ManagerOptions{})
	Expect(err).NotTo(HaveOccurred())
	Expect(shared.Apply(ctx, editorRights)).To(Succeed())
	admin, err = client.New(shared.Admin(), client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	config, err := shared.User("editor")
	Expect(err).NotTo(HaveOccurred())
	editor, err = client.New(config, client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(10*time.Minute))

// object reads a manifest of our group.
func object(format string, args ...any) *unstructured.Unstructured {
	GinkgoHelper()
	o := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal(fmt.Appendf(nil, format, args...), &o.Object)).To(Succeed())
	o.SetAPIVersion(v1alpha1.GroupVersion.String())
	return o
}

func refusedWith(text string) OmegaMatcher {
	return And(Satisfy(apierrors.IsInvalid), MatchError(ContainSubstring(text)))
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

	It("never gives Rollcall's own roles, whoever asks", func(ctx SpecContext) {
		Expect(admin.Create(ctx, rule("own", "roleRef: {name: rollcall-manager}, clusterWide: true"))).
			To(refusedWith("Rollcall's own"))
	})
})

var _ = Describe("A permission level", func() {
	user := func(name, rest string) *unstructured.Unstructured {
		return object("kind: ProvisionedUser\nmetadata: {name: %s}\nspec: {userName: %s%s}", name, name, rest)
	}
	level := func(l string) client.Patch {
		return client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"permissionLevel":%q}}`, l))
	}

	It("takes the verb assign, on creation and on change, up and down", func(ctx SpecContext) {
		Expect(editor.Create(ctx, user("climber", ", permissionLevel: Administrator"))).To(refusedWith("may not assign"))
		Expect(editor.Create(ctx, user("climber", ""))).To(Succeed())
		Expect(editor.Patch(ctx, user("climber", ""), level("Auditor"))).To(refusedWith("may not assign"))
		Expect(admin.Patch(ctx, user("climber", ""), level("Auditor"))).To(Succeed())
		Expect(editor.Patch(ctx, user("climber", ""), level("User"))).To(refusedWith("may not assign"))
	})

	It("carries an epoch that nobody chooses, and a local user an id", func(ctx SpecContext) {
		o := user("stamped", ", permissionLevelEpoch: 7")
		Expect(admin.Create(ctx, o)).To(Succeed())
		u := &v1alpha1.ProvisionedUser{}
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), u)).To(Succeed())
		Expect(u.Spec.PermissionLevelEpoch).To(BeZero())
		Expect(u.Spec.ID).NotTo(BeEmpty())
	})
})

var _ = Describe("A RoleAttachment", func() {
	It("is stamped with whom and what it is for, and keeps that when applied again", func(ctx SpecContext) {
		Expect(shared.Apply(ctx, people)).To(Succeed())
		manifest := func() *unstructured.Unstructured {
			return object("kind: RoleAttachment\nmetadata: {name: on-call-ann}\nspec: {user: ann, role: on-call, epoch: 9, userID: chosen, roleID: chosen}")
		}
		Expect(admin.Create(ctx, manifest())).To(Succeed())
		stamped := func(g Gomega, ctx context.Context) v1alpha1.RoleAttachmentSpec {
			a := &v1alpha1.RoleAttachment{}
			g.Expect(admin.Get(ctx, client.ObjectKey{Name: "on-call-ann"}, a)).To(Succeed())
			return a.Spec
		}
		first := stamped(NewWithT(GinkgoT()), ctx)
		Expect(first.Epoch).To(HaveValue(BeEquivalentTo(4)))
		Expect(first.UserID).To(Equal(annID))
		Expect(first.RoleID).To(Equal(onCallID))

		raised := []byte(`{"spec":{"suspensions":5}}`)
		ann := &v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Name: "ann"}}
		Expect(admin.Patch(ctx, ann, client.RawPatch("application/merge-patch+json", raised))).To(Succeed())
		again, err := shared.Kubectl(ctx, "annotate", "rattach", "on-call-ann", "applied=again")
		Expect(err).NotTo(HaveOccurred(), again)
		Expect(stamped(NewWithT(GinkgoT()), ctx)).To(Equal(first))
		Eventually(func(g Gomega) {
			a := &v1alpha1.RoleAttachment{}
			g.Expect(admin.Get(ctx, client.ObjectKey{Name: "on-call-ann"}, a)).To(Succeed())
			g.Expect(a.Status.State).To(Equal(v1alpha1.AttachmentSuperseded))
		}).Should(Succeed())
	})

	It("needs its user", func(ctx SpecContext) {
		o := object("kind: RoleAttachment\nmetadata: {name: nobody}\nspec: {user: nobody, role: on-call}")
		Expect(admin.Create(ctx, o)).To(refusedWith("spec.user: Not found"))
	})
})

const (
	annID    = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
	onCallID = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
	people   = `
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: ann}
spec: {userName: ann, id: ` + annID + `, suspensions: 4}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedRole
metadata: {name: on-call}
spec: {displayName: On-Call, id: ` + onCallID + `}
`
)

// An object that is stored and can't be read back stops every watch of its kind.
var _ = DescribeTable("What Go could not read is never stored",
	func(ctx SpecContext, manifest string) {
		Expect(admin.Create(ctx, object("%s", manifest))).To(Satisfy(apierrors.IsInvalid))
	},
	Entry("a retention in days", "kind: IdentityProvider\nmetadata: {name: days}\nspec: {retention: 30d}"),
	Entry("a retention beyond counting", "kind: IdentityProvider\nmetadata: {name: aeons}\nspec: {retention: 99999999999999h}"),
	Entry("a negative retention", "kind: IdentityProvider\nmetadata: {name: past}\nspec: {retention: -1h}"),
	Entry("a time in small letters", "kind: ProvisionedRole\nmetadata: {name: small}\nspec: {displayName: x, modifiedAt: 2026-01-01t00:00:00z}"),
	Entry("a time in a zone that isn't", "kind: ProvisionedRole\nmetadata: {name: zone}\nspec: {displayName: x, modifiedAt: '2026-01-01T00:00:00+99:99'}"),
	Entry("a ServiceAccount that can't exist", "kind: ProvisionedUser\nmetadata: {name: robot}\nspec: {userName: robot, type: ServiceAccount, serviceAccountRef: {namespace: ci, name: Build_Robot}}"),
)

var _ = Describe("A provider", func() {
	It("is not exchanged under a user", func(ctx SpecContext) {
		o := object("kind: ProvisionedUser\nmetadata: {name: settled}\nspec: {userName: settled, provider: entra, id: 7d444840-9dc0-41d1-b245-5ffdce74fad2}")
		Expect(admin.Create(ctx, o)).To(Succeed())
		for _, patch := range []string{`{"spec":{"provider":"okta"}}`, `{"spec":{"provider":null}}`} {
			Expect(admin.Patch(ctx, o, client.RawPatch("application/merge-patch+json", []byte(patch)))).
				To(refusedWith("spec.provider never changes"))
		}
	})
})
