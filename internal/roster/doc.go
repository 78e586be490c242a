// Package roster finds users, roles, attachments and rules in the manager's cache,
// through the indexes of package index, and answers what takes more than one of
// them: who holds a role, whose subject a name is. Reconcilers and admission
// webhooks both ask it.
package roster
