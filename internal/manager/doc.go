// Package manager wires the operator together: caches and their indexes, the
// reconcilers, the admission webhooks and the SCIM server, in one
// controller-runtime manager.
package manager
