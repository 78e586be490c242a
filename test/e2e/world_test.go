//go:build integration

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

var worlds atomic.Int64

// world is one identity provider and the company behind it. Its name is in the
// names of everything that belongs to it.
type world struct {
	name   string
	token  string
	tenant *entra.Tenant
	job    *entra.Job
	// raw sends single requests with the same token.
	raw *entra.Client

	mu sync.Mutex
	// ahead is how far the tenant's calendar is ahead.
	ahead time.Duration
}

// newWorld makes an identity provider with a token and an empty company.
func newWorld(ctx context.Context, o entra.Options) *world {
	GinkgoHelper()
	w := &world{name: fmt.Sprintf("w%d", worlds.Add(1))}
	w.tenant = entra.NewTenant(w.now)
	w.connect(ctx, o)
	return w
}

// newGeneratedWorld makes one with a company of the given size.
func newGeneratedWorld(ctx context.Context, size entra.Size, o entra.Options) *world {
	GinkgoHelper()
	w := &world{name: fmt.Sprintf("w%d", worlds.Add(1))}
	size.Domain = w.name + ".example.com"
	size.Prefix = w.name + " "
	w.tenant = entra.Generate(size, w.now)
	w.connect(ctx, o)
	return w
}

func (w *world) connect(ctx context.Context, o entra.Options) {
	GinkgoHelper()
	var err error
	w.token, err = shared.NewToken(ctx, w.name)
	Expect(err).NotTo(HaveOccurred())
	w.raw, err = entra.NewClient(manager.TenantURL(w.name), w.token, entra.Options{Parallel: 64})
	Expect(err).NotTo(HaveOccurred())
	o.Now = w.now
	w.job, err = entra.NewJob(w.tenant, manager.TenantURL(w.name), w.token, o)
	Expect(err).NotTo(HaveOccurred())
	// The manager learns of a token by its watch.
	Eventually(func(g Gomega) { g.Expect(w.job.TestConnection(ctx)).To(Succeed()) }).WithContext(ctx).Should(Succeed())
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

// upn is the name of somebody in this world.
func (w *world) upn(alias string) string { return alias + "@" + w.name + ".example.com" }

// group is the display name of a group in this world.
func (w *world) group(name string) string { return w.name + " " + name }

// role is the ProvisionedRole of a group.
func (w *world) role(name string) string { return w.name + "-" + name }

func (w *world) addPeople(aliases ...string) {
	GinkgoHelper()
	for _, alias := range aliases {
		_, err := w.tenant.AddPerson(entra.Person{UserPrincipalName: w.upn(alias), GivenName: alias, Surname: "Tester"})
		Expect(err).NotTo(HaveOccurred())
	}
}

// addGroup makes an assigned group of people and groups, named in full.
func (w *world) addGroup(name string, members ...string) {
	GinkgoHelper()
	Expect(w.tenant.AddGroup(w.group(name), members...)).To(Succeed())
	Expect(w.tenant.Assign(w.group(name))).To(Succeed())
}

// cycle runs a cycle in which nothing may fail.
func (w *world) cycle(ctx context.Context) entra.Report {
	GinkgoHelper()
	report, err := w.job.Cycle(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(report.Failures).To(BeEmpty())
	return report
}

// rule lets a role deploy in a namespace of its own, and returns the question
// whether somebody may.
func (w *world) rule(ctx context.Context, role string) func(user string) verdict.Question {
	GinkgoHelper()
	namespace := "ns-" + role
	Expect(shared.Apply(ctx, fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: %[2]s}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: %[1]s}
spec: {role: %[1]s, roleRef: {kind: ClusterRole, name: e2e-deployer}, namespaces: [%[2]s]}
`, role, namespace))).To(Succeed())
	return func(user string) verdict.Question {
		return verdict.Question{User: user, Verb: "create", Resource: "deployments.apps", Namespace: namespace}
	}
}

func expectAllowed(ctx context.Context, q verdict.Question) {
	GinkgoHelper()
	await(ctx, q, true)
}

func expectDenied(ctx context.Context, q verdict.Question) {
	GinkgoHelper()
	await(ctx, q, false)
}

func await(ctx context.Context, q verdict.Question, want bool) time.Time {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	when, err := judge.Await(ctx, q, want)
	Expect(err).NotTo(HaveOccurred())
	return when
}

// user finds the only object with a userName.
func user(ctx context.Context, g Gomega, userName string) *v1alpha1.ProvisionedUser {
	var list v1alpha1.ProvisionedUserList
	g.Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.userName": userName})).To(Succeed())
	g.Expect(list.Items).To(HaveLen(1), "ProvisionedUsers with the userName %s", userName)
	return &list.Items[0]
}

func get[T client.Object](ctx context.Context, g Gomega, name string, object T) T {
	g.Expect(shared.Client().Get(ctx, client.ObjectKey{Name: name}, object)).To(Succeed())
	return object
}

// expectUser waits for a user's state, level and roles.
func expectUser(ctx context.Context, userName string, state v1alpha1.UserState, level v1alpha1.PermissionLevel, roles ...string) *v1alpha1.ProvisionedUser {
	GinkgoHelper()
	var u *v1alpha1.ProvisionedUser
	Eventually(func(g Gomega) {
		u = user(ctx, g, userName)
		g.Expect(u.Status.State).To(Equal(state))
		g.Expect(u.Status.PermissionLevel).To(Equal(level))
		g.Expect(roleNames(u)).To(ConsistOf(roles))
	}).WithContext(ctx).Should(Succeed())
	return u
}

func roleNames(u *v1alpha1.ProvisionedUser) []string {
	names := []string{}
	for _, r := range u.Status.Roles {
		names = append(names, r.Name)
	}
	return names
}

// answer is what a request got.
type answer struct {
	entra.Exchange
	body map[string]any
}

// send sends a request whose body is JSON text, or none.
func send(ctx context.Context, c *entra.Client, method, target, body string) answer {
	GinkgoHelper()
	var text []byte
	if body != "" {
		text = []byte(body)
	}
	a := answer{Exchange: c.Send(ctx, method, target, text)}
	Expect(a.Err).NotTo(HaveOccurred())
	if len(a.Response) > 0 {
		Expect(json.Unmarshal(a.Response, &a.body)).To(Succeed(), "the answer to %s %s: %s", method, target, a.Response)
	}
	return a
}

// expectError is a SCIM error as RFC 7644 section 3.12 wants it.
func expectError(a answer, status int, scimType string) {
	GinkgoHelper()
	Expect(a.Status).To(Equal(status), "%s %s: %s", a.Method, a.Target, a.Response)
	Expect(a.Header.Get("Content-Type")).To(Equal("application/scim+json"))
	Expect(a.body).To(HaveKeyWithValue("status", fmt.Sprint(status)))
	Expect(a.body).To(HaveKeyWithValue("detail", Not(BeEmpty())))
	if scimType != "" {
		Expect(a.body).To(HaveKeyWithValue("scimType", scimType))
	}
}

func expectStatus(a answer, status int) {
	GinkgoHelper()
	Expect(a.Status).To(Equal(status), "%s %s %s: %s", a.Method, a.Target, a.Request, a.Response)
}

// create posts a user and returns the id.
func (w *world) create(ctx context.Context, userName, externalID string) string {
	GinkgoHelper()
	text, err := json.Marshal(map[string]any{
		"schemas":  []string{"urn:ietf:params:scim:schemas:core:2.0:User"},
		"userName": userName, "externalId": externalID, "active": true,
	})
	Expect(err).NotTo(HaveOccurred())
	a := send(ctx, w.raw, http.MethodPost, "/Users", string(text))
	expectStatus(a, http.StatusCreated)
	return a.body["id"].(string)
}

// createGroup posts a group and returns the id.
func (w *world) createGroup(ctx context.Context, name string) string {
	GinkgoHelper()
	a := send(ctx, w.raw, http.MethodPost, "/Groups",
		fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q}`, w.group(name)))
	expectStatus(a, http.StatusCreated)
	return a.body["id"].(string)
}

const patchOf = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`

func patchBody(operation string, args ...any) string {
	return fmt.Sprintf(patchOf, fmt.Sprintf(operation, args...))
}

const (
	addMember        = `{"op":"Add","path":"members","value":[{"$ref":null,"value":%q}]}`
	removeMember     = `{"op":"Remove","path":"members","value":[{"$ref":null,"value":%q}]}`
	removeMemberFlag = `{"op":"remove","path":"members[value eq \"%s\"]"}`
	deactivate       = `{"op":"Replace","path":"active","value":"False"}`
)

// innerGroup makes a group that isn't assigned, so that its people aren't
// either, and posts it as a job does that syncs all groups; it returns the id.
func (w *world) innerGroup(ctx context.Context, name string, members ...string) (string, error) {
	GinkgoHelper()
	if err := w.tenant.AddGroup(w.group(name), members...); err != nil {
		return "", err
	}
	return w.createGroup(ctx, name), nil
}
