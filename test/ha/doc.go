// Package ha runs two managers behind a Service and lets them die, stop and freeze
// in turn, and their clients change their token, while clients write and read and
// Entra provisions a company, cycle after cycle.
package ha
