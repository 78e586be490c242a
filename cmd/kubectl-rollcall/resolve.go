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
	name, exact := objectName(name, "puser", "provisioneduser")
	byObjectName, err := byName(ctx, c, name, u)
	if err != nil {
		return nil, err
	}
	if exact {
		return exactly(u, byObjectName, name)
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
	if err != nil {
		return nil, err
	}
	if byObjectName {
		return alone(u, found, name, u.Spec.UserName, "userName")
	}
	if len(found) == 0 {
		found, err = search(true)
	}
	if err == nil && len(found) == 0 {
		found, err = search(false)
	}
	if err != nil {
		return nil, err
	}
	return one(name, "say an object name or a userName, as kubectl rollcall who shows them", found)
}

// findRole finds a role by object name, or by displayName as findUser does.
func findRole(ctx context.Context, c client.Client, name string) (*v1alpha1.ProvisionedRole, error) {
	r := &v1alpha1.ProvisionedRole{}
	name, exact := objectName(name, "prole", "provisionedrole")
	byObjectName, err := byName(ctx, c, name, r)
	if err != nil {
		return nil, err
	}
	if exact {
		return exactly(r, byObjectName, name)
	}
	var list v1alpha1.ProvisionedRoleList
	var found []*v1alpha1.ProvisionedRole
	err = eachPage(ctx, c, &list, func() {
		for i := range list.Items {
			if fold.Equal(list.Items[i].Spec.DisplayName, name) {
				found = append(found, list.Items[i].DeepCopy())
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if byObjectName {
		return alone(r, found, name, r.Spec.DisplayName, "displayName")
	}
	return one(name, "say an object name or a displayName, as kubectl get provisionedroles shows them", found)
}

// objectName takes KIND/NAME apart, as kubectl and what this plugin prints have it: the
// NAME is an object's then, and nothing else.
func objectName(typed string, kinds ...string) (name string, exact bool) {
	kind, name, ok := strings.Cut(typed, "/")
	kind = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(kind), "."+v1alpha1.GroupVersion.Group), "s")
	if !ok || !slices.Contains(kinds, kind) {
		return typed, false
	}
	return name, true
}

func exactly[T client.Object](o T, found bool, name string) (T, error) {
	if !found {
		var none T
		return none, fmt.Errorf("there is no %s %q", kindOf(o), name)
	}
	return o, nil
}

// alone returns the object of a name if no other one is called that. Object names stay
// when people and groups are called something else, and another one may have taken what
// they were called: neither must get what the other was meant to. And whoever may name
// things in one identity provider can take the object name of what another one has.
func alone[T client.Object](o T, called []T, name, own, attribute string) (T, error) {
	i := slices.IndexFunc(called, func(other T) bool { return other.GetName() != o.GetName() })
	if i < 0 {
		return o, nil
	}
	var none T
	kind := kindOf(o)
	return none, fmt.Errorf("%q is the object name of %s %q, and the %s of %s %q: say which: %[7]s/%[1]s, or %[7]s/%[6]s",
		name, kind, own, attribute, kind, called[i].GetName(), strings.ToLower(kind))
}

func kindOf(o client.Object) string {
	if _, ok := o.(*v1alpha1.ProvisionedRole); ok {
		return "ProvisionedRole"
	}
	return "ProvisionedUser"
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

func one[T client.Object](name, known string, found []T) (T, error) {
	var none T
	kind := kindOf(none)
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
