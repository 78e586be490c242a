// Package selfsigned runs a manager that makes the certificate of its webhooks, with
// a kubelet that brings the Secret to it.
package selfsigned
