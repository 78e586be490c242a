package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A cure is for what is wrong: an API server that is well takes no curing.
func TestWhatCannotBeReadHasTheCureOfItsCause(t *testing.T) {
	for _, test := range []struct {
		err    error
		result Result
		cure   string
	}{
		{apierrors.NewForbidden(schema.GroupResource{Resource: "leases"}, "", nil), Skipped, "run doctor as somebody who may"},
		{apierrors.NewUnauthorized("no"), Failed, "sign in again"},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, Failed, "kubeconfig that of the right one"},
		{&tls.CertificateVerificationError{Err: errors.New("unknown authority")}, Failed, "kubeconfig that of the right one"},
		{errors.New("etcdserver: request timed out"), Failed, "whether the API server is well"},
	} {
		d := &Doctor{}
		d.unreadable("kinds", fmt.Errorf("list: %w", test.err))
		if f := d.findings[0]; f.Result != test.result || !strings.Contains(f.Cure, test.cure) {
			t.Errorf("%v: got %+v", test.err, f)
		}
	}
}

// The list of what may be bound is one of ClusterRoles, and keeps admin apart.
func TestWhatMayNotBeBoundHasTheCureThatHelps(t *testing.T) {
	d := &Doctor{Namespace: "rollcall-system", account: "rollcall-manager"}
	for _, test := range []struct{ resource, name, namespace, want string }{
		{"clusterroles", "deployer", "", `add "deployer" to the chart's bindableRoles.clusterRoles, or to config/rbac/bindable_roles.yaml`},
		{"clusterroles", "admin", "", "set the chart's bindableRoles.admin, or add it to config/rbac/bindable_roles.yaml"},
		{"roles", "deployer", "payments", `give ServiceAccount rollcall-system/rollcall-manager the verb bind on roles named "deployer" in namespace "payments"`},
	} {
		got := d.bindable(authorizationv1.ResourceAttributes{Resource: test.resource, Name: test.name, Namespace: test.namespace})
		if want := "if Rollcall shall hand it out, " + test.want; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
