package controllers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// Reasons of conditions that users alone have.
const (
	reasonSetThroughSCIM         = "SetThroughSCIM"
	reasonServiceAccountFound    = "Found"
	reasonServiceAccountNotFound = "NotFound"
)

// showLevel sets the level in force and PermissionLevelInForce, which only users
// have to whom a level was given.
func showLevel(status *v1alpha1.ProvisionedUserStatus, u *v1alpha1.ProvisionedUser, grade access.Grade, subject access.Subject) {
	given := access.Given(u)
	if grade.Level != v1alpha1.LevelUser && subject.Refused {
		grade = access.Grade{Level: v1alpha1.LevelUser, Reason: v1alpha1.ReasonSubjectRefused,
			Message: fmt.Sprintf("level %s is bound to nobody: %s", given, subject.Message)}
	}
	status.PermissionLevel = grade.Level
	if given == v1alpha1.LevelUser {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionPermissionLevelInForce)
		return
	}
	setCondition(&status.Conditions, u, v1alpha1.ConditionPermissionLevelInForce, grade.Level == given, grade.Reason, grade.Message)
}

// showIgnoredLevel sets PermissionLevelIgnored while the identity provider sends a
// level.
func showIgnoredLevel(status *v1alpha1.ProvisionedUserStatus, u *v1alpha1.ProvisionedUser) {
	if u.Spec.Provider == "" || !sentLevel(u) {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionPermissionLevelIgnored)
		return
	}
	setCondition(&status.Conditions, u, v1alpha1.ConditionPermissionLevelIgnored, true, reasonSetThroughSCIM,
		fmt.Sprintf("identity provider %q sent a permissionLevel, which can't be set through SCIM and has no effect: take it out of "+
			"the attribute mapping there, and set spec.permissionLevel of this object instead, for example with "+
			`kubectl patch provisioneduser %s --type merge -p '{"spec":{"permissionLevel":"Auditor"}}'`, u.Spec.Provider, u.Name))
}

// levelAttribute is what SCIM clients call a level, in the extension of our own.
const levelAttribute = "permissionLevel"

// sentLevel says whether the attributes that the identity provider sent have a
// permission level. What can't be read has none.
func sentLevel(u *v1alpha1.ProvisionedUser) bool {
	if u.Spec.Attributes == nil || !bytes.Contains(u.Spec.Attributes.Raw, []byte(schema.RollcallUserURN)) {
		return false
	}
	var attributes, extension map[string]json.RawMessage
	if json.Unmarshal(u.Spec.Attributes.Raw, &attributes) != nil ||
		json.Unmarshal(attributes[schema.RollcallUserURN], &extension) != nil {
		return false
	}
	for name := range extension {
		if fold.Equal(name, levelAttribute) {
			return true
		}
	}
	return false
}

// showServiceAccount sets ServiceAccountFound. What the user holds is bound
// anyway, so that access can be arranged before a machine is deployed.
func (r *userReconciler) showServiceAccount(ctx context.Context, status *v1alpha1.ProvisionedUserStatus, u *v1alpha1.ProvisionedUser) error {
	ref := u.Spec.ServiceAccountRef
	if u.Spec.Type != v1alpha1.ServiceAccount || ref == nil {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionServiceAccountFound)
		return nil
	}
	account := serviceAccount()
	err := r.Reader.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, account, client.UnsafeDisableDeepCopy)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read ServiceAccount %s/%s: %w", ref.Namespace, ref.Name, err)
	}
	if apierrors.IsNotFound(err) || account.DeletionTimestamp != nil {
		setCondition(&status.Conditions, u, v1alpha1.ConditionServiceAccountFound, false, reasonServiceAccountNotFound,
			fmt.Sprintf("there is no ServiceAccount %q in namespace %q (yet): whoever creates it gets what this user holds", ref.Name, ref.Namespace))
		return nil
	}
	setCondition(&status.Conditions, u, v1alpha1.ConditionServiceAccountFound, true, reasonServiceAccountFound,
		fmt.Sprintf("ServiceAccount %q exists in namespace %q", ref.Name, ref.Namespace))
	return nil
}

// serviceAccount is one of which only the metadata is read.
func serviceAccount() *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ServiceAccount"))
	return o
}
