package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refused are writes that the admission policies refuse to everybody but the
// manager, by the name of the policy.
var refused = map[string]string{
	"rollcall-users": `
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: probe}
spec: {userName: probe, provider: probe, id: 00000000-0000-4000-8000-000000000000}
`,
	"rollcall-roles": `
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedRole
metadata: {name: probe}
spec: {displayName: probe, provider: probe, id: 00000000-0000-4000-8000-000000000000}
`,
	"rollcall-bindings": `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: probe
  labels: {app.kubernetes.io/managed-by: rollcall, identity.rollcall.dev/access-rule: probe}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
`,
	"rollcall-lease": `
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: rollcall-manager, namespace: rollcall-system}
`,
	"rollcall-status": `
apiVersion: identity.rollcall.dev/v1alpha1
kind: IdentityProvider
metadata: {name: probe}
status: {users: 1}
`,
}

// waitForPolicies returns when each of the policies refuses something: the API
// server learns of them a moment after they were written.
func (c *Cluster) waitForPolicies(ctx context.Context, policies []*unstructured.Unstructured) error {
	for _, policy := range policies {
		if policy.GetKind() != "ValidatingAdmissionPolicy" {
			continue
		}
		text, ok := refused[policy.GetName()]
		if !ok {
			return fmt.Errorf("no write is known that the policy %s refuses", policy.GetName())
		}
		objects, err := decode([]byte(text))
		if err != nil {
			return err
		}
		if err := c.waitForPolicy(ctx, policy.GetName(), objects[0]); err != nil {
			return fmt.Errorf("waiting for the policy %s to be in force: %w", policy.GetName(), err)
		}
	}
	return nil
}

func (c *Cluster) waitForPolicy(ctx context.Context, policy string, object *unstructured.Unstructured) (err error) {
	write := func(ctx context.Context) error { return c.client.Create(ctx, object.DeepCopy(), client.DryRunAll) }
	if status, ok := object.Object["status"]; ok {
		// Only of what exists can a status be written.
		existing := object.DeepCopy()
		if err := c.client.Create(ctx, existing); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.client.Delete(ctx, existing)) }()
		write = func(ctx context.Context) error {
			changed := existing.DeepCopy()
			changed.Object["status"] = status
			return c.client.Status().Update(ctx, changed, client.DryRunAll)
		}
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
		last = write(ctx)
		return last != nil && strings.Contains(last.Error(), "'"+policy+"'"), nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}
