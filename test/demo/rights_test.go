//go:build integration

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
	"github.com/rollcall-dev/rollcall/hack/rights"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
)

// unasked are the rights that a demo may never use, and why the manager has them
// all the same.
var unasked = []struct {
	reason string
	rights []string
}{
	{"asked by the API server itself, of whoever binds a role", []string{
		"bind clusterroles.rbac.authorization.k8s.io edit",
		"bind clusterroles.rbac.authorization.k8s.io rollcall-administrator",
		"bind clusterroles.rbac.authorization.k8s.io rollcall-auditor",
		"bind clusterroles.rbac.authorization.k8s.io rollcall-team-leader",
		"bind clusterroles.rbac.authorization.k8s.io view",
	}},
	{"asked by the API server itself, of whoever makes an object that blocks the deletion of its owner", []string{
		"update accessrules.identity.rollcall.dev/finalizers",
	}},
	{"tombstones are deleted when their retention is over, after thirty days", []string{
		"delete provisionedusers.identity.rollcall.dev",
	}},
	{"nobody is released from an identity provider in the demo, no attachment waits for a role, and none is thirty days old", []string{
		"create roleattachments.identity.rollcall.dev",
		"delete roleattachments.identity.rollcall.dev",
		"patch roleattachments.identity.rollcall.dev",
	}},
	{"an Event is patched when the same turn comes again within minutes, and the demo need not see two that are the same", []string{
		"patch events.events.k8s.io in default",
	}},
	{"no rule that binds in the whole cluster ends in the demo", []string{
		"delete clusterrolebindings.rbac.authorization.k8s.io",
	}},
	{"a cache is filled by a watch, and by a list where the API server is too old for that or too busy", []string{
		"list accessrules.identity.rollcall.dev",
		"list clusterrolebindings.rbac.authorization.k8s.io",
		"list identityproviders.identity.rollcall.dev",
		"list namespaces",
		"list provisionedroles.identity.rollcall.dev",
		"list provisionedusers.identity.rollcall.dev",
		"list roleattachments.identity.rollcall.dev",
		"list rolebindings.rbac.authorization.k8s.io",
		"list secrets in rollcall-system",
		"list serviceaccounts",
	}},
	{"no more than list gives; it is asked where the cache is in doubt, as between two writers", []string{
		"get accessrules.identity.rollcall.dev",
		"get clusterrolebindings.rbac.authorization.k8s.io",
		"get identityproviders.identity.rollcall.dev",
		"get namespaces",
		"get provisionedroles.identity.rollcall.dev",
		"get provisionedusers.identity.rollcall.dev",
		"get roleattachments.identity.rollcall.dev",
		"get rolebindings.rbac.authorization.k8s.io",
		"get secrets in rollcall-system",
		"get serviceaccounts",
	}},
}

// The API server's log of the manager's requests in a whole demo is held against
// what config/rbac grants: nothing was missing, and nothing is left over but what
// is listed here with its reason.
func TestTheManagersRightsAreTheLeastThatWork(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir() // or the log would go with the cluster
	page := newPage(t.Output())
	results, err := play(ctx, page, cluster.Options{
		Dir: dir, AuditLog: true,
		// Off by default, and on where nobody may keep an object alive that isn't theirs.
		APIServerArgs: []string{"--enable-admission-plugins=OwnerReferencesPermissionEnforcement"},
	}, cluster.ManagerOptions{LeaderElect: true}, entra.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := page.summary(results, 0); err != nil || len(results) != len(stages) {
		t.Errorf("%d of %d stages were played: %v", len(results), len(stages), err)
	}
	for _, r := range results {
		if r.err != nil {
			t.Errorf("the stage %q does not hold: %v", r.title, r.err)
		}
	}

	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	granted, err := rights.Granted(filepath.Join(root, "config", "rbac"), cluster.Namespace, cluster.ServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	requests, err := rights.ReadAudit(filepath.Join(dir, "audit.log"),
		fmt.Sprintf("system:serviceaccount:%s:%s", cluster.Namespace, cluster.ServiceAccount))
	if err != nil {
		t.Fatal(err)
	}
	if len(requests) < 100 {
		t.Fatalf("the log has %d requests of the manager: too few to say anything", len(requests))
	}
	missing := map[string]bool{}
	for _, r := range requests {
		if what := r.Verb + r.ObjectRef.Resource + r.ObjectRef.Subresource; r.Forbidden() && !missing[what] {
			missing[what] = true
			t.Errorf("a right is missing in config/rbac: %s: %s", &r, r.ResponseStatus.Message)
		}
	}
	excused := map[string]bool{}
	for _, u := range unasked {
		for _, r := range u.rights {
			excused[r] = true
			if !slices.ContainsFunc(granted, func(g rights.Right) bool { return g.String() == r }) {
				t.Errorf("excused and not granted: %s (%s)", r, u.reason)
			}
		}
	}
	for _, r := range rights.Unused(granted, requests) {
		if !excused[r.String()] {
			t.Errorf("granted and never used: %s", r)
		}
	}
}
