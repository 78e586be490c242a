package webhook

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// noon is when the tests take place.
var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

type option func(*v1alpha1.ProvisionedUser)

// local is a local user called alice, active and without a level.
func local(options ...option) *v1alpha1.ProvisionedUser {
	u := &v1alpha1.ProvisionedUser{
		ObjectMeta: metav1.ObjectMeta{Name: "alice"},
		Spec:       v1alpha1.ProvisionedUserSpec{UserName: "alice", ID: "id-of-alice", Type: v1alpha1.Person},
	}
	for _, o := range options {
		o(u)
	}
	return u
}

// provisioned is alice as a user of the identity provider entra.
func provisioned(options ...option) *v1alpha1.ProvisionedUser {
	u := local()
	u.Spec.Provider = "entra"
	for _, o := range options {
		o(u)
	}
	return u
}

func level(l v1alpha1.PermissionLevel) option {
	return func(u *v1alpha1.ProvisionedUser) {
		u.Spec.PermissionLevel, u.Spec.PermissionLevelSubject = l, u.Spec.UserName
	}
}

func stamped(epoch int64, subject string) option {
	return func(u *v1alpha1.ProvisionedUser) {
		u.Spec.PermissionLevelEpoch, u.Spec.PermissionLevelSubject = epoch, subject
	}
}

func suspensions(n int64) option {
	return func(u *v1alpha1.ProvisionedUser) { u.Spec.Suspensions = n }
}

func userName(n string) option { return func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = n } }

func remote(n string) option { return func(u *v1alpha1.ProvisionedUser) { u.Spec.RemoteIdentity = n } }

func suspended(u *v1alpha1.ProvisionedUser) { u.Spec.Suspend = true }

func inactive(u *v1alpha1.ProvisionedUser) { u.Spec.Active = new(bool) }

func robot(u *v1alpha1.ProvisionedUser) {
	u.Spec.Type = v1alpha1.ServiceAccount
	u.Spec.ServiceAccountRef = &v1alpha1.ServiceAccountReference{Namespace: "ci", Name: "robot"}
}

// entra makes subjects from the userName, with a prefix.
func entra() *v1alpha1.IdentityProvider {
	return &v1alpha1.IdentityProvider{
		ObjectMeta: metav1.ObjectMeta{Name: "entra"},
		Spec:       v1alpha1.IdentityProviderSpec{Subject: v1alpha1.SubjectRule{From: v1alpha1.SubjectFromUserName, Prefix: "oidc:"}},
	}
}

// changeOf a user of entra, or of a local one.
func changeOf(old, u *v1alpha1.ProvisionedUser) change {
	c := change{old: old, new: u}
	if u.Spec.Provider != "" {
		c.newProvider = entra()
	}
	if old != nil && old.Spec.Provider != "" {
		c.oldProvider = entra()
	}
	return c
}
