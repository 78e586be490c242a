// Package webhook decides at admission what one object can't say about itself:
// it stamps the epoch on local grants, and asks the API server whether the
// author of a grant holds what is being granted.
//
// Each file serves one kind. Which requests reach a webhook at all is said by
// the matchConditions in config/webhook, so that the manager's own writes don't
// pay for a round trip.
package webhook

// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
