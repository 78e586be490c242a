// Package leader lets every replica take SCIM requests. The one that leads answers
// them; the others hand them to it.
//
// The lease of the leader election says who leads and where to find it: the
// identity of a holder begins with its address. A leader that has been frozen, or
// cut off, stops answering before anybody else can have taken its place: it counts
// from the beginning of its last renewal, by its own clock alone.
//
// A request has one id on its way: the replica that takes it makes it, and tells the
// leader, together with the client's address.
package leader
