//go:build integration

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

// inputs are IdP truth and local truth, as the API server has them.
type inputs struct {
	providers map[string]*v1alpha1.IdentityProvider
	// users and rules are those of the troupe, all of them.
	users []*v1alpha1.ProvisionedUser
	rules []*v1alpha1.AccessRule
	// roles and attachments are everybody's.
	roles       []*v1alpha1.ProvisionedRole
	attachments []*v1alpha1.RoleAttachment
}

func (t *troupe) read(ctx context.Context, g Gomega) inputs {
	in := inputs{providers: map[string]*v1alpha1.IdentityProvider{}, users: t.users(ctx, g)}
	var providers v1alpha1.IdentityProviderList
	var roles v1alpha1.ProvisionedRoleList
	var attachments v1alpha1.RoleAttachmentList
	var rules v1alpha1.AccessRuleList
	for _, list := range []client.ObjectList{&attachments, &rules, &providers, &roles} {
		g.Expect(shared.Client().List(ctx, list)).To(Succeed())
	}
	for i := range providers.Items {
		in.providers[providers.Items[i].Name] = &providers.Items[i]
	}
	for i := range rules.Items {
		if r := &rules.Items[i]; slices.Contains(t.roles, r.Name) {
			in.rules = append(in.rules, r)
		}
	}
	for i := range roles.Items {
		in.roles = append(in.roles, &roles.Items[i])
	}
	for i := range attachments.Items {
		in.attachments = append(in.attachments, &attachments.Items[i])
	}
	return in
}

// grants are subjects by what they are bound to and where.
type grants map[string]map[string]bool

func (g grants) add(from projection.Source, namespace, subject string) {
	key := fmt.Sprintf("%s of %s in %q", from.RoleRef.Name, from.Name, namespace)
	if g[key] == nil {
		g[key] = map[string]bool{}
	}
	g[key][subject] = true
}

// expectDecided compares statuses and bindings with what the decisions say of the
// inputs.
func (t *troupe) expectDecided(ctx context.Context, g Gomega) {
	in, now, want := t.read(ctx, g), time.Now(), grants{}
	for _, u := range in.users {
		p := in.providers[u.Spec.Provider]
		f := access.Facts{User: u, Provider: p, Roles: in.roles, Attachments: in.attachments, Now: now}
		roles, level := access.Roles(f), access.Level(u, p).Level
		g.Expect(u.Status.State).To(Equal(access.State(u, p).State), "state of %s", u.Name)
		g.Expect(u.Status.PermissionLevel).To(Equal(level), "level of %s", u.Name)
		g.Expect(asJSON(g, u.Status.Roles)).To(MatchJSON(asJSON(g, roles)), "roles of %s", u.Name)
		g.Expect(asJSON(g, u.Status.Withheld)).To(MatchJSON(asJSON(g, access.Withheld(f))), "roles withheld from %s", u.Name)
		subject := access.SubjectOf(u, p)
		g.Expect(subject.Refused).To(BeFalse(), "subject of %s", u.Name)
		for _, rule := range in.rules {
			holds := slices.ContainsFunc(roles, func(r v1alpha1.EffectiveRole) bool { return r.Name == rule.Spec.Role })
			if !holds || !access.Reaches(rule, find(in.roles, rule.Spec.Role)).Reaches {
				continue
			}
			for _, namespace := range rule.Spec.Namespaces {
				want.add(projection.OfRule(rule), namespace, subject.Name)
			}
		}
		if source, above := projection.OfLevel(level); above {
			want.add(source, "", subject.Name)
		}
	}
	g.Expect(t.bound(ctx, g)).To(Equal(want))
	for _, a := range in.attachments {
		u, r := find(in.users, a.Spec.User), find(in.roles, a.Spec.Role)
		var p *v1alpha1.IdentityProvider
		switch {
		case u != nil:
			p = in.providers[u.Spec.Provider]
		case !strings.HasPrefix(a.Name, t.name+"-"):
			continue // somebody else's
		}
		g.Expect(a.Status.State).To(Equal(access.Attachment(a, u, p, r, now).State), "state of %s", a.Name)
	}
}

// bound are the troupe's subjects in the bindings of its rules and of all levels.
func (t *troupe) bound(ctx context.Context, g Gomega) grants {
	bound := grants{}
	note := func(from projection.Source, b client.Object) {
		from.RoleRef = projection.RoleRefOf(b)
		for _, name := range subjectNames(projection.BindingOf(b).Subjects) {
			if t.bears(name) {
				bound.add(from, b.GetNamespace(), name)
			}
		}
	}
	ours := client.MatchingLabels{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue}
	var roleBindings rbacv1.RoleBindingList
	g.Expect(shared.Client().List(ctx, &roleBindings, ours)).To(Succeed())
	for i := range roleBindings.Items {
		if rule, is := projection.RuleOf(&roleBindings.Items[i]); is && slices.Contains(t.roles, rule) {
			note(projection.Source{Name: rule}, &roleBindings.Items[i])
		}
	}
	var clusterRoleBindings rbacv1.ClusterRoleBindingList
	g.Expect(shared.Client().List(ctx, &clusterRoleBindings, ours)).To(Succeed())
	for i := range clusterRoleBindings.Items {
		if level, is := projection.LevelRoleOf(&clusterRoleBindings.Items[i]); is {
			note(projection.Source{Name: level}, &clusterRoleBindings.Items[i])
		}
	}
	return bound
}

// asJSON is a list as JSON, without a difference between none and an empty one.
func asJSON[T any](g Gomega, list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	text, err := json.Marshal(list)
	g.Expect(err).NotTo(HaveOccurred())
	return string(text)
}

func find[T client.Object](list []T, name string) T {
	var none T
	for _, o := range list {
		if o.GetName() == name {
			return o
		}
	}
	return none
}
