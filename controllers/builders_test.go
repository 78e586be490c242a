//go:build integration

package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/projection"
)

// stage is the objects of one spec: a provider, a namespace and a role, with
// names of their own.
type stage struct {
	ctx       context.Context
	id        string
	provider  string
	namespace string
	role      *v1alpha1.ProvisionedRole
}

// stages are the ids of all stages so far.
var stages []string

// isAnothers says whether a path names an object of another stage.
func (s *stage) isAnothers(path string) bool {
	return slices.ContainsFunc(stages, func(id string) bool { return id != s.id && strings.Contains(path, id) })
}

func newStage(ctx context.Context) *stage {
	GinkgoHelper()
	s := &stage{ctx: ctx, id: rand.String(6)}
	stages = append(stages, s.id)
	s.provider = "idp-" + s.id
	s.namespace = s.newNamespace("main", nil)
	s.create(&v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: s.provider}})
	s.role = s.newRole("team")
	return s
}

func (s *stage) create(o client.Object) {
	GinkgoHelper()
	Expect(writerOf(o).Create(s.ctx, o)).To(Succeed())
}

// writerOf is who writes an object: the manager what identity providers own, and
// bindings of ours; an administrator everything else.
func writerOf(o client.Object) client.Client {
	switch o := o.(type) {
	case *v1alpha1.ProvisionedUser:
		if o.Spec.Provider != "" {
			return operator
		}
	case *v1alpha1.ProvisionedRole:
		if o.Spec.Provider != "" {
			return operator
		}
	case *rbacv1.RoleBinding, *rbacv1.ClusterRoleBinding:
		if o.GetLabels()[v1alpha1.ManagedByLabel] == v1alpha1.ManagedByValue {
			return operator
		}
	}
	return admin
}

func (s *stage) newNamespace(name string, labels map[string]string) string {
	GinkgoHelper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name + "-" + s.id, Labels: labels}}
	s.create(n)
	return n.Name
}

func (s *stage) newRole(name string) *v1alpha1.ProvisionedRole {
	GinkgoHelper()
	r := &v1alpha1.ProvisionedRole{
		ObjectMeta: metav1.ObjectMeta{Name: name + "-" + s.id},
		Spec:       v1alpha1.ProvisionedRoleSpec{Provider: s.provider, ID: uuid.NewString(), DisplayName: name + " " + s.id},
	}
	s.create(r)
	return r
}

// user makes an object; newUser creates it too.
func (s *stage) user(name string, roles ...*v1alpha1.ProvisionedRole) *v1alpha1.ProvisionedUser {
	u := &v1alpha1.ProvisionedUser{
		ObjectMeta: metav1.ObjectMeta{Name: name + "-" + s.id},
		Spec: v1alpha1.ProvisionedUserSpec{
			Provider: s.provider, ID: uuid.NewString(), UserName: name + "@" + s.id + ".example.com",
		},
	}
	for _, r := range roles {
		if u.Spec.Memberships == nil {
			u.Spec.Memberships = make(map[string]v1alpha1.Membership)
		}
		u.Spec.Memberships[r.Spec.ID] = v1alpha1.Membership{}
	}
	return u
}

func (s *stage) newUser(name string, roles ...*v1alpha1.ProvisionedRole) *v1alpha1.ProvisionedUser {
	GinkgoHelper()
	u := s.user(name, roles...)
	s.create(u)
	return u
}

// newRule lets a role do what a ClusterRole says in the stage's namespace.
func (s *stage) newRule(clusterRole string, change ...func(*v1alpha1.AccessRule)) *v1alpha1.AccessRule {
	GinkgoHelper()
	r := &v1alpha1.AccessRule{
		ObjectMeta: metav1.ObjectMeta{Name: clusterRole + "-" + rand.String(4) + "-" + s.id},
		Spec: v1alpha1.AccessRuleSpec{
			Role:       s.role.Name,
			RoleRef:    v1alpha1.RoleReference{Kind: v1alpha1.ClusterRoleKind, Name: clusterRole},
			Namespaces: []string{s.namespace},
		},
	}
	for _, f := range change {
		f(r)
	}
	s.create(r)
	return r
}

