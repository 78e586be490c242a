// Package guides proves what the pages in docs and the README say: their links lead
// somewhere, what they name exists, and what they promise of logging in and of a
// restored backup holds on a real API server that is set up with their own manifests.
package guides
