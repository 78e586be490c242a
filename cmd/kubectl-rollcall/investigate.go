package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/cli/explain"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

// investigation gathers a scene. What the caller may not read becomes a note: an
// auditor of Rollcall need not be one of RBAC.
type investigation struct {
	client client.Client
	scene  explain.Scene
	notes  []string
}

func newInvestigation(c client.Client, u *v1alpha1.ProvisionedUser) *investigation {
	return &investigation{client: c, scene: explain.Scene{
		User:        u,
		Roles:       map[string]*v1alpha1.ProvisionedRole{},
		Permissions: map[explain.RoleKey][]rbacv1.PolicyRule{},
		Namespaces:  map[string]*corev1.Namespace{},
	}}
}

// investigate answers a question about a user, as far as the caller may see.
func investigate(ctx context.Context, c client.Client, u *v1alpha1.ProvisionedUser, q explain.Question) (*explain.Answer, error) {
	i := newInvestigation(c, u)
	if err := i.gather(ctx, q); err != nil {
		return nil, err
	}
	answer := explain.Trace(i.scene, q)
	if answer.Strangers() {
		if err := i.namesakes(ctx); err != nil {
			return nil, err
		}
		answer = explain.Trace(i.scene, q)
	}
	answer.Incomplete = len(i.notes) > 0
	if err := i.review(ctx, answer, q); err != nil {
		return nil, err
	}
	answer.Notes = append(answer.Notes, i.notes...)
	return answer, nil
}

func (i *investigation) gather(ctx context.Context, q explain.Question) error {
	s := &i.scene
	var (
		roles               v1alpha1.ProvisionedRoleList
		rules               v1alpha1.AccessRuleList
		namespaces          corev1.NamespaceList
		clusterRoles        rbacv1.ClusterRoleList
		namespacedRoles     rbacv1.RoleList
		clusterRoleBindings rbacv1.ClusterRoleBindingList
		roleBindings        rbacv1.RoleBindingList
	)
	// A question about one namespace needs no other one's objects.
	there := client.InNamespace(q.Namespace)
	for _, read := range []struct {
		what    string
		list    client.ObjectList
		visit   func()
		options []client.ListOption
	}{
		{"provisionedroles", &roles, func() {
			for n := range roles.Items {
				s.Roles[roles.Items[n].Name] = roles.Items[n].DeepCopy()
			}
		}, nil},
		{"accessrules", &rules, func() {
			for n := range rules.Items {
				s.Rules = append(s.Rules, rules.Items[n].DeepCopy())
			}
		}, nil},
		{"namespaces", &namespaces, func() {
			for n := range namespaces.Items {
				s.Namespaces[namespaces.Items[n].Name] = namespaces.Items[n].DeepCopy()
			}
		}, nil},
		{"clusterroles", &clusterRoles, func() {
			for _, r := range clusterRoles.Items {
				s.Permissions[explain.RoleKey{Name: r.Name}] = r.Rules
			}
		}, nil},
		{"roles", &namespacedRoles, func() {
			for _, r := range namespacedRoles.Items {
				s.Permissions[explain.RoleKey{Namespace: r.Namespace, Name: r.Name}] = r.Rules
			}
		}, []client.ListOption{there}},
		{"clusterrolebindings", &clusterRoleBindings, func() {
			for n := range clusterRoleBindings.Items {
				s.Bindings = append(s.Bindings, projection.BindingOf(clusterRoleBindings.Items[n].DeepCopy()))
			}
		}, nil},
		{"rolebindings", &roleBindings, func() {
			for n := range roleBindings.Items {
				s.Bindings = append(s.Bindings, projection.BindingOf(roleBindings.Items[n].DeepCopy()))
			}
		}, []client.ListOption{there}},
	} {
		if err := i.read(ctx, read.what, read.list, read.visit, read.options...); err != nil {
			return err
		}
	}
	return nil
}

func (i *investigation) read(ctx context.Context, what string, list client.ObjectList, visit func(), options ...client.ListOption) error {
	err := eachPage(ctx, i.client, list, visit, options...)
	if apierrors.IsForbidden(err) {
		i.notes = append(i.notes, fmt.Sprintf("You may not list %s, so that what they would say is missing here.", what))
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", what, err)
	}
	return nil
}

// namesakes finds the other users with the same subject.
func (i *investigation) namesakes(ctx context.Context) error {
	var users v1alpha1.ProvisionedUserList
	return i.read(ctx, "provisionedusers", &users, func() {
		for n := range users.Items {
			if u := &users.Items[n]; u.Name != i.scene.User.Name && u.Status.Subject == i.scene.User.Status.Subject {
				i.scene.Namesakes = append(i.scene.Namesakes, u.DeepCopy())
			}
		}
	})
}

// review has the API server decide.
func (i *investigation) review(ctx context.Context, answer *explain.Answer, q explain.Question) error {
	if answer.Subject == "" {
		i.notes = append(i.notes, "The user has no name towards the API server, so that nobody could sign in as them.")
		return nil
	}
	review := q.Review(answer.Subject, explain.Groups(i.scene.User))
	err := i.client.Create(ctx, review)
	if apierrors.IsForbidden(err) {
		i.notes = append(i.notes, "You may not create subjectaccessreviews, so that the API server's own verdict is missing here.")
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask the API server: %w", err)
	}
	answer.Allowed = &review.Status.Allowed
	switch given := len(answer.Paths) > 0; {
	case review.Status.Allowed && !given && !answer.Incomplete:
		i.notes = append(i.notes, "No binding gives it: another authorizer of the API server allows it. "+review.Status.Reason)
	case !review.Status.Allowed && given:
		i.notes = append(i.notes, "A binding gives it, and the API server denies it: it has not seen the binding yet, or another authorizer denies it. "+review.Status.Reason)
	}
	return nil
}
