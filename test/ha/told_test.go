//go:build integration

package ha_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/audit"
	"github.com/rollcall-dev/rollcall/test/otlp"
)

// told is what a client got.
type told struct {
	status    int
	requestID string
	id        string
}

// tell sends a request to a replica.
func tell(ctx context.Context, replica int, as, method, target, body string) told {
	GinkgoHelper()
	r, err := http.NewRequestWithContext(ctx, method, managers[replica].TenantURL(provider)+target, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+as)
	r.Header.Set("X-Request-Id", "the-clients-own")
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	response, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	var resource struct{ ID string }
	if len(text) > 0 {
		Expect(json.Unmarshal(text, &resource)).To(Succeed())
	}
	return told{response.StatusCode, response.Header.Get("X-Request-Id"), resource.ID}
}

// eventsOf reads a replica's provisioning log.
func eventsOf(replica int) []audit.Event {
	GinkgoHelper()
	text, err := os.ReadFile(logs[replica])
	Expect(err).NotTo(HaveOccurred())
	var events []audit.Event
	for line := range bytes.Lines(text) {
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		var e audit.Event
		Expect(d.Decode(&e)).To(Succeed(), string(line))
		events = append(events, e)
	}
	return events
}

// eventOf returns the only event of a request, which the leader has written.
func eventOf(leader int, requestID string) audit.Event {
	GinkgoHelper()
	all := slices.DeleteFunc(eventsOf(leader), func(e audit.Event) bool { return e.RequestID != requestID })
	Expect(all).To(HaveLen(1), "events of request %s", requestID)
	return all[0]
}

var _ = Describe("A write through any replica", func() {
	It("is one event and one trace, by the id in its answer, and neither says of whom", func(ctx SpecContext) {
		leader := leading(ctx, Default)
		before := len(eventsOf(leader))
		seen := map[string]bool{}
		event := func(t told, status int) audit.Event {
			GinkgoHelper()
			Expect(t.status).To(Equal(status))
			Expect(t.requestID).To(MatchRegexp("^[A-Z0-9]{26}$"))
			Expect(seen).NotTo(HaveKey(t.requestID))
			seen[t.requestID] = true
			// At once: an answer comes after its event.
			e := eventOf(leader, t.requestID)
			Expect(e.Result.Status).To(Equal(status))
			Expect(e.Provider).To(Equal(provider))
			Expect(e.Client).To(Equal("127.0.0.1"))
			return e
		}
		for i := range managers {
			userName := fmt.Sprintf("zaphod-%d@example.com", i)
			body := fmt.Sprintf(`{"userName":%q,"name":{"givenName":"Zaphod","familyName":"Beeblebrox"},"password":"Zaphod1"}`, userName)
			created := tell(ctx, i, current.text(), http.MethodPost, "/Users", body)
			e := event(created, http.StatusCreated)
			var users v1alpha1.ProvisionedUserList
			Expect(control.Client().List(ctx, &users, client.MatchingFields{"spec.userName": userName})).To(Succeed())
			Expect(users.Items).To(HaveLen(1))
			Expect(e.Resource).To(Equal(audit.Resource{Type: "User", ID: created.id}))
			Expect(e.Token).NotTo(BeEmpty())
			Expect(current.text()).To(ContainSubstring(e.Token))
			Expect(e.Changes).To(Equal([]audit.Change{{
				Action: "created", ID: created.id,
				Object:     audit.Object{Kind: "ProvisionedUser", UID: string(users.Items[0].UID)},
				Attributes: []audit.Attribute{{Path: "active", After: true}, {Path: "name.familyName"}, {Path: "name.givenName"}, {Path: "userName"}},
			}}))

			By("a suspension, and the same again")
			suspend := `{"Operations":[{"op":"Replace","path":"active","value":"False"}]}`
			e = event(tell(ctx, i, current.text(), http.MethodPatch, "/Users/"+created.id, suspend), http.StatusOK)
			Expect(e.Changes).To(HaveLen(1))
			Expect(e.Changes[0].Attributes).To(Equal([]audit.Attribute{{Path: "active", Before: true, After: false}}))
			e = event(tell(ctx, i, current.text(), http.MethodPatch, "/Users/"+created.id, suspend), http.StatusOK)
			Expect(e.Changes).To(BeEmpty())

			By("members, of whom one is nobody")
			e = event(tell(ctx, i, current.text(), http.MethodPost, "/Groups", fmt.Sprintf(
				`{"displayName":"Zaphod's %d","members":[{"value":%q},{"value":"zaphod"}]}`, i, created.id)), http.StatusCreated)
			Expect(e.Members.Added).To(Equal(audit.MemberList{Users: 1, UserIDs: []string{created.id}, Others: 1}))

			By("refused writes")
			e = event(tell(ctx, i, current.text(), http.MethodPost, "/Users", body), http.StatusConflict)
			Expect(e.Changes).To(BeEmpty())
			Expect(e.Result).To(Equal(audit.Result{Outcome: audit.Refused, Status: http.StatusConflict, ScimType: "uniqueness"}))
			e = event(tell(ctx, i, "rollcall_no_token", http.MethodPost, "/Users", body), http.StatusUnauthorized)
			Expect(e.Token).To(BeEmpty())

			By("a read, which is none")
			Expect(tell(ctx, i, current.text(), http.MethodGet, "/Users/"+created.id, "").status).To(Equal(http.StatusOK))

			By("the trace of the creation")
			e = eventOf(leader, created.requestID)
			Expect(e.TraceID).NotTo(BeEmpty())
			Expect(e.TraceID).NotTo(Equal("0af7651916cd43dd8448eb211c80319c"), "the client's word for its trace")
			Eventually(func(g Gomega) {
				spans, problems := collector.Spans()
				g.Expect(problems).To(BeEmpty())
				spans = slices.DeleteFunc(spans, func(s otlp.Span) bool { return s.Trace != e.TraceID })
				path := []string{"SCIM POST Users", "directory CreateUser", "Kubernetes POST provisionedusers"}
				if i != leader {
					path = append([]string{"SCIM POST Users", "hand over to the leader"}, path...)
				}
				parent := otlp.Span{Trace: e.TraceID}
				for _, name := range path {
					g.Expect(otlp.Children(spans, parent)).To(ContainElement(name))
					parent = spans[slices.IndexFunc(spans, func(s otlp.Span) bool { return s.Name == name && s.Parent == parent.ID })]
				}
			}).WithContext(ctx).WithTimeout(20 * time.Second).WithPolling(50 * time.Millisecond).Should(Succeed())
		}
		Expect(eventsOf(leader)).To(HaveLen(before + len(seen)))

		By("looking for the person")
		var everything strings.Builder
		for _, path := range logs {
			text, err := os.ReadFile(path)
			Expect(err).NotTo(HaveOccurred())
			everything.Write(text)
		}
		spans, _ := collector.Spans()
		for _, s := range spans {
			everything.WriteString(s.Text)
		}
		Expect(everything.Len()).To(BeNumerically(">", 10_000))
		Expect(strings.ToLower(everything.String())).NotTo(Or(ContainSubstring("zaphod"), ContainSubstring("beeblebrox"), ContainSubstring(current.text())))
	}, SpecTimeout(2*time.Minute))
})
