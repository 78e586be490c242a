//go:build integration

package guides_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
)

// kinds are in the order in which Velero restores what it has no other order for.
var kinds = []string{"AccessRule", "IdentityProvider", "ProvisionedRole", "ProvisionedUser", "RoleAttachment"}

// backup is what such a tool keeps of the objects of the shop: no status, and of the
// metadata nothing that is the API server's.
func backup(ctx context.Context) []*unstructured.Unstructured {
	GinkgoHelper()
	var all []*unstructured.Unstructured
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		Expect(shared.Client().List(ctx, list)).To(Succeed())
		for i := range list.Items {
			object := &list.Items[i]
			text, err := object.MarshalJSON()
			Expect(err).NotTo(HaveOccurred())
			if !strings.Contains(string(text), shop) && !strings.Contains(string(text), dana) {
				continue
			}
			unstructured.RemoveNestedField(object.Object, "status")
			for _, field := range []string{
				"generateName", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
				"deletionGracePeriodSeconds", "ownerReferences", "managedFields",
			} {
				unstructured.RemoveNestedField(object.Object, "metadata", field)
			}
			all = append(all, object)
		}
	}
	// One provider, two roles, two rules, four people, three of them attached.
	Expect(all).To(HaveLen(12))
	return all
}

// lose deletes everything of a backup, tokens included.
func lose(ctx context.Context, as client.Client, objects []*unstructured.Unstructured) {
	GinkgoHelper()
	_, err := shared.Kubectl(ctx, "-n", "rollcall-system", "delete", "secrets", "-l", v1alpha1.TokenLabel+"="+shop)
	Expect(err).NotTo(HaveOccurred())
	for i := range objects {
		object := objects[len(objects)-1-i]
		Expect(client.IgnoreNotFound(as.Delete(ctx, object.DeepCopy()))).To(Succeed(), object.GetName())
		Eventually(func(g Gomega) {
			// A disaster doesn't wait for finalizers.
			g.Expect(client.IgnoreNotFound(merge(ctx, as, object.DeepCopy(), `{"metadata":{"finalizers":null}}`))).To(Succeed())
			err := as.Get(ctx, client.ObjectKeyFromObject(object), object.DeepCopy())
			g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
		}).WithContext(ctx).Should(Succeed(), object.GetName())
	}
}

// overwrite is what the tool does to what exists when it is told to update it.
func overwrite(ctx context.Context, as client.Client, object *unstructured.Unstructured) error {
	GinkgoHelper()
	current := object.DeepCopy()
	Expect(as.Get(ctx, client.ObjectKeyFromObject(object), current)).To(Succeed())
	current.Object["spec"] = object.Object["spec"]
	return as.Update(ctx, current)
}

// modify applies the rules of the page, which name another provider.
func modify(ctx context.Context, object *unstructured.Unstructured) *unstructured.Unstructured {
	GinkgoHelper()
	var rules struct {
		Version string
		Rules   []struct {
			Conditions struct {
				GroupResource string
				Matches       []struct{ Path, Value string }
			}
			MergePatches []struct{ PatchData string }
		} `json:"resourceModifierRules"`
	}
	Expect(strictly(blocks(backupsPage, "<!-- restore -->")[0], &rules)).To(Succeed())
	Expect(rules.Rules).To(HaveLen(1))
	rule := rules.Rules[0]
	Expect(rule.Conditions.GroupResource).To(Equal("provisionedusers." + v1alpha1.GroupVersion.Group))
	Expect(rule.Conditions.Matches).To(HaveLen(1))
	Expect(rule.Conditions.Matches[0].Path).To(Equal("/spec/provider"))
	Expect(rule.MergePatches).To(HaveLen(1))
	object = object.DeepCopy()
	provider, _, err := unstructured.NestedString(object.Object, "spec", "provider")
	Expect(err).NotTo(HaveOccurred())
	if object.GetKind() != "ProvisionedUser" || provider != shop {
		return object
	}
	var patch struct {
		Spec map[string]any `json:"spec"`
	}
	Expect(json.Unmarshal([]byte(rule.MergePatches[0].PatchData), &patch)).To(Succeed())
	Expect(patch.Spec).NotTo(BeEmpty())
	for field, value := range patch.Spec {
		if value == nil {
			unstructured.RemoveNestedField(object.Object, "spec", field)
		} else {
			Expect(unstructured.SetNestedField(object.Object, value, "spec", field)).To(Succeed())
		}
	}
	return object
}

// breakGlass lets the group of config/policy-breakglass through, for the rest of the suite.
func breakGlass(ctx context.Context) {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	dir := GinkgoT().TempDir()
	// kustomize takes no absolute paths.
	config, err := filepath.Rel(dir, filepath.Join(root, "config"))
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(dir, "kustomization.yaml"),
		fmt.Appendf(nil, "resources: [%[1]s/policy]\ncomponents: [%[1]s/policy-breakglass]\n", config), 0o600)).To(Succeed())
	policies, err := shared.Kubectl(ctx, "kustomize", dir)
	Expect(err).NotTo(HaveOccurred())
	Expect(shared.Apply(ctx, policies)).To(Succeed())
	glass := person("restorer", "administrators", "rollcall-break-glass")
	Eventually(func(g Gomega) {
		for _, who := range []string{ann, bea} {
			g.Expect(glass.Delete(ctx, user(ctx, g, who), client.DryRunAll)).To(Succeed())
		}
		g.Expect(glass.Delete(ctx, &v1alpha1.ProvisionedRole{ObjectMeta: named("shop-sales")}, client.DryRunAll)).To(Succeed())
	}).WithContext(ctx).Should(Succeed())
}

func find(objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	GinkgoHelper()
	for _, object := range objects {
		provider, _, err := unstructured.NestedString(object.Object, "spec", "provider")
		Expect(err).NotTo(HaveOccurred())
		if object.GetKind() == kind && provider == shop && (name == "" || object.GetName() == name) {
			return object
		}
	}
	Fail("no " + kind + " " + name)
	return nil
}

func refusedWith(says string) gomegatypes.GomegaMatcher { return MatchError(ContainSubstring(says)) }
