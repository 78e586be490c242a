package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RoleRefKind is the kind of Kubernetes role that a rule binds.
// +kubebuilder:validation:Enum=ClusterRole;Role
type RoleRefKind string

const (
	// ClusterRoleKind binds a ClusterRole.
	ClusterRoleKind RoleRefKind = "ClusterRole"
	// RoleKind binds the Role of that name in each namespace.
	RoleKind RoleRefKind = "Role"
)

// AccessRuleSpec says what the holders of a role may do, and where.
//
// +kubebuilder:validation:XValidation:rule="[has(self.namespaces) && size(self.namespaces) > 0, has(self.namespaceSelector), has(self.clusterWide) && self.clusterWide].filter(x, x).size() == 1",message="set exactly one of spec.namespaces, spec.namespaceSelector and spec.clusterWide"
// +kubebuilder:validation:XValidation:rule="!(has(self.clusterWide) && self.clusterWide) || self.roleRef.kind == 'ClusterRole'",message="a cluster-wide rule needs a roleRef of kind ClusterRole"
type AccessRuleSpec struct {
	// role is the name of a ProvisionedRole, which need not exist yet.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Role string `json:"role"`

	// provider is the identity provider that the role has to belong to, "local"
	// for a role of none. Without it the rule is for the role of that name whoever
	// made it; with several identity providers, name the one you mean.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Provider string `json:"provider,omitempty"`

	// roleRef is the Kubernetes role to bind.
	RoleRef RoleReference `json:"roleRef"`

	// namespaces to bind it in, by name. They need not exist yet.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=500
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Namespaces []string `json:"namespaces,omitempty"`

	// namespaceSelector binds it in every namespace with matching labels, also
	// those made later.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// clusterWide binds it in the whole cluster.
	// +optional
	ClusterWide bool `json:"clusterWide,omitempty"`

	// author is who made the rule or last changed what it gives, stamped at
	// admission. Whether the author may still bind roleRef is asked again from time
	// to time; see the condition AuthorMayBind.
	// +optional
	Author *Author `json:"author,omitempty"`
}

// RoleReference names a Kubernetes ClusterRole or Role.
type RoleReference struct {
	// kind is ClusterRole or Role.
	// +optional
	// +kubebuilder:default=ClusterRole
	Kind RoleRefKind `json:"kind,omitempty"`
	// name of the role.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// AccessRuleStatus is what was projected.
type AccessRuleStatus struct {
	// observedGeneration is the generation the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// namespaces is how many namespaces the rule is bound in.
	// +optional
	// +kubebuilder:default=0
	Namespaces int32 `json:"namespaces"`
	// subjects is how many subjects each of them has.
	// +optional
	// +kubebuilder:default=0
	Subjects int32 `json:"subjects"`
	// bindings is how many bindings that makes.
	// +optional
	// +kubebuilder:default=0
	Bindings int32 `json:"bindings"`
	// conditions: Ready, AuthorMayBind.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AccessRule gives the holders of a ProvisionedRole a Kubernetes role. It may
// stand in Git before the identity provider ever sends the group.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=arule,categories=rollcall
// +kubebuilder:selectablefield:JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="Binds",type=string,JSONPath=`.spec.roleRef.name`
// +kubebuilder:printcolumn:name="Subjects",type=integer,JSONPath=`.status.subjects`
// +kubebuilder:printcolumn:name="Bindings",type=integer,JSONPath=`.status.bindings`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
type AccessRule struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which role may do what, and where.
	Spec AccessRuleSpec `json:"spec"`
	// status is what was projected.
	// +optional
	Status AccessRuleStatus `json:"status,omitempty"`
}

// AccessRuleList is a list of rules.
// +kubebuilder:object:root=true
type AccessRuleList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessRule `json:"items"`
}
