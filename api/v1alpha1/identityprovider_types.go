package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ProviderType is the product on the other side. It chooses no dialect: each is
// understood at once. What it decides is whether silence is reported: it is of Entra
// alone, which comes in cycles.
// +kubebuilder:validation:Enum=Entra;Okta;OneLogin;Generic
type ProviderType string

// The products that have a guide of their own.
const (
	ProviderEntra    ProviderType = "Entra"
	ProviderOkta     ProviderType = "Okta"
	ProviderOneLogin ProviderType = "OneLogin"
	ProviderGeneric  ProviderType = "Generic"
)

// SubjectSource is the attribute that becomes the RBAC subject.
// +kubebuilder:validation:Enum=UserName;Email;ExternalID
type SubjectSource string

const (
	// SubjectFromUserName takes userName.
	SubjectFromUserName SubjectSource = "UserName"
	// SubjectFromEmail takes the primary e-mail address, or the first.
	SubjectFromEmail SubjectSource = "Email"
	// SubjectFromExternalID takes externalId.
	SubjectFromExternalID SubjectSource = "ExternalID"
)

// SubjectRule makes an RBAC user name from a user. It must match the API
// server's OIDC username claim and prefix.
type SubjectRule struct {
	// from is the attribute to take.
	// +optional
	// +kubebuilder:default=UserName
	From SubjectSource `json:"from,omitempty"`
	// prefix goes in front of it, such as "oidc:". A remoteIdentity is taken as
	// it is, without the prefix.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Prefix string `json:"prefix,omitempty"`
}

// DeletionPolicy is what becomes of the users and roles of an identity provider
// that is deleted. None of them is ever deleted with it.
// +kubebuilder:validation:Enum=Freeze;Suspend;Release
type DeletionPolicy string

const (
	// DeletionFreeze leaves everything as it is: people keep their access, and an
	// identity provider of the same name goes on where this one ended.
	DeletionFreeze DeletionPolicy = "Freeze"
	// DeletionSuspend suspends every user, as if the identity provider had.
	DeletionSuspend DeletionPolicy = "Suspend"
	// DeletionRelease makes users and roles local ones: memberships become
	// RoleAttachments, and administrators manage them from then on.
	DeletionRelease DeletionPolicy = "Release"
)

// IdentityProviderSpec is one SCIM client and how to treat it.
type IdentityProviderSpec struct {
	// type is the product on the other side. Every dialect is understood, whatever it
	// says. One of type Entra comes every 40 minutes, and is reported when it stays
	// away; the others may have nothing to say for days.
	// +optional
	// +kubebuilder:default=Generic
	Type ProviderType `json:"type,omitempty"`

	// paused makes the SCIM endpoint answer 503; access stays as it is.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// deletionPolicy says what becomes of the users and roles when this object is
	// deleted.
	// +optional
	// +kubebuilder:default=Freeze
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// subject says what the users are called towards the API server.
	// +optional
	// +kubebuilder:default={from: UserName}
	Subject SubjectRule `json:"subject,omitzero"`

	// retention is how long deleted users are kept as tombstones, in hours,
	// minutes and seconds: 720h, 12h30m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:default="720h"
	Retention *metav1.Duration `json:"retention,omitempty"`
}

// TokenStatus is one SCIM token; never the token itself.
type TokenStatus struct {
	// id is the public part of the token.
	ID string `json:"id"`
	// createdAt is when the token was made.
	// +optional
	CreatedAt *metav1.Time `json:"createdAt,omitempty"`
	// expiresAt is when it ends.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// lastUsedAt is when it was last presented, to the minute.
	// +optional
	LastUsedAt *metav1.Time `json:"lastUsedAt,omitempty"`
	// probe says that kubectl rollcall doctor made it, for minutes: neither its use
	// nor its end counts.
	// +optional
	Probe bool `json:"probe,omitempty"`
}

// IdentityProviderStatus is the health of the connection.
type IdentityProviderStatus struct {
	// observedGeneration is the generation the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// tenantURL is what to paste into the identity provider's form.
	// +optional
	TenantURL string `json:"tenantURL,omitempty"`
	// tokens that exist for this provider, sorted by id.
	// +optional
	// +listType=map
	// +listMapKey=id
	Tokens []TokenStatus `json:"tokens,omitempty"`
	// lastContactAt is when the client last sent an authenticated request, to
	// the minute; not kubectl rollcall doctor with a probe.
	// +optional
	LastContactAt *metav1.Time `json:"lastContactAt,omitempty"`
	// users of this provider, tombstones not counted.
	// +optional
	// +kubebuilder:default=0
	Users int32 `json:"users"`
	// roles of this provider.
	// +optional
	// +kubebuilder:default=0
	Roles int32 `json:"roles"`
	// conditions: Ready, Connected, TokenExpiring.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// IdentityProvider is one SCIM client, such as an Entra enterprise app.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=idp,categories=rollcall
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name is a path segment of the Tenant URL: lower-case letters, digits and dashes, at most 63"
// +kubebuilder:validation:XValidation:rule="self.metadata.name != 'local'",message="\"local\" means no identity provider: choose another name"
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Connected",type=string,JSONPath=`.status.conditions[?(@.type=="Connected")].status`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Roles",type=integer,JSONPath=`.status.roles`
// +kubebuilder:printcolumn:name="Last Contact",type=date,JSONPath=`.status.lastContactAt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Tenant URL",type=string,JSONPath=`.status.tenantURL`,priority=1
type IdentityProvider struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is how to treat the client.
	// +optional
	Spec IdentityProviderSpec `json:"spec,omitzero"`
	// status is the health of the connection.
	// +optional
	Status IdentityProviderStatus `json:"status,omitempty"`
}

// IdentityProviderList is a list of identity providers.
// +kubebuilder:object:root=true
type IdentityProviderList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []IdentityProvider `json:"items"`
}
