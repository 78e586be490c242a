// Package audit writes the provisioning log: a line of JSON for each write that a SCIM
// client asked for, with what was stored, or that nothing was.
//
// An event has no personal data unless that is asked for. People are in it by their
// SCIM ids and the UIDs of their objects; of what a client sent there are the names of
// attributes, and of their values only whether a user is active. Passwords come from
// nowhere: they are dropped before anything is stored, and an event is made of what was
// stored.
package audit
