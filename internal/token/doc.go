// Package token makes and checks the bearer tokens of SCIM clients.
//
// A token reads rollcall_<id>_<secret>: a public id and 256 random bits. The
// cluster holds the SHA-256 digest of the whole token alone, in a labelled Secret
// of the manager's namespace. The digest needs no salt and no stretching, since
// nobody can guess 256 random bits.
package token
