package v1alpha1

// Condition types. Ready follows kstatus: True when the object is reconciled at
// its observedGeneration, False with a reason when something needs attention.
const (
	// ConditionReady is on every kind.
	ConditionReady = "Ready"
	// ConditionNestedGroupNotSynced is on roles whose identity provider sent
	// members that are groups or unknown ids.
	ConditionNestedGroupNotSynced = "NestedGroupNotSynced"
	// ConditionConnected is on identity providers: True once a client has
	// authenticated.
	ConditionConnected = "Connected"
	// ConditionTokenExpiring is on identity providers whose newest token is
	// about to run out.
	ConditionTokenExpiring = "TokenExpiring"
)

// Reasons of the Ready condition that are not a user state of their own.
const (
	// ReasonReconciled says that everything asked for is in force.
	ReasonReconciled = "Reconciled"
	// ReasonRoleNotFound says that the ProvisionedRole does not exist (yet).
	ReasonRoleNotFound = "RoleNotFound"
	// ReasonUserNotFound says that the ProvisionedUser does not exist (yet).
	ReasonUserNotFound = "UserNotFound"
	// ReasonSubjectRefused says that the user's RBAC subject is empty, reserved
	// or held by somebody else.
	ReasonSubjectRefused = "SubjectRefused"
	// ReasonBindingsRefused says that the API server refused some bindings, for
	// example because the manager may not bind the roleRef.
	ReasonBindingsRefused = "BindingsRefused"
	// ReasonProjecting says that bindings are still being written.
	ReasonProjecting = "Projecting"
	// ReasonNoToken says that the identity provider has no live token.
	ReasonNoToken = "NoToken"
	// ReasonPaused says that the identity provider is paused.
	ReasonPaused = "Paused"
)
