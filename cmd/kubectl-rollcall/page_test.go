//go:build integration

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
)

// updatePages has the page of the reference written anew from what is printed,
// instead of compared with it.
const updatePages = "ROLLCALL_UPDATE_PAGES"

var pagePath = filepath.Join("..", "..", "docs", "reference", "kubectl-rollcall.md")

// stage is where the page is played: a cluster of its own, so that nothing is
// listed but what the page tells of.
type stage struct {
	cluster   *cluster.Cluster
	manager   *cluster.Manager
	terminal  *terminal
	front     *front
	directory *directory
	people    map[string]string // ids by userName
	secrets   [][]string        // tokens that were shown, as secretToken finds them
}

const contoso = prepared + `
---
apiVersion: v1
kind: Namespace
metadata: {name: payments}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: platform-engineers-deploy}
spec: {role: platform-engineers, roleRef: {kind: ClusterRole, name: deployer}, namespaces: [payments]}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: on-call-nodes}
spec: {role: on-call, roleRef: {kind: ClusterRole, name: node-reader}, clusterWide: true}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: dana--vendor.example}
spec: {userName: dana@vendor.example}
`

const unbindable = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: secret-reader}
rules: [{apiGroups: [""], resources: [secrets], verbs: [list]}]
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: auditors-secrets}
spec: {role: auditors, roleRef: {kind: ClusterRole, name: secret-reader}, namespaces: [payments]}
`

var _ = Describe("the page of the reference", func() {
	It("shows what is printed", func(ctx SpecContext) {
		text, err := os.ReadFile(pagePath)
		Expect(err).NotTo(HaveOccurred())
		s := newStage(ctx)
		played := s.play(ctx, string(text))
		if os.Getenv(updatePages) != "" {
			Expect(os.WriteFile(pagePath, []byte(played), 0o644)).To(Succeed())
		}
	})
})

func newStage(ctx context.Context) *stage {
	GinkgoHelper()
	s := &stage{people: map[string]string{}}
	var err error
	s.cluster, err = cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(s.cluster.Stop()).To(Succeed()) })
	s.manager, err = s.cluster.StartManager(ctx, cluster.ManagerOptions{LeaderElect: true, Args: []string{"--external-url=https://scim.contoso.com"}})
	Expect(err).NotTo(HaveOccurred())
	Expect(s.cluster.Apply(ctx, contoso)).To(Succeed())
	config, err := s.cluster.User(rootName)
	Expect(err).NotTo(HaveOccurred())
	path, err := s.cluster.Kubeconfig(rootName, config)
	Expect(err).NotTo(HaveOccurred())
	s.terminal = &terminal{path, s.cluster.Dir() + "/discovery"}
	authority := newPKI(GinkgoT().TempDir())
	s.front = newFront(s.manager.SCIMURL, authority, authority.issue("localhost", time.Now().Add(90*24*time.Hour)), nil, nil)
	return s
}

// play runs every line of the page's console blocks and every act between them, in
// order, and returns the page with what was printed.
func (s *stage) play(ctx context.Context, page string) string {
	GinkgoHelper()
	var out []string
	lines := strings.Split(page, "\n")
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		if act, ok := strings.CutPrefix(lines[i], "<!-- play: "); ok {
			s.act(ctx, strings.TrimSuffix(act, " -->"))
		}
		if lines[i] != "```console" {
			continue
		}
		for i++; lines[i] != "```"; {
			command := lines[i]
			Expect(command).To(HavePrefix("$ kubectl rollcall "))
			var shown []string
			for i++; lines[i] != "```" && !strings.HasPrefix(lines[i], "$ "); i++ {
				shown = append(shown, lines[i])
			}
			printed := s.compare(ctx, command, strings.Join(shown, "\n"))
			out = append(append(out, s.filled(command)), printed...)
		}
		out = append(out, "```")
	}
	return strings.Join(out, "\n")
}

// looks are the verbs that may be repeated until the manager has caught up.
var looks = regexp.MustCompile(`^\$ kubectl rollcall (who|why|status|tokens)\b`)

func (s *stage) compare(ctx context.Context, command, shown string) []string {
	GinkgoHelper()
	s.settle(ctx)
	var printed string
	once := func() string { printed = s.run(ctx, command); return masked(printed) }
	switch update := os.Getenv(updatePages) != ""; {
	case update && looks.MatchString(command):
		last, same := "", 0
		Eventually(func() int {
			if once() != last {
				last, same = masked(printed), 0
			}
			same++
			return same
		}).WithContext(ctx).Should(BeNumerically(">", 50), "the output of %s never stays", command)
	case update:
		once()
	case looks.MatchString(command):
		Eventually(once).WithContext(ctx).Should(Equal(masked(shown)), command)
	default:
		Expect(once()).To(Equal(masked(shown)), command)
	}
	return strings.Split(withoutSecrets(printed), "\n")
}

