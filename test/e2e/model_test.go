//go:build integration

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/entra"
)

// state is who is there and who is in what, by name: as a company means it, as
// SCIM shows it, and as the objects in the cluster have it.
type state struct {
	// Users maps userName to active.
	Users map[string]bool
	// Groups maps displayName to the userNames of its members.
	Groups map[string]map[string]bool
}

func newState() state {
	return state{Users: map[string]bool{}, Groups: map[string]map[string]bool{}}
}

// meant is what a company wants that has never had a leaver.
func (w *world) meant() state {
	s, snapshot := newState(), w.tenant.Snapshot(entra.AssignedOnly)
	for id := range snapshot.InScope {
		if p, ok := snapshot.People[id]; ok && !p.Disabled {
			s.Users[p.UserPrincipalName] = true
		}
	}
	for id, g := range snapshot.Groups {
		if !snapshot.InScope[id] {
			continue
		}
		s.Groups[g.DisplayName] = map[string]bool{}
		for member := range g.Members {
			if p, ok := snapshot.People[member]; ok && s.Users[p.UserPrincipalName] {
				s.Groups[g.DisplayName][p.UserPrincipalName] = true
			}
		}
	}
	return s
}

// shown is what SCIM answers.
func (w *world) shown(ctx context.Context) state {
	GinkgoHelper()
	s, names := newState(), map[string]string{}
	w.each(ctx, "/Users", func(u map[string]any) {
		name := u["userName"].(string)
		names[u["id"].(string)] = name
		s.Users[name] = u["active"].(bool)
	})
	w.each(ctx, "/Groups", func(g map[string]any) {
		members := map[string]bool{}
		list, _ := g["members"].([]any)
		for _, m := range list {
			members[names[m.(map[string]any)["value"].(string)]] = true
		}
		s.Groups[g["displayName"].(string)] = members
	})
	return s
}

// each reads all pages.
func (w *world) each(ctx context.Context, endpoint string, visit func(map[string]any)) {
	GinkgoHelper()
	for start, total := 1, 1; start <= total; {
		a := send(ctx, w.raw, http.MethodGet, fmt.Sprintf("%s?startIndex=%d&count=200", endpoint, start), "")
		expectStatus(a, http.StatusOK)
		var page struct {
			TotalResults int
			Resources    []map[string]any
		}
		Expect(json.Unmarshal(a.Response, &page)).To(Succeed())
		if total = page.TotalResults; total > 0 {
			Expect(page.Resources).NotTo(BeEmpty())
		}
		for _, r := range page.Resources {
			visit(r)
		}
		start += len(page.Resources)
		if total == 0 {
			return
		}
	}
}

// stored is what the objects say.
func (w *world) stored(ctx context.Context) state {
	GinkgoHelper()
	s, names := newState(), map[string]string{}
	for _, r := range listRoles(ctx, w.name) {
		names[r.Spec.ID] = r.Spec.DisplayName
		s.Groups[r.Spec.DisplayName] = map[string]bool{}
	}
	var users v1alpha1.ProvisionedUserList
	Expect(shared.Client().List(ctx, &users, client.MatchingFields{"spec.provider": w.name})).To(Succeed())
	for _, u := range users.Items {
		s.Users[u.Spec.UserName] = u.Spec.Active == nil || *u.Spec.Active
		for id := range u.Spec.Memberships {
			Expect(names).To(HaveKey(id), "%s has a membership of no role", u.Name)
			s.Groups[names[id]][u.Spec.UserName] = true
		}
	}
	return s
}

func listRoles(ctx context.Context, provider string) []v1alpha1.ProvisionedRole {
	GinkgoHelper()
	var list v1alpha1.ProvisionedRoleList
	Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.provider": provider})).To(Succeed())
	return list.Items
}
