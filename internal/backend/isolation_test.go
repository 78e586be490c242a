//go:build integration

package backend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim/schema"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// tenant is a SCIM client with a token of its provider.
type tenant struct {
	handler          http.Handler
	provider, secret string
}

func newTenant(ctx context.Context, provider string) tenant {
	GinkgoHelper()
	newProvider(ctx, provider)
	t := tenant{server.New(b, server.Options{}), provider, newToken(ctx, provider).Secret}
	Eventually(b.Authenticate).WithArguments(ctx, provider, t.secret).ShouldNot(BeEmpty())
	Eventually(func() error {
		_, err := b.Directory(ctx, provider)
		return err
	}).Should(Succeed())
	return t
}

// send sends a request to the tenant's own endpoint; path is below its base URL.
func (t tenant) send(ctx context.Context, method, path, body string) (status int, answer map[string]any, text string) {
	GinkgoHelper()
	return t.sendTo(ctx, t.provider, method, path, body)
}

func (t tenant) sendTo(ctx context.Context, provider, method, path, body string) (status int, answer map[string]any, text string) {
	GinkgoHelper()
	r := httptest.NewRequestWithContext(ctx, method, "/"+provider+"/scim/v2"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+t.secret)
	w := httptest.NewRecorder()
	t.handler.ServeHTTP(w, r)
	if w.Body.Len() > 0 {
		Expect(json.Unmarshal(w.Body.Bytes(), &answer)).To(Succeed())
	}
	return w.Code, answer, w.Body.String()
}

// make creates a resource, and returns its id.
func (t tenant) make(ctx context.Context, path, format string, args ...any) string {
	GinkgoHelper()
	status, answer, text := t.send(ctx, http.MethodPost, path, fmt.Sprintf(format, args...))
	Expect(status).To(Equal(http.StatusCreated), text)
	id, _ := answer["id"].(string)
	return id
}

func (t tenant) read(ctx context.Context, path string) map[string]any {
	GinkgoHelper()
	status, answer, text := t.send(ctx, http.MethodGet, path, "")
	Expect(status).To(Equal(http.StatusOK), text)
	return answer
}

