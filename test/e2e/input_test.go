//go:build integration

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/entra"
)

var _ = Describe("Bad input", Ordered, ContinueOnFailure, func() {
	var (
		w    *world
		user string
		team string
	)
	BeforeAll(func(ctx SpecContext) {
		w = newWorld(ctx, entra.Options{})
		user, team = w.create(ctx, w.upn("ann"), "1"), w.createGroup(ctx, "Team")
	})

	quoted := func(s string) string { return fmt.Sprintf(`{"userName":%q}`, s) }
	at := func(name string) func() string { return func() string { return name } }

	DescribeTable("is refused with the right error, and changes nothing",
		func(ctx SpecContext, method string, target func() string, body string, status int, scimType string) {
			before := w.shown(ctx)
			expectError(send(ctx, w.raw, method, target(), body), status, scimType)
			Expect(w.shown(ctx)).To(Equal(before))
		},
		Entry("no JSON", http.MethodPost, at("/Users"), `{"userName":`, 400, "invalidSyntax"),
		Entry("too deep", http.MethodPost, at("/Users"), strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100), 400, ""),
		Entry("too large", http.MethodPost, at("/Users"), quoted(strings.Repeat("a", 5<<20)), 413, ""),
		Entry("no userName", http.MethodPost, at("/Users"), `{"active":true}`, 400, "invalidValue"),
		Entry("an empty userName", http.MethodPost, at("/Users"), quoted(""), 400, "invalidValue"),
		Entry("a userName of 4 KB", http.MethodPost, at("/Users"), quoted(strings.Repeat("a", 4096)), 400, "invalidValue"),
		Entry("a userName with a control character", http.MethodPost, at("/Users"), `{"userName":"ann\u0007@example.com"}`, 400, "invalidValue"),
		Entry("a userName that reads from right to left", http.MethodPost, at("/Users"), `{"userName":"ann\u202e@example.com"}`, 400, "invalidValue"),
		Entry("a userName that Kubernetes reserves", http.MethodPost, at("/Users"), quoted("system:admin"), 400, "invalidValue"),
		Entry("a bad filter", http.MethodGet, at("/Users?filter=userName+eq"), "", 400, "invalidFilter"),
		Entry("a filter that compares what has no order", http.MethodGet, at("/Users?filter=active+gt+true"), "", 400, "invalidFilter"),
		Entry("a bad path", http.MethodPatch, func() string { return "/Users/" + user }, patchBody(`{"op":"add","path":"emails[type eq","value":"x"}`), 400, "invalidPath"),
		Entry("a PATCH of id", http.MethodPatch, func() string { return "/Users/" + user }, patchBody(`{"op":"replace","path":"id","value":"x"}`), 400, "mutability"),
		Entry("a PATCH of meta", http.MethodPatch, func() string { return "/Users/" + user }, patchBody(`{"op":"replace","path":"meta.created","value":"x"}`), 400, "mutability"),
		Entry("a remove without a path", http.MethodPatch, func() string { return "/Groups/" + team }, patchBody(`{"op":"remove"}`), 400, "noTarget"),
		Entry("nobody's id", http.MethodPatch, at("/Users/00000000-0000-4000-8000-000000000000"), patchBody(deactivate), 404, ""),
	)

	It("a user who is there already, in other letters, is a conflict (fact 38)", func(ctx SpecContext) {
		expectError(send(ctx, w.raw, http.MethodPost, "/Users", quoted(w.upn("ANN"))), http.StatusConflict, "uniqueness")
	})

	It("unknown attributes and members are accepted", func(ctx SpecContext) {
		a := send(ctx, w.raw, http.MethodPatch, "/Users/"+user, patchBody(`{"op":"add","path":"shoeSize","value":"44"}`))
		expectStatus(a, http.StatusOK)
		a = send(ctx, w.raw, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"shoeSize":44,"title":null}`, w.upn("zed")))
		expectStatus(a, http.StatusCreated)
		Expect(a.body).NotTo(HaveKey("shoeSize"))
		a = send(ctx, w.raw, http.MethodPatch, "/Groups/"+team, patchBody(addMember, "nobody"))
		expectStatus(a, http.StatusNoContent)
	})
})
