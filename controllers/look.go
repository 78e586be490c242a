package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/scim/fold"
)

// look finds objects in the cache by index. What it returns is shared with the
// cache: read it, never change it.
type look struct{ reader client.Reader }

// get reads one object; found is false when there is none.
func (l look) get(ctx context.Context, name string, into client.Object) (found bool, err error) {
	err = l.reader.Get(ctx, client.ObjectKey{Name: name}, into, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %T %q: %w", into, name, err)
	}
	return true, nil
}

func (l look) list(ctx context.Context, into client.ObjectList, field, value string) error {
	if err := l.reader.List(ctx, into, client.MatchingFields{field: value}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list %T by %s: %w", into, field, err)
	}
	return nil
}

func (l look) user(ctx context.Context, name string) (*v1alpha1.ProvisionedUser, error) {
	u := &v1alpha1.ProvisionedUser{}
	if found, err := l.get(ctx, name, u); !found {
		return nil, err
	}
	return u, nil
}

func (l look) role(ctx context.Context, name string) (*v1alpha1.ProvisionedRole, error) {
	r := &v1alpha1.ProvisionedRole{}
	if found, err := l.get(ctx, name, r); !found {
		return nil, err
	}
	return r, nil
}

// providers are the IdentityProviders by name.
type providers map[string]*v1alpha1.IdentityProvider

// of returns the provider of a user, or nil.
func (p providers) of(u *v1alpha1.ProvisionedUser) *v1alpha1.IdentityProvider {
	return p[u.Spec.Provider]
}

func (l look) providers(ctx context.Context) (providers, error) {
	var list v1alpha1.IdentityProviderList
	if err := l.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list IdentityProviders: %w", err)
	}
	all := make(providers, len(list.Items))
	for i := range list.Items {
		all[list.Items[i].Name] = &list.Items[i]
	}
	return all, nil
}

// provider reads one IdentityProvider; nil for no name and when there is none.
func (l look) provider(ctx context.Context, name string) (*v1alpha1.IdentityProvider, error) {
	if name == "" {
		return nil, nil
	}
	p := &v1alpha1.IdentityProvider{}
	if found, err := l.get(ctx, name, p); !found {
		return nil, err
	}
	return p, nil
}

func (l look) users(ctx context.Context, field, value string) ([]*v1alpha1.ProvisionedUser, error) {
	var list v1alpha1.ProvisionedUserList
	if err := l.list(ctx, &list, field, value); err != nil {
		return nil, err
	}
	return pointers(list.Items), nil
}

func (l look) attachments(ctx context.Context, field, value string) ([]*v1alpha1.RoleAttachment, error) {
	var list v1alpha1.RoleAttachmentList
	if err := l.list(ctx, &list, field, value); err != nil {
		return nil, err
	}
	// One that is being deleted gives nothing, however long a finalizer holds it.
	return slices.DeleteFunc(pointers(list.Items), func(a *v1alpha1.RoleAttachment) bool {
		return a.DeletionTimestamp != nil
	}), nil
}

func (l look) rules(ctx context.Context, role string) ([]*v1alpha1.AccessRule, error) {
	var list v1alpha1.AccessRuleList
	if err := l.list(ctx, &list, index.RuleByRole, role); err != nil {
		return nil, err
	}
	return pointers(list.Items), nil
}

// roleByID finds a provider's role by its id; nil when there is none.
func (l look) roleByID(ctx context.Context, provider, id string) (*v1alpha1.ProvisionedRole, error) {
	var list v1alpha1.ProvisionedRoleList
	if err := l.list(ctx, &list, index.RoleByID, index.Scoped(provider, id)); err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	return &list.Items[0], nil
}

// affected is a user whom a role concerns: by a membership, by attachments, or
// both.
type affected struct {
	*v1alpha1.ProvisionedUser
	attachments []*v1alpha1.RoleAttachment
}

