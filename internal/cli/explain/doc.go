// Package explain says in sentences why a user has what they have, and why not
// more: from the status that the manager wrote, and from the RBAC objects that
// came of it. It decides nothing: whether an edge counts is said by status, and
// whether a rule reaches a role by package access. What it adds is the way from an
// edge to a right, and where that way ends.
//
// Everything here is a pure function of objects that somebody else has read.
package explain
