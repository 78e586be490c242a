// Package ha runs two managers behind a Service and lets them die, stop and freeze
// in turn, while clients write and read.
package ha
