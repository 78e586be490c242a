//go:build integration

package install_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// installation is Rollcall in a cluster of its own, and the company that is
// provisioned into it.
type installation struct {
	*cluster.Cluster
	namespace string
	// role is the ClusterRole that the group gets.
	role   string
	judge  *verdict.Judge
	tenant *entra.Tenant
	token  string
	job    *entra.Job
	// scimPort stays the same over restarts of the manager, as a Service would.
	scimPort int
}

const (
	alice, bob, group = "alice@contoso.com", "bob@contoso.com", "Deployers"
	externalURL       = "https://scim.example.com"

	// patience is long enough for the garbage collector, which looks for new kinds
	// twice a minute.
	patience = 75 * time.Second
)

// deploy is what the group may do, once there is a rule.
func deploy(who string) verdict.Question {
	return verdict.Question{User: who, Verb: "create", Resource: "deployments.apps", Namespace: "default"}
}

const world = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "example:deployer"}
rules: [{apiGroups: [apps], resources: [deployments], verbs: [create]}]
`

const rule = `
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: deployers}
spec: {role: deployers, roleRef: {kind: ClusterRole, name: %q}, namespaces: [default]}
`

// newInstallation starts an empty cluster for one.
func newInstallation(ctx context.Context, namespace string) *installation {
	GinkgoHelper()
	i := &installation{
		Cluster:   start(ctx, cluster.Options{Bare: true, KubeControllerManager: true, Log: GinkgoWriter}),
		namespace: namespace,
		role:      "example:deployer",
		tenant:    entra.NewTenant(time.Now),
	}
	installForeign(ctx, i.Cluster)
	var err error
	i.judge, err = verdict.New(i.Admin())
	Expect(err).NotTo(HaveOccurred())
	for _, upn := range []string{alice, bob} {
		_, err := i.tenant.AddPerson(entra.Person{UserPrincipalName: upn, GivenName: "A", Surname: "B"})
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(i.tenant.AddGroup(group, alice, bob)).To(Succeed())
	Expect(i.tenant.Assign(group)).To(Succeed())
	Expect(i.Apply(ctx, world)).To(Succeed())
	return i
}

// deployment is the manager's, as it stands in the cluster.
func (i *installation) deployment(ctx context.Context) *appsv1.Deployment {
	GinkgoHelper()
	d := &appsv1.Deployment{}
	Expect(i.Client().Get(ctx, client.ObjectKey{Namespace: i.namespace, Name: "rollcall-manager"}, d)).To(Succeed())
	return d
}

// startPod runs the manager as a pod of the Deployment would: by its command line and
// environment, with a token of its ServiceAccount. The webhook configurations are
// made to lead to it, for there is no network of pods.
func (i *installation) startPod(ctx context.Context) *cluster.Manager {
	GinkgoHelper()
	for _, c := range i.webhookConfigurations(ctx) {
		Expect(i.AimWebhooks(ctx, []*unstructured.Unstructured{c})).To(Succeed())
		Expect(i.Client().Update(ctx, c)).To(Succeed())
	}
	pod := i.deployment(ctx).Spec.Template.Spec
	account, err := i.Account(ctx, i.namespace, pod.ServiceAccountName)
	Expect(err).NotTo(HaveOccurred())
	m, err := i.StartManager(ctx, cluster.ManagerOptions{
		CommandLine: pod.Containers[0].Args, As: account, Env: i.environment(pod.Containers[0]), SCIMPort: i.scimPort,
	})
	Expect(err).NotTo(HaveOccurred())
	i.scimPort = m.SCIMPort()
	return m
}

// environment is a container's, as a kubelet would make it.
func (i *installation) environment(c corev1.Container) []string {
	GinkgoHelper()
	var env []string
	for _, e := range c.Env {
		value := e.Value
		if e.ValueFrom != nil {
			value = map[string]string{
				"metadata.namespace": i.namespace, "status.podIP": "127.0.0.1",
			}[e.ValueFrom.FieldRef.FieldPath]
		}
		Expect(value).NotTo(BeEmpty(), "the variable %s", e.Name)
		env = append(env, e.Name+"="+value)
	}
	return env
}

func (i *installation) webhookConfigurations(ctx context.Context) []*unstructured.Unstructured {
	GinkgoHelper()
	var all []*unstructured.Unstructured
	for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
		c := &unstructured.Unstructured{}
		c.SetGroupVersionKind(schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: kind})
		Expect(i.Client().Get(ctx, client.ObjectKey{Name: "rollcall"}, c)).To(Succeed())
		all = append(all, c)
	}
	return all
}

var secretToken = regexp.MustCompile(`(?m)^Secret Token: +(\S+)$`)

// activate does what NOTES.txt says comes next, and gives the job the two values, but
// for the host, which is where SCIM is served on this machine.
func (i *installation) activate(ctx context.Context, scimURL string) {
	GinkgoHelper()
	plugin := filepath.Join(GinkgoT().TempDir(), "kubectl-rollcall")
	build := exec.CommandContext(ctx, "go", "build", "-o", plugin, "./cmd/kubectl-rollcall")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	run := exec.CommandContext(ctx, plugin, "activate", "entra", "--manager-namespace", i.namespace)
	run.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(i.Dir(), "admin.kubeconfig"))
	printed, err := run.Output()
	Expect(err).NotTo(HaveOccurred())
	Expect(string(printed)).To(ContainSubstring(externalURL + "/entra/scim/v2"))
	found := secretToken.FindStringSubmatch(string(printed))
	Expect(found).To(HaveLen(2))
	i.token = found[1]
	i.job, err = entra.NewJob(i.tenant, scimURL+"/entra/scim/v2", i.token, entra.Options{})
	Expect(err).NotTo(HaveOccurred())
	i.isConnected(ctx)
}

// isConnected waits until the manager knows the token.
func (i *installation) isConnected(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) { g.Expect(i.job.TestConnection(ctx)).To(Succeed()) }).WithContext(ctx).Should(Succeed())
}

func (i *installation) cycle(ctx context.Context) entra.Report {
	GinkgoHelper()
	report, err := i.job.Cycle(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(report.Failures).To(BeEmpty())
	return report
}

func (i *installation) expect(ctx context.Context, q verdict.Question, want bool) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := i.judge.Await(ctx, q, want)
	Expect(err).NotTo(HaveOccurred())
}

// provision is a short life: assigned, suspended, restored.
func (i *installation) provision(ctx context.Context) {
	GinkgoHelper()
	Expect(i.Apply(ctx, fmt.Sprintf(rule, i.role))).To(Succeed())
	report := i.cycle(ctx)
	Expect(report.UsersCreated).To(Equal(2))
	Expect(report.MembersAdded).To(Equal(2))
	i.expect(ctx, deploy(alice), true)
	Expect(i.tenant.Disable(alice)).To(Succeed())
	i.cycle(ctx)
	i.expect(ctx, deploy(alice), false)
	i.expect(ctx, deploy(bob), true)
	Expect(i.tenant.Enable(alice)).To(Succeed())
	i.cycle(ctx)
	i.expect(ctx, deploy(alice), true)
}

// isLocked is in force once the API server has heard of the policies, and as long as
// they are there: nobody but the manager writes what the identity provider owns.
func (i *installation) isLocked(ctx context.Context, as client.Client, want bool) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		user := &v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Name: "alice--contoso.com"}}
		err := as.Patch(ctx, user, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"displayName":"x"}}`)), client.DryRunAll)
		if want {
			g.Expect(err).To(MatchError(ContainSubstring(`managed by identity provider "entra": change it there`)))
		} else {
			g.Expect(err).NotTo(HaveOccurred())
		}
	}).WithContext(ctx).Should(Succeed())
}

