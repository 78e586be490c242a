//go:build integration

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

var _ = Describe("Text that an identity provider sends", func() {
	// As a line of a log it would be an error of ours, and then a line of its own.
	const plant = "x\n{\"level\":\"error\",\"msg\":\"planted\"}\r\nplanted=true"

	It("is in the log within its line, and in no label and no metric", func(ctx SpecContext) {
		a, w := newAdministrator(ctx), newWorld(ctx, entra.Options{})
		post := func(resource string, fields map[string]any) answer {
			GinkgoHelper()
			text, err := json.Marshal(fields)
			Expect(err).NotTo(HaveOccurred())
			return send(ctx, w.raw, http.MethodPost, resource, string(text))
		}
		posted := post("/Users", map[string]any{"userName": w.upn("planter"), "displayName": plant, "externalId": plant, "title": plant})
		expectStatus(posted, http.StatusCreated)
		expectError(post("/Users", map[string]any{"userName": plant + w.upn("planter")}), http.StatusBadRequest, "invalidValue")
		expectStatus(post("/Groups", map[string]any{
			"displayName": plant + w.name, "members": []any{map[string]any{"value": posted.body["id"]}},
		}), http.StatusCreated)
		expectError(send(ctx, w.raw, http.MethodGet, "/Users?filter=userName%20eq%20%22%0A%7B%22level%22%3A%22planted%22%7D", ""), http.StatusBadRequest, "invalidFilter")
		expectError(send(ctx, w.raw, http.MethodDelete, "/Users/%0aplanted", ""), http.StatusNotFound, "")
		expectError(send(ctx, w.raw, http.MethodGet, "/planted%0a", ""), http.StatusNotFound, "")

		By("reading the log, which has each event before its answer")
		log, err := os.ReadFile(manager.LogPath())
		Expect(err).NotTo(HaveOccurred())
		quoted, err := json.Marshal(plant)
		Expect(err).NotTo(HaveOccurred())
		Expect(bytes.Count(log, bytes.Trim(quoted, `"`))).To(BeNumerically(">=", 4), "the user's three attributes, and the group's name")
		for line := range bytes.Lines(log) {
			var entry struct{ Msg, Level string }
			if json.Unmarshal(line, &entry) == nil {
				Expect(entry.Msg).NotTo(Equal("planted"))
				Expect(entry.Level).NotTo(Equal("planted"))
			}
			Expect(string(line)).NotTo(HavePrefix("planted"))
		}

		By("reading the labels of all that comes of it")
		roles := listRoles(ctx, w.name)
		Expect(roles).To(HaveLen(1))
		a.apply(ctx, "kind: AccessRule\nmetadata: {name: %s}\nspec: {role: %s, roleRef: {name: e2e-deployer}, namespaces: [default]}", w.role("sown"), roles[0].Name)
		expectAllowed(ctx, verdict.Question{User: w.upn("planter"), Verb: "create", Resource: "deployments.apps", Namespace: "default"})
		var bindings rbacv1.RoleBindingList
		Expect(shared.Client().List(ctx, &bindings, client.MatchingLabels{v1alpha1.AccessRuleLabel: w.role("sown")})).To(Succeed())
		Expect(bindings.Items).NotTo(BeEmpty())
		objects := []client.Object{user(ctx, Default, w.upn("planter")), &roles[0]}
		for i := range bindings.Items {
			objects = append(objects, &bindings.Items[i])
		}
		for _, o := range objects {
			for key, value := range o.GetLabels() {
				Expect(key+value).NotTo(ContainSubstring("planted"), o.GetName())
			}
		}

		By("reading the metrics")
		Eventually(func(g Gomega) {
			page := metrics(ctx, g)
			g.Expect(page).To(ContainSubstring(`rollcall_scim_requests_total{code="404",method="DELETE",provider=%q,resource="Users"} 1`, w.name))
			g.Expect(page).To(ContainSubstring(`rollcall_scim_requests_total{code="404",method="GET",provider=%q,resource=""} 1`, w.name))
			g.Expect(page).NotTo(ContainSubstring("planted"))
		}).WithContext(ctx).Should(Succeed())
	})
})

// metrics is the manager's page of metrics.
func metrics(ctx context.Context, g Gomega) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, manager.MetricsURL, nil)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	g.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.StatusCode).To(Equal(http.StatusOK), "%s", page)
	return string(page)
}
