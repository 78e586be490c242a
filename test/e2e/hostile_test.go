//go:build integration

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/test/entra"
)

// What a client with a valid token sends when it is broken, or means harm: known
// names and forms with values that don't belong there. What the API server
// makes of it must be known before it is asked, since a 5xx is repeated for ever.
var _ = Describe("A hostile client", func() {
	It("gets no 5xx while the API server is up, and nobody else notices (fact 66)", func(ctx SpecContext) {
		w, bystander := newWorld(ctx, entra.Options{}), newWorld(ctx, entra.Options{})
		bystander.create(ctx, bystander.upn("ann"), "1")
		before := bystander.shown(ctx)
		h := hostile{user: w.create(ctx, w.upn("ann"), "1"), group: w.createGroup(ctx, "Team"), name: w.name}

		check := func(t *rapid.T) {
			method := rapid.SampledFrom([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}).Draw(t, "method")
			target := h.target().Draw(t, "target")
			body := ""
			if method != http.MethodGet {
				text, err := json.Marshal(h.body(method).Draw(t, "body"))
				if err != nil {
					t.Fatal(err)
				}
				// Numbers and escapes that Go doesn't write.
				body = strings.NewReplacer(`"#huge"`, `1e999999`, `"#tiny"`, `-0.000000000000000000000000001`,
					`#surrogate`, `\ud800`, `#nul`, `\u0000`).Replace(string(text))
			}
			x := w.raw.Send(ctx, method, target, []byte(body))
			switch {
			case x.Err != nil:
				t.Fatalf("%s %s %.500s: %v", method, target, body, x.Err)
			case x.Status >= 500 && x.Status != http.StatusNotImplemented, x.Status == http.StatusUnauthorized, x.Status == http.StatusTooManyRequests:
				t.Fatalf("%s %s %.500s: %d %s", method, target, body, x.Status, x.Response)
			case x.Status >= 400:
				var e struct{ Status, Detail string }
				if err := json.Unmarshal(x.Response, &e); err != nil || e.Status != fmt.Sprint(x.Status) || e.Detail == "" {
					t.Fatalf("%s %s: %d with the body %s", method, target, x.Status, x.Response)
				}
			}
		}
		for range 5 {
			rapid.Check(GinkgoTB(), check)
		}

		Expect(bystander.shown(ctx)).To(Equal(before))
		expectStatus(send(ctx, w.raw, http.MethodGet, "/Users?count=200", ""), http.StatusOK)
		expectStatus(send(ctx, w.raw, http.MethodGet, "/Groups?count=200", ""), http.StatusOK)
	})
})

// hostile generates requests about a user and a group that exist.
type hostile struct{ user, group, name string }

func (h hostile) target() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		path := rapid.SampledFrom([]string{
			"/Users", "/Users/" + h.user, "/Groups", "/Groups/" + h.group, "/Users/" + h.user + "/", "/Users/" + h.group,
			"/Users/.search", "/.search", "/Bulk", "/", "/Me", "/Schemas", "/ServiceProviderConfig", "/ResourceTypes/User",
			"/Users/" + url.PathEscape("../../Groups"), "/Users/%00", "/Users/" + strings.Repeat("x", 4000), "/Groups/" + url.PathEscape("ü\u202e"),
		}).Draw(t, "path")
		query := url.Values{}
		for range rapid.IntRange(0, 3).Draw(t, "parameters") {
			name := rapid.SampledFrom([]string{"filter", "startIndex", "count", "attributes", "excludedAttributes", "sortBy", "sortOrder", "cursor"}).Draw(t, "parameter")
			query.Set(name, rapid.OneOf(
				rapid.SampledFrom([]string{
					"", "0", "-1", "99999999999999999999", "1e9", "userName", "members", "emails.value", "descending",
					`userName eq "x"`, `not (emails[type eq "work" and value co "@"])`, `meta.created gt "2011-05-13T04:42:34Z"`,
					`members[value eq "` + h.user + `"]`, `id eq "` + h.user + `" or (title pr and active eq false)`, `name eq "x"`, `active gt true`,
					strings.Repeat("(", 40) + "title pr", `userName eq "` + strings.Repeat("x", 9000) + `"`, "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
				}),
				rapid.String(),
			).Draw(t, "value"))
		}
		return path + "?" + query.Encode()
	})
}

func (h hostile) body(method string) *rapid.Generator[any] {
	switch method {
	case http.MethodPatch:
		return h.patch()
	case http.MethodPost:
		return rapid.OneOf(h.resource(), h.resource(), h.bulk(), h.value(2))
	default:
		return rapid.OneOf(h.resource(), h.value(2))
	}
}

