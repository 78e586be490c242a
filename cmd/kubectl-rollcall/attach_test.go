package main

import (
	"testing"

	"k8s.io/utils/ptr"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// The status of an attachment may be older than the suspension that has made it void:
// nobody is told that they have what they have not.
func TestAnAttachmentThatASuspensionMadeVoidDoesNotStand(t *testing.T) {
	a := &v1alpha1.RoleAttachment{
		Spec:   v1alpha1.RoleAttachmentSpec{User: "u", Role: "r", Epoch: ptr.To[int64](1)},
		Status: v1alpha1.RoleAttachmentStatus{State: v1alpha1.AttachmentActive},
	}
	u, r := &v1alpha1.ProvisionedUser{}, &v1alpha1.ProvisionedRole{}
	u.Spec.Suspensions = 1
	if !stands(a, u, r) {
		t.Error("one that gives the role does not stand")
	}
	u.Spec.Suspensions = 2
	if stands(a, u, r) {
		t.Error("one that is void stands")
	}
}
