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
	// ConditionTokenExpiring is on identity providers: True when the token that the
	// client uses is about to end, whether there is another one or not.
	ConditionTokenExpiring = "TokenExpiring"
	// ConditionPermissionLevelInForce is on users whose spec.permissionLevel is
	// above User: False, with the reason, when the level does not count.
	ConditionPermissionLevelInForce = "PermissionLevelInForce"
	// ConditionPermissionLevelIgnored is on users for whom the identity provider
	// sent a permission level, which can't be set through SCIM.
	ConditionPermissionLevelIgnored = "PermissionLevelIgnored"
	// ConditionServiceAccountFound is on users of type ServiceAccount.
	ConditionServiceAccountFound = "ServiceAccountFound"
	// ConditionAuthorMayBind is on access rules: False when whoever wrote the rule
	// has since lost the right to bind its roleRef.
	ConditionAuthorMayBind = "AuthorMayBind"
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
	// ReasonExpiresSoon says that the token in use ends within 30, 7 or 1 days.
	ReasonExpiresSoon = "ExpiresSoon"
	// ReasonTokenExpired says that the token last used has ended, and the client
	// has not used one of those that live.
	ReasonTokenExpired = "TokenExpired"
	// ReasonNotSoon says that the token in use ends later than that.
	ReasonNotSoon = "NotSoon"
	// ReasonRoleOfAnotherProvider says that the ProvisionedRole belongs to another
	// identity provider than the rule names.
	ReasonRoleOfAnotherProvider = "RoleOfAnotherProvider"
	// ReasonReleaseHeld says that the release of a role waits, because AccessRules
	// name its identity provider and would not reach a local role.
	ReasonReleaseHeld = "ReleaseHeld"
	// ReasonCarryingOutDeletionPolicy says that the identity provider is being
	// deleted, and what its deletionPolicy means for users and roles is under way.
	ReasonCarryingOutDeletionPolicy = "CarryingOutDeletionPolicy"
	// ReasonPaused says that the identity provider is paused.
	ReasonPaused = "Paused"
)