// affectedBy are the users whom a role concerns, whether they hold it or not.
func (l look) affectedBy(ctx context.Context, role *v1alpha1.ProvisionedRole) ([]affected, error) {
	attachments, err := l.attachments(ctx, index.AttachmentByRole, role.Name)
	if err != nil {
		return nil, err
	}
	attached := make(map[string][]*v1alpha1.RoleAttachment)
	for _, a := range attachments {
		attached[a.Spec.User] = append(attached[a.Spec.User], a)
	}
	var users []affected
	if role.Spec.Provider != "" && role.Spec.ID != "" {
		members, err := l.users(ctx, index.UserByRoleID, role.Spec.ID)
		if err != nil {
			return nil, err
		}
		users = make([]affected, 0, len(members)+len(attached))
		for _, u := range members {
			if access.Member(u, role) {
				users = append(users, affected{u, attached[u.Name]})
				delete(attached, u.Name)
			}
		}
	}
	for name, list := range attached {
		u, err := l.user(ctx, name)
		if err != nil {
			return nil, err
		}
		if u != nil {
			users = append(users, affected{u, list})
		}
	}
	return users, nil
}

// holders are the users who hold a role at now, and when that next changes by
// time alone.
func (l look) holders(ctx context.Context, role *v1alpha1.ProvisionedRole, all providers, now time.Time) ([]*v1alpha1.ProvisionedUser, time.Time, error) {
	concerned, err := l.affectedBy(ctx, role)
	if err != nil {
		return nil, time.Time{}, err
	}
	var next time.Time
	holders := make([]*v1alpha1.ProvisionedUser, 0, len(concerned))
	for _, u := range concerned {
		p := all.of(u.ProvisionedUser)
		if access.Holds(u.ProvisionedUser, p, role, u.attachments, now) {
			holders = append(holders, u.ProvisionedUser)
		}
		for _, a := range u.attachments {
			next = access.Earlier(next, access.Attachment(a, u.ProvisionedUser, p, role, now).Next)
		}
	}
	return holders, next, nil
}

// subject decides the RBAC subject of an active user, all other users
// considered.
func (l look) subject(ctx context.Context, u *v1alpha1.ProvisionedUser, all providers) (access.Subject, error) {
	s := access.SubjectOf(u, all.of(u))
	if s.Refused {
		return s, nil
	}
	holders := []*v1alpha1.ProvisionedUser{u}
	key := s.Key()
	for _, candidate := range candidates(key, all) {
		others, err := l.users(ctx, index.UserBySubject, candidate)
		if err != nil {
			return s, err
		}
		for _, o := range others {
			if o.Name == u.Name || access.Suspended(o, all.of(o)) {
				continue
			}
			if other := access.SubjectOf(o, all.of(o)); !other.Refused && other.Key() == key {
				holders = append(holders, o)
			}
		}
	}
	if keeper := access.SubjectConflict(key, holders); keeper != u {
		return access.Taken(s, keeper), nil
	}
	return s, nil
}

// candidates are the values of index.UserBySubject under which a subject can be
// found: itself, and what is left of it behind each provider's prefix.
func candidates(key string, all providers) []string {
	values := []string{key}
	seen := map[string]bool{"": true}
	for _, p := range all {
		prefix := fold.String(p.Spec.Subject.Prefix)
		if p.Spec.Subject.Prefix == "" || seen[prefix] || len(prefix) >= len(key) || key[:len(prefix)] != prefix {
			continue
		}
		seen[prefix] = true
		values = append(values, key[len(prefix):])
	}
	return values
}

// sharing are the users, except one, whose subject can equal one that is made
// of any of the values: with a prefix, without one, or as it is.
func (l look) sharing(ctx context.Context, values []string, except string) ([]*v1alpha1.ProvisionedUser, error) {
	all, err := l.providers(ctx)
	if err != nil {
		return nil, err
	}
	var sharing []*v1alpha1.ProvisionedUser
	seen := make(map[string]bool)
	for _, value := range values {
		keys := []string{value}
		for _, p := range all {
			if prefix := p.Spec.Subject.Prefix; prefix != "" {
				keys = append(keys, fold.String(prefix+value))
			}
		}
		for _, key := range keys {
			for _, candidate := range candidates(key, all) {
				if seen[candidate] {
					continue
				}
				seen[candidate] = true
				users, err := l.users(ctx, index.UserBySubject, candidate)
				if err != nil {
					return nil, err
				}
				for _, u := range users {
					if u.Name != except {
						sharing = append(sharing, u)
					}
				}
			}
		}
	}
	return sharing, nil
}

func pointers[T any](items []T) []*T {
	p := make([]*T, len(items))
	for i := range items {
		p[i] = &items[i]
	}
	return p
}
