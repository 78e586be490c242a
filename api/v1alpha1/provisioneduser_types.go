package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// UserType tells people from machines.
// +kubebuilder:validation:Enum=Person;ServiceAccount
type UserType string

const (
	// Person is a human being who signs in through the API server's OIDC issuer.
	Person UserType = "Person"
	// ServiceAccount stands for a Kubernetes ServiceAccount; local users only.
	ServiceAccount UserType = "ServiceAccount"
)

// PermissionLevel is what a user may do with Rollcall's own objects.
// +kubebuilder:validation:Enum=User;TeamLeader;Auditor;Administrator
type PermissionLevel string

const (
	// LevelUser may do nothing beyond the roles held.
	LevelUser PermissionLevel = "User"
	// LevelTeamLeader attaches and detaches users of the roles that name them.
	LevelTeamLeader PermissionLevel = "TeamLeader"
	// LevelAuditor reads everything.
	LevelAuditor PermissionLevel = "Auditor"
	// LevelAdministrator does everything.
	LevelAdministrator PermissionLevel = "Administrator"
)

// UserState is the effective state of a user.
type UserState string

const (
	// StateActive users hold their roles.
	StateActive UserState = "Active"
	// StateSuspended users hold no role and no level.
	StateSuspended UserState = "Suspended"
	// StateDeprovisioned users were deleted by their identity provider; the
	// object stays as a tombstone for the retention period.
	StateDeprovisioned UserState = "Deprovisioned"
)

