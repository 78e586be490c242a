// Package webhook is admission: what needs a look-up to be decided when an object
// is written. What a single object tells about itself is a CEL rule in its CRD, and
// what depends on its author alone an admission policy (config/policy).
//
// One file serves one kind; the others hold what several of them ask:
//
//   - review: may the author do this, by RBAC
//   - requester: who the author is to Rollcall, and to whom roles and levels may be given
//   - names: what a local object may be called
//   - levels: which levels a change gives, takes or hands over
//   - takeover: whose roles a change would hand to somebody else
//   - administrators: is there another one left
//
// Look-ups go to the cache where a stale answer can only refuse a write or void a
// grant, and to the API server where it could let something pass.
//
// Which requests reach a webhook at all is said by the matchConditions in
// config/webhook, so that the manager's own writes don't pay for a round trip. Every
// replica serves: a webhook server needs no leadership.
package webhook

// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=selfsubjectreviews,verbs=create
