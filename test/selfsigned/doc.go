// Package selfsigned runs a manager that makes the certificate of its webhooks, with
// a kubelet that brings the Secret to it; and that serves SCIM with a certificate
// which somebody else makes and renews.
package selfsigned
