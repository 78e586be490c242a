// Package doctor examines an installation from where an administrator sits: the
// objects that Rollcall needs in the cluster, what the API server answers about
// them, and the SCIM endpoint as an identity provider meets it from outside. Each
// finding says what was seen, and the cure.
//
// An examination changes nothing that stays: one write is a dry run, and the token
// that Test Connection needs lives for minutes and is taken away at the end.
package doctor
