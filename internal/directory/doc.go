// Package directory is scim.Directory over the Kubernetes API: the users and
// groups of one identity provider as ProvisionedUsers and ProvisionedRoles.
//
// It reads from the manager's cache, through indexes alone, and every method
// that has written waits until the cache has seen the write: whatever was
// answered is seen by every later call. What could not be waited for is settled
// before the next write, and before the next read of that object. A search never
// waits for them, because it would wait for the writes of all other clients too.
//
// A membership is one key in the user's spec.memberships, written as a merge
// patch without resourceVersion: clients that change one group in parallel lose
// nothing and don't wait for each other. Whatever depends on all members of a
// group has the group to itself meanwhile: their replacement, and a write for one
// version of the group. Everything else is written under a lock of its own and
// with a resourceVersion, and repeated when another writer came first.
//
// Local objects don't exist for a client, but for their names: what would bear the
// same is refused, or becomes the local object if an administrator has marked it for
// the provider. An object may be released, and adopted by another provider, at any
// moment, so no write relies on what the cache says of its owner: those with a
// resourceVersion fail, and the kind's own rules refuse a membership of a local user.
package directory