// resource is an object of attributes that exist, now and then with the right
// kind of value.
func (h hostile) resource() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		r := map[string]any{}
		if rapid.Bool().Draw(t, "named") {
			r["userName"], r["displayName"] = h.word().Draw(t, "userName"), h.word().Draw(t, "displayName")
		}
		for range rapid.IntRange(0, 5).Draw(t, "attributes") {
			r[h.attribute().Draw(t, "attribute")] = h.value(3).Draw(t, "value")
		}
		return r
	})
}

func (h hostile) patch() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		operations := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) any {
			o := map[string]any{"op": rapid.SampledFrom([]string{"add", "Replace", "remove", "move"}).Draw(t, "op")}
			if rapid.Bool().Draw(t, "path") {
				o["path"] = rapid.OneOf(h.attribute(), rapid.SampledFrom([]string{
					`emails[type eq "work"].value`, `members[value eq "` + h.user + `"]`, `addresses[country eq "DE" and primary eq true].locality`,
					`roles[primary eq "True"].value`, "name.givenName", "meta.created", "id", `emails[`, "a.b.c", " ",
				})).Draw(t, "path")
			}
			if rapid.Bool().Draw(t, "value") {
				o["value"] = h.value(3).Draw(t, "value")
			}
			return o
		}), 0, 5).Draw(t, "operations")
		return map[string]any{"Operations": operations}
	})
}

func (h hostile) bulk() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		operations := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) any {
			method := rapid.SampledFrom([]string{"POST", "put", "PATCH", "DELETE", "GET", ""}).Draw(t, "method")
			return map[string]any{
				"method": method, "bulkId": rapid.SampledFrom([]string{"a", "b", "", "bulkId:a"}).Draw(t, "bulkId"),
				"path":    rapid.SampledFrom([]string{"/Users", "/Groups", "/Users/bulkId:a", "/Groups/" + h.group, "/Bulk", "", "Users"}).Draw(t, "path"),
				"version": rapid.SampledFrom([]any{nil, `W/"x"`, "*", 1}).Draw(t, "version"),
				"data":    h.body(strings.ToUpper(method)).Draw(t, "data"),
			}
		}), 0, 4).Draw(t, "operations")
		return map[string]any{"failOnErrors": h.value(0).Draw(t, "failOnErrors"), "Operations": operations}
	})
}

func (h hostile) attribute() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{
		"userName", "externalId", "active", "displayName", "name", "emails", "phoneNumbers", "addresses", "roles", "members", "groups",
		"title", "id", "meta", "schemas", "password", "x509Certificates", "photos", "defaultRemoteIdentity", "manager", "name.familyName",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
		"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User", "urn:example:custom:2.0:User", "urn:example:custom:2.0:User:a.b", "urn:", "USERNAME",
	}), rapid.String())
}

// word is a name: sensible, too long, reserved, or of characters that no name has.
func (h hostile) word() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", " ", "ann@" + h.name + ".example.com", "system:masters", "a#nulb", "a#surrogateb", "\u202eann", "ﬃ", "ＡＮＮ", "é", "e\u0301", ".", "..", "/", "-", "%2e",
			strings.Repeat("x", 300), strings.Repeat("ü", 2000), strings.Repeat("y", 3000), "rollcall-", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "{{.}}", "$(id)", "a\nb",
		}),
		rapid.StringN(0, 40, -1),
	)
}

func (h hostile) value(depth int) *rapid.Generator[any] {
	words := rapid.Map(h.word(), func(s string) any { return s })
	simple := rapid.OneOf(words, words, rapid.Just(any(strings.Repeat("z", 300<<10))), rapid.SampledFrom([]any{
		nil, true, false, "True", "#huge", "#tiny", 0, -1, 1.5, h.user, h.group, "2011-05-13T04:42:34Z", []any{}, map[string]any{},
	}))
	if depth == 0 {
		return simple
	}
	object := rapid.Map(rapid.MapOfN(rapid.OneOf(rapid.SampledFrom([]string{"value", "type", "primary", "display", "$ref", "givenName", "familyName", "country", "password"}), h.attribute()),
		h.value(depth-1), 0, 4), func(m map[string]any) any { return m })
	list := rapid.Map(rapid.SliceOfN(h.value(depth-1), 0, 3), func(l []any) any { return l })
	many := rapid.Custom(func(t *rapid.T) any {
		// Flat: lists of lists of lists have no end.
		element := rapid.OneOf(words, rapid.Just(any(map[string]any{"type": "work", "primary": true}))).Draw(t, "element")
		return repeated(element, rapid.SampledFrom([]int{2, 101, 1001}).Draw(t, "times"))
	})
	return rapid.OneOf(simple, object, list, many)
}

// repeated is a list of n elements, telling objects apart by their value.
func repeated(element any, n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = element
		if object, ok := element.(map[string]any); ok {
			other := map[string]any{"value": fmt.Sprintf("v%d", i)}
			for k, v := range object {
				if k != "value" {
					other[k] = v
				}
			}
			list[i] = other
		}
	}
	return list
}
