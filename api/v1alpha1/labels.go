package v1alpha1

const (
	// ManagedByLabel marks the RoleBindings and ClusterRoleBindings that
	// Rollcall owns; its value is ManagedByValue. Bindings without it are never
	// touched.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedByValue is the value of ManagedByLabel on everything of ours.
	ManagedByValue = "rollcall"

	// AccessRuleLabel names, on a binding, the AccessRule that it projects.
	AccessRuleLabel = "identity.rollcall.dev/access-rule"
	// ShardLabel numbers the shards of one rule in one namespace, from 0.
	ShardLabel = "identity.rollcall.dev/shard"

	// TokenLabel marks a Secret in the manager's namespace as a SCIM token
	// digest; its value is the name of the IdentityProvider.
	TokenLabel = "identity.rollcall.dev/token-of"

	// LocalManager is shown as status.managedBy of objects that no identity
	// provider owns.
	LocalManager = "local"
)
