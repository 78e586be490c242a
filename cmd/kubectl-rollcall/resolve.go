package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim/fold"
)

// findUser finds a user by object name, or by userName: as it is written, else
// without case and width. Of several with one userName it is the one who is no
// tombstone.
func findUser(ctx context.Context, c client.Client, name string) (*v1alpha1.ProvisionedUser, error) {
	u := &v1alpha1.ProvisionedUser{}
	byObjectName, err := byName(ctx, c, name, u)
	if err != nil {
		return nil, err
	}
	search := func(alive bool, options ...client.ListOption) (found []*v1alpha1.ProvisionedUser, err error) {
		var list v1alpha1.ProvisionedUserList
		err = eachPage(ctx, c, &list, func() {
			for i := range list.Items {
				u := &list.Items[i]
				if fold.Equal(u.Spec.UserName, name) && (u.Spec.DeprovisionedAt == nil) == alive {
					found = append(found, u.DeepCopy())
				}
			}
		}, options...)
		return found, err
	}
	// The server finds a name as it is written; for others everybody has to be read.
	found, err := search(true, client.MatchingFields{"spec.userName": name})
	if byObjectName {
		// Object names stay when people are called something else, and another one
		// may have taken the userName: neither must get what the other was meant to.
		if i := slices.IndexFunc(found, func(o *v1alpha1.ProvisionedUser) bool { return o.Name != u.Name }); err == nil && i >= 0 {
			return nil, fmt.Errorf("%q is the object name of user %q, and the userName of ProvisionedUser %q: say which, by userName or object name",
				name, u.Spec.UserName, found[i].Name)
		}
		return u, err
	}
	if err == nil && len(found) == 0 {
		found, err = search(true)
	}
	if err == nil && len(found) == 0 {
		found, err = search(false)
	}
	if err != nil {
		return nil, err
	}
	return one("ProvisionedUser", name, "say an object name or a userName, as kubectl rollcall who shows them", found)
}

// findRole finds a role by object name, or by displayName as findUser does.
func findRole(ctx context.Context, c client.Client, name string) (*v1alpha1.ProvisionedRole, error) {
	r := &v1alpha1.ProvisionedRole{}
	if found, err := byName(ctx, c, name, r); found || err != nil {
		return r, err
	}
	var list v1alpha1.ProvisionedRoleList
	var found []*v1alpha1.ProvisionedRole
	err := eachPage(ctx, c, &list, func() {
		for i := range list.Items {
			if fold.Equal(list.Items[i].Spec.DisplayName, name) {
				found = append(found, list.Items[i].DeepCopy())
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return one("ProvisionedRole", name, "say an object name or a displayName, as kubectl get provisionedroles shows them", found)
}

// findProvider finds an identity provider by its name.
func findProvider(ctx context.Context, c client.Client, name string) (*v1alpha1.IdentityProvider, error) {
	p := &v1alpha1.IdentityProvider{}
	found, err := byName(ctx, c, name, p)
	if err == nil && !found {
		err = fmt.Errorf("there is no IdentityProvider %q: kubectl get identityproviders shows those that there are", name)
	}
	return p, err
}

// byName reads an object if its name can be one at all: no other name may become
// part of a path.
func byName(ctx context.Context, c client.Client, name string, into client.Object) (found bool, err error) {
	if name != strings.ToLower(name) || strings.ContainsAny(name, "@/% ") {
		return false, nil
	}
	err = c.Get(ctx, client.ObjectKey{Name: name}, into)
	if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) {
		return false, nil
	}
	return err == nil, err
}

func one[T client.Object](kind, name, known string, found []T) (T, error) {
	var none T
	switch len(found) {
	case 0:
		return none, fmt.Errorf("there is no %s %q: %s", kind, name, known)
	case 1:
		return found[0], nil
	default:
		names := make([]string, len(found))
		for i, o := range found {
			names[i] = o.GetName()
		}
		slices.Sort(names)
		return none, fmt.Errorf("several of kind %s are called %q: say which by object name: %s", kind, name, strings.Join(names, ", "))
	}
}
