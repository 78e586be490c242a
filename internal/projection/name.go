package projection

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const (
	// maxReadable bounds the part of a binding's name that is taken from the
	// rule's: with hash and shard it stays within the 253 of an object name.
	maxReadable = 220
	// maxLabel is the length limit of a label value.
	maxLabel = 63
	// hashLength is in hexadecimal digits: 48 bits.
	hashLength = 12
)

// Source is what bindings come from: an AccessRule, or a permission level.
type Source struct {
	// Name of the AccessRule, or of the ClusterRole of the level.
	Name string
	// RoleRef is what the bindings refer to.
	RoleRef rbacv1.RoleRef
	// label names the source on its bindings.
	label string
	// owner is nil for levels, which are no objects.
	owner *metav1.OwnerReference
}

// OfRule is the source of an AccessRule's bindings.
func OfRule(rule *v1alpha1.AccessRule) Source {
	kind := rule.Spec.RoleRef.Kind
	if kind == "" {
		kind = v1alpha1.ClusterRoleKind
	}
	s := Source{
		Name:    rule.Name,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: string(kind), Name: rule.Spec.RoleRef.Name},
		label:   v1alpha1.AccessRuleLabel,
	}
	if rule.UID != "" {
		s.owner = metav1.NewControllerRef(rule, v1alpha1.GroupVersion.WithKind("AccessRule"))
	}
	return s
}

// levelRoles are the ClusterRoles of the permission levels that allow anything.
var levelRoles = map[v1alpha1.PermissionLevel]string{
	v1alpha1.LevelTeamLeader:    "rollcall-team-leader",
	v1alpha1.LevelAuditor:       "rollcall-auditor",
	v1alpha1.LevelAdministrator: "rollcall-administrator",
}

// OfLevel is the source of a permission level's ClusterRoleBindings; ok is false
// for User, which is bound to nothing.
func OfLevel(level v1alpha1.PermissionLevel) (s Source, ok bool) {
	role, ok := levelRoles[level]
	return Source{
		Name:    role,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: string(v1alpha1.ClusterRoleKind), Name: role},
		label:   v1alpha1.PermissionLevelLabel,
	}, ok
}

// BindingName is the name of one shard: NAME-HASH-SHARD. The hash tells long names
// apart, and covers the roleRef because that of a binding can't be changed: a rule
// that is pointed elsewhere gets new bindings.
func (s Source) BindingName(shard int) string { return s.family() + strconv.Itoa(shard) }

func (s Source) family() string {
	return trim(s.Name, maxReadable) + "-" + hash(s.Name, s.RoleRef.Kind, s.RoleRef.Name) + "-"
}

// shardOf is the inverse of BindingName for the source whose family is given.
func shardOf(family, name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, family)
	if !ok {
		return 0, false
	}
	shard, err := strconv.Atoi(digits)
	if err != nil || shard < 0 || strconv.Itoa(shard) != digits {
		return 0, false
	}
	return shard, true
}

// labels of a binding of ours. A name that is too long for a label value is cut
// there, and stands in full in the annotation of the same key.
func (s Source) labels(shard int) map[string]string {
	return map[string]string{
		v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue,
		s.label:                 LabelValue(s.Name),
		v1alpha1.ShardLabel:     strconv.Itoa(shard),
	}
}

// LabelValue is the value of AccessRuleLabel for a rule of that name.
func LabelValue(name string) string {
	if len(name) <= maxLabel {
		return name
	}
	return trim(name, maxLabel-1-hashLength) + "-" + hash(name)
}

func (s Source) annotations() map[string]string {
	if len(s.Name) <= maxLabel {
		return nil
	}
	return map[string]string{s.label: s.Name}
}

// RuleOf returns the name of the rule that a binding projects, and whether it
// projects one.
func RuleOf(b metav1.Object) (rule string, ours bool) { return sourceOf(b, v1alpha1.AccessRuleLabel) }

// LevelRoleOf returns the ClusterRole of the permission level that a binding
// projects, and whether it projects one.
func LevelRoleOf(b metav1.Object) (role string, ours bool) {
	return sourceOf(b, v1alpha1.PermissionLevelLabel)
}

func sourceOf(b metav1.Object, label string) (name string, ours bool) {
	if b.GetLabels()[v1alpha1.ManagedByLabel] != v1alpha1.ManagedByValue {
		return "", false
	}
	// Without the label it is not ours, whatever the annotation says: by the label
	// the API server keeps everybody else from making one.
	if name = b.GetLabels()[label]; name == "" {
		return "", false
	}
	if full := b.GetAnnotations()[label]; full != "" {
		return full, true
	}
	return name, true
}

// Ours says whether a binding belongs to the source: by its labels, or, when
// somebody took those off, by its controller. A level controls nothing: there it is
// the name that we would give, for the level's own ClusterRole.
func (s Source) Ours(b client.Object) bool {
	if name, ok := sourceOf(b, s.label); ok {
		return name == s.Name
	}
	if s.owner == nil {
		_, named := shardOf(s.family(), b.GetName())
		return named && RoleRefOf(b) == s.RoleRef
	}
	controller := metav1.GetControllerOf(b)
	return controller != nil && controller.UID == s.owner.UID
}

// trim cuts s to at most n bytes, and so that it can stand before a dash.
func trim(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.TrimRight(s, "-.")
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:hashLength]
}
