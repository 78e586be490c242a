//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/suite"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

const rootName = "root"

func TestPlugin(t *testing.T) { suite.Run(t, "kubectl rollcall") }

// The specs share one control plane and one manager; each has names of its own.
var (
	shared  *cluster.Cluster
	manager *cluster.Manager
	judge   *verdict.Judge
	// root is somebody bound to cluster-admin, who is asked like everybody: not a
	// member of system:masters.
	root *terminal
)

var _ = BeforeSuite(func(ctx SpecContext) {
	pageSize = 3
	var err error
	shared, err = cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(shared.Stop()).To(Succeed()) })
	manager, err = shared.StartManager(ctx, cluster.ManagerOptions{LeaderElect: true})
	Expect(err).NotTo(HaveOccurred())
	judge, err = verdict.New(shared.Admin())
	Expect(err).NotTo(HaveOccurred())
	Expect(shared.Apply(ctx, prepared)).To(Succeed())
	root = terminalOf(rootName)
	await(ctx, verdict.Question{User: rootName, Verb: "create", Resource: "provisionedusers.identity.rollcall.dev"}, true)
}, NodeTimeout(10*time.Minute))

// prepared is what stands before Rollcall is asked anything: a cluster-admin, what
// may be given, and the manager's right to give it.
const prepared = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: root}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: root}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: deployer}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [create, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: node-reader}
rules:
- {apiGroups: [""], resources: [nodes], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: bind-deployer}
rules:
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  verbs: [bind]
  resourceNames: [deployer, node-reader]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bind-deployer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: bind-deployer}
subjects:
- {kind: ServiceAccount, namespace: rollcall-system, name: rollcall-manager}
`

// terminal is where somebody runs the plugin, with credentials of their own.
type terminal struct{ kubeconfig, cache string }

func terminalOf(user string, groups ...string) *terminal {
	GinkgoHelper()
	config, err := shared.User(user, groups...)
	Expect(err).NotTo(HaveOccurred())
	path, err := shared.Kubeconfig("terminal-"+user, config)
	Expect(err).NotTo(HaveOccurred())
	return &terminal{kubeconfig: path, cache: shared.Dir() + "/discovery"}
}

// printed is what a command left on the terminal.
type printed struct {
	Out, Err string
	Code     int
}

// run runs the plugin in this process, to its end.
func (t *terminal) run(ctx context.Context, args ...string) printed {
	var out, errOut bytes.Buffer
	code := execute(ctx, genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut},
		append([]string{"--kubeconfig", t.kubeconfig, "--cache-dir", t.cache}, args...))
	return printed{out.String(), errOut.String(), code}
}

// complete is what a shell is told.
func (t *terminal) complete(ctx context.Context, args ...string) string {
	GinkgoHelper()
	var out, errOut bytes.Buffer
	code := execute(ctx, genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut},
		append([]string{"__complete", "--kubeconfig", t.kubeconfig}, args...))
	Expect(code).To(Equal(0), errOut.String())
	return out.String()
}

// ok runs a command that must succeed, and returns what it printed.
func (t *terminal) ok(ctx context.Context, args ...string) string {
	GinkgoHelper()
	p := t.run(ctx, args...)
	Expect(p.Code).To(Equal(0), "kubectl rollcall %v: %s%s", args, p.Out, p.Err)
	GinkgoWriter.Printf("$ kubectl rollcall %v\n%s%s\n", args, p.Out, p.Err)
	return p.Out
}

// refused runs a command that must fail, and returns what it said.
func (t *terminal) refused(ctx context.Context, args ...string) string {
	GinkgoHelper()
	p := t.run(ctx, args...)
	Expect(p.Code).To(Equal(1), "kubectl rollcall %v: %s%s", args, p.Out, p.Err)
	GinkgoWriter.Printf("$ kubectl rollcall %v\n%s%s\n", args, p.Out, p.Err)
	return p.Err
}

// eventually runs a command until it prints what is wanted; the manager may have
// some way to go.
func (t *terminal) eventually(ctx context.Context, args ...string) AsyncAssertion {
	GinkgoHelper()
	return Eventually(func() string { p := t.run(ctx, args...); return p.Out + p.Err }).WithContext(ctx)
}

func await(ctx context.Context, q verdict.Question, want bool) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, suite.Timeout)
	defer cancel()
	_, err := judge.Await(ctx, q, want)
	Expect(err).NotTo(HaveOccurred())
}

// directory is an identity provider's side.
type directory struct {
	name  string
	token string
	*entra.Client
}

func newDirectory(ctx context.Context, name string) *directory {
	GinkgoHelper()
	token, err := shared.NewToken(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	c, err := entra.NewClient(manager.TenantURL(name), token, entra.Options{})
	Expect(err).NotTo(HaveOccurred())
	return &directory{name, token, c}
}

// send sends a request that must be answered with a status, and returns the id of
// what it was about.
func (d *directory) send(ctx context.Context, status int, method, target, body string, args ...any) string {
	GinkgoHelper()
	var text []byte
	if body != "" {
		text = fmt.Appendf(nil, body, args...)
	}
	x := d.Send(ctx, method, target, text)
	Expect(x.Err).NotTo(HaveOccurred())
	Expect(x.Status).To(Equal(status), "%s %s: %s", method, target, x.Response)
	var answer struct{ ID string }
	if len(x.Response) > 0 {
		Expect(json.Unmarshal(x.Response, &answer)).To(Succeed())
	}
	return answer.ID
}

func (d *directory) user(ctx context.Context, userName string) string {
	GinkgoHelper()
	return d.send(ctx, http.StatusCreated, http.MethodPost, "/Users",
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":%q,"active":true}`, userName, "x-"+userName)
}

