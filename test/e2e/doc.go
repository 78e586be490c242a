// Package e2e proves the whole: Entra, played by package entra, talks HTTP to the
// manager, which runs as a process under the rights of its ServiceAccount against a
// real API server. What came of it is seen from outside, with the API's objects and
// SubjectAccessReviews.
package e2e
