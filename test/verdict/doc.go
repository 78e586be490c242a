// Package verdict asks the API server what somebody may do, by
// SubjectAccessReview, and measures how long an answer takes to change. It is how
// tests, the demo and the benchmark see Rollcall from outside.
package verdict
