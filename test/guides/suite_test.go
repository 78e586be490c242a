//go:build integration

package guides_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

const (
	timeout  = 20 * time.Second
	interval = 20 * time.Millisecond
)

func TestGuides(t *testing.T) {
	SetDefaultEventuallyTimeout(timeout)
	SetDefaultEventuallyPollingInterval(interval)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RegisterFailHandler(Fail)
	RunSpecs(t, "Guides")
}

var (
	shared  *cluster.Cluster
	manager *cluster.Manager
	// issuers are the identity providers' other half: people get their tokens there.
	// Each stands for the one in a configuration of the page about OIDC.
	issuers []*issuer
)

const oidcPage = "docs/guides/oidc.md"

var _ = BeforeSuite(func(ctx SpecContext) {
	path := filepath.Join(GinkgoT().TempDir(), "authentication.yaml")
	Expect(os.WriteFile(path, authentication(), 0o600)).To(Succeed())
	var err error
	shared, err = cluster.Start(ctx, cluster.Options{APIServerArgs: []string{"--authentication-config=" + path}, Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(shared.Stop()).To(Succeed()) })
	manager, err = shared.StartManager(ctx, cluster.ManagerOptions{})
	Expect(err).NotTo(HaveOccurred())
	Expect(shared.Apply(ctx, roles)).To(Succeed())
}, NodeTimeout(10*time.Minute))

// authentication is one configuration out of those on the page, each with an issuer
// on this machine in place of the one in the cloud.
func authentication() []byte {
	GinkgoHelper()
	whole := map[string]any{"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}
	var all []any
	for _, text := range blocks(oidcPage, "<!-- authentication -->") {
		var one struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			JWT        []map[string]any
		}
		Expect(strictly(text, &one)).To(Succeed())
		Expect([]string{one.APIVersion, one.Kind}).To(Equal([]string{"apiserver.config.k8s.io/v1", "AuthenticationConfiguration"}))
		Expect(one.JWT).To(HaveLen(1))
		said, ok := one.JWT[0]["issuer"].(map[string]any)
		Expect(ok).To(BeTrue())
		here := newIssuer(said["audiences"])
		said["url"], said["certificateAuthority"] = here.URL, here.authority()
		issuers = append(issuers, here)
		all = append(all, one.JWT[0])
	}
	whole["jwt"] = all
	text, err := yaml.Marshal(whole)
	Expect(err).NotTo(HaveOccurred())
	return text
}

// blocks are the manifests of a page that stand below a mark.
func blocks(path, mark string) []string {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	text, err := os.ReadFile(filepath.Join(root, path))
	Expect(err).NotTo(HaveOccurred())
	var all []string
	for _, rest := range strings.Split(string(text), mark+"\n")[1:] {
		// In a list it is indented, which is the same to YAML.
		fence, block, _ := strings.Cut(rest, "\n")
		Expect(strings.TrimSpace(fence)).To(Equal("```yaml"), "what stands below %s in %s", mark, path)
		block, _, closed := strings.Cut(block, "```")
		Expect(closed).To(BeTrue())
		all = append(all, strings.TrimRight(block, " "))
	}
	Expect(all).NotTo(BeEmpty(), "%s in %s", mark, path)
	return all
}

// roles are what an administrator prepares. view and edit are empty without
// kube-controller-manager.
const roles = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: guides-reader}
rules:
- {apiGroups: [""], resources: [pods], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: guides-bind}
rules:
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind], resourceNames: [guides-reader]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: guides-bind}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: guides-bind}
subjects:
- {kind: ServiceAccount, namespace: rollcall-system, name: rollcall-manager}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: guides-root}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: administrators}
`

func clientOf(config *rest.Config) client.Client {
	GinkgoHelper()
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// user finds the only object with a userName.
func user(ctx context.Context, g Gomega, userName string) *v1alpha1.ProvisionedUser {
	var list v1alpha1.ProvisionedUserList
	g.Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.userName": userName})).To(Succeed())
	g.Expect(list.Items).To(HaveLen(1), "ProvisionedUsers with the userName %s", userName)
	return &list.Items[0]
}

// person acts as somebody with a certificate of their own.
func person(name string, groups ...string) client.Client {
	GinkgoHelper()
	config, err := shared.User(name, groups...)
	Expect(err).NotTo(HaveOccurred())
	return clientOf(config)
}

func merge(ctx context.Context, as client.Client, object client.Object, patch string) error {
	return as.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)))
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

// strictly reads YAML that says nothing but what into has.
func strictly(text string, into any) error { return yaml.UnmarshalStrict([]byte(text), into) }