var _ = Describe("One provider's token", Ordered, func() {
	const localUserID, localRoleID = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	var (
		ours, theirs          tenant
		ann, team             string // ours
		boss, staff           string // theirs
		foreign, foreignRoles []string
		before                map[string]string // versions of foreign objects by name
	)
	versions := func(ctx context.Context) map[string]string {
		GinkgoHelper()
		var users v1alpha1.ProvisionedUserList
		var roles v1alpha1.ProvisionedRoleList
		Expect(admin.List(ctx, &users)).To(Succeed())
		Expect(admin.List(ctx, &roles)).To(Succeed())
		found := map[string]string{}
		for _, u := range users.Items {
			if u.Spec.Provider != ours.provider {
				found["user "+u.Name] = u.ResourceVersion
			}
		}
		for _, r := range roles.Items {
			if r.Spec.Provider != ours.provider {
				found["role "+r.Name] = r.ResourceVersion
			}
		}
		return found
	}
	BeforeAll(func(ctx SpecContext) {
		ours, theirs = newTenant(ctx, "ours"), newTenant(ctx, "theirs")
		ann = ours.make(ctx, "/Users", `{"userName":"ann@ours","active":true}`)
		team = ours.make(ctx, "/Groups", `{"displayName":"Ours"}`)
		boss = theirs.make(ctx, "/Users", `{"userName":"boss@theirs","externalId":"ext","displayName":"The Boss","title":"Chief","active":true,
			"name":{"familyName":"Bossy"},"emails":[{"value":"boss@theirs","type":"work"}],"manager":"m-1","urn:example:x:1.0:User":{"tag":"blue"}}`)
		staff = theirs.make(ctx, "/Groups", `{"displayName":"Theirs","externalId":"ext-g","members":[{"value":%q}]}`, boss)
		local := &v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{Name: "local"},
			Spec:       v1alpha1.ProvisionedUserSpec{ID: localUserID, UserName: "local@here", ExternalID: "ext-l", DisplayName: "Local", Emails: []v1alpha1.Email{{Value: "local@here"}}},
		}
		Expect(admin.Create(ctx, local)).To(Succeed())
		localRole := &v1alpha1.ProvisionedRole{
			ObjectMeta: metav1.ObjectMeta{Name: "local-role"},
			Spec:       v1alpha1.ProvisionedRoleSpec{ID: localRoleID, DisplayName: "Local"},
		}
		Expect(admin.Create(ctx, localRole)).To(Succeed())
		for _, o := range []client.Object{local, localRole} {
			Eventually(func() error {
				return cached.Get(ctx, client.ObjectKeyFromObject(o), o.DeepCopyObject().(client.Object))
			}).Should(Succeed())
		}
		foreign, foreignRoles = []string{boss, localUserID}, []string{staff, localRoleID}
		before = versions(ctx)
		Expect(before).To(HaveLen(4))
	})
	AfterEach(func(ctx SpecContext) { Expect(versions(ctx)).To(Equal(before), "nothing of others' is ever written") })

	It("is none at another provider's endpoint", func(ctx SpecContext) {
		for _, path := range []string{"/Users", "/Users/" + boss, "/Groups/" + staff, "/Schemas"} {
			status, _, _ := ours.sendTo(ctx, theirs.provider, http.MethodGet, path, "")
			Expect(status).To(Equal(http.StatusUnauthorized), path)
		}
	})

	It("finds nobody else's by id, whatever it does", func(ctx SpecContext) {
		paths := []string{}
		for i := range foreign {
			paths = append(paths, "/Users/"+foreign[i], "/Groups/"+foreignRoles[i])
		}
		for _, path := range paths {
			for method, body := range map[string]string{
				http.MethodGet: "", http.MethodDelete: "",
				http.MethodPut:   `{"userName":"mine","displayName":"mine","active":false}`,
				http.MethodPatch: `{"Operations":[{"op":"replace","value":{"active":false,"displayName":"mine"}}]}`,
			} {
				status, answer, text := ours.send(ctx, method, path, body)
				Expect(status).To(Equal(http.StatusNotFound), "%s %s: %s", method, path, text)
				Expect(answer["detail"]).To(ContainSubstring("not found"))
			}
		}
	})

	It("finds nobody else's by any filter", func(ctx SpecContext) {
		const e, x = schema.EnterpriseUserURN, "urn:example:x:1.0:User"
		values := map[string][]string{
			"/Users": {
				"id=" + boss, "id=" + localUserID, "userName=boss@theirs", "userName=local@here", "externalId=ext", "externalId=ext-l",
				"displayName=The Boss", "displayName=Local", "emails.value=boss@theirs", "emails=local@here", "name.familyName=Bossy",
				"title=Chief", e + ":manager.value=m-1", x + ":tag=blue", "groups.value=" + staff, "groups.display=Theirs",
			},
			"/Groups": {
				"id=" + staff, "id=" + localRoleID, "displayName=Theirs", "displayName=Local", "externalId=ext-g",
				"members.value=" + boss, "members=" + boss, "members.display=The Boss",
			},
		}
		for endpoint, list := range values {
			for _, pair := range list {
				attribute, value, _ := strings.Cut(pair, "=")
				for _, form := range []string{`%s eq %q`, `%s sw %q`, `%s co %q and id pr`, `id eq "nobody" or %s eq %q`, `not (%s ne %q)`} {
					text := fmt.Sprintf(form, attribute, value)
					for _, path := range []string{endpoint, ""} {
						answer := ours.read(ctx, path+"?filter="+url.QueryEscape(text))
						Expect(answer["totalResults"]).To(BeZero(), "%s: %v", text, answer)
					}
				}
			}
		}
		for _, path := range []string{"/Users", "/Groups", "", "/Users?filter=" + url.QueryEscape("active ne false or not (active pr)"), "/Users?sortBy=userName&count=200"} {
			_, _, text := ours.send(ctx, http.MethodGet, path, "")
			for _, id := range append(foreign, foreignRoles...) {
				Expect(text).NotTo(ContainSubstring(id), path)
			}
		}
	})

	It("takes nobody else's into its groups: their ids are of nobody", func(ctx SpecContext) {
		ids := append(append([]string{}, foreign...), foreignRoles...)
		for _, id := range ids {
			status, _, text := ours.send(ctx, http.MethodPatch, "/Groups/"+team, fmt.Sprintf(`{"Operations":[{"op":"add","path":"members","value":[{"value":%q},{"value":%q}]}]}`, id, ann))
			Expect(status).To(Equal(http.StatusNoContent), text)
		}
		members, _ := ours.read(ctx, "/Groups/"+team)["members"].([]any)
		Expect(members).To(HaveLen(len(ids) + 1))
		for _, m := range members {
			if m := m.(map[string]any); m["value"] != ann {
				Expect(m).To(HaveLen(1), "no type, no name, no address: %v", m)
			}
		}
		Expect(theirs.read(ctx, "/Users/"+boss)["groups"]).To(HaveLen(1))
		var role v1alpha1.ProvisionedRole
		Expect(admin.Get(ctx, client.ObjectKey{Name: "ours"}, &role)).To(Succeed())
		Expect(role.Spec.UnresolvedMembers).To(ConsistOf(ids))
	})

	It("names another's user as manager: text, and nothing more", func(ctx SpecContext) {
		for _, id := range foreign {
			status, answer, text := ours.send(ctx, http.MethodPatch, "/Users/"+ann, fmt.Sprintf(`{"Operations":[{"op":"add","path":"manager","value":%q}]}`, id))
			Expect(status).To(Equal(http.StatusOK), text)
			Expect(answer[schema.EnterpriseUserURN]).To(HaveKeyWithValue("manager", HaveKeyWithValue("value", id)))
			Expect(text).NotTo(Or(ContainSubstring("Boss"), ContainSubstring("Local")))
		}
	})

	It("reaches nobody else's in a bulk", func(ctx SpecContext) {
		var operations []string
		for i := range foreign {
			for _, path := range []string{"/Users/" + foreign[i], "/Groups/" + foreignRoles[i]} {
				operations = append(operations,
					fmt.Sprintf(`{"method":"PUT","path":%q,"data":{"userName":"mine","displayName":"mine"}}`, path),
					fmt.Sprintf(`{"method":"PATCH","path":%q,"data":{"Operations":[{"op":"replace","path":"displayName","value":"mine"}]}}`, path),
					fmt.Sprintf(`{"method":"DELETE","path":%q}`, path))
			}
		}
		status, answer, text := ours.send(ctx, http.MethodPost, "/Bulk", `{"Operations":[`+strings.Join(operations, ",")+`]}`)
		Expect(status).To(Equal(http.StatusOK), text)
		results, _ := answer["Operations"].([]any)
		Expect(results).To(HaveLen(len(operations)))
		for _, r := range results {
			Expect(r).To(HaveKeyWithValue("status", "404"))
		}
	})

	It("has a user of another's name, who is another one", func(ctx SpecContext) {
		id := ours.make(ctx, "/Users", `{"userName":"BOSS@theirs","externalId":"ext","displayName":"The Boss"}`)
		Expect(id).NotTo(Equal(boss))
		Expect(ours.read(ctx, `/Users?filter=`+url.QueryEscape(`userName eq "boss@theirs"`))["totalResults"]).To(BeEquivalentTo(1))
		status, _, _ := ours.send(ctx, http.MethodDelete, "/Users/"+id, "")
		Expect(status).To(Equal(http.StatusNoContent))
		Expect(theirs.read(ctx, "/Users/"+boss)).To(HaveKeyWithValue("active", true))
		Expect(ours.make(ctx, "/Users", `{"userName":"boss@theirs"}`)).NotTo(Or(Equal(id), Equal(boss)), "the name is free again")
	})
})
