//go:build integration

package locks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// apply applies a manifest of a kind of ours as a GitOps tool does.
func apply(ctx context.Context, as client.Client, kind, name, spec string) error {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind, "metadata": map[string]any{"name": name},
	}}
	var fields map[string]any
	if err := json.Unmarshal([]byte(spec), &fields); err != nil {
		return err
	}
	object.Object["spec"] = fields
	return as.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("gitops"), client.ForceOwnership)
}

// One cluster goes from no webhooks, to the manager's, to those of a manager that
// is gone.
var _ = Describe("The locks", Ordered, ContinueOnFailure, func() {
	Context("alone, on a cluster that knows no webhook,", func() {
		attacksAre(func(a attack) gomegatypes.GomegaMatcher { return refusedBy(a.policy, a.says) })
		administratorsGoOn()
		theControlPlaneGoesOn()
		largeObjectsAreNoWayRound()
		theLeaseIsTheManagers()

		It("let nobody through whose name is like the manager's", func(ctx SpecContext) {
			for _, name := range []string{
				"system:serviceaccount:default:rollcall-manager", "system:serviceaccount:rollcall-system:default", "rollcall-manager",
			} {
				as := impersonated(name, "administrators")
				Expect(merge(ctx, as, puser("ann"), `{"spec":{"active":false}}`)).To(refusedBy("rollcall-users", "spec.active: "+there), name)
			}
		})

		It("have no mistake in their types", func(ctx SpecContext) {
			Eventually(func(g Gomega) {
				var policies admissionregistrationv1.ValidatingAdmissionPolicyList
				g.Expect(shared.Client().List(ctx, &policies, client.MatchingLabels{"app.kubernetes.io/name": "rollcall"})).To(Succeed())
				g.Expect(policies.Items).To(HaveLen(5))
				for _, p := range policies.Items {
					g.Expect(p.Status.ObservedGeneration).To(Equal(p.Generation))
					g.Expect(p.Status.TypeChecking).NotTo(BeNil())
					g.Expect(p.Status.TypeChecking.ExpressionWarnings).To(BeEmpty(), p.Name)
				}
			}).WithContext(ctx).Should(Succeed())
		})

		It("refuse a change of a field that they have never heard of", func(ctx SpecContext) {
			both := `{"spec":{"displayName":"x","externalId":"y"}}`
			Expect(merge(ctx, root, puser("ann"), "%s", both)).To(refusedBy("rollcall-users", "spec.externalId, spec.displayName: "+there))
			var p admissionregistrationv1.ValidatingAdmissionPolicy
			Expect(shared.Client().Get(ctx, client.ObjectKey{Name: "rollcall-users"}, &p)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) {
				installPolicies(ctx)
				Eventually(func(g Gomega) {
					g.Expect(merge(ctx, root, puser("ann"), "%s", both)).To(refusedBy("rollcall-users", "spec.externalId, spec.displayName: "+there))
				}).WithContext(ctx).Should(Succeed())
			})
			for i := range p.Spec.Variables {
				p.Spec.Variables[i].Expression = strings.Replace(p.Spec.Variables[i].Expression, "'externalId', ", "", 1)
			}
			Expect(shared.Client().Update(ctx, &p)).To(Succeed())
			// Those that are not listed come last.
			Eventually(func(g Gomega) {
				g.Expect(merge(ctx, root, puser("ann"), "%s", both)).To(refusedBy("rollcall-users", "spec.displayName, spec.externalId: "+there))
			}).WithContext(ctx).Should(Succeed())
		})

		breakGlass()
	})

	Context("while the manager runs", func() {
		BeforeAll(func(ctx SpecContext) {
			manager, err := shared.StartManager(ctx, cluster.ManagerOptions{})
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func() { Expect(manager.Stop()).To(Succeed()) })
			Eventually(func(g Gomega) {
				u := puser("ann")
				g.Expect(shared.Client().Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
				g.Expect(u.Status.Subject).To(Equal("ann@example.com"))
				g.Expect(ours(ctx, g, "platform", "team-a").Subjects).To(ConsistOf(HaveField("Name", "ann@example.com")))
			}).WithContext(ctx).Should(Succeed())
		})
		// The webhooks have no objection to any of these: it is the policies' word.
		attacksAre(func(a attack) gomegatypes.GomegaMatcher { return refusedBy(a.policy, a.says) })
		administratorsGoOn()
	})

	Context("after the manager has gone, its webhooks still installed,", func() {
		attacksAre(func(a attack) gomegatypes.GomegaMatcher {
			if !a.mutated {
				return refusedBy(a.policy, a.says)
			}
			// A mutating webhook that can't be reached refuses first. Where its
			// matchConditions don't ask for it, the policy is next.
			return Or(refusedBy(a.policy, a.says), MatchError(ContainSubstring("failed calling webhook")))
		})

		It("leave the cluster's other bindings alone", func(ctx SpecContext) { foreignBindingsAreFree(ctx) })
	})
})