// asksWebhooks proves that a write reaches a webhook of the manager.
func (i *installation) asksWebhooks(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		role := &v1alpha1.AccessRule{}
		g.Expect(i.Client().Get(ctx, client.ObjectKey{Name: "deployers"}, role)).To(Succeed())
		attachment := &v1alpha1.RoleAttachment{
			ObjectMeta: metav1.ObjectMeta{Name: "asked"},
			Spec:       v1alpha1.RoleAttachmentSpec{User: "bob--contoso.com", Role: "deployers"},
		}
		g.Expect(i.Client().Create(ctx, attachment, client.DryRunAll)).To(Succeed())
		g.Expect(attachment.Spec).NotTo(Equal(v1alpha1.RoleAttachmentSpec{User: "bob--contoso.com", Role: "deployers"}), "it has no stamp")
	}).WithContext(ctx).Should(Succeed())
}

// settled are users, once both are active.
func (i *installation) settled(ctx context.Context) []string {
	GinkgoHelper()
	var all []string
	Eventually(func(g Gomega) {
		all = i.users(ctx)
		g.Expect(all).To(HaveLen(2))
		g.Expect(all).To(HaveEach(HaveSuffix(" " + string(v1alpha1.StateActive))))
	}).WithContext(ctx).Should(Succeed())
	return all
}

