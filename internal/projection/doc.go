// Package projection keeps RoleBindings and ClusterRoleBindings in step with
// their source, an AccessRule or a permission level: the declared state is what the
// rule and the holders of its role ask for, or the holders of the level, the current state is what the cluster has, and a Plan is the
// difference.
//
//   - name: what the bindings of a source are called, and which bindings are ours.
//   - shard: how subjects are spread over bindings of bounded size.
//   - plan: declared against current state, without side effects.
//   - apply: the plan's writes, withdrawals first.
//
// A binding that is not ours is never changed, whatever it is called.
package projection
