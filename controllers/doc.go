// Package controllers has one reconciler per kind. Each gathers facts from the
// cache, has package access decide, applies, and patches the status once, and
// only when it differs.
//
// What makes access follow the identity provider is the AccessRule reconciler:
// it listens to users, roles, attachments, providers and namespaces itself and
// does not wait for anybody's status. A change that may take something away is
// queued at once and before all others; one that can only give is gathered with
// its like for a moment, so that a sync of a large group doesn't rewrite the
// same binding for each member.
//
// Reads go to the cache, which may lag behind our own writes; package-internal
// type recent bridges that gap.
package controllers
