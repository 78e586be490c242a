package roster

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

// Roster finds objects in the cache by index. What it returns is shared with the
// cache: read it, never change it.
type Roster struct{ Reader client.Reader }

// Get reads one object; found is false when there is none.
func (r Roster) Get(ctx context.Context, name string, into client.Object) (found bool, err error) {
	err = r.Reader.Get(ctx, client.ObjectKey{Name: name}, into, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %T %q: %w", into, name, err)
	}
	return true, nil
}

// List looks an index up.
func (r Roster) List(ctx context.Context, into client.ObjectList, field, value string) error {
	if err := r.Reader.List(ctx, into, client.MatchingFields{field: value}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list %T by %s: %w", into, field, err)
	}
	return nil
}

// User reads one user; nil when there is none.
func (r Roster) User(ctx context.Context, name string) (*v1alpha1.ProvisionedUser, error) {
	u := &v1alpha1.ProvisionedUser{}
	if found, err := r.Get(ctx, name, u); !found {
		return nil, err
	}
	return u, nil
}

// Role reads one role; nil when there is none.
func (r Roster) Role(ctx context.Context, name string) (*v1alpha1.ProvisionedRole, error) {
	role := &v1alpha1.ProvisionedRole{}
	if found, err := r.Get(ctx, name, role); !found {
		return nil, err
	}
	return role, nil
}

// Providers are the IdentityProviders by name.
type Providers map[string]*v1alpha1.IdentityProvider

// Of returns the provider of a user, or nil.
func (p Providers) Of(u *v1alpha1.ProvisionedUser) *v1alpha1.IdentityProvider {
	return p[u.Spec.Provider]
}

// Providers reads every IdentityProvider.
func (r Roster) Providers(ctx context.Context) (Providers, error) {
	var list v1alpha1.IdentityProviderList
	if err := r.Reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list IdentityProviders: %w", err)
	}
	all := make(Providers, len(list.Items))
	for i := range list.Items {
		all[list.Items[i].Name] = &list.Items[i]
	}
	return all, nil
}

// Provider reads one IdentityProvider; nil for no name and when there is none.
func (r Roster) Provider(ctx context.Context, name string) (*v1alpha1.IdentityProvider, error) {
	if name == "" {
		return nil, nil
	}
	p := &v1alpha1.IdentityProvider{}
	if found, err := r.Get(ctx, name, p); !found {
		return nil, err
	}
	return p, nil
}

// Users looks an index of users up.
func (r Roster) Users(ctx context.Context, field, value string) ([]*v1alpha1.ProvisionedUser, error) {
	var list v1alpha1.ProvisionedUserList
	if err := r.List(ctx, &list, field, value); err != nil {
		return nil, err
	}
	return pointers(list.Items), nil
}

// Attachments looks an index of attachments up, without those being deleted.
func (r Roster) Attachments(ctx context.Context, field, value string) ([]*v1alpha1.RoleAttachment, error) {
	var list v1alpha1.RoleAttachmentList
	if err := r.List(ctx, &list, field, value); err != nil {
		return nil, err
	}
	// One that is being deleted gives nothing, however long a finalizer holds it.
	return slices.DeleteFunc(pointers(list.Items), func(a *v1alpha1.RoleAttachment) bool {
		return a.DeletionTimestamp != nil
	}), nil
}

// Rules are the AccessRules of a role, by its name.
func (r Roster) Rules(ctx context.Context, role string) ([]*v1alpha1.AccessRule, error) {
	var list v1alpha1.AccessRuleList
	if err := r.List(ctx, &list, index.RuleByRole, role); err != nil {
		return nil, err
	}
	return pointers(list.Items), nil
}

// RoleByID finds a provider's role by its id; nil when there is none.
func (r Roster) RoleByID(ctx context.Context, provider, id string) (*v1alpha1.ProvisionedRole, error) {
	var list v1alpha1.ProvisionedRoleList
	if err := r.List(ctx, &list, index.RoleByID, index.Scoped(provider, id)); err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	return &list.Items[0], nil
}

// Affected is a user whom a role concerns: by a membership, by attachments, or
// both.
type Affected struct {
	*v1alpha1.ProvisionedUser
	Attachments []*v1alpha1.RoleAttachment
}

