//go:build integration

package e2e_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/suite"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

const (
	timeout  = suite.Timeout
	interval = suite.Interval
)

func TestEndToEnd(t *testing.T) { suite.Run(t, "End to end") }

// The specs share one control plane and, unless they end it, one manager. Each has
// an identity provider of its own.
var (
	shared  *cluster.Cluster
	manager *cluster.Manager
	judge   *verdict.Judge
	// scimPort stays the same over restarts of the manager, as a Service would.
	scimPort int
)

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	shared, err = cluster.Start(ctx, cluster.Options{AuditLog: true, Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(shared.Stop()).To(Succeed()) })
	scimPort, err = cluster.FreePort(ctx)
	Expect(err).NotTo(HaveOccurred())
	judge, err = verdict.New(shared.Admin())
	Expect(err).NotTo(HaveOccurred())
	startManager(ctx)
	Expect(shared.Apply(ctx, roles)).To(Succeed())
}, NodeTimeout(10*time.Minute))

func startManager(ctx context.Context) {
	GinkgoHelper()
	var err error
	manager, err = shared.StartManager(ctx, cluster.ManagerOptions{SCIMPort: scimPort, Args: []string{
		"--author-recheck-interval=5s",
		// What clients send is in the log then, and has to stay within its line.
		"--provisioning-log-values",
	}})
	Expect(err).NotTo(HaveOccurred())
}

// roles are what an administrator prepares: two ClusterRoles, and the manager's
// right to hand them out. view and edit are empty without kube-controller-manager.
const roles = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-deployer}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [create, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-reader}
rules:
- {apiGroups: [""], resources: [pods], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-bind}
rules:
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  verbs: [bind]
  resourceNames: [e2e-deployer, e2e-reader]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-bind}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: e2e-bind}
subjects:
- {kind: ServiceAccount, namespace: rollcall-system, name: rollcall-manager}
`
