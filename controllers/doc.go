// Package controllers has one reconciler per kind, and one for the permission
// levels, which are no kind. Each gathers facts from the cache, has package access
// decide, applies, and patches the status once, and only when it differs.
//
// What makes access follow the identity provider are the reconcilers of AccessRules
// and of permission levels: they listen to users, roles, attachments, providers and
// namespaces themselves and do not wait for anybody's status. A change that may
// take something away is queued at once and before all others; one that can only
// give is gathered with its like for a moment, so that a sync of a large group
// doesn't rewrite the same binding for each member.
//
// Reads go to the cache, which may lag behind our own writes; package-internal
// type recent bridges that gap.
package controllers
