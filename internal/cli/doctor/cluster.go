package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const installCure = "install Rollcall again: kubectl apply -k config/default, or the chart"

// server asks about somebody who can't exist: whoever lets that one do anything
// lets everybody.
func (d *Doctor) server(ctx context.Context) {
	const check = "authorization"
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:   "rollcall-doctor-" + rand.Text(),
		Groups: []string{"system:authenticated"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "bind", Group: rbacv1.GroupName, Resource: "clusterroles", Name: "cluster-admin",
		},
	}}
	switch err := d.Client.Create(ctx, review); {
	case err != nil:
		d.unreadable(check, fmt.Errorf("ask for the rights of a user: %w", err))
	case review.Status.Allowed:
		d.fail(check, "take that away from system:authenticated, or start the API server with --authorization-mode=Node,RBAC: as it is, "+
			"taking a role away takes nothing away", "the API server lets a user whom nobody knows bind cluster-admin. %s", review.Status.Reason)
	default:
		d.ok(check, "the API server denies what nothing allows")
	}
}

// kinds says whether all five kinds are there.
func (d *Doctor) kinds(ctx context.Context) bool {
	const check = "kinds"
	for _, list := range []client.ObjectList{
		&v1alpha1.IdentityProviderList{}, &v1alpha1.ProvisionedUserList{}, &v1alpha1.ProvisionedRoleList{},
		&v1alpha1.RoleAttachmentList{}, &v1alpha1.AccessRuleList{},
	} {
		err := d.Client.List(ctx, list, client.Limit(1))
		kind := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", list), "*v1alpha1."), "List")
		switch {
		case meta.IsNoMatchError(err) || apierrors.IsNotFound(err):
			d.fail(check, installCure, "the API server does not know the kind %s of %s", kind, v1alpha1.GroupVersion)
			return false
		case apierrors.IsForbidden(err):
			// Not skipped: who sees none of this is told nothing, and not that all is well.
			d.fail(check, anotherCure, "nothing can be examined: list %s: %s", kind, err)
			return false
		case err != nil:
			d.unreadable(check, fmt.Errorf("list %s: %w", kind, err))
			return false
		}
	}
	d.ok(check, "the API server knows the five kinds of %s", v1alpha1.GroupVersion)
	return true
}

// needed are rights whose lack stops the manager at once. config/rbac has all.
var needed = []authorizationv1.ResourceAttributes{
	{Verb: "watch", Group: v1alpha1.GroupVersion.Group, Resource: "provisionedusers"},
	{Verb: "create", Group: v1alpha1.GroupVersion.Group, Resource: "provisionedusers"},
	{Verb: "patch", Group: v1alpha1.GroupVersion.Group, Resource: "provisionedusers", Subresource: "status"},
	{Verb: "create", Group: v1alpha1.GroupVersion.Group, Resource: "provisionedroles"},
	{Verb: "patch", Group: v1alpha1.GroupVersion.Group, Resource: "roleattachments", Subresource: "status"},
	{Verb: "watch", Group: v1alpha1.GroupVersion.Group, Resource: "accessrules"},
	{Verb: "patch", Group: v1alpha1.GroupVersion.Group, Resource: "identityproviders", Subresource: "status"},
	{Verb: "create", Group: rbacv1.GroupName, Resource: "rolebindings"},
	{Verb: "update", Group: rbacv1.GroupName, Resource: "clusterrolebindings"},
	{Verb: "delete", Group: rbacv1.GroupName, Resource: "clusterrolebindings"},
	{Verb: "bind", Group: rbacv1.GroupName, Resource: "clusterroles", Name: "rollcall-administrator"},
	{Verb: "create", Group: authorizationv1.GroupName, Resource: "subjectaccessreviews"},
	{Verb: "watch", Resource: "namespaces"},
}