func (d *directory) group(ctx context.Context, name string, members ...string) string {
	GinkgoHelper()
	id := d.send(ctx, http.StatusCreated, http.MethodPost, "/Groups",
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q}`, name)
	for _, m := range members {
		d.patch(ctx, "/Groups/"+id, `{"op":"Add","path":"members","value":[{"value":%q}]}`, m)
	}
	return id
}

func (d *directory) patch(ctx context.Context, target, operation string, args ...any) {
	GinkgoHelper()
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`, fmt.Sprintf(operation, args...))
	x := d.Send(ctx, http.MethodPatch, target, []byte(body))
	Expect(x.Err).NotTo(HaveOccurred())
	Expect(x.Status).To(BeElementOf(http.StatusOK, http.StatusNoContent), "%s: %s", target, x.Response)
}

func (d *directory) active(ctx context.Context, id string, active bool) {
	GinkgoHelper()
	d.patch(ctx, "/Users/"+id, `{"op":"Replace","path":"active","value":%v}`, active)
}

func (d *directory) delete(ctx context.Context, target string) {
	GinkgoHelper()
	d.send(ctx, http.StatusNoContent, http.MethodDelete, target, "")
}

// apply applies a manifest as root.
func apply(ctx context.Context, format string, args ...any) {
	GinkgoHelper()
	Expect(shared.Apply(ctx, fmt.Sprintf(format, args...))).To(Succeed())
}

// deployRule lets a role deploy in a namespace, which it makes.
func deployRule(ctx context.Context, role, namespace string) {
	GinkgoHelper()
	apply(ctx, `
apiVersion: v1
kind: Namespace
metadata: {name: %[2]s}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: %[1]s-deploys}
spec: {role: %[1]s, roleRef: {kind: ClusterRole, name: deployer}, namespaces: [%[2]s]}
`, role, namespace)
}

func deploy(user, namespace string) verdict.Question {
	return verdict.Question{User: user, Verb: "create", Resource: "deployments.apps", Namespace: namespace}
}

func get[T client.Object](ctx context.Context, name string, object T) T {
	GinkgoHelper()
	Expect(shared.Client().Get(ctx, client.ObjectKey{Name: name}, object)).To(Succeed())
	return object
}

// awaitUser waits for what is in force for a user.
func awaitUser(ctx context.Context, name string, state v1alpha1.UserState, roles ...string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		u := &v1alpha1.ProvisionedUser{}
		g.Expect(shared.Client().Get(ctx, client.ObjectKey{Name: name}, u)).To(Succeed())
		g.Expect(u.Status.State).To(Equal(state))
		g.Expect(u.Status.ObservedGeneration).To(Equal(u.Generation))
		g.Expect(personOf(u).Roles).To(ConsistOf(roles))
	}).WithContext(ctx).Should(Succeed())
}
