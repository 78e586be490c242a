// Package cluster starts a real Kubernetes control plane on this machine: etcd, a
// kube-apiserver that authorizes by RBAC and, where asked for, the
// kube-controller-manager and Rollcall's own manager as a process. Tests, the demo,
// the benchmark and `make run` share it.
//
// The processes belong to the program that started them. Stop ends them in order;
// on Linux the kernel ends them when the program dies without calling it.
//
// Contexts passed to Start and StartManager bound the start, not the life of what
// was started, so that a Ginkgo node's context may be used.
package cluster