// rights asks for what the manager can't do without.
func (d *Doctor) rights(ctx context.Context) {
	const check = "manager's rights"
	all := append([]authorizationv1.ResourceAttributes{
		{Verb: "watch", Resource: "secrets", Namespace: d.Namespace},
		{Verb: "update", Group: coordinationv1.GroupName, Resource: "leases", Name: leaseName, Namespace: d.Namespace},
	}, needed...)
	var missing []string
	for _, attributes := range all {
		allowed, err := d.managerMay(ctx, attributes)
		if err != nil {
			d.unreadable(check, err)
			return
		}
		if !allowed {
			missing = append(missing, attributeWords(attributes))
		}
	}
	if len(missing) > 0 {
		d.fail(check, installCure+"; or is the manager in another namespace (--manager-namespace)?",
			"ServiceAccount %s/%s may not %s", d.Namespace, d.account, strings.Join(missing, ", nor "))
		return
	}
	d.ok(check, "ServiceAccount %s/%s may do what it needs", d.Namespace, d.account)
}

// whoIsManager finds the ServiceAccount that the manager's pods run as, which an
// installation may name.
func (d *Doctor) whoIsManager(ctx context.Context) error {
	if d.account != "" {
		return nil
	}
	manager := &appsv1.Deployment{}
	err := d.Client.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: deployment}, manager)
	switch {
	case apierrors.IsNotFound(err):
		d.account = defaultAccount
	case err != nil:
		return fmt.Errorf("read the manager's Deployment: %w", err)
	default:
		// The API server has pods without a name run as this one.
		d.account = cmp.Or(manager.Spec.Template.Spec.ServiceAccountName, "default")
	}
	return nil
}

func (d *Doctor) managerMay(ctx context.Context, attributes authorizationv1.ResourceAttributes) (bool, error) {
	if err := d.whoIsManager(ctx); err != nil {
		return false, err
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + d.Namespace + ":" + d.account,
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + d.Namespace, "system:authenticated"},
		ResourceAttributes: &attributes,
	}}
	if err := d.Client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask for the manager's rights: %w", err)
	}
	return review.Status.Allowed, nil
}

func attributeWords(a authorizationv1.ResourceAttributes) string {
	words := a.Verb + " " + a.Resource
	if a.Group != "" {
		words += "." + a.Group
	}
	if a.Subresource != "" {
		words += "/" + a.Subresource
	}
	if a.Name != "" {
		words += " " + a.Name
	}
	return words
}

// leader looks whether somebody serves SCIM and reconciles.
func (d *Doctor) leader(ctx context.Context) {
	const check = "leader"
	logs := fmt.Sprintf("see kubectl -n %s get pods, and the manager's log", d.Namespace)
	lease := &coordinationv1.Lease{}
	err := d.Client.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: leaseName}, lease)
	switch s := lease.Spec; {
	case apierrors.IsNotFound(err):
		d.fail(check, logs+"; start it with --leader-elect",
			"there is no Lease %s/%s: no manager has ever led, or it runs without leader election", d.Namespace, leaseName)
	case err != nil:
		d.unreadable(check, fmt.Errorf("read the leader's Lease: %w", err))
	case s.HolderIdentity == nil || *s.HolderIdentity == "":
		d.fail(check, logs, "nobody leads: the last leader has stopped")
	case s.RenewTime == nil || s.LeaseDurationSeconds == nil:
		d.fail(check, logs, "the Lease of %s says nothing of when it was renewed", *s.HolderIdentity)
	case time.Since(s.RenewTime.Time) > time.Duration(*s.LeaseDurationSeconds)*time.Second:
		d.fail(check, logs+"; if it runs, compare its clock with this machine's",
			"%s last renewed its Lease %s ago, and it is good for %d s: the manager is gone or cut off from the API server",
			*s.HolderIdentity, since(s.RenewTime.Time), *s.LeaseDurationSeconds)
	default:
		d.ok(check, "%s leads, and renewed its Lease %s ago", *s.HolderIdentity, since(s.RenewTime.Time))
	}
}
