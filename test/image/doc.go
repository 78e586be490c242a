// Package image builds the container image and runs it where there is no container
// engine: it carries out the Dockerfile step by step, with this machine's Go in place
// of the builder's, and runs what comes out as a container runtime would, with
// nothing but the image's own files, as the image's user, on a root file system that
// can't be written.
package image
