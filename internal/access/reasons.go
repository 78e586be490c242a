package access

// Reasons, in one word, for the decisions of this package. They appear in
// status.reason and in conditions.
const (
	// ReasonActive is the reason of an active user, attachment or level.
	ReasonActive = "Active"
	// ReasonDeactivated says that spec.active is false.
	ReasonDeactivated = "DeactivatedByProvider"
	// ReasonInactive says that spec.active of a local user is false.
	ReasonInactive = "Inactive"
	// ReasonDeleted says that the identity provider deleted the user.
	ReasonDeleted = "DeletedByProvider"
	// ReasonSuspended says that an administrator suspended the user.
	ReasonSuspended = "SuspendedLocally"

	// ReasonProviderDeleted says that the IdentityProvider was deleted with the
	// policy to suspend its users.
	ReasonProviderDeleted = "ProviderDeleted"

	// ReasonLeaving says that the object is being deleted.
	ReasonLeaving = "BeingDeleted"

	// ReasonDefaultLevel says that no level was given.
	ReasonDefaultLevel = "DefaultLevel"
	// ReasonUserSuspended says that nothing counts because the user is suspended.
	ReasonUserSuspended = "UserSuspended"
	// ReasonSuspendedSince says that the identity provider suspended the user, or took
	// a local one over, after the level or the attachment was given.
	ReasonSuspendedSince = "SuspendedSince"

	// ReasonSubjectChanged says that the user has another name towards the API server
	// than when the level was given.
	ReasonSubjectChanged = "SubjectChanged"

	// ReasonNotStarted says that startsAt lies ahead.
	ReasonNotStarted = "NotStarted"
	// ReasonExpired says that expiresAt has come.
	ReasonExpired = "Expired"
	// ReasonUserReplaced says that another user bears the name by now.
	ReasonUserReplaced = "UserReplaced"
	// ReasonRoleReplaced says that another role bears the name by now.
	ReasonRoleReplaced = "RoleReplaced"
	// ReasonUserNotFound says that there is no such user.
	ReasonUserNotFound = "UserNotFound"
	// ReasonRoleGone says that there is no such role, or no longer.
	ReasonRoleGone = "RoleGone"

	// ReasonAccepted is the reason of a subject that can be used.
	ReasonAccepted = "Accepted"
	// ReasonProviderNotFound says that the IdentityProvider is gone, and with it
	// the rule that makes subjects.
	ReasonProviderNotFound = "ProviderNotFound"
	// ReasonSubjectEmpty says that the attribute the subject is made of is unset.
	ReasonSubjectEmpty = "SubjectEmpty"
	// ReasonSubjectReserved says that the subject starts with "system:".
	ReasonSubjectReserved = "SubjectReserved"
	// ReasonSubjectMalformed says that the subject can't be shown as it is.
	ReasonSubjectMalformed = "SubjectMalformed"
	// ReasonSubjectTaken says that another user has the same subject.
	ReasonSubjectTaken = "SubjectTaken"
)