func impersonated(name string, groups ...string) client.Client {
	config := shared.Admin()
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:authenticated")}
	return clientOf(config)
}

func foreignBindingsAreFree(ctx context.Context) {
	GinkgoHelper()
	b := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "free", Labels: map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
	}
	Expect(root.Create(ctx, b)).To(Succeed())
	Expect(merge(ctx, root, b, `{"metadata":{"labels":null},"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"x"}]}`)).To(Succeed())
	Expect(root.Delete(ctx, b)).To(Succeed())
}

// administratorsGoOn is what stays with administrators.
func administratorsGoOn() {
	It("let an administrator suspend, label and mark a user of Entra", func(ctx SpecContext) {
		for _, patch := range []string{
			`{"spec":{"suspend":true},"metadata":{"labels":{"team":"a"},"annotations":{"note":"x"},"finalizers":["example.com/kept"]}}`,
			`{"spec":{"suspend":null},"metadata":{"labels":null,"annotations":null,"finalizers":null}}`,
		} {
			Expect(merge(ctx, root, puser("ben"), "%s", patch)).To(Succeed())
		}
	})

	It("let an administrator give a user of Entra a permission level", func(ctx SpecContext) {
		for _, level := range []v1alpha1.PermissionLevel{v1alpha1.LevelAuditor, v1alpha1.LevelUser} {
			Expect(merge(ctx, root, puser("ben"), `{"spec":{"permissionLevel":%q}}`, level)).To(Succeed())
		}
	})

	It("let an administrator say who leads a role of Entra", func(ctx SpecContext) {
		for _, leaders := range []string{`["ann"]`, `null`} {
			Expect(merge(ctx, root, prole("platform"), `{"spec":{"leaders":%s}}`, leaders)).To(Succeed())
		}
	})

	It("let a GitOps tool apply what it owns beside what Entra says already", func(ctx SpecContext) {
		Expect(apply(ctx, root, "ProvisionedUser", "ben", `{"userName":"ben@example.com","suspend":true}`)).To(Succeed())
		Expect(apply(ctx, root, "ProvisionedUser", "ben", `{"userName":"ben@example.com"}`)).To(Succeed())
		u := puser("ben")
		Expect(root.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
		Expect(u.Spec.Suspend).To(BeFalse())
	})

	It("let an administrator make, change and delete local users and roles", func(ctx SpecContext) {
		u := puser("vendor")
		u.Spec.UserName = "vendor"
		Expect(root.Create(ctx, u)).To(Succeed())
		Expect(merge(ctx, root, u, `{"spec":{"displayName":"Vendor","active":false}}`)).To(Succeed())
		Expect(root.Delete(ctx, u)).To(Succeed())
		r := prole("vendors")
		r.Spec.DisplayName = "Vendors"
		Expect(root.Create(ctx, r)).To(Succeed())
		Expect(merge(ctx, root, r, `{"spec":{"leaders":["ann"]}}`)).To(Succeed())
		Expect(root.Delete(ctx, r)).To(Succeed())
	})

	It("leave the cluster's other bindings alone", func(ctx SpecContext) { foreignBindingsAreFree(ctx) })

	It("need not keep a status out of the object, nor anything else out of the status", func(ctx SpecContext) {
		u := puser("robot")
		Expect(root.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
		before := u.Status.RoleCount
		Expect(merge(ctx, root, u, `{"metadata":{"labels":{"x":"y"}},"status":{"roleCount":77}}`)).To(Succeed())
		Expect(u.Status.RoleCount).To(Equal(before))

		made := puser("faker")
		made.Spec.UserName = "faker"
		made.Status.Subject = "kubernetes-admin"
		Expect(root.Create(ctx, made)).To(Succeed())
		Expect(made.Status.Subject).To(BeEmpty())
		Expect(root.Delete(ctx, made)).To(Succeed())

		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"labels":{"x":"z"}},"spec":{"userName":"z"},"status":{"roleCount":%d}}`, before))
		Expect(itself.Status().Patch(ctx, u, patch)).To(Succeed())
		Expect(u.Spec.UserName).To(Equal("robot"))
		Expect(u.Labels).To(HaveKeyWithValue("x", "y"))
	})
}

// theControlPlaneGoesOn is what kube-controller-manager does by itself.
func theControlPlaneGoesOn() {
	Context("let the control plane", func() {
		It("collect the bindings of a deleted rule", func(ctx SpecContext) {
			project(ctx, "collected", "team-a", "somebody")
			Expect(root.Delete(ctx, &v1alpha1.AccessRule{ObjectMeta: metav1.ObjectMeta{Name: "collected"}})).To(Succeed())
			Eventually(func(g Gomega) { g.Expect(bindingsOf(ctx, g, "collected")).To(BeEmpty()) }).WithContext(ctx).Should(Succeed())
		})

		It("take the owner off the bindings of a rule that leaves them behind", func(ctx SpecContext) {
			project(ctx, "orphaned", "team-a", "somebody")
			rule := &v1alpha1.AccessRule{ObjectMeta: metav1.ObjectMeta{Name: "orphaned"}}
			Expect(root.Delete(ctx, rule, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
			Eventually(func(g Gomega) {
				err := shared.Client().Get(ctx, client.ObjectKeyFromObject(rule), rule)
				g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
				g.Expect(bindingsOf(ctx, g, "orphaned")).To(ConsistOf(HaveField("OwnerReferences", BeEmpty())))
			}).WithContext(ctx).Should(Succeed())
		})

		It("empty a namespace", func(ctx SpecContext) {
			Expect(shared.Apply(ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: short-lived}")).To(Succeed())
			project(ctx, "emptied", "short-lived", "somebody")
			_, err := shared.Kubectl(ctx, "delete", "namespace", "short-lived", "--timeout=20s")
			Expect(err).NotTo(HaveOccurred())
		})

		It("do so by accounts of its own", func(ctx SpecContext) {
			for _, name := range []string{"generic-garbage-collector", "namespace-controller"} {
				as := impersonated("system:serviceaccount:kube-system:"+name, "system:masters")
				b := ours(ctx, Default, "platform", "team-a")
				Expect(as.Delete(ctx, b, client.DryRunAll)).To(Succeed(), name)
				Expect(merge(ctx, as, b, `{"subjects":null}`)).To(refusedBy("rollcall-bindings", "written by Rollcall alone"), name)
			}
		})

		It("collect no user of Entra, whatever owner somebody has given it", func(ctx SpecContext) {
			owner := &v1alpha1.AccessRule{
				ObjectMeta: metav1.ObjectMeta{Name: "owner"},
				Spec: v1alpha1.AccessRuleSpec{
					Role: "nobody", RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.ClusterRoleKind, Name: "view"}, Namespaces: []string{"team-a"},
				},
			}
			Expect(root.Create(ctx, owner)).To(Succeed())
			Expect(merge(ctx, root, puser("ben"), `{"metadata":{"ownerReferences":[{"apiVersion":%q,"kind":"AccessRule","name":"owner","uid":%q}]}}`,
				v1alpha1.GroupVersion.String(), owner.UID)).To(Succeed())
			Expect(root.Delete(ctx, owner)).To(Succeed())
			Eventually(func(g Gomega) {
				g.Expect(refusalsOf(g, "system:kube-controller-manager", "delete", "provisionedusers", "ben")).NotTo(BeEmpty())
			}).WithContext(ctx).Should(Succeed())
			Expect(merge(ctx, root, puser("ben"), `{"metadata":{"ownerReferences":null}}`)).To(Succeed())
		})

		// A finalizer is no lock: who may delete an identity provider may choose its
		// policy too, and without a manager nobody else ends the deletion. What is
		// left is the policy Freeze.
		It("or an administrator end the deletion of an identity provider when no manager will", func(ctx SpecContext) {
			p := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "leaving", Finalizers: []string{v1alpha1.DeletionPolicyFinalizer}}}
			Expect(root.Create(ctx, p)).To(Succeed())
			Expect(root.Delete(ctx, p)).To(Succeed())
			Expect(merge(ctx, root, p, `{"metadata":{"finalizers":null}}`)).To(Succeed())
			Expect(apierrors.IsNotFound(root.Get(ctx, client.ObjectKeyFromObject(p), p))).To(BeTrue())
		})
	})
}

func bindingsOf(ctx context.Context, g Gomega, rule string) []rbacv1.RoleBinding {
	var list rbacv1.RoleBindingList
	g.Expect(shared.Client().List(ctx, &list, client.MatchingLabels{v1alpha1.AccessRuleLabel: rule})).To(Succeed())
	return list.Items
}

// largeObjectsAreNoWayRound: an expression that costs too much is an error, which
// would keep administrators from what is theirs.
func largeObjectsAreNoWayRound() {
	It("judge a user with 5,000 memberships and 256 KiB of attributes as any other", func(ctx SpecContext) {
		u := puser("large")
		u.Spec = v1alpha1.ProvisionedUserSpec{
			Provider: "entra", ID: "77777777-7777-4777-8777-777777777777", UserName: "large@example.com",
			Memberships: map[string]v1alpha1.Membership{}, Attributes: attributes(256 << 10),
		}
		for i := range 5000 {
			u.Spec.Memberships[fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)] = v1alpha1.Membership{}
		}
		Expect(itself.Create(ctx, u)).To(Succeed())
		Expect(merge(ctx, root, u, `{"spec":{"suspend":true}}`)).To(Succeed())
		Expect(merge(ctx, root, u, `{"spec":{"memberships":{"00000007-0000-4000-8000-000000000000":null}}}`)).To(refusedBy("rollcall-users", "spec.memberships: "+there))
		Expect(merge(ctx, root, u, `{"spec":{"attributes":{"a0":"y"}}}`)).To(refusedBy("rollcall-users", "spec.attributes: "+there))
		Expect(itself.Delete(ctx, u)).To(Succeed())
	})

	It("judge a role with 1,000 unresolved members and 256 KiB of attributes as any other", func(ctx SpecContext) {
		r := prole("large")
		r.Spec = v1alpha1.ProvisionedRoleSpec{
			Provider: "entra", ID: "88888888-8888-4888-8888-888888888888", DisplayName: "Large", Attributes: attributes(256 << 10),
		}
		for i := range 1000 {
			r.Spec.UnresolvedMembers = append(r.Spec.UnresolvedMembers, fmt.Sprintf("%0256d", i))
		}
		Expect(itself.Create(ctx, r)).To(Succeed())
		Expect(merge(ctx, root, r, `{"spec":{"leaders":["ann"]}}`)).To(Succeed())
		Expect(merge(ctx, root, r, `{"spec":{"attributes":{"a0":"y"}}}`)).To(refusedBy("rollcall-roles", "spec.attributes: "+there))
		Expect(itself.Delete(ctx, r)).To(Succeed())
	})
}

// attributes is a JSON object of about that many bytes, in many small values, which
// cost more to compare than few large ones.
func attributes(size int) *apiextensionsv1.JSON {
	var text strings.Builder
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, `,"a%d":"x"`, i)
	}
	return &apiextensionsv1.JSON{Raw: []byte("{" + text.String()[1:] + "}")}
}