// AffectedBy are the users whom a role concerns, whether they hold it or not.
func (r Roster) AffectedBy(ctx context.Context, role *v1alpha1.ProvisionedRole) ([]Affected, error) {
	// Members are read before attachments: where an attachment takes the place of
	// a membership, the cache has it before the membership goes, and whoever is no
	// member any more is found by the attachment.
	var members []*v1alpha1.ProvisionedUser
	if role.Spec.Provider != "" && role.Spec.ID != "" {
		var err error
		if members, err = r.Users(ctx, index.UserByRoleID, role.Spec.ID); err != nil {
			return nil, err
		}
	}
	attachments, err := r.Attachments(ctx, index.AttachmentByRole, role.Name)
	if err != nil {
		return nil, err
	}
	attached := make(map[string][]*v1alpha1.RoleAttachment)
	for _, a := range attachments {
		attached[a.Spec.User] = append(attached[a.Spec.User], a)
	}
	users := make([]Affected, 0, len(members)+len(attached))
	for _, u := range members {
		if access.Member(u, role) {
			users = append(users, Affected{u, attached[u.Name]})
			delete(attached, u.Name)
		}
	}
	for name, list := range attached {
		u, err := r.User(ctx, name)
		if err != nil {
			return nil, err
		}
		if u != nil {
			users = append(users, Affected{u, list})
		}
	}
	return users, nil
}

// Holders are the users who hold a role at now, and when that next changes by
// time alone.
func (r Roster) Holders(ctx context.Context, role *v1alpha1.ProvisionedRole, all Providers, now time.Time) ([]*v1alpha1.ProvisionedUser, time.Time, error) {
	concerned, err := r.AffectedBy(ctx, role)
	if err != nil {
		return nil, time.Time{}, err
	}
	var next time.Time
	holders := make([]*v1alpha1.ProvisionedUser, 0, len(concerned))
	for _, u := range concerned {
		p := all.Of(u.ProvisionedUser)
		if access.Holds(u.ProvisionedUser, p, role, u.Attachments, now) {
			holders = append(holders, u.ProvisionedUser)
		}
		for _, a := range u.Attachments {
			next = access.Earlier(next, access.Attachment(a, u.ProvisionedUser, p, role, now).Next)
		}
	}
	return holders, next, nil
}

// Subject decides the RBAC subject of an active user, all other users
// considered.
func (r Roster) Subject(ctx context.Context, u *v1alpha1.ProvisionedUser, all Providers) (access.Subject, error) {
	s := access.SubjectOf(u, all.Of(u))
	if s.Refused {
		return s, nil
	}
	holders := []*v1alpha1.ProvisionedUser{u}
	key := s.Key()
	for _, candidate := range Candidates(key, all) {
		others, err := r.Users(ctx, index.UserBySubject, candidate)
		if err != nil {
			return s, err
		}
		for _, o := range others {
			if o.Name == u.Name || access.Suspended(o, all.Of(o)) {
				continue
			}
			if other := access.SubjectOf(o, all.Of(o)); !other.Refused && other.Key() == key {
				holders = append(holders, o)
			}
		}
	}
	if keeper := access.SubjectConflict(key, holders); keeper != u {
		return access.Taken(s, keeper), nil
	}
	return s, nil
}

// Candidates are the values of index.UserBySubject under which a subject can be
// found: itself, and what is left of it behind each provider's prefix.
func Candidates(key string, all Providers) []string {
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

// Sharing are the users, except one, whose subject can equal one that is made
// of any of the values: with a prefix, without one, or as it is.
func (r Roster) Sharing(ctx context.Context, values []string, except string) ([]*v1alpha1.ProvisionedUser, error) {
	all, err := r.Providers(ctx)
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
			for _, candidate := range Candidates(key, all) {
				if seen[candidate] {
					continue
				}
				seen[candidate] = true
				users, err := r.Users(ctx, index.UserBySubject, candidate)
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

// Called are the users whose RBAC subject is a name, exactly, whether it counts or
// is somebody else's by now: whoever keeps it is told by Subject.
func (r Roster) Called(ctx context.Context, name string, all Providers) ([]*v1alpha1.ProvisionedUser, error) {
	var called []*v1alpha1.ProvisionedUser
	for _, candidate := range Candidates(fold.String(name), all) {
		users, err := r.Users(ctx, index.UserBySubject, candidate)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			if s := access.SubjectOf(u, all.Of(u)); !s.Refused && s.Name == name && !slices.Contains(called, u) {
				called = append(called, u)
			}
		}
	}
	return called, nil
}

func pointers[T any](items []T) []*T {
	p := make([]*T, len(items))
	for i := range items {
		p[i] = &items[i]
	}
	return p
}
