// Package v1alpha1 holds the five kinds of identity.rollcall.dev: who people
// are, what roles exist, who holds them, what a role may do, and which identity
// provider says so.
//
// Three layers are never mixed. IdP truth is written by the SCIM server alone,
// local truth by administrators, and status by the reconcilers. The package
// imports nothing else of the project.
//
// +kubebuilder:object:generate=true
// +groupName=identity.rollcall.dev
package v1alpha1