func (s *stage) newAttachment(u *v1alpha1.ProvisionedUser, role *v1alpha1.ProvisionedRole, change ...func(*v1alpha1.RoleAttachment)) *v1alpha1.RoleAttachment {
	GinkgoHelper()
	a := &v1alpha1.RoleAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: "attach-" + rand.String(4) + "-" + s.id},
		Spec:       v1alpha1.RoleAttachmentSpec{User: u.Name, Role: role.Name, Epoch: &u.Spec.Suspensions, UserID: u.Spec.ID},
	}
	for _, f := range change {
		f(a)
	}
	s.create(a)
	return a
}

// patch changes an object as it is now.
func patch[T client.Object](ctx context.Context, o T, change func(T)) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	patchAs(ctx, writerOf(o), o, change)
}

// patchAs is patch by somebody.
func patchAs[T client.Object](ctx context.Context, who client.Client, o T, change func(T)) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	old, _ := o.DeepCopyObject().(client.Object)
	change(o)
	Expect(who.Patch(ctx, o, client.MergeFrom(old))).To(Succeed())
}

// meddle changes a binding of ours, as somebody can who has the manager's rights:
// it may update bindings, and patch none.
func meddle[T client.Object](ctx context.Context, o T, change func(T)) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	change(o)
	Expect(operator.Update(ctx, o)).To(Succeed())
}

// remove deletes an object.
func remove(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(writerOf(o).Delete(ctx, o)).To(Succeed())
}

// suspend is what the SCIM server writes when the identity provider deactivates.
func suspend(u *v1alpha1.ProvisionedUser) {
	inactive := false
	u.Spec.Active = &inactive
	u.Spec.Suspensions++
}

func restore(u *v1alpha1.ProvisionedUser) {
	active := true
	u.Spec.Active = &active
}

// can asks the API server whether a user may do something.
func (s *stage) can(user, verb, resource, namespace string) (bool, error) {
	return allowed(s.ctx, user, authorizationv1.ResourceAttributes{Verb: verb, Resource: resource, Namespace: namespace})
}

func allowed(ctx context.Context, user string, what authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &what}}
	err := admin.Create(ctx, review)
	return review.Status.Allowed, err
}

func (s *stage) expectCan(user, verb, resource, namespace string) {
	GinkgoHelper()
	s.eventually(user, verb, resource, namespace, true)
}

func (s *stage) expectCannot(user, verb, resource, namespace string) {
	GinkgoHelper()
	s.eventually(user, verb, resource, namespace, false)
}

func (s *stage) eventually(user, verb, resource, namespace string, allowed bool) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		got, err := s.can(user, verb, resource, namespace)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(got).To(Equal(allowed), fmt.Sprintf("%s %s %s in %q", user, verb, resource, namespace))
	}, patience, interval).Should(Succeed())
}

// bindings are those of a rule in a namespace.
func (s *stage) bindings(rule *v1alpha1.AccessRule, namespace string) []rbacv1.RoleBinding {
	GinkgoHelper()
	var list rbacv1.RoleBindingList
	Expect(admin.List(s.ctx, &list, client.InNamespace(namespace),
		client.MatchingLabels{v1alpha1.AccessRuleLabel: projection.LabelValue(rule.Name)})).To(Succeed())
	return list.Items
}

// fetch reads an object anew.
func fetch[T client.Object](ctx context.Context, g Gomega, o T) T {
	g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	return o
}

// condition expects a condition of a status.
func condition(g Gomega, conditions []metav1.Condition, kind string) metav1.Condition {
	for _, c := range conditions {
		if c.Type == kind {
			return c
		}
	}
	g.Expect(conditions).To(ContainElement(HaveField("Type", kind)))
	return metav1.Condition{}
}