// ProvisionedUserSpec is IdP truth and local truth about one user.
//
// +kubebuilder:validation:XValidation:rule="(has(self.provider) ? self.provider : \"\") == (has(oldSelf.provider) ? oldSelf.provider : \"\") || (has(self.provider) ? self.provider : \"\") == \"\" || (has(oldSelf.provider) ? oldSelf.provider : \"\") == \"\"",message="spec.provider never changes from one identity provider to another: release the user first"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.id) || (has(self.id) && self.id == oldSelf.id)",message="spec.id never changes"
// +kubebuilder:validation:XValidation:rule="!has(self.provider) || size(self.provider) == 0 || has(self.id)",message="a user of an identity provider needs spec.id; leave spec.provider empty for a local user"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.suspensions) || (has(self.suspensions) && self.suspensions >= oldSelf.suspensions)",message="spec.suspensions only grows"
// +kubebuilder:validation:XValidation:rule="(has(self.permissionLevel) ? self.permissionLevel : 'User') == (has(oldSelf.permissionLevel) ? oldSelf.permissionLevel : 'User') ? (has(self.permissionLevelEpoch) ? self.permissionLevelEpoch : 0) == (has(oldSelf.permissionLevelEpoch) ? oldSelf.permissionLevelEpoch : 0) : (has(self.permissionLevelEpoch) ? self.permissionLevelEpoch : 0) == (has(self.suspensions) ? self.suspensions : 0)",message="spec.permissionLevelEpoch is stamped when spec.permissionLevel changes"
// +kubebuilder:validation:XValidation:rule="!(has(self.deprovisionedAt) || has(self.providerDeletedAt)) || (has(self.provider) && size(self.provider) > 0)",message="spec.deprovisionedAt and spec.providerDeletedAt are about users of an identity provider"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'ServiceAccount' || (has(self.serviceAccountRef) && (!has(self.provider) || size(self.provider) == 0))",message="type ServiceAccount is for local users and needs spec.serviceAccountRef"
// +kubebuilder:validation:XValidation:rule="!has(self.serviceAccountRef) || (has(self.type) && self.type == 'ServiceAccount')",message="spec.serviceAccountRef needs type ServiceAccount"
// +kubebuilder:validation:XValidation:rule="!has(self.memberships) || (has(self.provider) && size(self.provider) > 0)",message="spec.memberships belong to an identity provider; attach a local user to a role with a RoleAttachment"
type ProvisionedUserSpec struct {
	// provider is the name of the IdentityProvider that owns this user; empty
	// for a local user.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Provider string `json:"provider,omitempty"`

	// id is the SCIM id: a random UUID given at creation, kept through rename,
	// backup and a move to another cluster.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`
	ID string `json:"id,omitempty"`

	// type is Person, or ServiceAccount for a machine.
	// +optional
	// +kubebuilder:default=Person
	Type UserType `json:"type,omitempty"`

	// serviceAccountRef makes the RBAC subject a Kubernetes ServiceAccount. It
	// need not exist yet.
	// +optional
	ServiceAccountRef *ServiceAccountReference `json:"serviceAccountRef,omitempty"`

	// userName is what the identity provider calls the user, usually the user
	// principal name. Compared without case and width, kept as sent.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UserName string `json:"userName"`

	// externalId is the identity provider's own key for the user.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ExternalID string `json:"externalId,omitempty"`

	// active is the identity provider's word: false suspends the user.
	// +optional
	// +kubebuilder:default=true
	Active *bool `json:"active,omitempty"`

	// displayName is the name to show people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`

	// name holds the parts of the user's name.
	// +optional
	Name *UserPersonName `json:"name,omitempty"`

	// emails are the user's addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Emails []Email `json:"emails,omitempty"`

	// remoteIdentity is the name the user has towards the API server, i.e. the
	// RBAC subject. SCIM calls it defaultRemoteIdentity. Without it the subject
	// follows the IdentityProvider's rule.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	RemoteIdentity string `json:"remoteIdentity,omitempty"`

	// attributes keeps every other SCIM attribute the client sent, verbatim,
	// so that a read returns what was written.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Attributes *apiextensionsv1.JSON `json:"attributes,omitempty"`

	// memberships are the roles the identity provider gives the user, keyed by
	// the role's spec.id.
	// +optional
	// +kubebuilder:validation:MaxProperties=5000
	Memberships map[string]Membership `json:"memberships,omitempty"`

	// suspensions counts how often the identity provider deactivated or deleted
	// the user, or took a local one over. Local grants carry the count they were
	// made at, and are void once it has grown.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:XValidation:rule="oldSelf.hasValue() || self <= 1000000",optionalOldSelf=true,message="spec.suspensions begins at a million at most, so that a suspension can always be counted"
	Suspensions int64 `json:"suspensions,omitempty"`

	// deprovisionedAt is set when the identity provider deleted the user.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$`
	DeprovisionedAt *metav1.Time `json:"deprovisionedAt,omitempty"`

	// providerDeletedAt is set when the IdentityProvider was deleted and its
	// deletionPolicy suspended the user. An identity provider of the same name
	// lifts it by activating the user.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$`
	ProviderDeletedAt *metav1.Time `json:"providerDeletedAt,omitempty"`

	// modifiedAt is when the identity provider last changed the user: SCIM's
	// meta.lastModified.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$`
	ModifiedAt *metav1.Time `json:"modifiedAt,omitempty"`

	// permissionLevel is what the user may do with Rollcall's own objects. It
	// can't be set through SCIM.
	// +optional
	// +kubebuilder:default=User
	PermissionLevel PermissionLevel `json:"permissionLevel,omitempty"`

	// permissionLevelEpoch is the value of suspensions when the level was last
	// changed, stamped at admission. The level counts only while they are equal.
	// +optional
	// +kubebuilder:validation:Minimum=0
	PermissionLevelEpoch int64 `json:"permissionLevelEpoch,omitempty"`

	// permissionLevelSubject is whom the level was given to: the RBAC subject at
	// that time, without the identity provider's prefix, stamped at admission; it
	// starts with a space where it is a remote identity that a provider has set. The
	// level does not count while the user has another name: whoever can rename a
	// user must not be able to hand its level to somebody.
	// +optional
	// +kubebuilder:validation:MaxLength=1026
	PermissionLevelSubject string `json:"permissionLevelSubject,omitempty"`

	// suspend is a local suspension, which the identity provider can't lift.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// ServiceAccountReference names a Kubernetes ServiceAccount.
type ServiceAccountReference struct {
	// namespace of the ServiceAccount.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace"`
	// name of the ServiceAccount.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// UserPersonName is the part of SCIM's name (RFC 7643 section 4.1.1) that a
// reader of the object wants to see.
type UserPersonName struct {
	// formatted is the full name, ready to show.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Formatted string `json:"formatted,omitempty"`
	// givenName is the first name.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	GivenName string `json:"givenName,omitempty"`
	// familyName is the last name.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	FamilyName string `json:"familyName,omitempty"`
}

// Email is one of a user's addresses (RFC 7643 section 4.1.2).
type Email struct {
	// value is the address, as sent.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`
	// type says what it is for: work, home, other.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Type string `json:"type,omitempty"`
	// display is a label for people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Display string `json:"display,omitempty"`
	// primary marks the preferred address.
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// Membership is one role given by the identity provider. It says nothing but
// that it exists; being an object, it can say more one day.
type Membership struct{}

// RoleSourceKind is where a role of a user comes from.
type RoleSourceKind string

const (
	// SourceIdentityProvider is a group membership in the identity provider.
	SourceIdentityProvider RoleSourceKind = "IdentityProvider"
	// SourceRoleAttachment is a local RoleAttachment.
	SourceRoleAttachment RoleSourceKind = "RoleAttachment"
)

// RoleSource is one reason why a user holds a role.
type RoleSource struct {
	// kind of the source.
	Kind RoleSourceKind `json:"kind"`
	// name of the IdentityProvider or RoleAttachment.
	Name string `json:"name"`
	// author is who made the RoleAttachment, as the API server knows them.
	// +optional
	Author string `json:"author,omitempty"`
	// expiresAt is when this source ends, if it does.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// WithheldSource is an edge to a role that does not count now, and why.
type WithheldSource struct {
	RoleSource `json:",inline"`
	// reason says in a word why it does not count: UserSuspended, Expired,
	// SuspendedSince, NotStarted, RoleGone and others.
	Reason string `json:"reason"`
	// message says so in a sentence, and what to do.
	Message string `json:"message"`
}

// WithheldRole is a role that the user would hold by some edge, but does not.
type WithheldRole struct {
	// name of the ProvisionedRole.
	Name string `json:"name"`
	// sources that do not count, sorted by kind and name.
	// +listType=atomic
	Sources []WithheldSource `json:"sources"`
}

// EffectiveRole is a role that a user holds, and why.
type EffectiveRole struct {
	// name of the ProvisionedRole.
	Name string `json:"name"`
	// sources that give it, sorted by kind and name.
	// +listType=atomic
	Sources []RoleSource `json:"sources"`
}

// ProvisionedUserStatus is the effective state: what the decision over IdP
// truth and local truth said.
type ProvisionedUserStatus struct {
	// observedGeneration is the generation the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// state is Active, Suspended or Deprovisioned.
	// +optional
	State UserState `json:"state,omitempty"`
	// reason says in a word why.
	// +optional
	Reason string `json:"reason,omitempty"`
	// managedBy is the identity provider's name, or "local".
	// +optional
	ManagedBy string `json:"managedBy,omitempty"`
	// permissionLevel in force.
	// +optional
	PermissionLevel PermissionLevel `json:"permissionLevel,omitempty"`
	// subject is the RBAC subject: a user name, or
	// system:serviceaccount:NAMESPACE:NAME.
	// +optional
	Subject string `json:"subject,omitempty"`
	// roleCount is the number of roles.
	// +optional
	// +kubebuilder:default=0
	RoleCount int32 `json:"roleCount"`
	// roles in force, sorted by name.
	// +optional
	// +listType=map
	// +listMapKey=name
	Roles []EffectiveRole `json:"roles,omitempty"`
	// withheld are the roles that memberships or attachments name and that the
	// user does not hold, each with the reason, sorted by name. An attachment
	// beside a source that does count is listed here too.
	// +optional
	// +listType=map
	// +listMapKey=name
	Withheld []WithheldRole `json:"withheld,omitempty"`
	// conditions: Ready, and where they have something to say
	// PermissionLevelInForce, PermissionLevelIgnored, ServiceAccountFound.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ProvisionedUser is a person or a machine, as an identity provider or an
// administrator describes them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=puser,categories=rollcall
// +kubebuilder:selectablefield:JSONPath=`.spec.userName`
// +kubebuilder:selectablefield:JSONPath=`.spec.provider`
// +kubebuilder:selectablefield:JSONPath=`.spec.id`
// +kubebuilder:printcolumn:name="Username",type=string,JSONPath=`.spec.userName`
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.status.managedBy`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Level",type=string,JSONPath=`.status.permissionLevel`
// +kubebuilder:printcolumn:name="Roles",type=integer,JSONPath=`.status.roleCount`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="External ID",type=string,JSONPath=`.spec.externalId`,priority=1
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.status.subject`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`,priority=1
type ProvisionedUser struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is IdP truth and local truth.
	Spec ProvisionedUserSpec `json:"spec"`
	// status is the effective state.
	// +optional
	Status ProvisionedUserStatus `json:"status,omitempty"`
}

// ProvisionedUserList is a list of users.
// +kubebuilder:object:root=true
type ProvisionedUserList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProvisionedUser `json:"items"`
}
