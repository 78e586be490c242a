package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AttachmentState is whether an attachment gives its role now.
type AttachmentState string

const (
	// AttachmentActive gives the role.
	AttachmentActive AttachmentState = "Active"
	// AttachmentPending starts later.
	AttachmentPending AttachmentState = "Pending"
	// AttachmentExpired is over.
	AttachmentExpired AttachmentState = "Expired"
	// AttachmentSuperseded was made before the identity provider last
	// suspended the user, and stays void after a restore.
	AttachmentSuperseded AttachmentState = "Superseded"
	// AttachmentIneffective can't give the role now: the user or role is
	// missing, or the user is suspended.
	AttachmentIneffective AttachmentState = "Ineffective"
)

// RoleAttachmentSpec gives one user one role, for good or for a while.
//
// +kubebuilder:validation:XValidation:rule="self.user == oldSelf.user && self.role == oldSelf.role",message="spec.user and spec.role never change: delete the attachment and make another"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.epoch) || (has(self.epoch) && self.epoch == oldSelf.epoch)",message="spec.epoch is stamped once"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.userID) || (has(self.userID) && self.userID == oldSelf.userID)",message="spec.userID is stamped once"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.roleID) || (has(self.roleID) && self.roleID == oldSelf.roleID)",message="spec.roleID is stamped once"
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || timestamp(self.expiresAt) > timestamp(self.startsAt)",message="spec.expiresAt must be after spec.startsAt"
type RoleAttachmentSpec struct {
	// user is the name of the ProvisionedUser.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	User string `json:"user"`

	// role is the name of the ProvisionedRole.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Role string `json:"role"`

	// startsAt is the first moment the role is held; at once when absent.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$`
	StartsAt *metav1.Time `json:"startsAt,omitempty"`

	// expiresAt is the first moment the role is held no longer; never when
	// absent.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$`
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// reason is why, for whoever reads it later.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`

	// epoch is the user's spec.suspensions when the attachment was made,
	// stamped at admission; what a client sends is overwritten. The attachment
	// counts only while they are equal.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Epoch *int64 `json:"epoch,omitempty"`

	// userID is the user's spec.id when the attachment was made, stamped at
	// admission. An attachment never passes to another person who comes to bear
	// the same object name.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	UserID string `json:"userID,omitempty"`

	// author is who made the attachment or last changed what it says, stamped at
	// admission.
	// +optional
	Author *Author `json:"author,omitempty"`

	// roleID is the role's spec.id when the attachment was made, or when the role
	// first came to exist, stamped at admission. An attachment never passes to
	// another role that comes to bear the same object name.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	RoleID string `json:"roleID,omitempty"`

	// releaseOf is set while the release is under way for which the attachment was
	// made, and says of what. It is removed with the membership that it stands in
	// for, when that ends before the release does, and when the release is called
	// off. Nobody but Rollcall sets it or takes it away.
	// +optional
	ReleaseOf ReleaseKind `json:"releaseOf,omitempty"`
}

// ReleaseKind is what a release makes local.
// +kubebuilder:validation:Enum=User;Role
type ReleaseKind string

const (
	// ReleaseOfUser is the release of the attachment's user.
	ReleaseOfUser ReleaseKind = "User"
	// ReleaseOfRole is the release of the attachment's role.
	ReleaseOfRole ReleaseKind = "Role"
)

// Author is who wrote an object, as the API server authenticated them.
type Author struct {
	// username of the author.
	// +kubebuilder:validation:MaxLength=1024
	Username string `json:"username"`
	// uid of the author, if the authenticator gave one.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	UID string `json:"uid,omitempty"`
	// groups the author was in at that moment, kept where the author's rights are
	// asked again later.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=1024
	Groups []string `json:"groups,omitempty"`
}

// RoleAttachmentStatus says whether the attachment counts.
type RoleAttachmentStatus struct {
	// observedGeneration is the generation the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// state is Active, Pending, Expired, Superseded or Ineffective.
	// +optional
	State AttachmentState `json:"state,omitempty"`
	// reason says in a word why.
	// +optional
	Reason string `json:"reason,omitempty"`
	// conditions: Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// RoleAttachment is a local edge from a user to a role, beside whatever the
// identity provider says. With expiresAt it is temporary access.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=rattach,categories=rollcall
// +kubebuilder:selectablefield:JSONPath=`.spec.user`
// +kubebuilder:selectablefield:JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expiresAt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`,priority=1
type RoleAttachment struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec names the user, the role and the time.
	Spec RoleAttachmentSpec `json:"spec"`
	// status says whether it counts.
	// +optional
	Status RoleAttachmentStatus `json:"status,omitempty"`
}

// RoleAttachmentList is a list of attachments.
// +kubebuilder:object:root=true
type RoleAttachmentList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RoleAttachment `json:"items"`
}
