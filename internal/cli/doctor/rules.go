package doctor

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// rules looks whether what AccessRules give exists, and whether the manager may
// bind it: a rule that nobody uses yet would only fail on the day it is needed.
func (d *Doctor) rules(ctx context.Context) {
	const check = "access rules"
	var list v1alpha1.AccessRuleList
	if err := d.Client.List(ctx, &list); err != nil {
		d.unreadable(check, fmt.Errorf("list accessrules: %w", err))
		return
	}
	mark := len(d.findings)
	asked := map[string]bool{}
	for _, rule := range pointers(list.Items) {
		if err := d.roleRef(ctx, check, rule); err != nil {
			d.unreadable(check, err)
			return
		}
		for _, scope := range access.BindScopes(rule) {
			attributes := access.BindAttributes(rule, scope)
			key := attributes.Resource + " " + attributes.Name + " " + scope
			if asked[key] {
				continue
			}
			asked[key] = true
			allowed, err := d.managerMay(ctx, attributes)
			if err != nil {
				d.unreadable(check, err)
				return
			}
			if !allowed && !bound(rule) {
				d.fail(check, d.bindable(attributes),
					"AccessRule %q gives %s %q, which the manager may not bind %s", rule.Name, rule.Spec.RoleRef.Kind, attributes.Name, access.ScopeWords(scope))
				break // One scope tells what is to be done.
			}
		}
		if c := meta.FindStatusCondition(rule.Status.Conditions, v1alpha1.ConditionAuthorMayBind); c != nil && c.Reason == access.ReasonAuthorLostRight {
			d.warn(check, "have somebody who may bind it change the rule, or delete it", "AccessRule %q: %s", rule.Name, c.Message)
		}
	}
	if !d.failedSince(mark) {
		d.ok(check, "%d AccessRules give what exists and may be bound", len(list.Items))
	}
}

// bindable says how the manager comes to bind a role. It names where the list of
// ClusterRoles is kept, for the next upgrade writes what is in the cluster anew. Of
// Roles, which differ by namespace, there is no list.
func (d *Doctor) bindable(a authorizationv1.ResourceAttributes) string {
	const wanted = "if Rollcall shall hand it out, "
	switch {
	case a.Resource == "roles":
		return fmt.Sprintf(wanted+"give ServiceAccount %s/%s the verb bind on roles named %q %s", d.Namespace, d.account, a.Name, access.ScopeWords(a.Namespace))
	case a.Name == "admin":
		return wanted + "set the chart's bindableRoles.admin, or add it to config/rbac/bindable_roles.yaml"
	default:
		return fmt.Sprintf(wanted+"add %q to the chart's bindableRoles.clusterRoles, or to config/rbac/bindable_roles.yaml", a.Name)
	}
}

// bound says that the manager has bound the rule: RBAC lets it bind what grants
// nothing that it does not hold itself, without the verb.
func bound(rule *v1alpha1.AccessRule) bool {
	return meta.IsStatusConditionTrue(rule.Status.Conditions, v1alpha1.ConditionReady) && rule.Status.Bindings > 0
}

// roleRef reports what a rule gives that is not there. A Role is looked for in the
// namespaces that the rule names.
func (d *Doctor) roleRef(ctx context.Context, check string, rule *v1alpha1.AccessRule) error {
	name := rule.Spec.RoleRef.Name
	if rule.Spec.RoleRef.Kind != v1alpha1.RoleKind {
		err := d.Client.Get(ctx, client.ObjectKey{Name: name}, &rbacv1.ClusterRole{})
		if apierrors.IsNotFound(err) {
			d.fail(check, "create it, or mend spec.roleRef", "AccessRule %q gives ClusterRole %q, which does not exist", rule.Name, name)
			return nil
		}
		return err
	}
	for _, namespace := range rule.Spec.Namespaces {
		err := d.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &rbacv1.Role{})
		if apierrors.IsNotFound(err) {
			d.warn(check, "create it, or mend the rule", "AccessRule %q gives Role %q, which does not exist in namespace %q", rule.Name, name, namespace)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}
