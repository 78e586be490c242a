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

	// PermissionLevelLabel names, on a ClusterRoleBinding, the permission level that
	// it projects.
	PermissionLevelLabel = "identity.rollcall.dev/permission-level"

	// AdoptableByAnnotation on a local user or role names the IdentityProvider that
	// may take it over with the next matching POST.
	AdoptableByAnnotation = "identity.rollcall.dev/adoptable-by"
	// AdoptionKeepsAnnotation beside it keeps what was granted locally when its
	// value is AdoptionKeepsValue: attachments and permission level. Without it they
	// are void from the adoption on.
	AdoptionKeepsAnnotation = "identity.rollcall.dev/adoption-keeps"
	// AdoptionKeepsValue is the value of AdoptionKeepsAnnotation.
	AdoptionKeepsValue = "local-grants"
	// ReleaseAnnotation on a user or role of an identity provider makes it a local
	// one. Its value is ReleaseValue.
	ReleaseAnnotation = "identity.rollcall.dev/release"
	// ReleaseValue is the value of ReleaseAnnotation.
	ReleaseValue = "to-local"

	// DeletionPolicyFinalizer keeps an IdentityProvider until its deletionPolicy is
	// carried out.
	DeletionPolicyFinalizer = "identity.rollcall.dev/deletion-policy"

	// TokenLabel marks a Secret in the manager's namespace as a SCIM token
	// digest; its value is the name of the IdentityProvider.
	TokenLabel = "identity.rollcall.dev/token-of"
	// ProbeLabel on the Secret of a token that lives for minutes says that it was made
	// for a look at the endpoint, and that its use and its end tell nothing of the
	// identity provider. Its value is ProbeValue.
	ProbeLabel = "identity.rollcall.dev/probe"
	// ProbeValue is the value of ProbeLabel: kubectl rollcall doctor makes such tokens.
	ProbeValue = "doctor"

	// LocalManager is shown as status.managedBy of objects that no identity
	// provider owns.
	LocalManager = "local"
)
