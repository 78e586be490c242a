package access_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

func TestWithheld(t *testing.T) {
	t.Parallel()
	leaving := role("leaving", "entra")
	leaving.DeletionTimestamp = at(0)
	roles := []*v1alpha1.ProvisionedRole{role("dev", "entra"), role("ops", ""), leaving}
	author := func(a *v1alpha1.RoleAttachment) { a.Spec.Author = &v1alpha1.Author{Username: "carol"} }
	for _, tc := range []struct {
		name        string
		user        *v1alpha1.ProvisionedUser
		attachments []*v1alpha1.RoleAttachment
		want        string
	}{
		{"what is held is not withheld", alice(member("id-of-dev")), []*v1alpha1.RoleAttachment{attach("a", "ops")}, ""},
		{"suspended by the identity provider", alice(member("id-of-dev"), active(false), suspensions(1)), []*v1alpha1.RoleAttachment{attach("a", "ops")},
			"dev: IdentityProvider/entra UserSuspended; ops: RoleAttachment/a SuspendedSince"},
		{"suspended by an administrator: the attachment will count again", alice(suspended), []*v1alpha1.RoleAttachment{attach("a", "ops")},
			"ops: RoleAttachment/a UserSuspended"},
		{"restored", alice(member("id-of-dev"), suspensions(1)), []*v1alpha1.RoleAttachment{attach("a", "ops"), attach("b", "ops", epoch(1))},
			"ops: RoleAttachment/a SuspendedSince"},
		{"over, and not begun", alice(), []*v1alpha1.RoleAttachment{attach("b", "ops", expires(0)), attach("a", "dev", starts(time.Hour))},
			"dev: RoleAttachment/a NotStarted; ops: RoleAttachment/b Expired"},
		{"the role is gone", alice(), []*v1alpha1.RoleAttachment{attach("a", "gone")}, "gone: RoleAttachment/a RoleGone"},
		{"the role of a membership is being deleted", alice(member("id-of-leaving")), nil, "leaving: IdentityProvider/entra RoleGone"},
		{"a membership in a role that is gone names nothing", alice(member("id-of-gone"), suspended), nil, ""},
		{"somebody else's attachment", alice(suspended), []*v1alpha1.RoleAttachment{attach("a", "ops", func(a *v1alpha1.RoleAttachment) { a.Spec.User = "bob" })}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, a := range tc.attachments {
				author(a)
			}
			got := access.Withheld(access.Facts{User: tc.user, Provider: entra(), Roles: roles, Attachments: tc.attachments, Now: noon})
			if text := renderWithheld(got); text != tc.want {
				t.Errorf("Withheld = %q, want %q", text, tc.want)
			}
			for _, r := range got {
				for _, s := range r.Sources {
					if s.Message == "" || (s.Kind == v1alpha1.SourceRoleAttachment && s.Author != "carol") {
						t.Errorf("%+v does not say why, or who made it", s)
					}
				}
			}
		})
	}
}

func renderWithheld(withheld []v1alpha1.WithheldRole) string {
	parts := make([]string, len(withheld))
	for i, r := range withheld {
		parts[i] = r.Name + ":"
		for _, s := range r.Sources {
			parts[i] += " " + string(s.Kind) + "/" + s.Name + " " + s.Reason
		}
	}
	return strings.Join(parts, "; ")
}

// Every edge that leads to a role is either why the user holds it, or is said not
// to count: there is no third.
func TestEveryEdgeIsAccountedFor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := world(t)
		type edge struct{ role, kind, name string }
		given, withheld := map[edge]bool{}, map[edge]bool{}
		for _, r := range access.Roles(f) {
			for _, s := range r.Sources {
				given[edge{r.Name, string(s.Kind), s.Name}] = true
			}
		}
		for _, r := range access.Withheld(f) {
			for _, s := range r.Sources {
				withheld[edge{r.Name, string(s.Kind), s.Name}] = true
			}
		}
		edges := map[edge]bool{}
		for _, r := range f.Roles {
			_, member := f.User.Spec.Memberships[r.Spec.ID]
			if member && f.User.Spec.Provider != "" && f.User.Spec.Provider == r.Spec.Provider {
				edges[edge{r.Name, string(v1alpha1.SourceIdentityProvider), f.User.Spec.Provider}] = true
			}
		}
		for _, a := range f.Attachments {
			if a.Spec.User == f.User.Name {
				edges[edge{a.Spec.Role, string(v1alpha1.SourceRoleAttachment), a.Name}] = true
			}
		}
		for e := range edges {
			if given[e] == withheld[e] {
				t.Errorf("%v: given is %v and withheld is %v", e, given[e], withheld[e])
			}
		}
		if len(given)+len(withheld) != len(edges) {
			t.Errorf("%d given and %d withheld of %d edges", len(given), len(withheld), len(edges))
		}
	})
}

func TestReaches(t *testing.T) {
	t.Parallel()
	rule := func(provider string) *v1alpha1.AccessRule {
		return &v1alpha1.AccessRule{Spec: v1alpha1.AccessRuleSpec{Role: "dev", Provider: provider}}
	}
	leaving := role("dev", "entra")
	leaving.DeletionTimestamp = at(0)
	for name, tc := range map[string]struct {
		rule   *v1alpha1.AccessRule
		role   *v1alpha1.ProvisionedRole
		reason string
	}{
		"whoever made the role":                        {rule(""), role("dev", "okta"), v1alpha1.ReasonReconciled},
		"the provider that the rule names":             {rule("entra"), role("dev", "entra"), v1alpha1.ReasonReconciled},
		"another provider that was first to the name":  {rule("entra"), role("dev", "okta"), v1alpha1.ReasonRoleOfAnotherProvider},
		"a local role where a provider's is meant":     {rule("entra"), role("dev", ""), v1alpha1.ReasonRoleOfAnotherProvider},
		"a local role":                                 {rule("local"), role("dev", ""), v1alpha1.ReasonReconciled},
		"a provider's role where a local one is meant": {rule("local"), role("dev", "entra"), v1alpha1.ReasonRoleOfAnotherProvider},
		"no role yet":                                  {rule("entra"), nil, v1alpha1.ReasonRoleNotFound},
		"a role on its way out":                        {rule(""), leaving, v1alpha1.ReasonRoleNotFound},
	} {
		got := access.Reaches(tc.rule, tc.role)
		if got.Reason != tc.reason || got.Message == "" || got.Reaches != (got.Reason == v1alpha1.ReasonReconciled) {
			t.Errorf("%s: Reaches = %+v, want %s", name, got, tc.reason)
		}
	}
}
