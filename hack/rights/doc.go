// Package rights compares what an account was granted with what it asked for: the
// RBAC manifests of config/rbac with the API server's audit log.
package rights
