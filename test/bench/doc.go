// Command bench is behind `make bench`: what Rollcall costs, as ratios to the API
// server on this machine doing the same writes for the same number of clients.
//
// The raw side writes objects of a twin of the ProvisionedUser's definition that
// nobody watches, so that Rollcall's own work isn't charged to it. Raw rounds and
// SCIM rounds take turns, each begins when everything is quiet, and a ratio is the
// median of the rounds' ratios. Nothing is asserted about time.
package main
