//go:build integration

package install_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

// provoke makes happen what the alerts are about, as far as one request can: a
// counter that has counted nothing is not there.
func (i *installation) provoke(ctx context.Context, m *cluster.Manager) {
	GinkgoHelper()
	send := func(token, method, path, body string, want int) {
		GinkgoHelper()
		request, err := http.NewRequestWithContext(ctx, method, m.TenantURL("entra")+path, strings.NewReader(body))
		Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/scim+json")
		response, err := http.DefaultClient.Do(request)
		Expect(err).NotTo(HaveOccurred())
		answer, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Body.Close()).To(Succeed())
		Expect(response.StatusCode).To(Equal(want), string(answer))
	}
	send("rollcall_wrong", http.MethodGet, "/Users", "", http.StatusUnauthorized)
	send(i.token, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+alice+`"}`, http.StatusConflict)
	path := "/Groups/" + i.job.GroupID(group)
	one := `{"value":"` + i.job.UserID(alice) + `"}`
	both := one + `,{"value":"` + i.job.UserID(bob) + `"}`
	for _, members := range []string{one, both} {
		send(i.token, http.MethodPatch, path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
			"Operations":[{"op":"replace","path":"members","value":[`+members+`]}]}`, http.StatusNoContent)
	}
}

var (
	metricName = regexp.MustCompile(`\b(?:rollcall|leader_election)_[a-z_]+\b`)
	// unserved are metrics that nothing in a healthy installation has, and why.
	unserved = map[string]string{
		"rollcall_users_refused": "by provider, and nobody is refused",
	}
	metricLabel = regexp.MustCompile(`\b((?:rollcall|leader_election)_[a-z_]+)\{([a-z_]+)(!?=~?)"([^"]*)"`)
)

// alertsFindTheirMetrics holds the expressions of the alerts against what the manager
// serves: an alert for a metric that isn't there would be silent for ever.
func alertsFindTheirMetrics(ctx context.Context, g Gomega, m *cluster.Manager) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.MetricsURL, nil)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	g.Expect(err).NotTo(HaveOccurred())
	text, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.Body.Close()).To(Succeed())
	served := "\n" + string(text)

	var asked []string
	for _, expr := range expressions(g) {
		asked = append(asked, metricName.FindAllString(expr, -1)...)
		for _, label := range metricLabel.FindAllStringSubmatch(expr, -1) {
			pattern := `(?m)^` + label[1] + `\{(?:.*,)?` + label[2] + `="`
			if label[3] == "=" {
				pattern += regexp.QuoteMeta(label[4]) + `"`
			}
			g.Expect(served).To(MatchRegexp(pattern), "the label of %s", label[0])
		}
	}
	slices.Sort(asked)
	g.Expect(len(slices.Compact(slices.Clone(asked)))).To(BeNumerically(">=", 8))
	for _, name := range slices.Compact(asked) {
		if unserved[name] != "" {
			continue
		}
		g.Expect(served).To(MatchRegexp(`(?m)^`+name+`(\{| )`), "the manager serves no metric of that name")
	}
}

// expressions are those of all alerts.
func expressions(g Gomega) []string {
	text, err := os.ReadFile(filepath.Join(root, "config", "prometheus", "rules.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	groups, _, err := unstructured.NestedSlice(decode(string(text))[0].Object, "spec", "groups")
	g.Expect(err).NotTo(HaveOccurred())
	var all []string
	for _, group := range groups {
		for _, rule := range group.(map[string]any)["rules"].([]any) {
			all = append(all, rule.(map[string]any)["expr"].(string))
		}
	}
	g.Expect(all).NotTo(BeEmpty())
	return all
}
