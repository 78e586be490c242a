// Package access decides who has what: the effective state, level, RBAC subject
// and roles of a user, and whether an attachment counts. Every decision is a
// pure function of IdP truth and local truth at one moment, and says why.
//
// The rules, each in the file named after it:
//
//   - state: a user is suspended when the identity provider says so or deleted
//     it, when it was deleted with that policy, or when an administrator suspended it.
//   - level: a permission level counts for an unsuspended user whose
//     suspensions have not grown, and who has not been renamed, since it was given.
//   - attachment: an attachment counts from startsAt until expiresAt, for the
//     user it was made for, while that user's suspensions have not grown.
//   - roles: an unsuspended user holds the roles of its own provider that its
//     memberships name, and those that attachments give.
//   - withheld: every other edge is accounted for, with the reason.
//   - reach: a rule is for the role of its name, of the provider that it names.
//   - bind: what the author of a rule must be allowed to do, and what it means when not.
//   - subject: the name towards the API server; reserved and unreadable names
//     are refused.
//   - conflict: of the users with one subject, the oldest keeps it.
//
// Reconcilers, the projection, admission webhooks and command line tools all
// call this package, so that none of them can disagree. It knows neither HTTP
// nor Kubernetes clients.
package access
