// Package samples holds the manifests that people copy against the operator: those
// in config/samples, and the runnable ones of the pages in docs/kinds and of the
// guide to access. It also holds the pages against the types, so that no field and
// no reason goes unexplained.
//
// A runnable manifest on a page is a fenced block of YAML after the line
// <!-- apply -->.
package samples
