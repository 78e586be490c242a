// Package assets provides the binaries of a local Kubernetes control plane:
// kube-apiserver, etcd, kube-controller-manager and kubectl.
//
// Each binary is taken from the first place that has it: KUBEBUILDER_ASSETS, the
// cache of earlier builds, what setup-envtest has downloaded or can download now,
// and at last a build from the Go modules pinned under hack/controlplane/pins. A
// build takes minutes and happens once: the cache lies outside the source tree,
// in a folder per version and platform, with a checksum of each binary, so that
// what was cut short or damaged is noticed and built again.
//
// ROLLCALL_CACHE moves the cache; ROLLCALL_DOWNLOAD=off forbids the download.
package assets
