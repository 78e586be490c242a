// Package install proves the two ways to install Rollcall, the chart charts/rollcall
// and kustomize with config/: that a real API server takes what they render, that
// both say the same, and that a manager which runs as they say it should does its
// work.
package install
