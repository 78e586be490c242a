// Package proof finds the tests that say what they prove: in their names, as
// "fact 37", "facts 40a, 41", "RFC 7644 3.4.2.2" or "RFC 7643 2.1, 2.5".
//
// Only what becomes the name of a test counts: what t.Run and Ginkgo's
// containers and specs are called with, be it written there, in the row of a
// table, or in the argument of a function that passes it on; and the titles in
// the scripts of client traffic. A comment or an error message proves nothing.
package proof
