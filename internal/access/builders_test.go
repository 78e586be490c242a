package access_test

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// noon is when the tests take place.
var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(d)} }

func entra(change ...func(*v1alpha1.IdentityProvider)) *v1alpha1.IdentityProvider {
	p := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "entra"}}
	for _, f := range change {
		f(p)
	}
	return p
}

type userOption = func(*v1alpha1.ProvisionedUser)

// alice is a user of entra, active, who has never been suspended.
func alice(change ...userOption) *v1alpha1.ProvisionedUser {
	u := &v1alpha1.ProvisionedUser{
		ObjectMeta: metav1.ObjectMeta{Name: "alice", CreationTimestamp: metav1.NewTime(noon)},
		Spec: v1alpha1.ProvisionedUserSpec{
			Provider: "entra", ID: "id-of-alice", UserName: "alice@example.com",
			Memberships: map[string]v1alpha1.Membership{},
		},
	}
	for _, f := range change {
		f(u)
	}
	return u
}

func active(v bool) userOption { return func(u *v1alpha1.ProvisionedUser) { u.Spec.Active = &v } }

func suspended(u *v1alpha1.ProvisionedUser) { u.Spec.Suspend = true }

func deleted(u *v1alpha1.ProvisionedUser) { u.Spec.DeprovisionedAt = at(-time.Hour) }

func local(u *v1alpha1.ProvisionedUser) { u.Spec.Provider, u.Spec.Memberships = "", nil }

func suspensions(n int64) userOption {
	return func(u *v1alpha1.ProvisionedUser) { u.Spec.Suspensions = n }
}

func level(l v1alpha1.PermissionLevel, epoch int64) userOption {
	return func(u *v1alpha1.ProvisionedUser) { u.Spec.PermissionLevel, u.Spec.PermissionLevelEpoch = l, epoch }
}

func givenTo(subject string) userOption {
	return func(u *v1alpha1.ProvisionedUser) { u.Spec.PermissionLevelSubject = subject }
}

func member(ids ...string) userOption {
	return func(u *v1alpha1.ProvisionedUser) {
		for _, id := range ids {
			u.Spec.Memberships[id] = v1alpha1.Membership{}
		}
	}
}

// role of a provider, with an id made from its name.
func role(name, provider string) *v1alpha1.ProvisionedRole {
	return &v1alpha1.ProvisionedRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.ProvisionedRoleSpec{Provider: provider, ID: "id-of-" + name, DisplayName: name},
	}
}

type attachmentOption = func(*v1alpha1.RoleAttachment)

// attach gives alice a role, as admission would have stamped it before any
// suspension.
func attach(name, role string, change ...attachmentOption) *v1alpha1.RoleAttachment {
	a := &v1alpha1.RoleAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.RoleAttachmentSpec{User: "alice", Role: role, Epoch: new(int64), UserID: "id-of-alice"},
	}
	for _, f := range change {
		f(a)
	}
	return a
}

func epoch(n int64) attachmentOption { return func(a *v1alpha1.RoleAttachment) { a.Spec.Epoch = &n } }

func starts(d time.Duration) attachmentOption {
	return func(a *v1alpha1.RoleAttachment) { a.Spec.StartsAt = at(d) }
}

func expires(d time.Duration) attachmentOption {
	return func(a *v1alpha1.RoleAttachment) { a.Spec.ExpiresAt = at(d) }
}
