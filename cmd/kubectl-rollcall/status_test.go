package main

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Who was made while no manager runs is not suspended.
func TestAUserWhomNoManagerHasSeenCountsByTheirSpec(t *testing.T) {
	var r providerRow
	r.count(&v1alpha1.ProvisionedUser{})
	r.count(&v1alpha1.ProvisionedUser{Spec: v1alpha1.ProvisionedUserSpec{Active: ptr.To(false)}})
	r.count(&v1alpha1.ProvisionedUser{Spec: v1alpha1.ProvisionedUserSpec{DeprovisionedAt: &metav1.Time{Time: time.Now()}}})
	if r.Active != 1 || r.Suspended != 1 || r.Deprovisioned != 1 {
		t.Errorf("counted %+v", r)
	}
}
