// Package index names the cache indexes that turn every lookup of a request or
// a reconcile into one map access. A scan of all users per request is a bug.
package index

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/projection"
	"github.com/rollcall-dev/rollcall/scim/fold"
)

// Index names, for client.MatchingFields. Values that compare without case are
// folded (package fold) before they are looked up.
const (
	// UserByProvider finds users by provider; LocalManager for local ones.
	UserByProvider = "user.provider"
	// UserByID finds users by Scoped(provider, id).
	UserByID = "user.id"
	// UserByUserName finds users of every provider by folded userName.
	UserByUserName = "user.userName"
	// UserByExternalID finds users by Scoped(provider, externalId).
	UserByExternalID = "user.externalId"
	// UserByDisplayName finds users by Scoped(provider, folded displayName).
	UserByDisplayName = "user.displayName"
	// UserByEmail finds users of every provider by folded e-mail address.
	UserByEmail = "user.email"
	// UserByRoleID finds users by the id of a role in spec.memberships.
	UserByRoleID = "user.roleId"
	// UserBySubject finds users by every folded value that a subject rule could
	// make their RBAC subject from, before any prefix: the ServiceAccount,
	// remoteIdentity, userName, externalId, e-mail addresses.
	UserBySubject = "user.subject"

	// RoleByProvider finds roles by provider; LocalManager for local ones.
	RoleByProvider = "role.provider"
	// RoleByID finds roles by Scoped(provider, id).
	RoleByID = "role.id"
	// RoleByDisplayName finds roles of every provider by folded displayName.
	RoleByDisplayName = "role.displayName"
	// RoleByExternalID finds roles by Scoped(provider, externalId).
	RoleByExternalID = "role.externalId"

	// AttachmentByUser finds RoleAttachments by the name of their user.
	AttachmentByUser = "attachment.user"
	// AttachmentByRole finds RoleAttachments by the name of their role.
	AttachmentByRole = "attachment.role"

	// RuleByRole finds AccessRules by the name of their role.
	RuleByRole = "rule.role"

	// BindingByRule finds RoleBindings and ClusterRoleBindings of ours by the
	// name of the AccessRule they project.
	BindingByRule = "binding.rule"
	// BindingByLevel finds ClusterRoleBindings of ours by the ClusterRole of the
	// permission level they project.
	BindingByLevel = "binding.level"
	// UserByLevel finds users by the permission level that their spec asks for,
	// other than User.
	UserByLevel = "user.level"
)

// Scoped joins a provider's name and a value of its own, so that one provider's
// lookup can't find another's object. Provider names have no slash.
func Scoped(provider, value string) string { return provider + "/" + value }

