//go:build integration

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/cli/explain"
)

// What rules are made of here, and what is asked about: few words, so that rules
// and questions often meet.
var (
	agreeVerbs      = []string{"get", "list", "create", "*"}
	agreeGroups     = []string{"", "apps", "*"}
	agreeResources  = []string{"pods", "pods/log", "deployments", "deployments/scale", "*", "*/scale", "namespaces"}
	agreeNames      = []string{"web", "db"}
	agreePaths      = []string{"/metrics", "/logs/*", "/logs/a", "*"}
	agreeNamespaces = []string{"agree-a", "agree-b"}
)

func someOf(r *rand.Rand, words []string) []string {
	n := 1 + r.IntN(2)
	some := make([]string, 0, n)
	for _, i := range r.Perm(len(words))[:n] {
		some = append(some, words[i])
	}
	return some
}

func policyRule(r *rand.Rand, paths bool) rbacv1.PolicyRule {
	if paths && r.IntN(3) == 0 {
		return rbacv1.PolicyRule{Verbs: someOf(r, agreeVerbs), NonResourceURLs: someOf(r, agreePaths)}
	}
	rule := rbacv1.PolicyRule{Verbs: someOf(r, agreeVerbs), APIGroups: someOf(r, agreeGroups), Resources: someOf(r, agreeResources)}
	if r.IntN(3) == 0 {
		rule.ResourceNames = someOf(r, agreeNames)
	}
	return rule
}

// agreeQuestions are all that can be asked with these words, and some more.
func agreeQuestions() []explain.Question {
	var all []explain.Question
	for _, verb := range []string{"get", "list", "create", "delete"} {
		for _, path := range []string{"/metrics", "/logs/a", "/logs/b/c", "/logs", "/healthz"} {
			all = append(all, explain.Question{Verb: verb, Path: path})
		}
		for _, what := range []struct{ group, resource, sub string }{
			{"", "pods", ""}, {"", "pods", "log"}, {"apps", "deployments", ""}, {"apps", "deployments", "scale"}, {"", "namespaces", ""},
			{"batch", "jobs", ""}, {"identity.rollcall.dev", "provisionedusers", ""},
		} {
			for _, namespace := range append([]string{""}, agreeNamespaces...) {
				for _, name := range []string{"", "web"} {
					all = append(all, explain.Question{Verb: verb, Group: what.group, Resource: what.resource, Subresource: what.sub, Name: name, Namespace: namespace})
				}
			}
		}
	}
	return all
}

var _ = Describe("why, asked whether somebody may do something", func() {
	It("finds a way exactly where the API server allows it", func(ctx SpecContext) {
		r := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 5))
		people := agreePeople(ctx)
		var subjects []rbacv1.Subject
		for _, u := range people {
			subjects = append(subjects, rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: u.Status.Subject})
		}
		subjects = append(subjects,
			rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "somebody else"},
			rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:serviceaccounts:agree-a"},
			rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "a group of nobody's"},
			rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "agree-a", Name: "robot"})
		c := shared.Client()
		for i := range 8 {
			name := fmt.Sprintf("agree-%d", i)
			meta := metav1.ObjectMeta{Name: name}
			local := metav1.ObjectMeta{Name: name, Namespace: agreeNamespaces[r.IntN(2)]}
			Expect(c.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{policyRule(r, true), policyRule(r, true)}})).To(Succeed())
			Expect(c.Create(ctx, &rbacv1.Role{ObjectMeta: local, Rules: []rbacv1.PolicyRule{policyRule(r, false)}})).To(Succeed())
			ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
			who := func() []rbacv1.Subject { return []rbacv1.Subject{subjects[r.IntN(len(subjects))]} }
			Expect(c.Create(ctx, &rbacv1.RoleBinding{ObjectMeta: local, RoleRef: ref, Subjects: who()})).To(Succeed())
			local.Name += "-role"
			Expect(c.Create(ctx, &rbacv1.RoleBinding{ObjectMeta: local, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: who()})).To(Succeed())
			if i%4 == 0 {
				Expect(c.Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: who()})).To(Succeed())
				DeferCleanup(func(ctx SpecContext) {
					Expect(c.Delete(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta})).To(Succeed())
				})
			}
		}
		questions := agreeQuestions()
		// What the API server has not seen yet it will have the next time.
		var allowed int
		Eventually(func() (found []string) {
			allowed, found = disagreements(ctx, people, questions)
			return found
		}).WithContext(ctx).Should(BeEmpty())
		Expect(allowed).To(And(BeNumerically(">", 20), BeNumerically("<", len(people)*len(questions)-20)), "the questions tell nothing")
	})
})

// disagreements compares every question about everybody, and counts what is allowed.
func disagreements(ctx context.Context, people []*v1alpha1.ProvisionedUser, questions []explain.Question) (allowed int, found []string) {
	GinkgoHelper()
	for _, u := range people {
		i := newInvestigation(shared.Client(), u)
		Expect(i.gather(ctx, explain.Question{})).To(Succeed())
		for _, q := range questions {
			review := q.Review(u.Status.Subject, explain.Groups(u))
			Expect(shared.Client().Create(ctx, review)).To(Succeed())
			if review.Status.Allowed {
				allowed++
			}
			answer := explain.Trace(i.scene, q)
			if len(answer.Paths) > 0 != review.Status.Allowed {
				found = append(found, fmt.Sprintf("%s: %s: the API server says %v (%s), why finds %v", u.Name, q, review.Status.Allowed, review.Status.Reason, answer.Paths))
			}
		}
	}
	return allowed, found
}

// agreePeople are an active user with a role, a suspended one, an Auditor, and a
// ServiceAccount.
func agreePeople(ctx context.Context) []*v1alpha1.ProvisionedUser {
	GinkgoHelper()
	for _, namespace := range agreeNamespaces {
		Expect(shared.Client().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	}
	apply(ctx, `
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: agree-a}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: agree-robot}
spec: {userName: agree-robot, type: ServiceAccount, serviceAccountRef: {namespace: agree-a, name: robot}}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: agree-deploys}
spec: {role: agree-devs, roleRef: {kind: ClusterRole, name: deployer}, namespaces: [agree-a]}
`)
	localRole(ctx, "agree-devs", "")
	for _, name := range []string{"active", "suspended", "auditor"} {
		localUser(ctx, name+"@agree.example.com")
		root.ok(ctx, "attach", name+"@agree.example.com", "agree-devs")
	}
	root.ok(ctx, "attach", "agree-robot", "agree-devs")
	root.ok(ctx, "suspend", "suspended@agree.example.com")
	root.ok(ctx, "level", "auditor@agree.example.com", "Auditor")
	awaitUser(ctx, "active--agree.example.com", v1alpha1.StateActive, "agree-devs")
	awaitUser(ctx, "suspended--agree.example.com", v1alpha1.StateSuspended)
	awaitUser(ctx, "auditor--agree.example.com", v1alpha1.StateActive, "agree-devs")
	awaitUser(ctx, "agree-robot", v1alpha1.StateActive, "agree-devs")
	var people []*v1alpha1.ProvisionedUser
	for _, name := range strings.Fields("active--agree.example.com suspended--agree.example.com auditor--agree.example.com agree-robot") {
		people = append(people, get(ctx, name, &v1alpha1.ProvisionedUser{}))
	}
	return people
}