// filled has, for the id of a token, that of the first one that was shown.
func (s *stage) filled(command string) string {
	return tokenID.ReplaceAllStringFunc(command, func(string) string { return s.secrets[0][2] })
}

// run runs a command of the page; doctor is told the way to an endpoint that no DNS
// knows.
func (s *stage) run(ctx context.Context, command string) string {
	args := words(strings.TrimPrefix(s.filled(command), "$ kubectl rollcall "))
	if args[0] == "doctor" {
		args = append(args, "--url", s.front.url, "--trust", s.front.pki.path)
	}
	var both bytes.Buffer
	execute(ctx, genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &both, ErrOut: &both},
		append([]string{"--kubeconfig", s.terminal.kubeconfig, "--cache-dir", s.terminal.cache}, args...))
	if found := secretToken.FindStringSubmatch(both.String()); found != nil {
		s.secrets = append(s.secrets, found)
	}
	return strings.TrimSuffix(both.String(), "\n")
}

// act is what happens between two blocks.
func (s *stage) act(ctx context.Context, what string) {
	GinkgoHelper()
	s.settle(ctx)
	switch what {
	case "first cycle":
		c, err := entra.NewClient(s.manager.TenantURL("entra"), s.secrets[1][1], entra.Options{})
		Expect(err).NotTo(HaveOccurred())
		s.directory = &directory{"entra", s.secrets[1][1], c}
		for _, who := range []string{"alice", "bob", "samir"} {
			s.people[who] = s.directory.user(ctx, who+"@contoso.com")
		}
		s.directory.group(ctx, "Platform Engineers", s.people["alice"], s.people["bob"])
		s.directory.group(ctx, "On-call", s.people["bob"])
	case "samir is disabled in Entra":
		s.directory.active(ctx, s.people["samir"], false)
	case "on-call is local":
		Eventually(func(g Gomega) {
			r := &v1alpha1.ProvisionedRole{}
			g.Expect(s.cluster.Client().Get(ctx, client.ObjectKey{Name: "on-call"}, r)).To(Succeed())
			g.Expect(r.Spec.Provider).To(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
	case "a rule gives what the manager may not bind":
		Expect(s.cluster.Apply(ctx, unbindable)).To(Succeed())
	default:
		Fail("the page plays something unknown: " + what)
	}
}

// settle waits until the manager has seen every object as it is, and every token.
func (s *stage) settle(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		o, err := overviewOf(ctx, s.cluster.Client(), time.Now())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(o.Problems).NotTo(ContainElement(HaveField("Reason", "StatusBehind")))
		var secrets corev1.SecretList
		g.Expect(s.cluster.Client().List(ctx, &secrets, client.InNamespace(cluster.Namespace), client.HasLabels{v1alpha1.TokenLabel})).To(Succeed())
		var providers v1alpha1.IdentityProviderList
		g.Expect(s.cluster.Client().List(ctx, &providers)).To(Succeed())
		known := 0
		for _, p := range providers.Items {
			known += len(p.Status.Tokens)
		}
		g.Expect(known).To(Equal(len(secrets.Items)))
	}).WithContext(ctx).Should(Succeed())
}

// words splits a command line as a shell does, as far as the page needs it.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

var (
	tokenID = regexp.MustCompile(`\b[0-9a-f]{10}\b`)
	secret  = regexp.MustCompile(`(rollcall_[0-9a-f]{10}_)[A-Za-z0-9_-]{43}`)
	// vary are what is another each time: moments, the ids of tokens, what the
	// server adds to names, who leads, where localhost is.
	vary = regexp.MustCompile(`20\d\d-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?|\brollcall_[0-9a-f]{10}_|\b[0-9a-f]{10}\b|-[bcdfghjklmnpqrstvwxz2456789]{5}\b|` +
		`\S+_[0-9a-f-]{36}|\b\d+s ago|localhost is .*`)
)

func withoutSecrets(s string) string {
	return secret.ReplaceAllString(s, "${1}(43 random characters)")
}

func masked(s string) string { return vary.ReplaceAllString(withoutSecrets(s), "…") }
