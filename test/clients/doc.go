// Package clients plays the parts of the SCIM clients that Rollcall is made for:
// what Entra ID, Okta, OneLogin, Ping, JumpCloud, Google and SailPoint send,
// request by request, and what each needs back. It runs against any SCIM server:
// a base URL and a bearer token are all it is given.
//
// There are two kinds. A Script is a text in testdata: the requests of one client
// in the order in which it sends them, in the form in which they go over the
// wire. A Check is one test of a list that vendors hold applications against:
// Microsoft's list for its app gallery, and what generic validators do with the
// attributes that a server advertises.
//
// # Scripts
//
// A script is a sequence of steps. A step has a title and one or more requests,
// each with the answer that the client needs:
//
//	User-Agent: Okta SCIM Client 1.0.0
//
//	### A new user is created (facts 4, 46)
//	POST /Users
//	Content-Type: application/scim+json
//
//	{"userName": "ann.{{run}}@example.com", "active": true}
//
//	=> 201
//	Location: {{base}}/Users/{{ann =}}
//
//	{"id": "{{ann}}", "active": true, "groups": "{{absent}}"}
//
//	GET /Users/{{ann}}
//	=> 200
//
// Header lines in front of the first step go with every request. One without a
// value takes a header away. Lines that begin with # are comments. A request's target
// follows the base URL, percent-encoded as the client does it.
//
// The answer's JSON may have more members than the pattern has; arrays have the
// same elements in any order. Strings in a pattern can be:
//
//	"{{any}}"     whatever there is
//	"{{absent}}"  no such member
//	"{{ann =}}"   a string or number, which is called ann from here on
//	"{{more}}"    in an array: any other elements
//
// {{base}} is the base URL, {{token}} the bearer token, {{run}} a word that no
// other run has, and {{guid}} a random GUID that stays the same within a run.
//
// Whatever a script expects, every answer is held against what all clients need:
// see invariants.go.
package clients
