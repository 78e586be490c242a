package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ProvisionedRoleSpec is a group of the identity provider, or a local role.
//
// +kubebuilder:validation:XValidation:rule="(has(self.provider) ? self.provider : \"\") == (has(oldSelf.provider) ? oldSelf.provider : \"\") || (has(self.provider) ? self.provider : \"\") == \"\" || (has(oldSelf.provider) ? oldSelf.provider : \"\") == \"\"",message="spec.provider never changes from one identity provider to another: release the role first"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.id) || (has(self.id) && (self.id == oldSelf.id || (has(self.provider) && size(self.provider) > 0 && (!has(oldSelf.provider) || size(oldSelf.provider) == 0))))",message="spec.id never changes, but when an identity provider adopts the role"
// +kubebuilder:validation:XValidation:rule="!has(self.provider) || size(self.provider) == 0 || has(self.id)",message="a role of an identity provider needs spec.id; leave spec.provider empty for a local role"
type ProvisionedRoleSpec struct {
	// provider is the name of the IdentityProvider that owns this role; empty
	// for a local role.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Provider string `json:"provider,omitempty"`

	// id is the SCIM id, a random UUID. Users name the role by it.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`
	ID string `json:"id,omitempty"`

	// displayName is the group's name. Compared without case and width, kept as
	// sent.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName"`

	// externalId is the identity provider's own key for the group.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ExternalID string `json:"externalId,omitempty"`

	// attributes keeps every other SCIM attribute the client sent, verbatim.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Attributes *apiextensionsv1.JSON `json:"attributes,omitempty"`

	// leaders are the ProvisionedUsers who, at level TeamLeader, may attach
	// users to this role and detach them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Leaders []string `json:"leaders,omitempty"`

	// unresolvedMembers are member ids the identity provider sent that are no
	// user of it: nested groups and unknown ids.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=256
	UnresolvedMembers []string `json:"unresolvedMembers,omitempty"`

	// modifiedAt is when the identity provider last changed the group's own
	// attributes: SCIM's meta.lastModified.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$`
	ModifiedAt *metav1.Time `json:"modifiedAt,omitempty"`
}

// ProvisionedRoleStatus is what the reconciler found.
type ProvisionedRoleStatus struct {
	// observedGeneration is the generation the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// managedBy is the identity provider's name, or "local".
	// +optional
	ManagedBy string `json:"managedBy,omitempty"`
	// members is how many users hold the role by the identity provider's word
	// or by an attachment, active or not.
	// +optional
	// +kubebuilder:default=0
	Members int32 `json:"members"`
	// activeMembers is how many of them hold it in fact.
	// +optional
	// +kubebuilder:default=0
	ActiveMembers int32 `json:"activeMembers"`
	// bindings is how many RoleBindings and ClusterRoleBindings project it.
	// +optional
	// +kubebuilder:default=0
	Bindings int32 `json:"bindings"`
	// conditions: Ready, NestedGroupNotSynced.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ProvisionedRole is a role that users hold because of a group in the identity
// provider or because of RoleAttachments. What it may do is said by AccessRules.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=prole,categories=rollcall
// +kubebuilder:selectablefield:JSONPath=`.spec.displayName`
// +kubebuilder:selectablefield:JSONPath=`.spec.provider`
// +kubebuilder:selectablefield:JSONPath=`.spec.id`
// +kubebuilder:printcolumn:name="Display Name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.status.managedBy`
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.status.members`
// +kubebuilder:printcolumn:name="Active",type=integer,JSONPath=`.status.activeMembers`
// +kubebuilder:printcolumn:name="Bindings",type=integer,JSONPath=`.status.bindings`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="External ID",type=string,JSONPath=`.spec.externalId`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
type ProvisionedRole struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is IdP truth and local truth.
	Spec ProvisionedRoleSpec `json:"spec"`
	// status is what the reconciler found.
	// +optional
	Status ProvisionedRoleStatus `json:"status,omitempty"`
}

// ProvisionedRoleList is a list of roles.
// +kubebuilder:object:root=true
type ProvisionedRoleList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProvisionedRole `json:"items"`
}