// users are those in the cluster, by state.
func (i *installation) users(ctx context.Context) []string {
	GinkgoHelper()
	var list v1alpha1.ProvisionedUserList
	Expect(i.Client().List(ctx, &list)).To(Succeed())
	var all []string
	for _, u := range list.Items {
		all = append(all, fmt.Sprintf("%s %s", u.Name, u.Status.State))
	}
	return all
}

// parts are the objects of the installation beside the kinds, as "KIND/NAME".
func (i *installation) parts(ctx context.Context, g Gomega) []string {
	GinkgoHelper()
	out, err := i.Kubectl(ctx, "-n", i.namespace, "get",
		"validatingadmissionpolicies,validatingadmissionpolicybindings,mutatingwebhookconfigurations,validatingwebhookconfigurations,"+
			"clusterroles,clusterrolebindings,deployments,services,poddisruptionbudgets,roles,rolebindings,serviceaccounts",
		"-l", "app.kubernetes.io/name=rollcall", "-o", "name")
	g.Expect(err).NotTo(HaveOccurred())
	return strings.Fields(out)
}

// haveAllKinds is what an installation that is there has.
var haveAllKinds = ContainElements(
	HavePrefix("validatingadmissionpolicy."), HavePrefix("validatingadmissionpolicybinding."),
	HavePrefix("mutatingwebhookconfiguration."), HavePrefix("validatingwebhookconfiguration."),
	HavePrefix("clusterrole."), HavePrefix("clusterrolebinding."), HavePrefix("deployment."), HavePrefix("service/"),
	HavePrefix("poddisruptionbudget."), HavePrefix("role."), HavePrefix("rolebinding."), HavePrefix("serviceaccount/"),
)

// kindsGone waits until no kind of Rollcall is left.
func (i *installation) kindsGone(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		out, err := i.Kubectl(ctx, "get", "customresourcedefinitions", "-o", "name")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(out).NotTo(ContainSubstring("identity.rollcall.dev"))
	}).WithContext(ctx).Should(Succeed())
}

// leave is what comes before the kinds are deleted: the access goes, and the identity
// provider while the manager can still say goodbye.
func (i *installation) leave(ctx context.Context) {
	GinkgoHelper()
	_, err := i.Kubectl(ctx, "delete", "accessrules", "--all")
	Expect(err).NotTo(HaveOccurred())
	i.expect(ctx, deploy(alice), false)
	provider := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "entra"}}
	Expect(i.Client().Delete(ctx, provider)).To(Succeed())
	Eventually(func(g Gomega) {
		err := i.Client().Get(ctx, client.ObjectKeyFromObject(provider), provider)
		g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
	}).WithContext(ctx).Should(Succeed())
}