// Register adds every index to the cache. Call it once, before the cache starts.
func Register(ctx context.Context, indexer client.FieldIndexer) error {
	for _, i := range []struct {
		obj   client.Object
		field string
		value client.IndexerFunc
	}{
		{&v1alpha1.ProvisionedUser{}, UserByProvider, user(func(u *v1alpha1.ProvisionedUser) []string {
			return []string{providerOrLocal(u.Spec.Provider)}
		})},
		{&v1alpha1.ProvisionedUser{}, UserByID, user(func(u *v1alpha1.ProvisionedUser) []string {
			return scoped(u.Spec.Provider, u.Spec.ID)
		})},
		{&v1alpha1.ProvisionedUser{}, UserByUserName, user(func(u *v1alpha1.ProvisionedUser) []string {
			return []string{fold.String(u.Spec.UserName)}
		})},
		{&v1alpha1.ProvisionedUser{}, UserByExternalID, user(func(u *v1alpha1.ProvisionedUser) []string {
			return scoped(u.Spec.Provider, u.Spec.ExternalID)
		})},
		{&v1alpha1.ProvisionedUser{}, UserByDisplayName, user(func(u *v1alpha1.ProvisionedUser) []string {
			return scoped(u.Spec.Provider, fold.String(u.Spec.DisplayName))
		})},
		{&v1alpha1.ProvisionedUser{}, UserByEmail, user(emails)},
		{&v1alpha1.ProvisionedUser{}, UserByRoleID, user(func(u *v1alpha1.ProvisionedUser) []string {
			ids := make([]string, 0, len(u.Spec.Memberships))
			for id := range u.Spec.Memberships {
				ids = append(ids, id)
			}
			return ids
		})},
		{&v1alpha1.ProvisionedUser{}, UserBySubject, user(SubjectCandidates)},
		{&v1alpha1.ProvisionedUser{}, UserByLevel, user(func(u *v1alpha1.ProvisionedUser) []string {
			if level := access.Given(u); level != v1alpha1.LevelUser {
				return []string{string(level)}
			}
			return nil
		})},

		{&v1alpha1.ProvisionedRole{}, RoleByProvider, role(func(r *v1alpha1.ProvisionedRole) []string {
			return []string{providerOrLocal(r.Spec.Provider)}
		})},
		{&v1alpha1.ProvisionedRole{}, RoleByID, role(func(r *v1alpha1.ProvisionedRole) []string {
			return scoped(r.Spec.Provider, r.Spec.ID)
		})},
		{&v1alpha1.ProvisionedRole{}, RoleByDisplayName, role(func(r *v1alpha1.ProvisionedRole) []string {
			return []string{fold.String(r.Spec.DisplayName)}
		})},
		{&v1alpha1.ProvisionedRole{}, RoleByExternalID, role(func(r *v1alpha1.ProvisionedRole) []string {
			return scoped(r.Spec.Provider, r.Spec.ExternalID)
		})},

		{&v1alpha1.RoleAttachment{}, AttachmentByUser, func(o client.Object) []string {
			return []string{o.(*v1alpha1.RoleAttachment).Spec.User}
		}},
		{&v1alpha1.RoleAttachment{}, AttachmentByRole, func(o client.Object) []string {
			return []string{o.(*v1alpha1.RoleAttachment).Spec.Role}
		}},
		{&v1alpha1.AccessRule{}, RuleByRole, func(o client.Object) []string {
			return []string{o.(*v1alpha1.AccessRule).Spec.Role}
		}},
		{&rbacv1.RoleBinding{}, BindingByRule, ruleOfBinding},
		{&rbacv1.ClusterRoleBinding{}, BindingByRule, ruleOfBinding},
		{&rbacv1.ClusterRoleBinding{}, BindingByLevel, func(o client.Object) []string {
			if role, ours := projection.LevelRoleOf(o); ours {
				return []string{role}
			}
			return nil
		}},
	} {
		if err := indexer.IndexField(ctx, i.obj, i.field, i.value); err != nil {
			return fmt.Errorf("index %s: %w", i.field, err)
		}
	}
	return nil
}

// SubjectCandidates returns the values of UserBySubject.
func SubjectCandidates(u *v1alpha1.ProvisionedUser) []string {
	seen := map[string]bool{}
	var values []string
	add := func(v string) {
		if v = fold.String(v); v != "" && !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	if ref := u.Spec.ServiceAccountRef; ref != nil {
		add("system:serviceaccount:" + ref.Namespace + ":" + ref.Name)
	}
	add(u.Spec.RemoteIdentity)
	add(u.Spec.UserName)
	add(u.Spec.ExternalID)
	for _, e := range u.Spec.Emails {
		add(e.Value)
	}
	if u.Spec.Provider != "" {
		// It stays in force, prefix and all, when the provider is deleted.
		add(u.Status.Subject)
	}
	return values
}

func user(f func(*v1alpha1.ProvisionedUser) []string) client.IndexerFunc {
	return func(o client.Object) []string { return f(o.(*v1alpha1.ProvisionedUser)) }
}

func role(f func(*v1alpha1.ProvisionedRole) []string) client.IndexerFunc {
	return func(o client.Object) []string { return f(o.(*v1alpha1.ProvisionedRole)) }
}

func scoped(provider, value string) []string {
	if provider == "" || value == "" {
		return nil
	}
	return []string{Scoped(provider, value)}
}

func providerOrLocal(provider string) string {
	if provider == "" {
		return v1alpha1.LocalManager
	}
	return provider
}

func emails(u *v1alpha1.ProvisionedUser) []string {
	var values []string
	for _, e := range u.Spec.Emails {
		if e.Value != "" {
			values = append(values, fold.String(e.Value))
		}
	}
	return values
}

func ruleOfBinding(o client.Object) []string {
	if rule, ours := projection.RuleOf(o); ours {
		return []string{rule}
	}
	return nil
}
