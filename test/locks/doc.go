// Package locks proves config/policy against a real API server: that nobody but the
// manager writes what an identity provider or Rollcall itself has to say, whether
// the manager runs or not, and that everybody else goes on with their own.
package locks
