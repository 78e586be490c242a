// Package patch parses and applies PATCH requests (RFC 7644 section 3.5.2), in
// every dialect that identity providers are known to send.
//
// Parse checks what can be checked without the resource; ApplyUser and
// ApplyGroup compute the new resource from the current one. They are pure and
// atomic: the input is never changed, and an error means that no operation
// counts. A result that equals the input (reflect.DeepEqual) means that there is
// nothing to write.
//
// A group's members are not part of the resource here: what a request does to
// them is a scim.MemberChange, which the directory carries out without ever
// loading the members. ReplaceUser, ReplaceGroup and TakeMembers do the same for
// PUT and POST.
//
// Every error is a *scim.Error.
package patch
